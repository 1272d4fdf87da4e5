import Autograd
import Tensors
import Testing

/// Every op's backward against finite differences, on small odd shapes.
struct OpGradientTests {
    @Test func `linear, with and without bias`() {
        checkGradients([normal([2, 3, 5], seed: 1), normal([7, 5], seed: 2), normal([7], seed: 3)]) {
            linear($0[0], weight: $0[1], bias: $0[2])
        }
        checkGradients([normal([3, 5], seed: 1), normal([2, 5], seed: 2)]) { linear($0[0], weight: $0[1]) }
    }

    @Test(arguments: [(false, false), (true, false), (false, true), (true, true)])
    func `matrix products, transposed or not`(transposeA: Bool, transposeB: Bool) {
        let a = normal(transposeA ? [5, 3] : [3, 5], seed: 1)
        let b = normal(transposeB ? [7, 5] : [5, 7], seed: 2)
        checkGradients([a, b]) { matmul($0[0], $0[1], transposeA: transposeA, transposeB: transposeB) }
        let batchA = normal([3] + a.shape, seed: 3)
        let batchB = normal([3] + b.shape, seed: 4)
        checkGradients([batchA, batchB]) { matmul($0[0], $0[1], transposeA: transposeA, transposeB: transposeB) }
    }

    @Test func `convolutions: padded, strided, 1×1, and over frames`() {
        let x = normal([2, 5, 4, 3], seed: 1)
        let bias = normal([4], seed: 3)
        checkGradients([x, normal([4, 3, 3, 3], seed: 2), bias]) {
            convolution($0[0], weight: $0[1], bias: $0[2], padding: Kernels.Padding(1))
        }
        checkGradients([x, normal([4, 3, 3, 3], seed: 2), bias]) {
            convolution(
                $0[0], weight: $0[1], bias: $0[2], stride: Kernels.Stride(2),
                padding: Kernels.Padding(top: 0, left: 0, bottom: 1, right: 1))
        }
        checkGradients([x, normal([2, 1, 1, 3], seed: 2)]) { convolution($0[0], weight: $0[1]) }
        checkGradients([x, normal([3, 3, 1, 3], seed: 2), normal([3], seed: 3)]) {
            convolution($0[0], weight: $0[1], bias: $0[2], padding: Kernels.Padding(1, 0))
        }
    }

    @Test(arguments: [Activation.none, .silu])
    func `group normalisation, of frames and of videos`(activation: Activation) {
        for shape in [[3, 4, 6], [2, 3, 5, 6]] {
            checkGradients([normal(shape, seed: 1), normal([6], seed: 2), normal([6], seed: 3)]) {
                groupNorm($0[0], groups: 3, weight: $0[1], bias: $0[2], epsilon: 1e-5, activation: activation)
            }
        }
    }

    @Test func `layer normalisation`() {
        checkGradients([normal([2, 3, 7], seed: 1), normal([7], seed: 2), normal([7], seed: 3)]) {
            layerNorm($0[0], weight: $0[1], bias: $0[2], epsilon: 1e-5)
        }
    }

    @Test func `attention in space, with a shared context, and causal`() {
        checkGradients([normal([2, 5, 6], seed: 1), normal([2, 5, 6], seed: 2), normal([2, 5, 6], seed: 3)]) {
            attention(query: $0[0], key: $0[1], value: $0[2], heads: 2)
        }
        checkGradients([normal([6, 3, 4], seed: 1), normal([2, 5, 4], seed: 2), normal([2, 5, 4], seed: 3)]) {
            attention(query: $0[0], key: $0[1], value: $0[2], heads: 1)
        }
        checkGradients([normal([1, 4, 6], seed: 1), normal([1, 4, 6], seed: 2), normal([1, 4, 6], seed: 3)]) {
            attention(query: $0[0], key: $0[1], value: $0[2], heads: 3, isCausal: true)
        }
    }

    /// Channels that fill vectors go through a kernel of their own when sequences are short.
    @Test(arguments: [([2, 3, 5, 4], 2), ([1, 3, 2, 16], 4), ([1, 2, 1, 32], 1)])
    func `attention over frames at each place`(shape: [Int], heads: Int) {
        for isCausal in [false, true] {
            checkGradients([normal(shape, seed: 1), normal(shape, seed: 2), normal(shape, seed: 3)]) {
                attention(query: $0[0], key: $0[1], value: $0[2], heads: heads, isCausal: isCausal)
            }
        }
    }

