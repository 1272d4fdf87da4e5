import Autograd
import Tensors
import Testing

/// Layers of frozen weights against finite differences, recorded and under a checkpoint.
struct FrozenGradientTests {
    private func frozen(_ shape: [Int]) -> PackedMatrix { PackedMatrix(normal(shape, seed: 20)) }

    /// As `checkGradients`, and the same under a checkpoint.
    private func check(
        _ inputs: [Tensor], sourceLocation: SourceLocation = #_sourceLocation,
        _ op: @escaping ([Variable]) -> Variable
    ) {
        checkGradients(inputs, sourceLocation: sourceLocation, op)
        checkGradients(inputs, sourceLocation: sourceLocation) { checkpoint($0, op) }
    }

    @Test(arguments: [2, 40])
    func `linear, with bias, and an addend of the result's shape or of rows`(rows: Int) {
        let weight = WeightMatrix.frozen(frozen([7, 5]))
        let (x, bias) = (normal([2, rows / 2, 5], seed: 1), normal([7], seed: 2))
        check([x]) { linear($0[0], weight: weight) }
        check([x, bias]) { linear($0[0], weight: weight, bias: $0[1]) }
        for addend in [normal([2, rows / 2, 7], seed: 3), normal([2, 7], seed: 4), normal([1, 7], seed: 5)] {
            check([x, bias, addend]) { linear($0[0], weight: weight, bias: $0[1], adding: $0[2]) }
        }
    }

    /// Few rows and many may be computed in different ways.
    @Test(arguments: [1, 3, 60], [Float(1), -0.7])
    func `linear with the factors of a LoRA`(rows: Int, scale: Float) {
        let weight = frozen([7, 5])
        let (x, bias, addend) = (normal([rows, 5], seed: 1), normal([7], seed: 2), normal([rows, 7], seed: 3))
        let (down, up) = (normal([2, 5], seed: 4), normal([7, 2], seed: 5))
        check([x, down, up]) {
            linear($0[0], weight: weight, bias: nil, down: $0[1], up: $0[2], scale: scale)
        }
        check([x, bias, addend, down, up]) {
            linear($0[0], weight: weight, bias: $0[1], down: $0[3], up: $0[4], scale: scale, adding: $0[2])
        }
        check([x, normal([1, 7], seed: 6), down, up]) {
            linear($0[0], weight: weight, bias: nil, down: $0[2], up: $0[3], scale: scale, adding: $0[1])
        }
        let y = linear(
            Variable(x), weight: weight, bias: nil, down: Variable(down), up: Variable(up), scale: scale)
        let low = Kernels.linear(Kernels.linear(x, down), up)
        let expected = Kernels.add(Kernels.linear(x, weight.weight), Kernels.scale(low, by: scale))
        #expect(relativeError(y.value.values.map(Double.init), expected.values.map(Double.init)) < 1e-6)
    }

    @Test func `convolutions: padded, strided, 1×1 and over frames, with bias and addends`() {
        let (x, bias) = (normal([2, 5, 4, 3], seed: 1), normal([4], seed: 2))
        let cases: [([Int], Kernels.Stride, Kernels.Padding, [Int])] = [
            ([4, 3, 3, 3], .init(1), .init(1), [2, 5, 4, 4]),
            ([4, 3, 3, 3], .init(2), .init(bottom: 1, right: 1), [2, 2, 2, 4]),
            ([4, 1, 1, 3], .init(1), .init(0), [2, 5, 4, 4]),
            ([4, 3, 1, 3], .init(1), .init(1, 0), [2, 5, 4, 4]),
        ]
        for (shape, stride, padding, result) in cases {
            let weight = WeightMatrix.frozen(frozen(shape))
            check([x]) { convolution($0[0], weight: weight, stride: stride, padding: padding) }
            for addend in [normal(result, seed: 3), normal([2, 4], seed: 4)] {
                check([x, bias, addend]) {
                    convolution(
                        $0[0], weight: weight, bias: $0[1], stride: stride, padding: padding, adding: $0[2])
                }
            }
        }
    }

    @Test func `a convolution that goes Winograd's way`() {
        let weight = WeightMatrix.frozen(frozen([9, 3, 3, 10]))
        check([normal([1, 4, 8, 10], seed: 1), normal([9], seed: 2), normal([1, 9], seed: 3)]) {
            convolution($0[0], weight: weight, bias: $0[1], padding: .init(1), adding: $0[2])
        }
    }

    /// One pass where nothing is recorded, a product and its gate where something is.
    @Test func `gated linear, in one pass and in two`() {
        let (x, bias) = (normal([3, 5], seed: 1), normal([64], seed: 2))
        for weight in [WeightMatrix.frozen(frozen([64, 5])), .variable(Variable(frozen([64, 5]).weight))] {
            check([x, bias]) { linear($0[0], weight: weight, bias: $0[1], activation: .geglu) }
            check([x]) { linear($0[0], weight: weight, activation: .geglu) }
        }
        // Columns that do not fill panels are never gated in one pass.
        let odd = WeightMatrix.frozen(frozen([6, 5]))
        check([x, normal([6], seed: 3)]) { linear($0[0], weight: odd, bias: $0[1], activation: .geglu) }
    }
}
