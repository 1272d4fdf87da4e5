import Checkpoints
public import Foundation
public import Layers
public import Tensors

/// A model that lies in a folder as diffusers or transformers write it: config.json and weights.
public protocol FolderModel {
    /// What config.json says.
    associatedtype Configuration: ModelConfiguration

    /// Asks `weights` for every parameter, in the order in which the reference registers them.
    ///
    /// What is missing or misshapen stops nothing: it is in `weights.problems`, and the model is not to be called then.
    init(unchecked configuration: Configuration, _ weights: Weights)
}

/// What a config.json says; a missing key takes the default of the reference class.
public protocol ModelConfiguration {
    /// Reads `config.json`.
    ///
    /// Throws `ModelsError` when it cannot be read or asks for what we do not have.
    init(file: URL) throws
}

extension FolderModel {
    /// Builds the model from a source of weights.
    ///
    /// Throws `WeightsError` when tensors are missing or misshapen: all of them at once.
    public init(_ configuration: Configuration, _ weights: Weights) throws {
        self.init(unchecked: configuration, weights)
        try weights.finish()
    }

    /// The names and shapes of the model in a folder, without its numbers: what adapters for it are read by.
    ///
    /// Throws `ModelsError`, `CheckpointError` or `WeightsError`.
    public static func outline(folder: URL) throws -> Weights {
        let configuration = try Configuration(file: ModelFolder.configuration(of: folder))
        let checkpoint = try Checkpoint.open(folder)
        let weights = Weights(checkpoint.weightSource, readsValues: false)
        _ = Self(unchecked: configuration, weights)
        try weights.finish(checkpoint.location.path(percentEncoded: false))
        return weights
    }

    /// Opens a folder; frozen layers multiply in `precision`.
    ///
    /// - Parameter loras: what is added to the linear weights as they are read, each with its scale: see
    ///   ``MergedWeights``. Read them for the model's ``outline(folder:)``.
    /// Throws `ModelsError`, `CheckpointError` or `WeightsError`.
    public init(
        folder: URL, precision: Precision = .float32, merging loras: [(lora: LoRA, scale: Float)] = []
    ) throws {
        let configuration = try Configuration(file: ModelFolder.configuration(of: folder))
        let checkpoint = try Checkpoint.open(folder)
        let weights = Weights(MergedWeights(checkpoint.weightSource, loras), precision: precision)
        self.init(unchecked: configuration, weights)
        try weights.finish(checkpoint.location.path(percentEncoded: false))
        // Tensors as they were before packing.
        Kernels.releaseMemory()
    }
}
