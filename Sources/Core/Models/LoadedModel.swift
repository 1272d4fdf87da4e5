import Autograd
import Foundation
import Layers
public import Tensors

/// A model in memory that runs on tensors with the names and layouts of its reference class, any number of times.
///
/// ```swift
/// let model = try ModelFolder(url).load()
/// let outputs = try model.forward(["latents": latents])
/// ```
public struct LoadedModel {
    /// One case for each class that runs in its own way.
    private enum Network {
        case unet(UNet3DConditionModel)
        case autoencoder(AutoencoderKL)
        case text(CLIPTextModel)
        case projectedText(CLIPTextModelWithProjection)
        case vision(CLIPVisionModel)
        case projectedVision(CLIPVisionModelWithProjection)
        case textAndVision(CLIPModel)
        case video(VideoMAEModel)
        case videoClassifier(VideoMAEForVideoClassification)
        case captioner(LlavaForConditionalGeneration)
    }

    /// What the folder's config.json says it is.
    public let modelClass: ModelFolder.Class
    private let network: Network

    fileprivate init(_ folder: ModelFolder, precision: Precision) throws {
        let url = folder.url
        modelClass = folder.modelClass
        network =
            switch modelClass {
            case .unet3DConditionModel: .unet(try UNet3DConditionModel(folder: url, precision: precision))
            case .autoencoderKL: .autoencoder(try AutoencoderKL(folder: url, precision: precision))
            case .clipTextModel: .text(try CLIPTextModel(folder: url, precision: precision))
            case .clipTextModelWithProjection:
                .projectedText(try CLIPTextModelWithProjection(folder: url, precision: precision))
            case .clipVisionModel: .vision(try CLIPVisionModel(folder: url, precision: precision))
            case .clipVisionModelWithProjection:
                .projectedVision(try CLIPVisionModelWithProjection(folder: url, precision: precision))
            case .clipModel: .textAndVision(try CLIPModel(folder: url, precision: precision))
            case .videoMAEModel, .videoMAEForPreTraining:
                .video(try VideoMAEModel(folder: url, precision: precision))
            case .videoMAEForVideoClassification:
                .videoClassifier(try VideoMAEForVideoClassification(folder: url, precision: precision))
            case .llava: .captioner(try LlavaForConditionalGeneration(folder: url, precision: precision))
            }
    }

    /// Runs the model on tensors with the names and layouts of the reference class (channels first), and gives its
    /// outputs likewise.
    ///
    /// Throws `ModelsError` when an input is missing or does not fit.
    ///
    /// - `sample` [b, c, f, h, w], `timestep` [] or [b], `encoder_hidden_states` [b, L, D] → `sample`
    /// - AutoencoderKL: `pixel_values` [n, 3, H, W] → `mean`, `logvar`; `latents` [n, c, h, w] → `sample`
    /// - CLIP: `input_ids` [b, L] → `last_hidden_state`, `pooler_output`, with a projection `text_embeds`; `pixel_values`
    ///   [n, 3, H, W] → `last_hidden_state`, `pooler_output`, `image_embeds`. Embeddings are not normalised to length 1.
    ///   CLIPModel takes either or both; of both only the embeddings are given, as the other names would clash.
    /// - VideoMAE: `pixel_values` [b, f, 3, h, w] → `last_hidden_state`, with a classifier `pooler_output` (what it sees)
    ///   and `logits`
    /// - LLaVA: `input_ids` [b, L] in which each image is as many image ids as it has patches, and `pixel_values`
    ///   [n, 3, H, W] of those images → `logits` [b, L, vocabulary]
    ///
    /// Masks are not supported: one that masks something is an error. Inputs of other names are not looked at; see
    /// ``ModelFolder/inputNames``.
    public func forward(_ inputs: [String: NumericArray]) throws -> [String: Tensor] {
        let given = ForwardInputs(modelClass, inputs)
        try given.check()
        return try withoutRecording {
            switch network {
            case .unet(let model): try denoise(model, given)
            case .autoencoder(let model): try autoencode(model, given)
            case .text(let model): try states(of: model, given)
            case .projectedText(let model): try encodeText(model, given)
            case .vision(let model): try states(of: model, given)
            case .projectedVision(let model): try encodeImages(model, given)
            case .textAndVision(let model): try encodeBoth(model, given)
            case .video(let model): try encodeVideo(model, given)
            case .videoClassifier(let model): try classifyVideo(model, given)
            case .captioner(let model): try answer(model, given)
            }
        }
    }

