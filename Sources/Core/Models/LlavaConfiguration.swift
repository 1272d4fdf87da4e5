public import Foundation

/// What the config of a LLaVA model says; a missing key takes the default of the reference class.
public struct LlavaConfiguration: ModelConfiguration, Hashable, Sendable {
    /// The image encoder.
    public var vision = LlavaConfiguration.standardVision
    /// The decoder.
    public var text = LlamaConfiguration()
    /// The id in whose place the states of an image's patches stand.
    public var imageID = 32000
    /// After how many layers of the image encoder its states are taken: `vision_feature_layer` −2 is all but the last.
    public var visionLayers = LlavaConfiguration.standardVision.layers - 1
    /// Whether the class token is taken as well (`vision_feature_select_strategy` "full").
    public var takesClassToken = false
    /// Whether the layers of the projector have biases.
    public var projectorHasBias = true
    var projectorActivation = FeedForwardActivation.gelu

    /// How many tokens an image becomes.
    public var imageTokens: Int { vision.positions - (takesClassToken ? 0 : 1) }

    /// CLIP's ViT-L/14 for 336 pixels.
    private static var standardVision: CLIPVisionConfiguration {
        var vision = CLIPVisionConfiguration()
        (vision.hiddenSize, vision.intermediateSize, vision.projectionDimension) = (1024, 4096, 768)
        (vision.layers, vision.heads, vision.imageSize, vision.patchSize) = (24, 16, 336, 14)
        return vision
    }

    /// The defaults of the reference class.
    public init() {}

    /// Reads `config.json`.
    ///
    /// Throws `ModelsError` when it cannot be read or asks for what we do not have.
    public init(file: URL) throws {
        let file = try ConfigurationFile(url: file)
        if file.has("vision_config") {
            let section = file.section("vision_config")
            if let kind = section.string("model_type"), !["clip_vision_model", "clip"].contains(kind) {
                throw section.wrong("model_type", kind, "clip_vision_model")
            }
            vision = try CLIPVisionConfiguration(section)
        }
        text = try LlamaConfiguration(file.section("text_config"))
        // The whole model's word counts where the decoder's section has none.
        if !file.section("text_config").has("tie_word_embeddings") {
            text.tiesEmbeddings = try file.bool("tie_word_embeddings", text.tiesEmbeddings)
        }
        imageID = try file.int("image_token_index", file.int("image_token_id", imageID))
        let layer = try file.int("vision_feature_layer", -2, in: (-vision.layers - 1)...vision.layers)
        visionLayers = layer < 0 ? vision.layers + 1 + layer : layer
        switch file.string("vision_feature_select_strategy") ?? "default" {
        case "default": takesClassToken = false
        case "full": takesClassToken = true
        case let other: throw file.wrong("vision_feature_select_strategy", other, "default, full")
        }
        projectorHasBias = try file.bool("multimodal_projector_bias", projectorHasBias)
        projectorActivation = try FeedForwardActivation(file, "projector_hidden_act", standard: .gelu)
    }
}
