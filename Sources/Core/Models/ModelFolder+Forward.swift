import Autograd
import Foundation
import Layers
public import Tensors

extension ModelFolder {
    /// Runs the model on tensors with the names and layouts of the reference class (channels first), and gives its
    /// outputs likewise.
    ///
    /// Throws `ModelsError` when an input is missing or does not fit, and what loading throws.
    ///
    /// - `sample` [b, c, f, h, w], `timestep` [] or [b], `encoder_hidden_states` [b, L, D] → `sample`
    /// - AutoencoderKL: `pixel_values` [n, 3, H, W] → `mean`, `logvar`; `latents` [n, c, h, w] → `sample`
    /// - CLIP: `input_ids` [b, L] → `last_hidden_state`, `pooler_output`, with a projection `text_embeds`; `pixel_values`
    ///   [n, 3, H, W] → `last_hidden_state`, `pooler_output`, `image_embeds`. Embeddings are not normalised to length 1.
    ///   CLIPModel takes either or both; of both only the embeddings are given, as the other names would clash.
    /// - VideoMAE: `pixel_values` [b, f, 3, h, w] → `last_hidden_state`, with a classifier `pooler_output` (what it sees)
    ///   and `logits`
    ///
    /// Masks are not supported: one that masks something is an error. Inputs of other names are not looked at; see
    /// `inputNames`.
    public func forward(_ inputs: [String: NumericArray]) throws -> [String: Tensor] {
        let given = ForwardInputs(model: modelClass.rawValue, values: inputs)
        for (name, neutral) in Self.masks where inputNames.contains(name) { try given.refuse(name, unlessAll: neutral) }
        return try withoutRecording {
            switch modelClass {
            case .unet3DConditionModel: try denoise(given)
            case .autoencoderKL: try autoencode(given)
            case .clipTextModel, .clipTextModelWithProjection: try encodeText(given)
            case .clipVisionModel:
                try states(of: CLIPVisionModel(folder: url), given)
            case .clipVisionModelWithProjection: try encodeImages(given)
            case .clipModel: try encodeBoth(given)
            case .videoMAEModel, .videoMAEForPreTraining, .videoMAEForVideoClassification: try encodeVideo(given)
            }
        }
    }

    /// The inputs that `forward` looks at.
    public var inputNames: [String] {
        switch modelClass {
        case .unet3DConditionModel: ["sample", "timestep", "encoder_hidden_states"]
        case .autoencoderKL: ["pixel_values", "latents"]
        case .clipTextModel, .clipTextModelWithProjection: ["input_ids", "attention_mask"]
        case .clipVisionModel, .clipVisionModelWithProjection: ["pixel_values"]
        case .clipModel: ["input_ids", "attention_mask", "pixel_values"]
        case .videoMAEModel, .videoMAEForPreTraining, .videoMAEForVideoClassification:
            ["pixel_values", "bool_masked_pos"]
        }
    }

    /// Masks of the reference classes, with the value that masks nothing.
    private static let masks: [(name: String, neutral: Float)] = [("attention_mask", 1), ("bool_masked_pos", 0)]