    private func denoise(_ model: UNet3DConditionModel, _ given: ForwardInputs) throws -> [String: Tensor] {
        let (c, d) = (model.configuration.inChannels, model.configuration.crossAttentionDimension)
        let sample = try given.tensor("sample", [nil, c, nil, nil, nil])
        let (b, f, h, w) = (sample.shape[0], sample.shape[2], sample.shape[3], sample.shape[4])
        let timesteps = try given.integers("timestep")
        guard timesteps.values.count == 1 || timesteps.values.count == b else {
            throw given.bad("timestep", "one number or \(b)", timesteps.shape)
        }
        let context = try given.tensor("encoder_hidden_states", [nil, nil, d])
        guard context.shape[0] == b || context.shape[0] == b * f else {
            throw given.bad("encoder_hidden_states", "[\(b), L, \(d)]", context.shape)
        }
        // The reference halves sizes with rounding up and finds its way back; it fails only at nothing.
        guard f > 0, h > 0, w > 0 else { throw given.bad("sample", "not empty", sample.shape) }
        let y = model(
            sample: Variable(Kernels.permute(sample, [0, 2, 3, 4, 1])), timestep: timesteps.values,
            context: Variable(context))
        return ["sample": Kernels.permute(y.value, [0, 4, 1, 2, 3])]
    }

    private func autoencode(_ model: AutoencoderKL, _ given: ForwardInputs) throws -> [String: Tensor] {
        var outputs: [String: Tensor] = [:]
        if given.has("pixel_values") {
            let factor = model.spatialFactor
            let pixels = try given.tensor("pixel_values", [nil, model.configuration.inChannels, nil, nil])
            guard pixels.shape[2] >= factor, pixels.shape[3] >= factor else {
                throw given.bad("pixel_values", "at least \(factor) wide and high", pixels.shape)
            }
            let moments = model.encode(Variable(Self.channelsLast(pixels)))
            outputs["mean"] = Self.channelsFirst(moments.mean.value)
            outputs["logvar"] = Self.channelsFirst(moments.logarithmicVariance.value)
        }
        if given.has("latents") {
            let latents = try given.tensor("latents", [nil, model.configuration.latentChannels, nil, nil])
            outputs["sample"] = Self.channelsFirst(model.decode(Variable(Self.channelsLast(latents))).value)
        }
        return outputs
    }

    private func encodeText(
        _ model: CLIPTextModelWithProjection, _ given: ForwardInputs
    ) throws -> [String: Tensor] {
        let outputs = try states(of: model.text, given)
        return outputs.adding("text_embeds", outputs["pooler_output"].map { model.projected(Variable($0)).value })
    }

    private func encodeImages(
        _ model: CLIPVisionModelWithProjection, _ given: ForwardInputs
    ) throws -> [String: Tensor] {
        let outputs = try states(of: model.vision, given)
        return outputs.adding("image_embeds", outputs["pooler_output"].map { model.projected(Variable($0)).value })
    }

    private func encodeBoth(_ model: CLIPModel, _ given: ForwardInputs) throws -> [String: Tensor] {
        let (hasText, hasImages) = (given.has("input_ids"), given.has("pixel_values"))
        var outputs: [String: Tensor] = [:]
        if hasText {
            let states = try states(of: model.text, given)
            if !hasImages { outputs = states }
            outputs["text_embeds"] = states["pooler_output"].map { model.projectedTexts(Variable($0)).value }
        }
        if hasImages {
            let states = try states(of: model.vision, given)
            if !hasText { outputs = states }
            outputs["image_embeds"] = states["pooler_output"].map { model.projectedImages(Variable($0)).value }
        }
        return outputs
    }

