public import Autograd
public import Foundation
public import Models
public import Tensors

/// The video encoder of a model set: VideoMAE with its classifier, or the bare network.
public enum VideoEncoder {
    /// Fine-tuned: embeddings are what its classifier takes.
    case classifier(VideoMAEForVideoClassification)
    /// Pre-trained only: embeddings are the mean over its tokens.
    case base(VideoMAEModel)

    /// Opens a folder by the class that its config.json names; its layers multiply in `precision`.
    ///
    /// Throws when a tensor is missing or misshapen.
    public init(folder: URL, precision: Precision = .float32) throws {
        let isClassifier = try ModelFolder.className(of: folder) == "VideoMAEForVideoClassification"
        self =
            try isClassifier
            ? .classifier(VideoMAEForVideoClassification(folder: folder, precision: precision))
            : .base(VideoMAEModel(folder: folder, precision: precision))
    }

    /// What its config.json says.
    public var configuration: VideoMAEConfiguration {
        switch self {
        case .classifier(let model): model.configuration
        case .base(let model): model.configuration
        }
    }

    /// One embedding per video, `[b, d]`, for the pixels that the model takes.
    public func embeddings(_ pixels: Variable) -> Variable {
        switch self {
        case .classifier(let model): return model.embeddings(pixels)
        case .base(let model):
            let hidden = model(pixels)
            let (batch, width) = (hidden.shape[0], hidden.shape[hidden.shape.count - 1])
            return hidden.reshaped([-1, width]).mean(groups: batch)
        }
    }
}
