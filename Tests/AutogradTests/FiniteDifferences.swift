import Autograd
import Tensors
import Testing

/// Normal numbers that belong to a seed.
func normal(_ shape: [Int], seed: UInt64) -> Tensor {
    var generator = Generator(seed: seed)
    return generator.normal(shape)
}

/// ‖a − b‖ / ‖b‖, in double.
func relativeError(_ a: [Double], _ b: [Double]) -> Double {
    var (difference, norm) = (0.0, 0.0)
    for (x, y) in zip(a, b) {
        difference += (x - y) * (x - y)
        norm += y * y
    }
    return (difference / max(norm, 1e-30)).squareRoot()
}

/// Compares the gradients of an op, in a scalar made of its result with fixed random weights, with central differences
/// of fourth order, summed in double.
///
/// Then lets each input alone require its gradient: the result must be the same bits.
func checkGradients(
    _ inputs: [Tensor], step: Float = 0.02, tolerance: Double = 1e-3,
    sourceLocation: SourceLocation = #_sourceLocation, _ op: ([Variable]) -> Variable
) {
    let weights = normal(op(inputs.map { Variable($0) }).shape, seed: 99)
    func loss(_ inputs: [Tensor]) -> Double {
        zip(op(inputs.map { Variable($0) }).value.values, weights.values).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    let leaves = inputs.map { Variable($0, requiresGradient: true) }
    let found = gradients(of: (op(leaves) * Variable(weights)).sum(), for: leaves)
    for (index, input) in inputs.enumerated() {
        #expect(found[index].shape == input.shape, sourceLocation: sourceLocation)
        let expected = input.values.indices.map { i -> Double in
            func at(_ multiple: Float) -> Double {
                var changed = inputs
                changed[index].write { $0[i] += multiple * step }
                return loss(changed)
            }
            return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * Double(step))
        }
        let error = relativeError(found[index].values.map(Double.init), expected)
        #expect(error <= tolerance, "input \(index)", sourceLocation: sourceLocation)

        let alone = inputs.enumerated().map { Variable($1, requiresGradient: $0 == index) }
        let single = gradients(of: (op(alone) * Variable(weights)).sum(), for: [alone[index]])
        #expect(single[0] == found[index], "input \(index) alone", sourceLocation: sourceLocation)
    }
}
