public import Foundation
public import Layers
public import Tensors

/// A folder with one model as diffusers or transformers write it: config.json, which names the class, and weights.
public struct ModelFolder: Sendable {
    /// The classes that we have.
    public enum Class: String, Hashable, Sendable, CaseIterable {
        case unet3DConditionModel = "UNet3DConditionModel"
        case autoencoderKL = "AutoencoderKL"
        case clipTextModel = "CLIPTextModel"
        case clipTextModelWithProjection = "CLIPTextModelWithProjection"
        case clipVisionModelWithProjection = "CLIPVisionModelWithProjection"
        case clipModel = "CLIPModel"
        case videoMAEModel = "VideoMAEModel"
        case videoMAEForPreTraining = "VideoMAEForPreTraining"
        case videoMAEForVideoClassification = "VideoMAEForVideoClassification"
    }

    /// Where it lies.
    public let url: URL
    /// What config.json says it is.
    public let modelClass: Class

    /// The class name that a folder's config.json (or scheduler_config.json) gives, ours or not: who can run more than
    /// networks, such as a scheduler, looks here first. Throws `ModelsError` when there is none.
    public static func className(of folder: URL) throws -> String { fatalError("\(folder)") }

    /// Opens a folder by its config.json. Throws `ModelsError.unknownClass` when it is none of ours.
    public init(_ url: URL) throws { fatalError("\(url)") }

    /// What is wrong with the folder, from headers alone: each missing or misshapen tensor with both shapes and the
    /// file; empty when the model would load.
    public static func check(_ folder: URL) -> [String] { fatalError("\(folder)") }

    /// Runs the model on tensors with the names and layouts of the reference class (channels first), and gives its
    /// outputs likewise. Throws `ModelsError` when an input is missing or does not fit.
    ///
    /// - `sample` [b, c, f, h, w], `timestep`, `encoder_hidden_states` → `sample`
    /// - `pixel_values` [n, 3, H, W] → `mean`, `logvar`; `latents` [n, c, h, w] → `sample` (AutoencoderKL)
    /// - `input_ids` → `last_hidden_state`, `pooler_output`, `text_embeds`
    /// - `pixel_values` → `last_hidden_state`, `pooler_output`, `image_embeds`
    /// - `pixel_values` [b, f, 3, h, w] → `last_hidden_state`, `logits` (VideoMAE)
    public func forward(_ inputs: [String: NumericArray]) throws -> [String: Tensor] { fatalError("\(inputs)") }
}

/// A tensor of numbers or of whole numbers, as files have them.
public enum NumericArray: Sendable {
    /// Float numbers.
    case numbers(Tensor)
    /// Whole numbers with their shape.
    case integers([Int], shape: [Int])
}
