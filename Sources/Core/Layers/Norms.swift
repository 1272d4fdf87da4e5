public import Autograd

/// Group normalisation with weight and bias: [n, .., c] → the same, statistics over all but the first axis.
public struct GroupNorm {
    /// Number of groups of channels.
    public let groups: Int
    /// Added to the variance.
    public let epsilon: Float
    /// [c].
    public let weight: Variable
    /// [c].
    public let bias: Variable

    /// Asks `weights` for `name.weight` and `name.bias`.
    public init(
        _ weights: Weights, _ name: String, groups: Int, channels: Int, epsilon: Float = 1e-5
    ) {
        self.groups = groups
        self.epsilon = epsilon
        weight = weights.parameter("\(name).weight", shape: [channels], initial: .ones)
        bias = weights.parameter("\(name).bias", shape: [channels], initial: .zeros)
    }

    /// Normalises each `x[i]` of `x` [n, .., c], and applies `activation`.
    public func callAsFunction(_ x: Variable, activation: Activation = .none) -> Variable {
        groupNorm(
            x, groups: groups, weight: weight, bias: bias, epsilon: epsilon, activation: activation)
    }
}

/// Layer normalisation over the last axis with weight and bias: [.., c] → the same.
public struct LayerNorm {
    /// Added to the variance.
    public let epsilon: Float
    /// [c].
    public let weight: Variable
    /// [c].
    public let bias: Variable

    /// Asks `weights` for `name.weight` and `name.bias`.
    public init(_ weights: Weights, _ name: String, channels: Int, epsilon: Float = 1e-5) {
        self.epsilon = epsilon
        weight = weights.parameter("\(name).weight", shape: [channels], initial: .ones)
        bias = weights.parameter("\(name).bias", shape: [channels], initial: .zeros)
    }

    /// Normalises each row of `x` [.., c].
    public func callAsFunction(_ x: Variable) -> Variable {
        layerNorm(x, weight: weight, bias: bias, epsilon: epsilon)
    }
}

/// Root-mean-square normalisation over the last axis with a weight: x / √(mean(x²) + ε) · w, [.., c] → the same.
public struct RMSNorm {
    /// Added to the mean of the squares.
    public let epsilon: Float
    /// [c].
    public let weight: Variable

    /// Asks `weights` for `name.weight`.
    public init(_ weights: Weights, _ name: String, channels: Int, epsilon: Float) {
        self.epsilon = epsilon
        weight = weights.parameter("\(name).weight", shape: [channels], initial: .ones)
    }

    /// Normalises each row of `x` [.., c].
    public func callAsFunction(_ x: Variable) -> Variable { rmsNorm(x, weight: weight, epsilon: epsilon) }
}
