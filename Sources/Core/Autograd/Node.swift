import Tensors

/// A step of the recorded graph: whose gradient it takes, how it computes its parents', and nothing of values.
///
/// Nodes hold their parents, never their children or any `Variable`; so dropping a loss drops its graph.
final class Node {
    /// From the gradient of the op's result to those of its inputs; nil where an input requires none.
    typealias Backward = (Tensor) -> [Tensor?]

    /// The nodes of the op's inputs, nil for those that require no gradient.
    private(set) var parents: [Node?]
    private var backward: Backward?
    let isLeaf: Bool

    /// Makes a leaf.
    init() {
        parents = []
        isLeaf = true
    }

    /// Makes the node of an op.
    init(parents: [Node?], backward: @escaping Backward) {
        self.parents = parents
        self.backward = backward
        isLeaf = false
    }

    /// Whether an earlier pass went through here: what the op had saved is gone.
    var isConsumed: Bool { !isLeaf && backward == nil }

    /// Takes the way back out of the node, which lets go of its parents and of everything it saved.
    func consume() -> Backward? {
        let taken = backward
        release()
        return taken
    }

    /// Forgets the way back.
    func release() {
        guard !isLeaf else { return }
        // The parents outlive the closure by this array, so that a closure that holds variables (a checkpoint's body)
        // never is the last to hold a long chain of nodes.
        var chain = parents.compactMap(\.self)
        parents = []
        backward = nil
        Node.drop(&chain)
    }

    /// Lets go of nodes one by one: left to reference counting, a deep graph would recurse once for each node.
    private static func drop(_ chain: inout [Node]) {
        while var node = chain.popLast() {
            guard isKnownUniquelyReferenced(&node) else { continue }
            for case .some(let parent) in node.parents { chain.append(parent) }
            node.parents = []
            node.backward = nil
        }
    }

    deinit { release() }
}
