public import Autograd
public import Foundation
public import Layers

/// The text encoder of CLIP: token ids to one vector per position, the context of the denoising network.
///
/// `CLIPTextModel` of transformers (diffusion.md 4.1): attention is causal, padding is not masked, the output is
/// normalised. Files with and without the prefix `text_model.` are read.
public struct CLIPTextModel: FolderModel {
    /// What its config.json says.
    public let configuration: CLIPTextConfiguration
    /// Every parameter, under its name in the reference file.
    public let weights: Weights

    private let tokenEmbedding: Embedding
    private let positionEmbedding: Embedding
    private let encoder: CLIPEncoder
    private let finalNorm: LayerNorm

    /// Asks `weights` for every parameter.
    public init(unchecked configuration: CLIPTextConfiguration, _ weights: Weights) {
        self.configuration = configuration
        self.weights = weights
        let width = configuration.hiddenSize
        // transformers 5 saves the bare text model without its prefix.
        let inside = weights.module("text_model", ifHolding: "final_layer_norm.weight", shape: [width])
        tokenEmbedding = Embedding(
            inside, "embeddings.token_embedding", rows: configuration.vocabularySize, channels: width)
        positionEmbedding = Embedding(
            inside, "embeddings.position_embedding", rows: configuration.maximumPositions, channels: width)
        encoder = CLIPEncoder(
            inside.at("encoder"), width: width, inner: configuration.intermediateSize, heads: configuration.heads,
            layers: configuration.layers, activation: configuration.activation, epsilon: configuration.normEpsilon)
        finalNorm = LayerNorm(inside, "final_layer_norm", channels: width, epsilon: Float(configuration.normEpsilon))
    }

    /// `last_hidden_state`, `[b, L, hidden_size]`, for rows of ids of equal length L ≤ `max_position_embeddings`.
    public func callAsFunction(_ ids: [[Int]]) -> Variable {
        let length = ids.first?.count ?? 0
        precondition(length > 0 && ids.allSatisfy { $0.count == length }, "rows of ids of unequal length, or none")
        precondition(
            length <= configuration.maximumPositions, "\(length) ids, at most \(configuration.maximumPositions) fit")
        let width = configuration.hiddenSize
        let tokens = tokenEmbedding(ids.flatMap { $0 }).reshaped([1, ids.count, length * width])
        let positions = positionEmbedding(Array(0..<length)).reshaped([1, length * width])
        let x = tokens.addingBroadcast(positions).reshaped([ids.count, length, width])
        return finalNorm(encoder(x, isCausal: true))
    }

    /// `pooler_output`, `[b, hidden_size]`: the state at the end of each text.
    ///
    /// - Parameters:
    ///   - hidden: what the model gave for `ids`, `[b, L, hidden_size]`.
    ///   - ids: the rows of ids.
    public func pooled(_ hidden: Variable, _ ids: [[Int]]) -> Variable {
        let (length, width) = (hidden.shape[1], hidden.shape[2])
        let rows = ids.enumerated().map { row, ids in row * length + endPosition(ids) }
        return hidden.reshaped([ids.count * length, width]).gatheredRows(rows)
    }

    /// Older configs carry a wrong end id, 2: for them the reference takes the largest id, for others the first end id.
    private func endPosition(_ ids: [Int]) -> Int {
        let end = configuration.endID == 2 ? (ids.max() ?? 0) : configuration.endID
        return ids.firstIndex(of: end) ?? 0
    }
}

/// What `text_encoder/config.json` says; a missing key takes the default of the reference class.
public struct CLIPTextConfiguration: ModelConfiguration, Hashable, Sendable {
    /// Rows of the token embedding.
    public var vocabularySize = 49408
    /// Width of every state.
    public var hiddenSize = 512
    /// Width inside the feed-forward.
    public var intermediateSize = 2048
    /// Width of the projected embedding, where there is one.
    public var projectionDimension = 512
    /// Layers.
    public var layers = 12
    /// Attention heads.
    public var heads = 8
    /// How many positions there are.
    public var maximumPositions = 77
    /// The epsilon of every LayerNorm.
    public var normEpsilon = 1e-5
    /// The id that ends a text, as the config gives it: 2 in old ones.
    public var endID = 49407
    var activation = FeedForwardActivation.quickGelu

    /// The defaults of the reference class.
    public init() {}

    /// Reads `config.json`.
    ///
    /// Throws `ModelsError` when it cannot be read or asks for what we do not have.
    public init(file: URL) throws { try self.init(ConfigurationFile(url: file)) }

    init(_ file: ConfigurationFile) throws {
        vocabularySize = try file.int("vocab_size", vocabularySize)
        hiddenSize = try file.int("hidden_size", hiddenSize)
        intermediateSize = try file.int("intermediate_size", intermediateSize)
        projectionDimension = try file.int("projection_dim", projectionDimension)
        layers = try file.int("num_hidden_layers", layers)
        heads = try file.int("num_attention_heads", heads)
        maximumPositions = try file.int("max_position_embeddings", maximumPositions)
        normEpsilon = try file.double("layer_norm_eps", normEpsilon)
        endID = try file.side("eos_token_id", endID)
        activation = try FeedForwardActivation(file, standard: .quickGelu)
        guard heads > 0, hiddenSize % heads == 0 else {
            throw file.wrong("num_attention_heads", "\(heads)", "a divisor of hidden_size \(hiddenSize)")
        }
    }
}
