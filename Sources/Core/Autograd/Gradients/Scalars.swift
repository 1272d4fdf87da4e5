public import Tensors
import Tracing

/// A scalar of some variables, by a function that gives its value and its derivatives at once: how losses are written.
///
/// - Parameters:
///   - name: what a trace calls it.
///   - inputs: what the scalar depends on.
///   - evaluated: from the values of the inputs to the scalar's and to one derivative for each input, of its shape.
public func scalar(
    _ name: String, of inputs: [Variable], _ evaluated: ([Tensor]) -> (value: Double, derivatives: [Tensor])
) -> Variable {
    let (value, derivatives) = Trace.operation(name, inputs.map(\.shape)) { evaluated(inputs.map(\.value)) }
    precondition(
        derivatives.map(\.shape) == inputs.map(\.shape),
        "\(name) gives derivatives \(derivatives.map(\.shape)) for inputs \(inputs.map(\.shape))")
    let y = Tensor(Float(value))
    guard let parents = recorded(inputs) else { return Variable(y) }
    let needs = parents.map { $0 != nil }
    return Variable(y, parents: parents) { gradient in
        Trace.operation("\(name) backward", [y.shape]) {
            zip(derivatives, needs).map { $1 ? Kernels.scale($0, by: gradient.scalar) : nil }
        }
    }
}

extension Variable {
    /// A function of this variable, by one that gives its value and how a gradient comes back.
    ///
    /// - Parameters:
    ///   - name: what a trace calls it.
    ///   - forward: from the value to the result.
    ///   - backward: from the gradient of the result to that of this variable, of its shape.
    public func mapped(
        _ name: String, _ forward: (Tensor) -> Tensor, backward: @escaping (_ gradient: Tensor, _ x: Tensor) -> Tensor
    ) -> Variable {
        let y = Trace.operation(name, [shape]) { forward(value) }
        guard let parent = recorded(self) else { return Variable(y) }
        let x = value
        return Variable(y, parent: parent) { gradient in
            Trace.operation("\(name) backward", [gradient.shape]) { backward(gradient, x) }
        }
    }
}
