import Tensors
import Testing

/// A line of the golden tables: mean, root mean square, and the elements 0, 1, 2, 3, n/2 and n − 1.
struct Golden {
    let count: Int
    let mean: Double
    let rms: Double
    let values: [Double]

    /// Compares a tensor in the reference's layout; the tolerance is relative to the scale of the tensor.
    func check(_ tensor: Tensor, tolerance: Double = 2e-4, sourceLocation: SourceLocation = #_sourceLocation) {
        let numbers = tensor.values.map(Double.init)
        #expect(numbers.count == count, sourceLocation: sourceLocation)
        let n = Double(numbers.count)
        let bound = tolerance * max(1, rms)
        #expect(abs(numbers.reduce(0, +) / n - mean) <= bound, "mean", sourceLocation: sourceLocation)
        let found = (numbers.reduce(0) { $0 + $1 * $1 } / n).squareRoot()
        #expect(abs(found - rms) <= bound, "rms", sourceLocation: sourceLocation)
        for (index, value) in zip([0, 1, 2, 3, count / 2, count - 1], values) {
            #expect(abs(numbers[index] - value) <= bound, "element \(index)", sourceLocation: sourceLocation)
        }
    }
}

/// Whether two tensors have one shape and elements that differ by `tolerance` at most.
func isClose(_ a: Tensor, _ b: Tensor, tolerance: Float = 1e-5) -> Bool {
    a.shape == b.shape && zip(a.values, b.values).allSatisfy { abs($0 - $1) <= tolerance * max(1, abs($1)) }
}

/// Normal numbers that belong to a seed.
func normal(_ shape: [Int], seed: UInt64) -> Tensor {
    var generator = Generator(seed: seed)
    return generator.normal(shape)
}
