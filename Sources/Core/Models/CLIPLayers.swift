import Autograd
import Layers
import Tensors

/// The activation between the two layers of a feed-forward, by its name in config.json.
enum FeedForwardActivation: String, Hashable, Sendable, CaseIterable {
    case gelu
    case quickGelu = "quick_gelu"

    init(_ file: ConfigurationFile, _ key: String = "hidden_act", standard: FeedForwardActivation) throws {
        guard let name = file.string(key) else {
            self = standard
            return
        }
        guard let known = FeedForwardActivation(rawValue: name) else {
            throw file.wrong(key, name, FeedForwardActivation.allCases.map(\.rawValue).joined(separator: ", "))
        }
        self = known
    }

    /// As a product takes it.
    var epilogue: Epilogue.Activation {
        switch self {
        case .gelu: .gelu
        case .quickGelu: .quickGelu
        }
    }
}

/// `CLIPEncoder` of the reference: layers that normalise first (diffusion.md 4.1).
struct CLIPEncoder {
    private let layers: [CLIPEncoderLayer]

    init(
        _ weights: Weights, width: Int, inner: Int, heads: Int, layers: Int, activation: FeedForwardActivation,
        epsilon: Double
    ) {
        self.layers = (0..<layers).map {
            CLIPEncoderLayer(
                weights.at("layers.\($0)"), width: width, inner: inner, heads: heads, activation: activation,
                epsilon: epsilon)
        }
    }

    /// `[b, L, width]` in and out; of all layers, or of the first few.
    func callAsFunction(_ x: Variable, isCausal: Bool, layers count: Int? = nil) -> Variable {
        let shape = x.shape
        let tokens = x.reshaped([shape[0], shape[1], 1, shape[2]])
        return layers.prefix(count ?? layers.count).reduce(tokens) { $1($0, isCausal: isCausal) }.reshaped(shape)
    }
}

/// x += out(attention(norm₁ x)); x += fc2(act(fc1(norm₂ x))); biases everywhere.
private struct CLIPEncoderLayer {
    private let norm1: LayerNorm
    private let query: Linear
    private let key: Linear
    private let value: Linear
    private let out: Linear
    private let norm2: LayerNorm
    private let fc1: Linear
    private let fc2: Linear
    private let heads: Int
    private let activation: FeedForwardActivation

    init(
        _ weights: Weights, width: Int, inner: Int, heads: Int, activation: FeedForwardActivation,
        epsilon: Double
    ) {
        key = Linear(weights, "self_attn.k_proj", in: width, out: width, bias: true)
        value = Linear(weights, "self_attn.v_proj", in: width, out: width, bias: true)
        query = Linear(weights, "self_attn.q_proj", in: width, out: width, bias: true)
        out = Linear(weights, "self_attn.out_proj", in: width, out: width, bias: true)
        norm1 = LayerNorm(weights, "layer_norm1", channels: width, epsilon: Float(epsilon))
        fc1 = Linear(weights, "mlp.fc1", in: width, out: inner, bias: true)
        fc2 = Linear(weights, "mlp.fc2", in: inner, out: width, bias: true)
        norm2 = LayerNorm(weights, "layer_norm2", channels: width, epsilon: Float(epsilon))
        self.heads = heads
        self.activation = activation
    }

    func callAsFunction(_ x: Variable, isCausal: Bool) -> Variable {
        let n = norm1(x)
        let attended = attention(query: query(n), key: key(n), value: value(n), heads: heads, isCausal: isCausal)
        let y = out(attended, adding: x)
        return fc2(fc1(norm2(y), activation: activation.epilogue), adding: y)
    }
}
