public import Autograd
public import Foundation
public import Layers
import Tensors

/// CLIP with both towers and their projections into one space: embeddings of images and of texts.
///
/// `CLIPModel` of transformers; OpenCLIP's ViT-H/14 comes in this class (diffusion.md 4.3).
public struct CLIPModel: FolderModel {
    /// What its config.json says.
    public let configuration: Configuration
    /// Every parameter, under its name in the reference file.
    public let weights: Weights
    /// The text tower.
    public let text: CLIPTextModel
    /// The image tower.
    public let vision: CLIPVisionModel
    private let visualProjection: Linear
    private let textProjection: Linear
    /// The logarithm of what cosines are multiplied by: a scalar.
    public let logitScale: Variable

    /// Asks `weights` for every parameter.
    public init(unchecked configuration: Configuration, _ weights: Weights) {
        self.configuration = configuration
        self.weights = weights
        let projection = configuration.projectionDimension
        text = CLIPTextModel(unchecked: configuration.text, weights)
        vision = CLIPVisionModel(unchecked: configuration.vision, weights)
        visualProjection = Linear(
            weights, "visual_projection", in: configuration.vision.hiddenSize, out: projection, bias: false)
        textProjection = Linear(
            weights, "text_projection", in: configuration.text.hiddenSize, out: projection, bias: false)
        logitScale = weights.parameter("logit_scale", shape: [], initial: .value(2.6592))
    }

    /// `image_embeds`, `[n, projection_dim]`, not normalised to length 1; pixels are `[n, size, size, 3]`.
    public func imageEmbeddings(_ pixels: Variable) -> Variable { projectedImages(vision.pooled(vision(pixels))) }

    /// `text_embeds`, `[b, projection_dim]`, not normalised to length 1.
    public func textEmbeddings(_ ids: [[Int]]) -> Variable { projectedTexts(text.pooled(text(ids), ids)) }

    /// The projection of the image tower's `pooler_output`.
    public func projectedImages(_ pooled: Variable) -> Variable { visualProjection(pooled) }

    /// The projection of the text tower's `pooler_output`.
    public func projectedTexts(_ pooled: Variable) -> Variable { textProjection(pooled) }

    /// By what the reference multiplies cosines to have logits: exp of a trained number, about 100.
    public var logitFactor: Float { Float(exp(Double(logitScale.value.scalar))) }
}

extension CLIPModel {
    /// What the config of a whole CLIP says; a missing key takes the default of the reference class.
    public struct Configuration: ModelConfiguration, Hashable, Sendable {
        /// The text tower.
        public var text = CLIPTextConfiguration()
        /// The image tower.
        public var vision = CLIPVisionConfiguration()
        /// Width of the common space.
        public var projectionDimension = 512

        /// The defaults of the reference class.
        public init() {}

        /// Reads `config.json`, or `open_clip_config.json`.
        ///
        /// Throws `ModelsError` when it cannot be read or asks for what we do not have.
        public init(file: URL) throws {
            let file = try ConfigurationFile(url: file)
            self = try file.has("model_cfg") ? Self(openCLIP: file.section("model_cfg")) : Self(file)
        }

        init(_ file: ConfigurationFile) throws {
            text = try CLIPTextConfiguration(file.section("text_config"))
            vision = try CLIPVisionConfiguration(file.section("vision_config"))
            projectionDimension = try file.int("projection_dim", projectionDimension)
        }
    }
}

/// The text tower of CLIP with its projection: `CLIPTextModelWithProjection` of transformers.
public struct CLIPTextModelWithProjection: FolderModel {
    /// Every parameter, under its name in the reference file.
    public let weights: Weights
    /// The tower before the projection.
    public let text: CLIPTextModel
    private let projection: Linear

    /// Asks `weights` for every parameter.
    public init(unchecked configuration: CLIPTextConfiguration, _ weights: Weights) {
        self.weights = weights
        text = CLIPTextModel(unchecked: configuration, weights)
        projection = Linear(
            weights, "text_projection", in: configuration.hiddenSize, out: configuration.projectionDimension,
            bias: false)
    }

    /// `text_embeds`, `[b, projection_dim]`, not normalised to length 1.
    public func textEmbeddings(_ ids: [[Int]]) -> Variable { projected(text.pooled(text(ids), ids)) }

    /// The projection of `pooler_output`.
    public func projected(_ pooled: Variable) -> Variable { projection(pooled) }
}
