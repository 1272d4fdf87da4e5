public import Tensors

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
    _ x: Variable, groups: Int, weight: Variable, bias: Variable, epsilon: Float, activation: Activation = .none
) -> Variable {
    fatalError()
}

/// Layer normalisation over the last axis: `x` [.., c], `weight` and `bias` [c]. Biased variance.
public func layerNorm(_ x: Variable, weight: Variable, bias: Variable, epsilon: Float) -> Variable {
    fatalError()
}
