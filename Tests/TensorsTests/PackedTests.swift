import Tensors
import Testing

/// Products and convolutions of frozen weights, in both precisions, with all that an epilogue adds.
@Suite struct PackedTests {
    private static let activations: [(Epilogue.Activation, @Sendable (Double) -> Double)] = [
        (.none, { $0 }), (.silu, ElementwiseKernelTests.silu), (.gelu, ElementwiseKernelTests.gelu),
        (.quickGelu, ElementwiseKernelTests.quickGelu),
    ]

    /// What a result may be off by, of its largest number.
    ///
    /// The twins have weights as they were rounded. A processor that multiplies bfloat16 rounds the left side, too: to 8
    /// bits, whose errors of 2⁻⁹ each come to a few thousandths of the scale.
    private static func tolerance(_ precision: Precision) -> Double {
        precision == .bf16 && KernelLevel.chosen == .avx512bf16 ? 1e-2 : 4e-6
    }

    /// What the epilogue adds to row i, column j.
    private static func adds(_ bias: Tensor?, _ addend: Tensor?, rows: Int, columns: Int) -> [Double] {
        let (shift, more) = (bias?.doubles, addend?.doubles)
        let sharing = addend.map { rows * columns / $0.count } ?? 1
        return (0..<rows * columns).map { i in
            (shift?[i % columns] ?? 0) + (more?[i / columns / sharing * columns + i % columns] ?? 0)
        }
    }

    @Test(
        "a packed weight comes back, of bfloat16 rounded to nearest even",
        arguments: [[1, 1], [33, 7], [5, 3, 3, 17], [70, 3, 1, 4]])
    func roundTrip(shape: [Int]) {
        let weight = random(shape)
        #expect(PackedMatrix(weight).weight == weight)
        let short = PackedMatrix(weight, precision: .bf16)
        #expect(short.weight.values == weight.values.map(rounded))
        #expect(short.shape == shape && short.weight.shape == shape)
    }

    @Test("a NaN stays one in bfloat16, also the one that CUDA makes, whose rounding would carry into the sign")
    func notANumber() {
        let weight = Tensor([1, 3], [Float(bitPattern: 0x7fff_ffff), .nan, -.nan])
        let kept = PackedMatrix(weight, precision: .bf16).weight.values
        #expect(kept.allSatisfy { $0.isNaN })
    }

    @Test(
        "linear with bias, addend of any rows, and activation agrees with plain loops",
        arguments: [(1, 1, 1), (4, 17, 33), (6, 33, 3), (600, 40, 70)], Precision.allCases)
    func linear(sizes: (rows: Int, width: Int, out: Int), precision: Precision) {
        let (rows, width, out) = sizes
        let x = random([rows, width], seed: 1)
        let weight = PackedMatrix(random([out, width], seed: 2), precision: precision)
        let bias = random([out], seed: 3)
        let plain = ProductTests.product(
            x.doubles, weight.weight.doubles, m: rows, n: out, k: width, transposeB: true)
        let addends: [Tensor?] =
            [nil, random([rows, out], seed: 4), random([1, out], seed: 5)]
            + (rows % 2 == 0 ? [random([rows / 2, out], seed: 6)] : [])
        for (activation, function) in Self.activations {
            for (index, addend) in addends.enumerated() {
                let bias = index % 2 == 0 ? bias : nil
                let more = Self.adds(bias, addend, rows: rows, columns: out)
                let y = Kernels.linear(x, weight, Epilogue(bias: bias, addend: addend, activation: activation))
                expectClose(
                    y, zip(plain, more).map { function($0 + $1) }, tolerance: Self.tolerance(precision),
                    "\(activation), addend \(addend?.shape ?? [])")
            }
        }
        let dy = random([rows, out], seed: 7)
        expectClose(
            Kernels.linearBackwardInput(dy, weight: weight),
            ProductTests.product(dy.doubles, weight.weight.doubles, m: rows, n: width, k: out),
            tolerance: Self.tolerance(precision), "dx")
    }

