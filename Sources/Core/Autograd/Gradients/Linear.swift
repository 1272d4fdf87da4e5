import Tensors
import Tracing

/// x·Wᵀ + b over the last axis.
///
/// `x` [.., in], `weight` [out, in], `bias` [out] → [.., out]. Keeps the input only for a weight that requires a
/// gradient, and the weight only for an input that does.
public func linear(_ x: Variable, weight: Variable, bias: Variable? = nil) -> Variable {
    let y = Trace.operation("linear", [x.shape, weight.shape], flops: { 2 * $0.count * weight.shape[1] }) {
        Kernels.linear(x.value, weight.value, bias?.value)
    }
    guard let parents = recorded([x, weight, bias]) else { return Variable(y) }
    let shape = x.shape
    let savedWeight = parents[0] == nil ? nil : weight.value
    let savedInput = parents[1] == nil ? nil : x.value
    let needsBias = parents[2] != nil
    return Variable(y, parents: parents) { gradient in
        [
            savedWeight.map { weight in
                Trace.operation(
                    "linear backward input", [gradient.shape, weight.shape],
                    flops: { _ in 2 * gradient.count * weight.shape[1] }
                ) { Kernels.linearBackwardInput(gradient, weight: weight).reshaped(shape) }
            },
            savedInput.map { x in
                Trace.operation(
                    "linear backward weight", [gradient.shape, x.shape],
                    flops: { 2 * gradient.count * $0.shape[1] }
                ) { Kernels.linearBackwardWeight(gradient, x: x) }
            },
            needsBias
                ? Trace.operation("linear backward bias", [gradient.shape]) { Kernels.linearBackwardBias(gradient) }
                : nil,
        ]
    }
}

/// The matrix product of two matrices, or of two stacks of as many matrices.
///
/// [.., m, k] × [.., k, n] → [.., m, n]; a transposed operand is given as [.., k, m] or [.., n, k].
public func matmul(
    _ a: Variable, _ b: Variable, transposeA: Bool = false, transposeB: Bool = false
) -> Variable {
    let y = Trace.operation("matmul", [a.shape, b.shape]) {
        Kernels.matmul(a.value, b.value, transposeA: transposeA, transposeB: transposeB)
    }
    guard let parents = recorded([a, b]) else { return Variable(y) }
    let savedB = parents[0] == nil ? nil : b.value
    let savedA = parents[1] == nil ? nil : a.value
    return Variable(y, parents: parents) { g in
        Trace.operation("matmul backward", [g.shape]) {
            [
                // With A' = op(A) and B' = op(B): dA' = g·B'ᵀ and dB' = A'ᵀ·g.
                savedB.map { b in
                    transposeA
                        ? Kernels.matmul(b, g, transposeA: transposeB, transposeB: true)
                        : Kernels.matmul(g, b, transposeA: false, transposeB: !transposeB)
                },
                savedA.map { a in
                    transposeB
                        ? Kernels.matmul(g, a, transposeA: true, transposeB: transposeA)
                        : Kernels.matmul(a, g, transposeA: !transposeA, transposeB: false)
                },
            ]
        }
    }
}
