public import Tensors

/// A value in a computation, and the way back from it to the leaves it came from.
///
/// A leaf is a parameter (`requiresGradient`) or a constant. The result of an op is recorded only when an input
/// requires a gradient; otherwise it is a constant, and nothing that made it is kept. The graph keeps what each op's
/// backward needs and nothing else: a variable's own value goes when the variable goes, if no backward needs it.
///
/// Not Sendable: a graph lives and dies in one task.
public final class Variable {
    /// What the variable holds.
    public private(set) var value: Tensor

    /// Where its gradient goes; nil for a constant.
    let node: Node?

    /// Makes a leaf: a parameter with `requiresGradient`, a constant without.
    public init(_ value: Tensor, requiresGradient: Bool = false) {
        self.value = value
        node = requiresGradient ? Node() : nil
    }

    /// Makes the result of an op.
    init(_ value: Tensor, parents: [Node?], backward: @escaping Node.Backward) {
        self.value = value
        node = Node(parents: parents, backward: backward)
    }

    /// Makes the result of an op of one input.
    init(_ value: Tensor, parent: Node, backward: @escaping (Tensor) -> Tensor) {
        self.value = value
        node = Node(parents: [parent]) { [backward($0)] }
    }

    /// Whether gradients reach this variable.
    public var requiresGradient: Bool { node != nil }

    /// Whether it was made by `init`, not by an op on something that requires a gradient.
    public var isLeaf: Bool { node?.isLeaf ?? true }

    /// The shape of the value.
    public var shape: [Int] { value.shape }

    /// Gives a leaf a new value of the same shape, as optimisers do.
    ///
    /// Graphs recorded before keep the old value, except those under a ``checkpoint(_:_:)``, which read the leaf again:
    /// take the gradients first.
    public func assign(_ value: Tensor) {
        precondition(
            isLeaf, "only a leaf can be assigned: this is the result of an op, of shape \(shape)")
        precondition(
            value.shape == shape, "a leaf of shape \(shape) cannot take a value of shape \(value.shape)")
        self.value = value
    }

    /// The same value as a constant.
    public func detached() -> Variable { Variable(value) }
}
