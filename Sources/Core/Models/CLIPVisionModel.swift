public import Autograd
public import Foundation
public import Layers
import Tensors

/// The image encoder of CLIP without its projection; the part that `CLIPModel` and
/// `CLIPVisionModelWithProjection` share.
///
/// `CLIPVisionModel` of transformers (diffusion.md 4.3). Files with and without the prefix `vision_model.` are read.
public struct CLIPVisionModel: FolderModel {
    /// What its config.json says.
    public let configuration: CLIPVisionConfiguration
    /// Every parameter, under its name in the reference file.
    public let weights: Weights

    private let classEmbedding: Variable
    private let patchEmbedding: Convolution2D
    private let positionEmbedding: Embedding
    private let normIn: LayerNorm
    private let encoder: CLIPEncoder
    private let normOut: LayerNorm

    /// Asks `weights` for every parameter.
    public init(unchecked configuration: CLIPVisionConfiguration, _ weights: Weights) {
        self.configuration = configuration
        self.weights = weights
        let width = configuration.hiddenSize
        let inside = weights.module("vision_model", ifHolding: "post_layernorm.weight", shape: [width])
        classEmbedding = inside.parameter("embeddings.class_embedding", shape: [width], initial: .normal(deviation: 1))
        patchEmbedding = Convolution2D(
            inside, "embeddings.patch_embedding", in: configuration.channels, out: width,
            kernel: configuration.patchSize, stride: configuration.patchSize, bias: false)
        positionEmbedding = Embedding(
            inside, "embeddings.position_embedding", rows: configuration.positions, channels: width)
        // The reference spells it so.
        normIn = LayerNorm(inside, "pre_layrnorm", channels: width, epsilon: Float(configuration.normEpsilon))
        encoder = CLIPEncoder(
            inside.at("encoder"), width: width, inner: configuration.intermediateSize, heads: configuration.heads,
            layers: configuration.layers, activation: configuration.activation, epsilon: configuration.normEpsilon)
        normOut = LayerNorm(inside, "post_layernorm", channels: width, epsilon: Float(configuration.normEpsilon))
    }

    /// `last_hidden_state`, `[n, 1 + patches, hidden_size]`, not normalised; pixels are `[n, size, size, 3]`, normalised
    /// with CLIP's mean and deviation.
    ///
    /// - Parameter patches: for each image the patches to look at, row by row from 0, as many for all; all without it.
    ///   Training with a part of them is faster (Li and others 2023, "Scaling Language-Image Pre-training via Masking").
    public func callAsFunction(_ pixels: Variable, patches: [[Int]]? = nil) -> Variable {
        hidden(pixels, layers: configuration.layers, patches: patches)
    }

    /// The reference's `hidden_states[layers]`, `[n, 1 + patches, hidden_size]`: what the first few layers give, of none
    /// the normalised embeddings; pixels and patches as for the model.
    public func hidden(_ pixels: Variable, layers: Int, patches chosen: [[Int]]? = nil) -> Variable {
        precondition(
            (0...configuration.layers).contains(layers), "the states of layer \(layers) of \(configuration.layers)")
        let size = configuration.imageSize
        precondition(
            pixels.shape.count == 4 && Array(pixels.shape[1...]) == [size, size, configuration.channels],
            "pixels \(pixels.shape) are not [n, \(size), \(size), \(configuration.channels)]")
        let (count, width, positions) = (pixels.shape[0], configuration.hiddenSize, configuration.positions)
        let patches = patchEmbedding(pixels).reshaped([count, (positions - 1) * width])
        let classes = Variable(.init(zeros: [1, count, width])).addingBroadcast(classEmbedding.reshaped([1, width]))
        let tokens = concatenatedChannels([classes.reshaped([count, width]), patches])
        let x = tokens.reshaped([1, count, positions * width])
            .addingBroadcast(positionEmbedding.weight.reshaped([1, positions * width]))
            .reshaped([count, positions, width])
        guard let chosen else { return encoder(normIn(x), isCausal: false, layers: layers) }
        let kept = chosen.first?.count ?? 0
        precondition(
            chosen.count == count && chosen.allSatisfy { $0.count == kept && $0.allSatisfy { $0 < positions - 1 } },
            "patches of \(chosen.count) images, or of unequal number, for pixels \(pixels.shape)")
        let rows = chosen.enumerated().flatMap { image, patches in
            [image * positions] + patches.map { image * positions + 1 + $0 }
        }
        let part = x.reshaped([count * positions, width]).gatheredRows(rows).reshaped([count, kept + 1, width])
        return encoder(normIn(part), isCausal: false, layers: layers)
    }

