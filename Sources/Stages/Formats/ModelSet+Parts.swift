public import Diffusion
public import Foundation
public import Layers
public import Models
public import StageKit
public import Tensors

extension ModelSet {
    /// The folder of a part.
    ///
    /// Throws `FormatError.missingPart`.
    public func folder(_ part: ModelPart) throws -> URL {
        guard let folder = folders[part] else { throw FormatError.missingPart(set: name, part: part.rawValue) }
        return folder
    }

    /// The denoising network.
    ///
    /// - Parameter loras: what is merged into its weights, each with its scale; read for `unetOutline`.
    /// Throws when the set has none or a tensor is missing or misshapen.
    public func unet(
        precision: Precision = .float32, merging loras: [(lora: LoRA, scale: Float)] = []
    ) throws -> UNet3DConditionModel {
        try UNet3DConditionModel(folder: folder(.unet), precision: precision, merging: loras)
    }

    /// The names and shapes of the denoising network, without its numbers: what adapters are read by.
    ///
    /// Throws when the set has none or a tensor is missing or misshapen.
    public func unetOutline() throws -> Weights { try UNet3DConditionModel.outline(folder: folder(.unet)) }

    /// The autoencoder.
    ///
    /// Throws when the set has none or a tensor is missing or misshapen.
    public func vae(precision: Precision = .float32) throws -> AutoencoderKL {
        try AutoencoderKL(folder: folder(.vae), precision: precision)
    }

    /// The tokenizer that goes with the text encoder.
    ///
    /// Throws when the set has none.
    public func tokenizer() throws -> CLIPTokenizer { try CLIPTokenizer(folder: folder(.tokenizer)) }

    /// The text encoder.
    ///
    /// Throws when the set has none or a tensor is missing or misshapen.
    public func textEncoder(precision: Precision = .float32) throws -> CLIPTextModel {
        try CLIPTextModel(folder: folder(.textEncoder), precision: precision)
    }

    /// CLIP with both towers and projections: embeddings of frames and of texts.
    ///
    /// Throws when the set has none.
    public func imageEncoder(precision: Precision = .float32) throws -> CLIPModel {
        try CLIPModel(folder: folder(.imageEncoder), precision: precision)
    }

    /// The tokenizer of the image encoder's text tower: its own folder's, else the set's.
    public func imageEncoderTokenizer() throws -> CLIPTokenizer {
        let own = try folder(.imageEncoder)
        let hasOwn = FileManager.default.fileExists(
            atPath: own.appending(path: "vocab.json").path(percentEncoded: false))
        return try hasOwn ? CLIPTokenizer(folder: own) : tokenizer()
    }

    /// The video encoder of MoFid.
    ///
    /// Throws when the set has none or a tensor is missing or misshapen.
    public func videoEncoder(precision: Precision = .float32) throws -> VideoEncoder {
        try VideoEncoder(folder: folder(.videoEncoder), precision: precision)
    }

    /// The model that writes captions.
    ///
    /// Throws when the set has none or a tensor is missing or misshapen.
    public func captioner(precision: Precision = .float32) throws -> LlavaForConditionalGeneration {
        try LlavaForConditionalGeneration(folder: folder(.captioner), precision: precision)
    }

    /// The tokenizer in the captioner's folder.
    ///
    /// Throws when the set has no captioner, or it no tokenizer that we can read.
    public func captionerTokenizer() throws -> LanguageTokenizer { try LanguageTokenizer(folder: folder(.captioner)) }

    /// The sampler's scheduler.
    ///
    /// Throws when the set has none or it is of a kind that we do not have.
    public func scheduler() throws -> DDIMScheduler { try DDIMScheduler(folder: folder(.scheduler)) }
}
