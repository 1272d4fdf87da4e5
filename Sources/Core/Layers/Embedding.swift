public import Autograd

/// A table of rows by id: ids → [ids.count, c].
public struct Embedding {
    /// [rows, c].
    public let weight: Variable

    /// Asks `weights` for `name.weight`; a model without training begins with normal numbers of this deviation.
    public init(_ weights: Weights, _ name: String, rows: Int, channels: Int, deviation: Float = 1) {
        weight = weights.parameter(
            "\(name).weight", shape: [rows, channels], initial: .normal(deviation: deviation))
    }

    /// The rows of `ids`, in their order.
    public func callAsFunction(_ ids: [Int]) -> Variable { weight.gatheredRows(ids) }
}
