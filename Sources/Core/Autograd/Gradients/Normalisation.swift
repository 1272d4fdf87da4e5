import Tensors
import Tracing

/// What a normalisation applies to its result.
public enum Activation: Sendable {
    /// Nothing.
    case none
    /// x·σ(x), in the same pass over memory.
    case silu
}

/// Group normalisation of each entry of the first axis: over all middle axes and the c/groups channels of each group.
///
/// `x` [n, .., c]; `weight`, `bias` [c]. Give [b·f, h, w, c] for statistics of each frame, [b, f, h·w, c] for
/// statistics across the frames of a video. Biased variance, as torch's `GroupNorm`.
public func groupNorm(
    _ x: Variable, groups: Int, weight: Variable, bias: Variable, epsilon: Float,
    activation: Activation = .none
) -> Variable {
    let silu = activation == .silu
    let (y, mean, rstd) = Trace.operation(silu ? "group norm and SiLU" : "group norm", [x.shape]) {
        Kernels.groupNorm(
            x.value, groups: groups, weight: weight.value, bias: bias.value, epsilon: epsilon, silu: silu)
    }
    guard let parents = recorded([x, weight, bias]) else { return Variable(y) }
    let (input, scale, shift) = (x.value, weight.value, bias.value)
    let needs = parents.map { $0 != nil }
    return Variable(y, parents: parents) { gradient in
        let (dx, dweight, dbias) = Trace.operation(
            silu ? "group norm and SiLU backward" : "group norm backward", [input.shape]
        ) {
            Kernels.groupNormBackward(
                gradient, x: input, groups: groups, weight: scale, bias: shift, mean: mean, rstd: rstd,
                silu: silu,
                needsParameters: needs[1] || needs[2])
        }
        return [needs[0] ? dx : nil, needs[1] ? dweight : nil, needs[2] ? dbias : nil]
    }
}

/// Layer normalisation over the last axis: `x` [.., c], `weight` and `bias` [c].
///
/// Biased variance.
public func layerNorm(_ x: Variable, weight: Variable, bias: Variable, epsilon: Float) -> Variable {
    let (y, mean, rstd) = Trace.operation("layer norm", [x.shape]) {
        Kernels.layerNorm(x.value, weight: weight.value, bias: bias.value, epsilon: epsilon)
    }
    guard let parents = recorded([x, weight, bias]) else { return Variable(y) }
    let (input, scale) = (x.value, weight.value)
    let needs = parents.map { $0 != nil }
    return Variable(y, parents: parents) { gradient in
        let (dx, dweight, dbias) = Trace.operation("layer norm backward", [input.shape]) {
            Kernels.layerNormBackward(
                gradient, x: input, weight: scale, mean: mean, rstd: rstd,
                needsParameters: needs[1] || needs[2])
        }
        return [needs[0] ? dx : nil, needs[1] ? dweight : nil, needs[2] ? dbias : nil]
    }
}
