import Tensors

/// What ops do beside computing: record the way back, nothing, or only note whose gradients a way back would reach.
///
/// A task-local value, so that two trainings in one process do not see each other's.
enum Recording: Sendable {
    case on
    case off
    /// The first run of a checkpoint: nothing is recorded, but the parameters that its body uses are noted.
    case watching(Captures)

    @TaskLocal static var mode: Recording = .on
}

/// The nodes outside a checkpoint that its body uses without being handed them, each once, in the order of first use.
///
/// `@unchecked Sendable` because task-local values must be Sendable; it is written only by the synchronous run of the
/// body in the task that made it, and is out of reach when that run ends.
final class Captures: @unchecked Sendable {
    private(set) var nodes: [Node] = []
    private var seen: Set<ObjectIdentifier> = []

    func note(_ node: Node) {
        guard seen.insert(ObjectIdentifier(node)).inserted else { return }
        nodes.append(node)
    }
}

/// Runs `body` without recording: what it returns are constants, and nothing is kept for a backward pass.
public func withoutRecording<R>(_ body: () throws -> R) rethrows -> R {
    try Recording.$mode.withValue(.off, operation: body)
}

/// The nodes of an op's inputs where the op is to be recorded; nil where it is not.
func recorded(_ inputs: [Variable?]) -> [Node?]? {
    let nodes = inputs.map { $0?.node }
    guard nodes.contains(where: { $0 != nil }) else { return nil }
    switch Recording.mode {
    case .on: return nodes
    case .off: return nil
    case .watching(let captures):
        for case .some(let node) in nodes { captures.note(node) }
        return nil
    }
}

/// The node of the only input of an op where the op is to be recorded; nil where it is not.
func recorded(_ input: Variable) -> Node? {
    guard let node = input.node else { return nil }
    switch Recording.mode {
    case .on: return node
    case .off: return nil
    case .watching(let captures):
        captures.note(node)
        return nil
    }
}

/// Whether an op of these inputs is recorded now; in the first run of a checkpoint, which keeps nothing, it is not.
///
/// An op may take a shorter way then, if the two ways give the same up to the last bits.
func isRecorded(_ inputs: [Variable?]) -> Bool {
    if case .off = Recording.mode { return false }
    return inputs.contains { $0?.node != nil }
}
