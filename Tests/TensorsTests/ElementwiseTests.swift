import Foundation
import Tensors
import Testing

@Suite struct ElementwiseTests {
    static let sizes = [1, 3, 15, 16, 17, 33, 8193, 40_000]

    static func cdf(_ x: Double) -> Double { 0.5 * erfc(-x / 2.0.squareRoot()) }
    static func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

    struct Function: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let forward: @Sendable (Tensor) -> Tensor
        let backward: @Sendable (Tensor, Tensor) -> Tensor
        let value: @Sendable (Double) -> Double
    }

    static let functions = [
        Function(
            testDescription: "silu", forward: { Kernels.silu($0) }, backward: { Kernels.siluBackward($0, x: $1) },
            value: { $0 * sigmoid($0) }),
        Function(
            testDescription: "gelu", forward: { Kernels.gelu($0) }, backward: { Kernels.geluBackward($0, x: $1) },
            value: { $0 * cdf($0) }),
        Function(
            testDescription: "quickGelu", forward: { Kernels.quickGelu($0) },
            backward: { Kernels.quickGeluBackward($0, x: $1) }, value: { $0 * sigmoid(1.702 * $0) }),
    ]

    @Test("arithmetic agrees with plain loops", arguments: sizes)
    func arithmetic(count: Int) {
        let (a, b) = (random([count], seed: 1), random([count], seed: 2))
        let pairs = Array(zip(a.doubles, b.doubles))
        expectClose(Kernels.add(a, b), pairs.map { $0 + $1 })
        expectClose(Kernels.subtract(a, b), pairs.map { $0 - $1 })
        expectClose(Kernels.multiply(a, b), pairs.map { $0 * $1 })
        expectClose(Kernels.scale(a, by: -2.5), a.doubles.map { $0 * -2.5 })
        expectClose(Kernels.axpy(0.3, a, b), pairs.map { Double(Float(0.3)) * $0 + $1 })
        var sum = b
        Kernels.accumulate(0.3, a, into: &sum)
        #expect(sum == Kernels.axpy(0.3, a, b))
        #expect(b == random([count], seed: 2), "accumulating changed a tensor that somebody else holds")
    }

    @Test("activations and their gradients agree with libm", arguments: functions, sizes)
    func activation(function: Function, count: Int) {
        let (x, dy) = (random([count], scale: 3), random([count], seed: 2))
        expectClose(function.forward(x), x.doubles.map(function.value), tolerance: 3e-7)
        let slopes = zip(x.doubles, dy.doubles).map { x, dy in
            dy * (function.value(x + 1e-5) - function.value(x - 1e-5)) / 2e-5
        }
        expectClose(function.backward(dy, x), slopes, tolerance: 1e-6)
    }

    @Test("functions hold over the whole range of floats, and NaN stays NaN")
    func range() {
        let points = stride(from: Float(-120), through: 120, by: 0.037).map { $0 } + [0, -0, 1e-30, -1e-6]
        let x = Tensor([points.count], points)
        for (y, x) in zip(Kernels.exponential(x).values, points) where x < 88 {
            let expected = exp(Double(x))
            #expect((Double(y) - expected).magnitude <= 3e-7 * expected + 1.2e-38, "exp(\(x)) = \(y)")
        }
        for function in ElementwiseTests.functions {
            for (y, x) in zip(function.forward(x).values, points) {
                let expected = function.value(Double(x))
                let name = function.testDescription
                #expect((Double(y) - expected).magnitude <= 2.5e-7 * Double(abs(x)) + 1e-37, "\(name)(\(x)) = \(y)")
            }
            #expect(function.forward(Tensor([1], [.nan])).scalar.isNaN)
        }
        #expect(Kernels.exponential(Tensor([3], [-.infinity, -1000, 0])).values == [0, 0, 1])
    }

    @Test("geglu takes the gate from the second half", arguments: [(1, 1), (3, 17), (33, 16), (700, 40)])
    func geglu(rows: Int, c: Int) {
        let (x, dy) = (random([rows, 2 * c]), random([rows, c], seed: 2))
        let (values, gradient) = (x.doubles, dy.doubles)
        var (y, dx) = ([Double](), [Double](repeating: 0, count: values.count))
        for r in 0..<rows {
            for i in 0..<c {
                let (value, gate) = (values[r * 2 * c + i], values[r * 2 * c + c + i])
                let cdf = ElementwiseTests.cdf(gate)
                y.append(value * gate * cdf)
                let density = exp(-gate * gate / 2) / (2 * Double.pi).squareRoot()
                dx[r * 2 * c + i] = gradient[r * c + i] * gate * cdf
                dx[r * 2 * c + c + i] = gradient[r * c + i] * value * (cdf + gate * density)
            }
        }
        expectClose(Kernels.geglu(x), y)
        expectClose(Kernels.gegluBackward(dy, x: x), dx)
    }
}