    @Test func `attention of tokens to themselves adds three gradients`() {
        checkGradients([normal([2, 4, 6], seed: 1)]) { attention(query: $0[0], key: $0[0], value: $0[0], heads: 2) }
    }

    @Test func `activations`() {
        let x = normal([3, 7], seed: 1)
        checkGradients([x]) { $0[0].silu() }
        checkGradients([x]) { $0[0].gelu() }
        checkGradients([x]) { $0[0].quickGelu() }
        checkGradients([normal([2, 3, 10], seed: 2)]) { $0[0].geglu() }
    }

    @Test func `arithmetic`() {
        let (a, b) = (normal([3, 5], seed: 1), normal([3, 5], seed: 2))
        checkGradients([a, b]) { $0[0] + $0[1] }
        checkGradients([a, b]) { $0[0] - $0[1] }
        checkGradients([a, b]) { $0[0] * $0[1] }
        checkGradients([a]) { $0[0] * $0[0] }
        checkGradients([a]) { $0[0].scaled(by: -0.3) }
    }

    @Test func `rows added to their groups`() {
        checkGradients([normal([6, 3, 5], seed: 1), normal([2, 5], seed: 2)]) { $0[0].addingBroadcast($0[1]) }
        checkGradients([normal([4, 2, 3, 5], seed: 1), normal([4, 5], seed: 2)]) { $0[0].addingBroadcast($0[1]) }
        checkGradients([normal([3, 5], seed: 1), normal([1, 5], seed: 2)]) { $0[0].addingBroadcast($0[1]) }
    }

    @Test func `concatenation and slices`() {
        let (a, b, c) = (normal([2, 3, 4], seed: 1), normal([2, 3, 1], seed: 2), normal([2, 3, 5], seed: 3))
        checkGradients([a, b, c]) { concatenatedChannels($0) }
        checkGradients([normal([2, 5], seed: 1), normal([1, 5], seed: 2), normal([3, 5], seed: 3)]) { stacked($0) }
        checkGradients([normal([5, 2, 3], seed: 1)]) { $0[0][rows: 1..<4] }
    }

    @Test func `movement`() {
        let x = normal([2, 3, 4, 5], seed: 1)
        checkGradients([x]) { $0[0].reshaped([6, -1]) }
        checkGradients([x]) { $0[0].permuted([2, 0, 3, 1]) }
        checkGradients([x]) { $0[0].upsampledNearest(to: (height: 6, width: 8)) }
        checkGradients([normal([1, 2, 3, 2], seed: 2)]) { $0[0].upsampledNearest(to: (height: 3, width: 5)) }
    }

    @Test func `rows by index, repeated ones too`() {
        checkGradients([normal([5, 3], seed: 1)]) { $0[0].gatheredRows([4, 0, 4, 2]) }
        checkGradients([normal([2, 4, 3], seed: 1), normal([3, 3], seed: 2)]) {
            $0[0].scatterAdding($0[1], at: [1, 6, 1])
        }
    }

    @Test func `reductions`() {
        let (a, b) = (normal([4, 3, 2], seed: 1), normal([4, 3, 2], seed: 2))
        checkGradients([a]) { $0[0].sum() }
        checkGradients([a]) { $0[0].mean() }
        checkGradients([a]) { $0[0].sumOfSquares() }
        checkGradients([a]) { $0[0].mean(groups: 2) }
        checkGradients([a, b]) { meanSquaredError($0[0], $0[1]) }
    }

    @Test func `dropout scales what it keeps, and draws the same mask each time`() {
        let generator = Generator(seed: 5)
        checkGradients([normal([4, 5], seed: 1)]) { $0[0].dropout(0.4, using: generator) }
        let ones = Variable(Tensor([100, 100], repeating: 1))
        let dropped = ones.dropout(0.25, using: generator).value.values
        #expect(Set(dropped) == [0, 1 / 0.75])
        #expect(abs(dropped.reduce(0, +) / 10_000 - 1) < 0.02)
        #expect(ones.dropout(0, using: generator) === ones)
    }

    @Test func `values of the reductions`() {
        let a = Variable(Tensor([4, 1], [1, 2, 3, 6]))
        #expect(a.sum().value == Tensor(12))
        #expect(a.mean().value == Tensor(3))
        #expect(a.sumOfSquares().value == Tensor(50))
        #expect(a.mean(groups: 2).value == Tensor([2, 1], [1.5, 4.5]))
        #expect(meanSquaredError(a, Variable(Tensor([4, 1], [1, 0, 3, 4]))).value == Tensor(2))
    }
}
