import Foundation

/// What the config of a LLaMA decoder says; a missing key takes the default of the reference class.
public struct LlamaConfiguration: Hashable, Sendable {
    /// Rows of the token embedding.
    public var vocabularySize = 32000
    /// Width of every state.
    public var hiddenSize = 4096
    /// Width inside the feed-forward.
    public var intermediateSize = 11008
    /// Layers.
    public var layers = 32
    /// Attention heads of queries.
    public var heads = 32
    /// Attention heads of keys and values: each serves `heads / keyHeads` heads of queries.
    public var keyHeads = 32
    /// Channels of a head.
    public var headWidth = 128
    /// How many positions the model was made for.
    public var maximumPositions = 2048
    /// The epsilon of every RMS norm.
    public var normEpsilon = 1e-6
    /// θ of the rotary embedding.
    public var rotaryBase = 10000.0
    /// Whether the token embedding is the output head too.
    public var tiesEmbeddings = false
    /// Whether the projections of attention have biases.
    public var attentionHasBias = false
    /// Whether the layers of the feed-forward have biases.
    public var feedForwardHasBias = false
    /// The ids that end an answer.
    public var endIDs = [2]

    /// The defaults of the reference class.
    public init() {}

    init(_ file: ConfigurationFile) throws {
        if let kind = file.string("model_type"), kind != "llama" { throw file.wrong("model_type", kind, "llama") }
        vocabularySize = try file.int("vocab_size", vocabularySize)
        hiddenSize = try file.int("hidden_size", hiddenSize)
        intermediateSize = try file.int("intermediate_size", intermediateSize)
        layers = try file.int("num_hidden_layers", layers)
        heads = try file.int("num_attention_heads", heads)
        keyHeads = try file.int("num_key_value_heads", heads)
        guard heads > 0, keyHeads > 0, heads % keyHeads == 0 else {
            throw file.wrong("num_key_value_heads", "\(keyHeads)", "a divisor of num_attention_heads \(heads)")
        }
        guard hiddenSize > 0, file.has("head_dim") || hiddenSize % heads == 0 else {
            throw file.wrong("num_attention_heads", "\(heads)", "a divisor of hidden_size \(hiddenSize)")
        }
        headWidth = try file.int("head_dim", hiddenSize / heads)
        guard headWidth > 0, headWidth % 2 == 0 else {
            throw file.wrong("head_dim", "\(headWidth)", "an even number above 0")
        }
        if let act = file.string("hidden_act"), act != "silu" { throw file.wrong("hidden_act", act, "silu") }
        maximumPositions = try file.int("max_position_embeddings", maximumPositions)
        normEpsilon = try file.double("rms_norm_eps", normEpsilon)
        rotaryBase = try LlamaConfiguration.rotaryBase(file, standard: rotaryBase)
        tiesEmbeddings = try file.bool("tie_word_embeddings", tiesEmbeddings)
        attentionHasBias = try file.bool("attention_bias", attentionHasBias)
        feedForwardHasBias = try file.bool("mlp_bias", feedForwardHasBias)
        endIDs = try file.oneOrMoreInts("eos_token_id", endIDs)
    }

    /// `rope_theta`, in newer files inside `rope_parameters`; every way of stretching positions is refused.
    private static func rotaryBase(_ file: ConfigurationFile, standard: Double) throws -> Double {
        var base = try file.double("rope_theta", standard)
        for key in ["rope_scaling", "rope_parameters"] where file.has(key) {
            let section = file.section(key)
            for name in ["rope_type", "type"] {
                guard let kind = section.string(name), kind != "default" else { continue }
                throw file.wrong(key, kind, "none, or the type default: positions as the model was trained with")
            }
            if section.has("factor"), try section.double("factor", 1) != 1 {
                throw file.wrong(key, "stretched by a factor", "none, or the type default")
            }
            base = try section.double("rope_theta", base)
        }
        guard base > 0, base.isFinite else { throw file.wrong("rope_theta", "\(base)", "a number above 0") }
        return base
    }
}

extension ConfigurationFile {
    /// An id or a list of ids.
    fileprivate func oneOrMoreInts(_ key: String, _ standard: [Int]) throws -> [Int] {
        guard has(key) else { return standard }
        if let list = try? ints(key, standard) { return list }
        return [try int(key, 0)]
    }
}
