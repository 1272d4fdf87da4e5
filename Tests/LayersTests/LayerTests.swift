import Autograd
import Layers
import Tensors
import Testing

struct LayerTests {
    private let weights = Weights(ReferenceFill())

    /// Channels first, as the reference, to channels last.
    private func channelsLast(_ x: Tensor) -> Variable { Variable(Kernels.permute(x, [0, 2, 3, 1])) }

    private func channelsFirst(_ x: Variable) -> Tensor { Kernels.permute(x.value, [0, 3, 1, 2]) }

    @Test func `a residual block made of layers has the golden numbers of ResnetBlock2D`() {
        let norm1 = GroupNorm(weights, "norm1", groups: 4, channels: 16)
        let conv1 = Convolution2D(weights, "conv1", in: 16, out: 32, padding: 1)
        let time = Linear(weights, "time_emb_proj", in: 64, out: 32)
        let norm2 = GroupNorm(weights, "norm2", groups: 4, channels: 32)
        let conv2 = Convolution2D(weights, "conv2", in: 32, out: 32, padding: 1)
        let shortcut = Convolution2D(weights, "conv_shortcut", in: 16, out: 32, kernel: 1)

        let x = channelsLast(ReferenceFill.input("x", [6, 16, 5, 4]))
        let embedding = Variable(ReferenceFill.input("temb", [6, 64])).silu()
        let h = conv1(norm1(x, activation: .silu)).addingBroadcast(time(embedding))
        let y = shortcut(x) + conv2(norm2(h, activation: .silu))
        Golden(
            count: 3840, mean: -0.0754562, rms: 1.17135,
            values: [0.00455937, -1.51237, 0.875212, 1.28258, -0.782554, -0.227943]
        ).check(channelsFirst(y))
    }

    @Test func `convolutions over frames have the golden numbers of TemporalConvLayer`() {
        let x = channelsLast(ReferenceFill.input("x", [6, 16, 5, 4])).reshaped([2, 3, 20, 16])
        var y = x
        for (norm, convolution) in [
            ("conv1.0", "conv1.2"), ("conv2.0", "conv2.3"), ("conv3.0", "conv3.3"), ("conv4.0", "conv4.3"),
        ] {
            let normalise = GroupNorm(weights, norm, groups: 4, channels: 16)
            y = Convolution2D(weights, convolution, temporal: 16)(normalise(y, activation: .silu))
        }
        Golden(
            count: 1920, mean: -0.00950715, rms: 1.16356,
            values: [1.61639, -0.0937259, -0.0291709, -1.53207, 1.25969, 1.55442]
        ).check(channelsFirst((x + y).reshaped([6, 5, 4, 16])))
    }

    @Test func `an embedding gives the rows of its ids`() {
        let table = ReferenceFill().tensor("tokens.weight", shape: [10, 3]).values
        let rows = Embedding(weights, "tokens", rows: 10, channels: 3)([7, 0, 7]).value
        #expect(rows == Tensor([3, 3], Array(table[21..<24] + table[0..<3] + table[21..<24])))
    }

    @Test func `layer normalisation gives rows of mean 0 and variance 1 before weight and bias`() {
        let source = RandomWeights(seed: 1)
        let norm = LayerNorm(Weights(source), "norm", channels: 50)
        let row = norm(Variable(normal([1, 50], seed: 1))).value.values
        #expect(abs(row.reduce(0, +)) < 1e-4)
        #expect(abs(row.reduce(0) { $0 + $1 * $1 } - 50) < 1e-2)
    }
}