    @Test(
        "gated linear agrees with plain loops", arguments: [(1, 3, 64), (5, 17, 128), (500, 40, 192)],
        Precision.allCases)
    func gated(sizes: (rows: Int, width: Int, out: Int), precision: Precision) {
        let (rows, width, out) = sizes
        let (x, bias) = (random([rows, 1, width], seed: 1), random([out], seed: 2))
        let weight = PackedMatrix(random([out, width], seed: 3), precision: precision)
        #expect(Epilogue.canGate(columns: out, depth: width))
        let plain = ProductTests.product(
            x.doubles, weight.weight.doubles, m: rows, n: out, k: width, transposeB: true)
        let sums = zip(plain, Self.adds(bias, nil, rows: rows, columns: out)).map { $0 + $1 }
        let expected = (0..<rows * out / 2).map { i -> Double in
            let at = i / (out / 2) * out + i % (out / 2)
            return sums[at] * ElementwiseKernelTests.gelu(sums[at + out / 2])
        }
        let y = Kernels.linear(x, weight, Epilogue(bias: bias, activation: .geglu))
        #expect(y.shape == [rows, 1, out / 2])
        expectClose(y, expected, tolerance: Self.tolerance(precision))
    }

    @Test(
        "convolutions of packed weights and their input's gradient agree with plain loops",
        arguments: ConvolutionTests.cases, Precision.allCases)
    func convolution(sizes: ConvolutionCase, precision: Precision) {
        let (x, dy) = (random(sizes.x, seed: 1), random(sizes.output, seed: 2))
        let packed = PackedMatrix(random(sizes.weight, seed: 3), precision: precision)
        let bias = random([sizes.weight[0]], seed: 4)
        let (inputs, weights, gradients) = (x.doubles, packed.weight.doubles, dy.doubles)
        var (plain, dx) = ([Double](repeating: 0, count: dy.count), [Double](repeating: 0, count: x.count))
        plain.withUnsafeMutableBufferPointer { plain in
            dx.withUnsafeMutableBufferPointer { dx in
                sizes.forEachProduct { o, i, w in
                    plain[o] += inputs[i] * weights[w]
                    dx[i] += gradients[o] * weights[w]
                }
            }
        }
        let (rows, out) = (dy.count / sizes.weight[0], sizes.weight[0])
        // As residuals are added, and as a time embedding is: a row for each image.
        let tolerance = max(1e-5, Self.tolerance(precision))
        for (index, addend) in [nil, random(sizes.output, seed: 5), random([sizes.x[0], out], seed: 6)].enumerated() {
            for (activation, function) in Self.activations {
                let bias = index == 1 ? nil : bias
                let epilogue = Epilogue(bias: bias, addend: addend, activation: activation)
                let y = Kernels.convolution(x, packed, epilogue, stride: sizes.stride, padding: sizes.padding)
                let more = Self.adds(bias, addend, rows: rows, columns: out)
                expectClose(
                    y, zip(plain, more).map { function($0 + $1) }, tolerance: tolerance,
                    "\(activation), addend \(addend?.shape ?? [])")
            }
        }
        for _ in 0..<2 {  // The turned kernel is made, then known.
            let back = Kernels.convolutionBackwardInput(
                dy, weight: packed, inputShape: sizes.x, stride: sizes.stride, padding: sizes.padding)
            expectClose(back, dx, tolerance: tolerance, "dx")
        }
    }

    @Test("weights that are halves give the same bits in fp16 as in float32, forward and backward")
    func halvesAreExact() {
        func halves(_ shape: [Int], _ seed: UInt64) -> Tensor {
            let x = random(shape, seed: seed)
            return Tensor(shape, x.values.map { Float(Float16($0)) })
        }
        func both(_ weight: Tensor, _ body: (PackedMatrix) -> Tensor) {
            #expect(body(PackedMatrix(weight)) == body(PackedMatrix(weight, precision: .fp16)), "\(weight.shape)")
        }
        for (rows, width, out) in [(1, 1, 1), (5, 801, 33), (600, 40, 70), (30, 385, 64)] {
            let (weight, x, dy) = (
                halves([out, width], 1), random([rows, width], seed: 2), random([rows, out], seed: 3)
            )
            both(weight) { Kernels.linear(x, $0, Epilogue(bias: random([out], seed: 4), activation: .silu)) }
            both(weight) { Kernels.linearBackwardInput(dy, weight: $0) }
        }
        let x = random([40, 1, 901], seed: 5)
        both(halves([192, 901], 6)) { Kernels.linear(x, $0, Epilogue(activation: .geglu)) }
        for sizes in ConvolutionTests.cases {
            let (x, dy, weight) = (random(sizes.x, seed: 7), random(sizes.output, seed: 8), halves(sizes.weight, 9))
            both(weight) { Kernels.convolution(x, $0, stride: sizes.stride, padding: sizes.padding) }
            both(weight) {
                Kernels.convolutionBackwardInput(
                    dy, weight: $0, inputShape: sizes.x, stride: sizes.stride, padding: sizes.padding)
            }
        }
    }
}
