import Autograd
import Layers
import Tensors

/// The decoder of LLaMA: embeddings of tokens (or of what stands in their place) to states that the head turns into
/// scores of the next token.
///
/// `LlamaModel` and `lm_head` of transformers (diffusion.md 10.1): x += o(attention(rope(q, k), v)(RMS x)); x +=
/// down(SiLU(gate h) · up h), h = RMS x; causal.
struct LlamaDecoder {
    let configuration: LlamaConfiguration
    let embedding: Embedding
    private let layers: [LlamaLayer]
    private let norm: RMSNorm
    private let head: WeightMatrix
    private let rotary: RotaryEmbedding

    /// - Parameters:
    ///   - inside: the module with `embed_tokens`, `layers` and `norm`.
    ///   - outside: the module with `lm_head`.
    init(_ configuration: LlamaConfiguration, _ inside: Weights, head outside: Weights) {
        self.configuration = configuration
        let (width, vocabulary) = (configuration.hiddenSize, configuration.vocabularySize)
        embedding = Embedding(inside, "embed_tokens", rows: vocabulary, channels: width, deviation: 0.02)
        layers = (0..<configuration.layers).map { LlamaLayer(inside.at("layers.\($0)"), configuration) }
        norm = RMSNorm(inside, "norm", channels: width, epsilon: Float(configuration.normEpsilon))
        rotary = RotaryEmbedding(base: configuration.rotaryBase, width: configuration.headWidth)
        if !configuration.tiesEmbeddings {
            head = Linear(outside, "lm_head", in: width, out: vocabulary, bias: false).weight
        } else if inside.isTrainable || embedding.weight.shape != [vocabulary, width] {
            head = .variable(embedding.weight)
        } else {
            head = .frozen(PackedMatrix(embedding.weight.value, precision: inside.precision))
        }
    }

    /// The normalised states, `[b, L, hidden_size]`, of embeddings of that shape.
    ///
    /// - Parameter cache: what came before, to which keys and values of these positions are added; while it is empty
    ///   any number of positions may be given, afterwards one at a time.
    func callAsFunction(_ embeddings: Variable, cache: KeyValueCache? = nil) -> Variable {
        let (length, before) = (embeddings.shape[1], cache?.length ?? 0)
        precondition(before == 0 || length == 1, "\(length) positions after \(before) cached ones")
        let angles = rotary.angles(before..<before + length)
        var x = embeddings
        for (index, layer) in layers.enumerated() { x = layer(x, rotary, angles, cache, index) }
        cache?.length += length
        return norm(x)
    }

    /// The scores of the next token, `[.., vocab_size]`, after states `[.., hidden_size]`.
    func logits(_ states: Variable) -> Variable { linear(states, weight: head) }
}

/// The keys and values of positions that a decoder has seen, of one sequence or of sequences of one length.
///
/// A class, as every layer adds to it; belongs to one generation.
final class KeyValueCache {
    /// How many positions.
    fileprivate(set) var length = 0
    /// Of each layer `[b, length, keyHeads · headWidth]`.
    private var entries: [(keys: Tensor, values: Tensor)] = []

    init() {}

    /// Adds keys and values of a layer, and gives all that it has now.
    fileprivate func extend(_ layer: Int, _ keys: Tensor, _ values: Tensor) -> (keys: Tensor, values: Tensor) {
        guard layer < entries.count else {
            entries.append((keys, values))
            return (keys, values)
        }
        let old = entries[layer]
        entries[layer] = (joined(old.keys, keys), joined(old.values, values))
        return entries[layer]
    }

    /// Positions after positions.
    private func joined(_ a: Tensor, _ b: Tensor) -> Tensor {
        let (count, width) = (a.shape[0], a.shape[2])
        let rows = Kernels.concatenateChannels([a.reshaped([count, -1]), b.reshaped([count, -1])])
        return rows.reshaped([count, a.shape[1] + b.shape[1], width])
    }
}

/// A layer of the decoder.
private struct LlamaLayer {
    private let query: Linear
    private let key: Linear
    private let value: Linear
    private let out: Linear
    private let gate: Linear
    private let up: Linear
    private let down: Linear
    private let normIn: RMSNorm
    private let normAfter: RMSNorm
    private let keyHeads: Int
    private let sharing: Int
    private let headWidth: Int

    init(_ weights: Weights, _ configuration: LlamaConfiguration) {
        let (width, inner) = (configuration.hiddenSize, configuration.intermediateSize)
        let (queries, keys) = (
            configuration.heads * configuration.headWidth, configuration.keyHeads * configuration.headWidth
        )
        let (bias, innerBias) = (configuration.attentionHasBias, configuration.feedForwardHasBias)
        query = Linear(weights, "self_attn.q_proj", in: width, out: queries, bias: bias)
        key = Linear(weights, "self_attn.k_proj", in: width, out: keys, bias: bias)
        value = Linear(weights, "self_attn.v_proj", in: width, out: keys, bias: bias)
        out = Linear(weights, "self_attn.o_proj", in: queries, out: width, bias: bias)
        gate = Linear(weights, "mlp.gate_proj", in: width, out: inner, bias: innerBias)
        up = Linear(weights, "mlp.up_proj", in: width, out: inner, bias: innerBias)
        down = Linear(weights, "mlp.down_proj", in: inner, out: width, bias: innerBias)
        let epsilon = Float(configuration.normEpsilon)
        normIn = RMSNorm(weights, "input_layernorm", channels: width, epsilon: epsilon)
        normAfter = RMSNorm(weights, "post_attention_layernorm", channels: width, epsilon: epsilon)
        (keyHeads, headWidth) = (configuration.keyHeads, configuration.headWidth)
        sharing = configuration.heads / configuration.keyHeads
    }

    /// `[b, L, width]` in and out.
    func callAsFunction(
        _ x: Variable, _ rotary: RotaryEmbedding, _ angles: RotaryEmbedding.Angles, _ cache: KeyValueCache?,
        _ index: Int
    ) -> Variable {
        let n = normIn(x)
        let q = rotary(query(n), angles)
        var (k, v) = (rotary(key(n), angles), value(n))
        if let cache {
            let all = cache.extend(index, k.value, v.value)
            (k, v) = (Variable(all.keys), Variable(all.values))
        }
        let y = out(attend(q, k, v), adding: x)
        let h = normAfter(y)
        return down(gate(h, activation: .silu) * up(h), adding: y)
    }

    /// Head `g · sharing + j` of the queries sees head g of the keys: one sequence of queries for each j, which share
    /// their keys.
    private func attend(_ q: Variable, _ k: Variable, _ v: Variable) -> Variable {
        let (count, length, isCausal) = (q.shape[0], q.shape[1], q.shape[1] > 1)
        guard sharing > 1 else { return attention(query: q, key: k, value: v, heads: keyHeads, isCausal: isCausal) }
        let apart = q.reshaped([count, length, keyHeads, sharing, headWidth]).permuted([0, 3, 1, 2, 4])
        let attended = attention(
            query: apart.reshaped([count * sharing, length, keyHeads * headWidth]), key: k, value: v, heads: keyHeads,
            isCausal: isCausal)
        return attended.reshaped([count, sharing, length, keyHeads, headWidth]).permuted([0, 2, 3, 1, 4])
            .reshaped(q.shape)
    }
}
