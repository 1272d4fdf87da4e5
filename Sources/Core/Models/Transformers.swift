import Autograd
import Layers
import Tensors

/// `BasicTransformerBlock` of the reference (diffusion.md 2.6): two attentions and a feed-forward, each with its
/// LayerNorm before and a residual around.
///
/// The second attention looks at a context, or at the tokens themselves.
struct TransformerBlock {
    private let norms: [LayerNorm]
    private let attention1: Attention
    private let attention2: Attention
    private let feedForwardIn: Linear
    private let feedForwardOut: Linear

    init(_ weights: Weights, width: Int, heads: Int, contextDimension: Int?) {
        let norm1 = LayerNorm(weights, "norm1", channels: width, epsilon: 1e-5)
        attention1 = Attention(weights.at("attn1"), width: width, heads: heads, context: width)
        let norm2 = LayerNorm(weights, "norm2", channels: width, epsilon: 1e-5)
        attention2 = Attention(weights.at("attn2"), width: width, heads: heads, context: contextDimension ?? width)
        let norm3 = LayerNorm(weights, "norm3", channels: width, epsilon: 1e-5)
        feedForwardIn = Linear(weights, "ff.net.0.proj", in: width, out: 8 * width, bias: true)
        feedForwardOut = Linear(weights, "ff.net.2", in: 4 * width, out: width, bias: true)
        norms = [norm1, norm2, norm3]
    }

    /// - Parameters:
    ///   - x: tokens `[outer, L, inner, width]`; attention runs over L.
    ///   - context: what the second attention looks at, outer a multiple of its m.
    ///   - copying: applied between the attentions: the first does not depend on the context.
    func callAsFunction(
        _ x: Variable, context: AttentionContext, _ adapters: Adapters, copying: (Variable) -> Variable = { $0 }
    ) -> Variable {
        var x = x
        x = copying(attention1(norms[0](x), .tokens, adapters, adding: x))
        x = attention2(norms[1](x), context, adapters, adding: x)
        return feedForwardOut(feedForwardIn(norms[2](x), adapters, activation: .geglu), adapters, adding: x)
    }

    /// What the second attention makes of a context `[m, K, 1, contextDimension]`.
    func keysAndValues(of context: Variable, _ adapters: Adapters) -> KeysAndValues {
        attention2.keysAndValues(of: context, adapters)
    }
}

/// What an attention looks at.
enum AttentionContext {
    /// The tokens themselves.
    case tokens
    /// Hidden states of a context, `[m, K, 1, contextDimension]`.
    case states(Variable)
    /// A context whose keys and values are known.
    case known(KeysAndValues)
}

/// What an attention makes of a context, `[m, K, 1, width]` each.
struct KeysAndValues {
    let keys: Variable
    let values: Variable
}

/// `Attention` of the reference: no biases but that of the output, heads as contiguous chunks.
struct Attention {
    private let query: Linear
    private let key: Linear
    private let value: Linear
    private let out: Linear
    private let heads: Int

    init(_ weights: Weights, width: Int, heads: Int, context: Int) {
        query = Linear(weights, "to_q", in: width, out: width, bias: false)
        key = Linear(weights, "to_k", in: context, out: width, bias: false)
        value = Linear(weights, "to_v", in: context, out: width, bias: false)
        out = Linear(weights, "to_out.0", in: width, out: width, bias: true)
        self.heads = heads
    }

    func callAsFunction(
        _ x: Variable, _ context: AttentionContext, _ adapters: Adapters, adding residual: Variable
    ) -> Variable {
        let queries = query(x, adapters)
        let seen =
            switch context {
            case .tokens: keysAndValues(of: x, adapters)
            case .states(let states): keysAndValues(of: states, adapters)
            case .known(let known): known
            }
        let attended = attention(query: queries, key: seen.keys, value: seen.values, heads: heads)
        return out(attended, adapters, adding: residual)
    }

    func keysAndValues(of states: Variable, _ adapters: Adapters) -> KeysAndValues {
        KeysAndValues(keys: key(states, adapters), values: value(states, adapters))
    }
}

/// `Transformer2DModel` of the reference (diffusion.md 2.5): attention inside each frame, then to the text.
struct SpatialTransformer {
    /// Its module path, by which keys and values of a text are found.
    let path: String
    private let norm: GroupNorm
    private let projectIn: Linear
    private let block: TransformerBlock
    private let projectOut: Linear

    init(_ weights: Weights, channels: Int, heads: Int, headDimension: Int, contextDimension: Int, groups: Int) {
        let width = heads * headDimension
        path = weights.path
        norm = GroupNorm(weights, "norm", groups: groups, channels: channels, epsilon: 1e-6)
        projectIn = Linear(weights, "proj_in", in: channels, out: width, bias: true)
        block = TransformerBlock(
            weights.at("transformer_blocks.0"), width: width, heads: heads, contextDimension: contextDimension)
        projectOut = Linear(weights, "proj_out", in: width, out: channels, bias: true)
    }

    /// - Parameters:
    ///   - x: `[n, h, w, c]`.
    ///   - text: states `[m, L, D]` or what it made of them, n (of the copies) a multiple of m.
    ///   - copying: makes the copies of x that look at different texts.
    func callAsFunction(
        _ x: Variable, text: AttentionContext, _ adapters: Adapters, copying: (Variable) -> Variable = { $0 }
    ) -> Variable {
        let shape = x.shape
        let tokens = norm(x).reshaped([shape[0], shape[1] * shape[2], 1, shape[3]])
        let context: AttentionContext = if case .states(let text) = text { .states(words(text)) } else { text }
        let y = block(projectIn(tokens, adapters), context: context, adapters, copying: copying)
        let residual = copying(x)
        return projectOut(y, adapters, adding: residual).reshaped(residual.shape)
    }

    /// Keys and values of a text `[m, L, D]`.
    func keysAndValues(of text: Variable, _ adapters: Adapters) -> KeysAndValues {
        block.keysAndValues(of: words(text), adapters)
    }

    private func words(_ text: Variable) -> Variable {
        text.reshaped([text.shape[0], text.shape[1], 1, text.shape[2]])
    }
}

/// `TransformerTemporalModel` of the reference (diffusion.md 2.4): attention over the frames at each position, twice.
///
/// The normalisation spans all frames of a video. There is no encoding of frame numbers and no mask.
struct TemporalTransformer {
    /// Its module path, by which an appearance injector finds it.
    let path: String
    private let norm: GroupNorm
    private let projectIn: Linear
    private let block: TransformerBlock
    private let projectOut: Linear

    init(_ weights: Weights, channels: Int, heads: Int, headDimension: Int, groups: Int) {
        let width = heads * headDimension
        path = weights.path
        norm = GroupNorm(weights, "norm", groups: groups, channels: channels, epsilon: 1e-6)
        projectIn = Linear(weights, "proj_in", in: channels, out: width, bias: true)
        block = TransformerBlock(weights.at("transformer_blocks.0"), width: width, heads: heads, contextDimension: nil)
        projectOut = Linear(weights, "proj_out", in: width, out: channels, bias: true)
    }

    /// `[b * f, h, w, c]` in and out.
    func callAsFunction(_ x: Variable, batch: Int, _ adapters: Adapters) -> Variable {
        let shape = x.shape
        let tokens = norm(x.reshaped([batch, shape[0] / batch, shape[1] * shape[2], shape[3]]))
        let y = block(projectIn(tokens, adapters), context: .tokens, adapters)
        return projectOut(y, adapters, adding: x).reshaped(shape)
    }
}
