import Checkpoints
public import Foundation
import Layers

/// A folder with one model as diffusers or transformers write it: config.json, which names the class, and weights.
public struct ModelFolder: Sendable {
    /// The classes that we have.
    public enum Class: String, Hashable, Sendable, CaseIterable {
        case unet3DConditionModel = "UNet3DConditionModel"
        case autoencoderKL = "AutoencoderKL"
        case clipTextModel = "CLIPTextModel"
        case clipTextModelWithProjection = "CLIPTextModelWithProjection"
        case clipVisionModel = "CLIPVisionModel"
        case clipVisionModelWithProjection = "CLIPVisionModelWithProjection"
        case clipModel = "CLIPModel"
        case videoMAEModel = "VideoMAEModel"
        /// The encoder of the pre-trained model; the decoder is ignored.
        case videoMAEForPreTraining = "VideoMAEForPreTraining"
        case videoMAEForVideoClassification = "VideoMAEForVideoClassification"
        case llava = "LlavaForConditionalGeneration"
    }

    /// Where it lies.
    public let url: URL
    /// What config.json says it is.
    public let modelClass: Class

    /// The class name that a folder's `config.json` (else `scheduler_config.json`) gives, ours or not: who can run more
    /// than networks, such as a scheduler, looks here first.
    ///
    /// Throws `ModelsError` when there is none.
    public static func className(of folder: URL) throws -> String {
        let scheduler = folder.appending(path: "scheduler_config.json")
        var url = configuration(of: folder)
        if !exists(url), exists(scheduler) { url = scheduler }
        let file = try ConfigurationFile(url: url)
        if file.has("model_cfg") { return Class.clipModel.rawValue }
        guard let name = try file.string("_class_name") ?? file.strings("architectures", []).first else {
            throw ModelsError.unreadable(file: file.name, why: "it has neither `_class_name` nor `architectures`")
        }
        return name
    }

    /// The file that says what the model is: `config.json`, or `open_clip_config.json` where that alone is there.
    public static func configuration(of folder: URL) -> URL {
        let (own, openCLIP) = (
            folder.appending(path: "config.json"), folder.appending(path: "open_clip_config.json")
        )
        return !exists(own) && exists(openCLIP) ? openCLIP : own
    }

    /// Opens a folder by its config.json.
    ///
    /// Throws `ModelsError.unknownClass` when it is none of ours.
    public init(_ url: URL) throws {
        let name = try Self.className(of: url)
        guard let known = Class(rawValue: name) else {
            throw ModelsError.unknownClass(
                file: url.appending(path: "config.json").path(percentEncoded: false), name: name,
                known: Class.allCases.map(\.rawValue))
        }
        self.url = url
        modelClass = known
    }

    /// What is wrong with the folder, from headers alone: each missing or misshapen tensor with both shapes and the
    /// file; empty when the model would load.
    public static func check(_ folder: URL) -> [String] {
        do {
            let model = try ModelFolder(folder)
            let checkpoint = try Checkpoint.open(folder)
            let weights = Weights(checkpoint.weightSource, readsValues: false)
            try model.declare(weights)
            return weights.problems.map { "\(checkpoint.file(of: $0)): \($0)" }
        } catch {
            return ["\(error)"]
        }
    }

    /// How many numbers the model holds, by its configuration.
    ///
    /// Throws `ModelsError`.
    public func parameterCount() throws -> Int {
        let weights = Weights(RandomWeights(seed: 0), readsValues: false)
        try declare(weights)
        return weights.parameterCount
    }

    /// Asks for every parameter of the model.
    private func declare(_ weights: Weights) throws {
        func declare<Model: FolderModel>(_ type: Model.Type) throws {
            _ = try Model(unchecked: Model.Configuration(file: ModelFolder.configuration(of: url)), weights)
        }
        switch modelClass {
        case .unet3DConditionModel: try declare(UNet3DConditionModel.self)
        case .autoencoderKL: try declare(AutoencoderKL.self)
        case .clipTextModel: try declare(CLIPTextModel.self)
        case .clipTextModelWithProjection: try declare(CLIPTextModelWithProjection.self)
        case .clipVisionModel: try declare(CLIPVisionModel.self)
        case .clipVisionModelWithProjection: try declare(CLIPVisionModelWithProjection.self)
        case .clipModel: try declare(CLIPModel.self)
        case .videoMAEModel, .videoMAEForPreTraining: try declare(VideoMAEModel.self)
        case .videoMAEForVideoClassification: try declare(VideoMAEForVideoClassification.self)
        case .llava: try declare(LlavaForConditionalGeneration.self)
        }
    }

    private static func exists(_ url: URL) -> Bool {
        FileManager.default.fileExists(atPath: url.path(percentEncoded: false))
    }
}

extension Checkpoint {
    /// The file that has the tensor that a problem is about, else the checkpoint's.
    fileprivate func file(of problem: WeightProblem) -> String {
        let whole = location.path(percentEncoded: false)
        switch problem {
        case .missing: return whole
        case .misshapen(let name, _, _), .unreadable(let name, _): return entry(name)?.file ?? whole
        }
    }
}
