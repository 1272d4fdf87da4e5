import Autograd
import Layers

/// `ResnetBlock2D` of the reference (diffusion.md 2.2), frame by frame; without a time embedding as in the autoencoder.
///
/// out = (shortcut(x) + conv2(SiLU(norm2(conv1(SiLU(norm1(x))) + W·temb)))) / scale
struct ResnetBlock {
    private let norm1: GroupNorm
    private let conv1: Convolution2D
    private let timeProjection: Linear?
    private let norm2: GroupNorm
    private let conv2: Convolution2D
    private let shortcut: Convolution2D?
    private let scale: Double

    init(
        _ weights: Weights, in channels: Int, out: Int, timeEmbedding: Int? = nil, groups: Int, epsilon: Double,
        scale: Double = 1
    ) {
        norm1 = GroupNorm(weights, "norm1", groups: groups, channels: channels, epsilon: Float(epsilon))
        conv1 = Convolution2D(weights, "conv1", in: channels, out: out, kernel: 3, padding: 1)
        timeProjection = timeEmbedding.map { Linear(weights, "time_emb_proj", in: $0, out: out, bias: true) }
        norm2 = GroupNorm(weights, "norm2", groups: groups, channels: out, epsilon: Float(epsilon))
        conv2 = Convolution2D(weights, "conv2", in: out, out: out, kernel: 3, padding: 1)
        shortcut = channels == out ? nil : Convolution2D(weights, "conv_shortcut", in: channels, out: out, kernel: 1)
        self.scale = scale
    }

    /// - Parameters:
    ///   - x: `[n, h, w, in]`, the frames of each video together.
    ///   - timeEmbedding: SiLU of the embedding, `[b, e]`, n a multiple of b.
    func callAsFunction(_ x: Variable, timeEmbedding: Variable? = nil, _ adapters: Adapters = .none) -> Variable {
        let time = timeProjection.flatMap { projection in timeEmbedding.map { projection($0, adapters) } }
        let h = conv1(norm1(x, activation: .silu), adding: time)
        let sum = conv2(norm2(h, activation: .silu), adding: shortcut.map { $0(x) } ?? x)
        return scale == 1 ? sum : sum.scaled(by: Float(1 / scale))
    }
}