    private func states(of model: CLIPTextModel, _ given: ForwardInputs) throws -> [String: Tensor] {
        let ids = try given.ids(
            "input_ids", vocabularySize: model.configuration.vocabularySize,
            maximumPositions: model.configuration.maximumPositions)
        let hidden = model(ids)
        return ["last_hidden_state": hidden.value, "pooler_output": model.pooled(hidden, ids).value]
    }

    private func states(of model: CLIPVisionModel, _ given: ForwardInputs) throws -> [String: Tensor] {
        let (size, channels) = (model.configuration.imageSize, model.configuration.channels)
        let pixels = try given.tensor("pixel_values", [nil, channels, size, size])
        let hidden = model(Variable(Self.channelsLast(pixels)))
        return ["last_hidden_state": hidden.value, "pooler_output": model.pooled(hidden).value]
    }

    private func encodeVideo(_ model: VideoMAEModel, _ given: ForwardInputs) throws -> [String: Tensor] {
        ["last_hidden_state": model(try frames(given, model.configuration)).value]
    }

    private func classifyVideo(
        _ model: VideoMAEForVideoClassification, _ given: ForwardInputs
    ) throws -> [String: Tensor] {
        let hidden = model.videomae(try frames(given, model.configuration))
        let pooled = model.pooled(hidden)
        return [
            "last_hidden_state": hidden.value, "pooler_output": pooled.value,
            "logits": model.classified(pooled).value,
        ]
    }

    private func answer(_ model: LlavaForConditionalGeneration, _ given: ForwardInputs) throws -> [String: Tensor] {
        let (configuration, text) = (model.configuration, model.configuration.text)
        let ids = try given.ids(
            "input_ids", vocabularySize: text.vocabularySize, maximumPositions: text.maximumPositions,
            extra: configuration.imageID)
        let (size, channels) = (configuration.vision.imageSize, configuration.vision.channels)
        let pixels = given.has("pixel_values") ? try given.tensor("pixel_values", [nil, channels, size, size]) : nil
        let tokens = ids.reduce(0) { $0 + $1.count { $0 == configuration.imageID } }
        let wanted = (pixels?.shape[0] ?? 0) * configuration.imageTokens
        guard tokens == wanted else {
            throw ModelsError.badInput(
                name: "input_ids", model: modelClass.rawValue,
                expected: "rows with \(configuration.imageTokens) image ids \(configuration.imageID) for each image, "
                    + "\(wanted) in all", found: "ones with \(tokens)")
        }
        return ["logits": model(ids, pixels.map { Variable(Self.channelsLast($0)) }).value]
    }

    private func frames(_ given: ForwardInputs, _ configuration: VideoMAEConfiguration) throws -> Variable {
        let (size, channels) = (configuration.imageSize, configuration.channels)
        let pixels = try given.tensor("pixel_values", [nil, configuration.frames, channels, size, size])
        return Variable(Kernels.permute(pixels, [0, 1, 3, 4, 2]))
    }

    /// [n, c, h, w] to [n, h, w, c].
    private static func channelsLast(_ x: Tensor) -> Tensor { Kernels.permute(x, [0, 2, 3, 1]) }

    /// [n, h, w, c] to [n, c, h, w].
    private static func channelsFirst(_ x: Tensor) -> Tensor { Kernels.permute(x, [0, 3, 1, 2]) }
}

extension ModelFolder {
    /// Reads the model into memory; frozen layers multiply in `precision`.
    ///
    /// Throws `ModelsError`, `CheckpointError` or `WeightsError`.
    public func load(precision: Precision = .float32) throws -> LoadedModel {
        try LoadedModel(self, precision: precision)
    }
}

extension [String: Tensor] {
    fileprivate func adding(_ name: String, _ value: Tensor?) -> Self {
        var all = self
        all[name] = value
        return all
    }
}