    private func denoise(_ given: ForwardInputs) throws -> [String: Tensor] {
        let model = try UNet3DConditionModel(folder: url)
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

    private func autoencode(_ given: ForwardInputs) throws -> [String: Tensor] {
        guard given.has("pixel_values") || given.has("latents") else { throw given.missing("pixel_values") }
        let model = try AutoencoderKL(folder: url)
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

    private func encodeText(_ given: ForwardInputs) throws -> [String: Tensor] {
        if modelClass == .clipTextModel {
            let model = try CLIPTextModel(folder: url)
            return try states(of: model, given.ids("input_ids", model.configuration))
        }
        let model = try CLIPTextModelWithProjection(folder: url)
        let outputs = try states(of: model.text, given.ids("input_ids", model.text.configuration))
        return outputs.adding("text_embeds", outputs["pooler_output"].map { model.projected(Variable($0)).value })
    }

    private func encodeImages(_ given: ForwardInputs) throws -> [String: Tensor] {
        let model = try CLIPVisionModelWithProjection(folder: url)
        let outputs = try states(of: model.vision, given)
        return outputs.adding("image_embeds", outputs["pooler_output"].map { model.projected(Variable($0)).value })
    }

    private func encodeBoth(_ given: ForwardInputs) throws -> [String: Tensor] {
        let (hasText, hasImages) = (given.has("input_ids"), given.has("pixel_values"))
        guard hasText || hasImages else { throw given.missing("pixel_values") }
        let model = try CLIPModel(folder: url)
        var outputs: [String: Tensor] = [:]
        if hasText {
            let states = try states(of: model.text, given.ids("input_ids", model.text.configuration))
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

    private func states(of model: CLIPTextModel, _ ids: [[Int]]) -> [String: Tensor] {
        let hidden = model(ids)
        return ["last_hidden_state": hidden.value, "pooler_output": model.pooled(hidden, ids).value]
    }

    private func states(of model: CLIPVisionModel, _ given: ForwardInputs) throws -> [String: Tensor] {
        let (size, channels) = (model.configuration.imageSize, model.configuration.channels)
        let pixels = try given.tensor("pixel_values", [nil, channels, size, size])
        let hidden = model(Variable(Self.channelsLast(pixels)))
        return ["last_hidden_state": hidden.value, "pooler_output": model.pooled(hidden).value]
    }

    private func encodeVideo(_ given: ForwardInputs) throws -> [String: Tensor] {
        func pixels(_ configuration: VideoMAEConfiguration) throws -> Variable {
            let (size, channels) = (configuration.imageSize, configuration.channels)
            let pixels = try given.tensor("pixel_values", [nil, configuration.frames, channels, size, size])
            return Variable(Kernels.permute(pixels, [0, 1, 3, 4, 2]))
        }
        guard modelClass == .videoMAEForVideoClassification else {
            let model = try VideoMAEModel(folder: url)
            return ["last_hidden_state": model(try pixels(model.configuration)).value]
        }
        let model = try VideoMAEForVideoClassification(folder: url)
        let hidden = model.videomae(try pixels(model.configuration))
        let pooled = model.pooled(hidden)
        return [
            "last_hidden_state": hidden.value, "pooler_output": pooled.value,
            "logits": model.classified(pooled).value,
        ]
    }

    /// [n, c, h, w] to [n, h, w, c].
    private static func channelsLast(_ x: Tensor) -> Tensor { Kernels.permute(x, [0, 2, 3, 1]) }

    /// [n, h, w, c] to [n, c, h, w].
    private static func channelsFirst(_ x: Tensor) -> Tensor { Kernels.permute(x, [0, 3, 1, 2]) }
}

/// What `forward` was given, and the errors that it earns.
private struct ForwardInputs {
    let model: String
    let values: [String: NumericArray]

    func has(_ name: String) -> Bool { values[name] != nil }

    func missing(_ name: String) -> ModelsError {
        .missingInput(name: name, model: model, given: values.keys.sorted())
    }

    func bad(_ name: String, _ expected: String, _ shape: [Int]) -> ModelsError {
        .badInput(name: name, model: model, expected: expected, found: "\(shape)")
    }

    /// A tensor of the given lengths; nil stands for any.
    func tensor(_ name: String, _ lengths: [Int?]) throws -> Tensor {
        guard let value = values[name] else { throw missing(name) }
        let shape = value.shape
        let fits = shape.count == lengths.count && zip(shape, lengths).allSatisfy { $1 == nil || $0 == $1 }
        guard fits, !shape.contains(0) else {
            let wanted = lengths.map { $0.map(String.init) ?? "any" }.joined(separator: ", ")
            throw bad(name, "of shape [\(wanted)], not empty", shape)
        }
        return value.tensor
    }

    func integers(_ name: String) throws -> (values: [Int], shape: [Int]) {
        guard let value = values[name] else { throw missing(name) }
        guard let numbers = value.wholeNumbers, !numbers.isEmpty else {
            throw ModelsError.badInput(name: name, model: model, expected: "whole numbers", found: "others")
        }
        return (numbers, value.shape)
    }

    /// Throws when a mask is given that masks something.
    func refuse(_ name: String, unlessAll neutral: Float) throws {
        guard let value = values[name], value.tensor.values.contains(where: { $0 != neutral }) else { return }
        throw ModelsError.badInput(
            name: name, model: model, expected: "left out or all \(Int(neutral)), as masks are not supported",
            found: "a mask")
    }

    /// Rows of token ids that the model knows.
    func ids(_ name: String, _ configuration: CLIPTextConfiguration) throws -> [[Int]] {
        let (numbers, shape) = try integers(name)
        guard let length = shape.last, shape.count <= 2, length <= configuration.maximumPositions else {
            throw bad(name, "[b, L] with L at most \(configuration.maximumPositions)", shape)
        }
        if let wrong = numbers.first(where: { $0 < 0 || $0 >= configuration.vocabularySize }) {
            throw ModelsError.badInput(
                name: name, model: model, expected: "ids from 0 to \(configuration.vocabularySize - 1)",
                found: "one of \(wrong)")
        }
        return stride(from: 0, to: numbers.count, by: length).map { Array(numbers[$0..<$0 + length]) }
    }
}

extension [String: Tensor] {
    fileprivate func adding(_ name: String, _ value: Tensor?) -> Self {
        var all = self
        all[name] = value
        return all
    }
}
