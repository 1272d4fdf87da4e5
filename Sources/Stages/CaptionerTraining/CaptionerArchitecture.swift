import Checkpoints
import Formats
import Foundation
import Layers
import Models
import Pretraining
import StageKit
import Tensors

/// What a captioner of the tiny model family is made of: its configuration files.
struct CaptionerArchitecture {
    /// Tokens that the recaption stage leaves for an answer unless it is told otherwise.
    static let answerRoom = 150

    let settings: CaptionerTrainingSettings
    let tokenizer: CaptionerTokenizer
    /// The configuration of the image encoder as its file has it.
    let vision: [String: Any]
    /// How many positions the decoder is made for.
    let positions: Int

    /// - Parameter clip: the config.json of a CLIP.
    /// Throws `FormatError` when it is of something else.
    init(_ settings: CaptionerTrainingSettings, tokenizer: CaptionerTokenizer, clip: URL) throws {
        (self.settings, self.tokenizer) = (settings, tokenizer)
        let whole = try JSONSerialization.jsonObject(with: Data(contentsOf: clip)) as? [String: Any]
        guard var vision = whole?["vision_config"] as? [String: Any] else {
            throw FormatError.malformed(
                file: "config.json", why: "it has no `vision_config`: the input `clip` is no CLIP with an image encoder"
            )
        }
        vision["model_type"] = "clip_vision_model"
        self.vision = vision
        let side = (vision["image_size"] as? Int ?? 224) / max(1, vision["patch_size"] as? Int ?? 32)
        // A chat has at most a token for each of its bytes.
        let read = side * side + 2 + settings.chat.utf8.count
        positions = max(256, read + Self.answerRoom)
    }

    /// `config.json`.
    ///
    /// The image encoder's class token is shown too: CLIP has put there what the whole picture is.
    func configuration() throws -> String {
        let (start, end, pad) = (CaptionerTokenizer.startID, CaptionerTokenizer.endID, tokenizer.padID)
        let text: [String: Any] = [
            "attention_bias": false, "bos_token_id": start, "eos_token_id": end, "hidden_act": "silu",
            "hidden_size": settings.width, "intermediate_size": settings.innerWidth,
            "max_position_embeddings": positions, "mlp_bias": false, "model_type": "llama",
            "num_attention_heads": settings.heads, "num_hidden_layers": settings.layers,
            "num_key_value_heads": settings.heads, "pad_token_id": pad, "rms_norm_eps": 1e-6, "rope_theta": 10000,
            "tie_word_embeddings": false, "vocab_size": tokenizer.count,
        ]
        let whole: [String: Any] = [
            "architectures": ["LlavaForConditionalGeneration"], "image_token_index": tokenizer.imageID,
            "model_type": "llava", "multimodal_projector_bias": true, "pad_token_id": pad,
            "projector_hidden_act": "gelu", "text_config": text, "tie_word_embeddings": false,
            "vision_config": vision, "vision_feature_layer": -1, "vision_feature_select_strategy": "full",
        ]
        return try Self.json(whole)
    }

    /// Writes what transformers reads beside config.json: how pictures are prepared, how many tokens they become, and
    /// what ends an answer.
    ///
    /// Throws what the disk throws.
    func writeProcessors(_ configuration: LlavaConfiguration, to output: OutputFolder) throws {
        let side = configuration.vision.imageSize
        let (start, end) = (CaptionerTokenizer.startID, CaptionerTokenizer.endID)
        let files: [String: [String: Any]] = [
            "preprocessor_config.json": [
                "crop_size": ["height": side, "width": side], "do_center_crop": true, "do_convert_rgb": true,
                "do_normalize": true, "do_rescale": true, "do_resize": true,
                "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_processor_type": "CLIPImageProcessor",
                "image_std": [0.26862954, 0.26130258, 0.27577711], "resample": 3, "rescale_factor": 1.0 / 255,
                "size": ["shortest_edge": side],
            ],
            "processor_config.json": [
                "image_token": CaptionerTokenizer.image, "num_additional_image_tokens": 1,
                "patch_size": configuration.vision.patchSize, "processor_class": "LlavaProcessor",
                "vision_feature_select_strategy": "full",
            ],
            "generation_config.json": [
                "bos_token_id": start, "do_sample": false, "eos_token_id": end, "pad_token_id": tokenizer.padID,
            ],
        ]
        for (name, contents) in files { try Data(Self.json(contents).utf8).write(to: output.file(name)) }
    }

    private static func json(_ object: [String: Any]) throws -> String {
        let data = try JSONSerialization.data(
            withJSONObject: object, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
        return String(decoding: data, as: UTF8.self) + "\n"
    }
}

/// A captioner's weights before training: CLIP's image encoder, all else random.
struct InitialCaptioner: WeightSource {
    private let tower = "vision_tower.vision_model."

    let base: RandomWeights
    let clip: Checkpoint
    /// Of the decoder.
    let layers: Int

    /// What CLIP has the image encoder's tensors by; nil for what is not of it.
    private func ofCLIP(_ name: String) -> String? {
        name.hasPrefix(tower) ? "vision_model." + name.dropFirst(tower.count) : nil
    }

    func shape(of name: String, expected: [Int]) -> [Int]? {
        if let ofCLIP = ofCLIP(name) { return clip.entry(ofCLIP)?.shape }
        // Other spellings of the image encoder are not there.
        return name.contains("vision_tower") ? nil : expected
    }

    func tensor(_ name: String, shape: [Int], initial: InitialWeights) throws -> Tensor {
        if let ofCLIP = ofCLIP(name) { return try clip.tensor(ofCLIP) }
        guard shape.count == 2 else {
            return name.hasSuffix(".bias")
                ? Tensor(zeros: shape) : base.tensor(name, shape: shape, initial: initial)
        }
        let fit = 1 / Float(shape[1]).squareRoot()
        return base.tensor(name, shape: shape, initial: .normal(deviation: deviation(name, fit)))
    }

    /// 1/√inputs, less where a layer's result is added, and for the head, so that at first all words are as likely.
    private func deviation(_ name: String, _ fit: Float) -> Float {
        switch name {
        case _ where name.hasSuffix("embed_tokens.weight"): 0.1
        case _ where name.hasSuffix("lm_head.weight"): 0.3 * fit
        case _ where name.hasSuffix("o_proj.weight") || name.hasSuffix("down_proj.weight"):
            fit / Float(2 * layers).squareRoot()
        default: fit
        }
    }
}
