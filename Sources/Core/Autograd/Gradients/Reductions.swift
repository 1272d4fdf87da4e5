import Tensors
import Tracing

extension Variable {
    /// The sum of all elements: a scalar.
    public func sum() -> Variable {
        let y = Trace.operation("sum", [shape]) { Tensor(Kernels.sum(value)) }
        guard let parent = recorded(self) else { return Variable(y) }
        let shape = shape
        return Variable(y, parent: parent) { Tensor(shape, repeating: $0.scalar) }
    }

    /// The mean of all elements: a scalar.
    public func mean() -> Variable { sum().scaled(by: 1 / Float(value.count)) }

    /// The sum of the squares of all elements: a scalar.
    public func sumOfSquares() -> Variable {
        let y = Trace.operation("sum of squares", [shape]) { Tensor(Kernels.sumOfSquares(value)) }
        guard let parent = recorded(self) else { return Variable(y) }
        let saved = value
        return Variable(y, parent: parent) { gradient in
            Trace.operation("sum of squares backward", [saved.shape]) { Kernels.scale(saved, by: 2 * gradient.scalar) }
        }
    }

    /// The mean of each of `groups` groups of consecutive entries of the first axis: [groups·r, ..] → [groups, ..].
    public func mean(groups: Int) -> Variable {
        let shape = shape
        precondition(
            !shape.isEmpty && groups > 0 && shape[0] % groups == 0 && shape[0] > 0,
            "mean of \(groups) groups of a variable of shape \(shape)")
        let size = shape[0] / groups
        let y = Trace.operation("mean of groups", [shape]) {
            Kernels.scale(Kernels.sumRowGroups(value, groups: groups), by: 1 / Float(size))
        }
        guard let parent = recorded(self) else { return Variable(y) }
        return Variable(y, parent: parent) { gradient in
            Trace.operation("mean of groups backward", [gradient.shape]) {
                Kernels.repeatRows(Kernels.scale(gradient, by: 1 / Float(size)), times: size)
            }
        }
    }
}

/// The mean of (a − b)² over all elements: a scalar.
public func meanSquaredError(_ a: Variable, _ b: Variable) -> Variable {
    let count = Float(a.value.count)
    let (difference, y) = Trace.operation("mean squared error", [a.shape]) {
        let difference = Kernels.subtract(a.value, b.value)
        return (difference, Tensor(Kernels.sumOfSquares(difference) / count))
    }
    guard let parents = recorded([a, b]) else { return Variable(y) }
    let needs = parents.map { $0 != nil }
    return Variable(y, parents: parents) { gradient in
        let factor = 2 * gradient.scalar / count
        return Trace.operation("mean squared error backward", [difference.shape]) {
            [
                needs[0] ? Kernels.scale(difference, by: factor) : nil,
                needs[1] ? Kernels.scale(difference, by: -factor) : nil,
            ]
        }
    }
}
