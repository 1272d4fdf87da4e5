public import Tensors
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

/// x·Wᵀ + b + addend over the last axis, of a weight that may be frozen.
///
/// The addend has the shape of the result, or is rows [m, out] each for a run of as many rows of it.
public func linear(
    _ x: Variable, weight: WeightMatrix, bias: Variable? = nil, adding addend: Variable? = nil
) -> Variable {
    switch weight {
    case .variable(let weight):
        let y = linear(x, weight: weight, bias: bias)
        return addend.map { y.adding($0) } ?? y
    case .frozen(let packed):
        let y = Trace.operation("linear", [x.shape, packed.shape], flops: { 2 * $0.count * packed.shape[1] }) {
            Kernels.linear(x.value, packed, Epilogue(bias: bias?.value, addend: addend?.value))
        }
        guard let parents = recorded([x, bias, addend]) else { return Variable(y) }
        let (shape, needs, addendShape) = (x.shape, parents.map { $0 != nil }, addend?.shape ?? [])
        return Variable(y, parents: parents) { gradient in
            [
                needs[0]
                    ? Trace.operation(
                        "linear backward input", [gradient.shape, packed.shape],
                        flops: { _ in 2 * gradient.count * packed.shape[1] }
                    ) { Kernels.linearBackwardInput(gradient, weight: packed).reshaped(shape) } : nil,
                needs[1] ? Kernels.linearBackwardBias(gradient) : nil,
                needs[2] ? Variable.gradient(ofAddend: addendShape, gradient) : nil,
            ]
        }
    }
}

/// x·(W + scale·B·A)ᵀ + b + addend: a frozen linear layer with the two factors of a LoRA in training.
///
/// `down` A [r, in], `up` B [out, r]. Nothing is kept but the input; what the factors' gradients need of rank r is
/// computed on the way back.
public func linear(
    _ x: Variable, weight: PackedMatrix, bias: Variable?, down: Variable, up: Variable, scale: Float = 1,
    adding addend: Variable? = nil
) -> Variable {
    let rank = down.shape[0]
    let y = Trace.operation(
        "linear with LoRA", [x.shape, weight.shape, down.shape], flops: { 2 * $0.count * weight.shape[1] }
    ) {
        Kernels.linear(
            x.value, weight, down: down.value, up: up.value, scale: scale,
            Epilogue(bias: bias?.value, addend: addend?.value))
    }
    guard let parents = recorded([x, bias, addend, down, up]) else { return Variable(y) }
    let (a, b, shape, addendShape) = (down.value, up.value, x.shape, addend?.shape ?? [])
    let needs = parents.map { $0 != nil }
    // Frozen factors need no input.
    let input = needs[3] || needs[4] ? x.value : nil
    return Variable(y, parents: parents) { gradient in
        Trace.operation(
            "linear with LoRA backward", [gradient.shape, weight.shape, a.shape],
            flops: { _ in
                let back = needs[0] ? gradient.count * weight.shape[1] : 0
                return 2 * (back + (input.map { 2 * (gradient.count + $0.count) * rank } ?? 0))
            }
        ) {
            lazy var slope = scaled(Kernels.linearBackwardInput(gradient, weight: b), by: scale)
            return [
                needs[0]
                    ? Kernels.linearBackwardInput(
                        gradient, weight: weight, down: a, up: b, scale: scale, slope: { slope }
                    ).reshaped(shape) : nil,
                needs[1] ? Kernels.linearBackwardBias(gradient) : nil,
                needs[2] ? Variable.gradient(ofAddend: addendShape, gradient) : nil,
                needs[3] ? input.map { Kernels.linearBackwardWeight(slope, x: $0) } : nil,
                needs[4]
                    ? input.map { input in
                        scaled(Kernels.linearBackwardWeight(gradient, x: Kernels.linear(input, a)), by: scale)
                    } : nil,
            ]
        }
    }
}

private func scaled(_ x: Tensor, by factor: Float) -> Tensor { factor == 1 ? x : Kernels.scale(x, by: factor) }

/// The activation of x·Wᵀ + b: [.., in] → [.., out], gated half as many.
///
/// One pass where nothing is recorded and the weight is frozen; a backward needs what comes before the activation.
public func linear(
    _ x: Variable, weight: WeightMatrix, bias: Variable? = nil, activation: Epilogue.Activation
) -> Variable {
    let isGated = activation == .geglu
    guard case .frozen(let packed) = weight, !isRecorded([x, bias]),
        !isGated || Epilogue.canGate(columns: packed.shape[0], depth: packed.shape[1])
    else {
        return linear(x, weight: weight, bias: bias).activated(activation)
    }
    let flops = isGated ? 4 : 2
    return Trace.operation(
        "linear, \(activation)", [x.shape, packed.shape], flops: { flops * $0.value.count * packed.shape[1] }
    ) {
        Variable(Kernels.linear(x.value, packed, Epilogue(bias: bias?.value, activation: activation)))
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
