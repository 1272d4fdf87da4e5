import Tensors

/// Runs `body` on `inputs`, keeping only the inputs: the backward pass runs `body` once more.
///
/// Memory for one forward of the body is exchanged for a second forward. Parameters that `body` captures get their
/// gradients like those it is handed, even where no input requires one. `body` must compute the same each time: what is
/// random in it has to come from a generator that starts again (see ``Variable/dropout(_:using:)``).
public func checkpoint(_ inputs: [Variable], _ body: @escaping ([Variable]) -> Variable) -> Variable {
    guard case .on = Recording.mode else { return body(inputs) }
    let captures = Captures()
    let output = Recording.$mode.withValue(.watching(captures)) {
        let output = body(inputs.map { Variable($0.value) })
        // The body may hand out a captured variable as it is.
        if let node = output.node { captures.note(node) }
        return output
    }
    let captured = captures.nodes
    let handed = inputs.map(\.node)
    guard !captured.isEmpty || handed.contains(where: { $0 != nil }) else { return output }
    let values = inputs.map(\.value)
    let required = inputs.map(\.requiresGradient)
    return Variable(output.value, parents: handed + captured) { gradient in
        let locals = zip(values, required).map { Variable($0, requiresGradient: $1) }
        guard let root = Recording.$mode.withValue(.on, operation: { body(locals).node }) else { return [] }
        return ReversePass.run(from: root, gradient: gradient, to: locals.map(\.node) + captured)
    }
}