    /// `pooler_output`, `[n, hidden_size]`: the first state of each image, normalised.
    public func pooled(_ hidden: Variable) -> Variable {
        let (count, length, width) = (hidden.shape[0], hidden.shape[1], hidden.shape[2])
        return normOut(hidden.reshaped([count * length, width]).gatheredRows((0..<count).map { $0 * length }))
    }
}

/// The image encoder of CLIP with its projection: `CLIPVisionModelWithProjection` of transformers.
public struct CLIPVisionModelWithProjection: FolderModel {
    /// What its config.json says.
    public let configuration: CLIPVisionConfiguration
    /// Every parameter, under its name in the reference file.
    public let weights: Weights
    /// The tower before the projection.
    public let vision: CLIPVisionModel
    private let projection: Linear

    /// Asks `weights` for every parameter.
    public init(unchecked configuration: CLIPVisionConfiguration, _ weights: Weights) {
        self.configuration = configuration
        self.weights = weights
        vision = CLIPVisionModel(unchecked: configuration, weights)
        projection = Linear(
            weights, "visual_projection", in: configuration.hiddenSize, out: configuration.projectionDimension,
            bias: false)
    }

    /// `image_embeds`, `[n, projection_dim]`, not normalised to length 1; pixels are `[n, size, size, 3]`.
    public func imageEmbeddings(_ pixels: Variable) -> Variable { projected(vision.pooled(vision(pixels))) }

    /// The projection of `pooler_output`.
    public func projected(_ pooled: Variable) -> Variable { projection(pooled) }
}

/// What the config of a CLIP image encoder says; a missing key takes the default of the reference class.
public struct CLIPVisionConfiguration: ModelConfiguration, Hashable, Sendable {
    /// Width of every state.
    public var hiddenSize = 768
    /// Width inside the feed-forward.
    public var intermediateSize = 3072
    /// Width of the projected embedding.
    public var projectionDimension = 512
    /// Layers.
    public var layers = 12
    /// Attention heads.
    public var heads = 12
    /// Channels of images.
    public var channels = 3
    /// Rows and columns of images.
    public var imageSize = 224
    /// Rows and columns of a patch.
    public var patchSize = 32
    /// The epsilon of every LayerNorm.
    public var normEpsilon = 1e-5
    var activation = FeedForwardActivation.quickGelu

    /// Tokens: the class token and one for each patch.
    public var positions: Int { (imageSize / patchSize) * (imageSize / patchSize) + 1 }

    /// The defaults of the reference class.
    public init() {}

    /// Reads `config.json`.
    ///
    /// Throws `ModelsError` when it cannot be read or asks for what we do not have.
    public init(file: URL) throws { try self.init(ConfigurationFile(url: file)) }

    init(_ file: ConfigurationFile) throws {
        hiddenSize = try file.int("hidden_size", hiddenSize)
        intermediateSize = try file.int("intermediate_size", intermediateSize)
        projectionDimension = try file.int("projection_dim", projectionDimension)
        layers = try file.int("num_hidden_layers", layers)
        heads = try file.int("num_attention_heads", heads)
        channels = try file.int("num_channels", channels)
        imageSize = try file.side("image_size", imageSize)
        patchSize = try file.side("patch_size", patchSize)
        normEpsilon = try file.double("layer_norm_eps", normEpsilon)
        activation = try FeedForwardActivation(file, standard: .quickGelu)
        guard heads > 0, hiddenSize % heads == 0 else {
            throw file.wrong("num_attention_heads", "\(heads)", "a divisor of hidden_size \(hiddenSize)")
        }
        guard patchSize > 0, imageSize >= patchSize else {
            throw file.wrong("patch_size", "\(patchSize)", "at most image_size \(imageSize)")
        }
    }
}
