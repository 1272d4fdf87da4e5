public import Tensors
import Tracing

/// The gradients of a loss of one element with respect to `leaves`, in their order; zeros for leaves it does not reach.
///
/// Consumes the graph: what an op saved is freed as soon as its backward has run, and so is the gradient it was given.
/// A second pass through the same ops is a programmer's error; add the losses up instead.
public func gradients(of loss: Variable, for leaves: [Variable]) -> [Tensor] {
    precondition(loss.value.count == 1, "a loss has one element; this has shape \(loss.shape)")
    for leaf in leaves {
        precondition(
            leaf.isLeaf && leaf.requiresGradient, "gradients are taken for leaves that require them")
    }
    var found = [Tensor?](repeating: nil, count: leaves.count)
    if let root = loss.node {
        let one = Tensor(loss.shape, repeating: 1)
        found = ReversePass.run(from: root, gradient: one, to: leaves.map(\.node))
    }
    return zip(leaves, found).map { leaf, gradient in gradient ?? Tensor(zeros: leaf.shape) }
}

/// One pass back through a graph.
///
/// The nodes are visited in topological order (a node runs when all its consumers have), without recursion. Nodes that
/// lead to none of the ends are not run, only freed.
struct ReversePass {
    /// The nodes between the root and the ends, by discovery; nil once run.
    private var nodes: [Node?] = []
    private var indices: [ObjectIdentifier: Int] = [:]
    /// The indices of each node's parents, in the order of `Node.parents`; nil where there is none.
    private var parents: [[Int?]] = []
    /// Whether the node leads to an end.
    private var leads: [Bool] = []
    private var isEnd: [Bool] = []
    /// How many gradients a node still waits for.
    private var awaited: [Int] = []
    private var gradients: [Tensor?] = []

    /// Sends `gradient` from `root` back to `ends`, which are not passed: their gradients, nil where none arrived.
    static func run(from root: Node, gradient: Tensor, to ends: [Node?]) -> [Tensor?] {
        var pass = ReversePass()
        pass.discover(from: root, ends: Set(ends.compactMap { $0.map(ObjectIdentifier.init) }))
        pass.count()
        pass.propagate(gradient)
        return ends.map { end in
            guard let end, let index = pass.indices[ObjectIdentifier(end)] else { return nil }
            return pass.gradients[index]
        }
    }

    /// Pass 1: every node between the root and the ends, and whether it leads to one; depth first, parents finished
    /// before their children.
    private mutating func discover(from root: Node, ends: Set<ObjectIdentifier>) {
        var path: [(index: Int, next: Int)] = [(add(root, ends: ends), 0)]
        while let (index, next) = path.last {
            guard !isEnd[index], let node = nodes[index], next < node.parents.count else {
                path.removeLast()
                if leads[index], let child = path.last { leads[child.index] = true }
                continue
            }
            path[path.count - 1].next += 1
            guard let parent = node.parents[next] else {
                parents[index].append(nil)
                continue
            }
            if let known = indices[ObjectIdentifier(parent)] {
                // Graphs have no cycles, so a known parent is finished.
                parents[index].append(known)
                if leads[known] { leads[index] = true }
            } else {
                let new = add(parent, ends: ends)
                parents[index].append(new)
                path.append((new, 0))
            }
        }
    }

    private mutating func add(_ node: Node, ends: Set<ObjectIdentifier>) -> Int {
        let isEnd = ends.contains(ObjectIdentifier(node))
        precondition(
            isEnd || !node.isConsumed,
            "this graph was consumed by an earlier backward pass: add the losses up and take their gradients once"
        )
        let index = nodes.count
        indices[ObjectIdentifier(node)] = index
        nodes.append(node)
        parents.append([])
        leads.append(isEnd)
        self.isEnd.append(isEnd)
        awaited.append(0)
        gradients.append(nil)
        return index
    }

    /// Pass 2: how many gradients each node waits for; what leads nowhere is freed.
    private mutating func count() {
        for index in nodes.indices where !isEnd[index] {
            if leads[index] {
                for case .some(let parent) in parents[index] where leads[parent] { awaited[parent] += 1 }
            } else {
                nodes[index]?.release()
                nodes[index] = nil
            }
        }
    }

    /// Pass 3: the gradients, from the root on.
    private mutating func propagate(_ gradient: Tensor) {
        guard leads[0] else { return }
        gradients[0] = gradient
        var ready = [0]
        while let index = ready.popLast() {
            guard !isEnd[index] else { continue }
            step(index)
            for case .some(let parent) in parents[index] where leads[parent] {
                awaited[parent] -= 1
                if awaited[parent] == 0 { ready.append(parent) }
            }
        }
    }

    /// Runs one node and hands its results to its parents; all it saved is gone on return.
    private mutating func step(_ index: Int) {
        let backward = nodes[index]?.consume()
        nodes[index] = nil
        guard let gradient = gradients[index], let backward else { return }
        gradients[index] = nil
        let results = backward(gradient)
        for (parent, result) in zip(parents[index], results) {
            guard let parent, leads[parent], let result else { continue }
            accumulate(result, at: parent)
        }
    }

    private mutating func accumulate(_ gradient: Tensor, at index: Int) {
        guard var sum = gradients[index] else {
            gradients[index] = gradient
            return
        }
        gradients[index] = nil  // so that the sum is held once, and added to in place
        Trace.operation("accumulate gradient", [gradient.shape]) { Kernels.accumulate(1, gradient, into: &sum) }
        gradients[index] = sum
    }
}
