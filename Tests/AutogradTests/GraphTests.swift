import Testing

@testable import Autograd
@testable import Tensors

/// What the graph records, in which order it runs, and when it lets go.
struct GraphTests {
    @Test func `a variable used several times gets the sum of its gradients`() {
        let x = Variable(Tensor([2], [3, -1]), requiresGradient: true)
        let square = x * x
        let loss = (square + square * x + x).sum()  // x² + x³ + x
        #expect(gradients(of: loss, for: [x])[0] == Tensor([2], [34, 2]))
    }

    @Test func `an unreached leaf gets zeros, and a leaf asked for twice gets its gradient twice`() {
        let x = Variable(Tensor([2], [3, -1]), requiresGradient: true)
        let other = Variable(Tensor([1, 3], [1, 2, 3]), requiresGradient: true)
        let found = gradients(of: x.sumOfSquares(), for: [other, x, x])
        #expect(found == [Tensor(zeros: [1, 3]), Tensor([2], [6, -2]), Tensor([2], [6, -2])])
    }

    @Test func `the loss may itself be a leaf or a constant`() {
        let x = Variable(Tensor(3), requiresGradient: true)
        #expect(gradients(of: x, for: [x]) == [Tensor(1)])
        #expect(gradients(of: Variable(Tensor(3)), for: [x]) == [Tensor(0)])
    }

    @Test func `ops on constants and ops without recording record nothing`() {
        let constant = Variable(Tensor(2))
        let leaf = Variable(Tensor(2), requiresGradient: true)
        #expect(!(constant * constant).requiresGradient)
        #expect((constant * leaf).requiresGradient)
        #expect(!withoutRecording { constant * leaf }.requiresGradient)
        #expect(!(constant * leaf).detached().requiresGradient)
        #expect(constant.isLeaf && leaf.isLeaf && !(constant * leaf).isLeaf)
    }

    @Test func `a leaf keeps an assigned value, and the graph the old one`() {
        let x = Variable(Tensor(3), requiresGradient: true)
        let loss = x * x
        x.assign(Tensor(100))
        #expect(x.value == Tensor(100))
        #expect(gradients(of: loss, for: [x]) == [Tensor(6)])
    }

    @Test func `a graph of a hundred thousand ops runs and goes without recursion`() {
        let x = Variable(Tensor(1), requiresGradient: true)
        func chain() -> Variable {
            var y = x
            for _ in 0..<100_000 { y = y.scaled(by: 1) }
            return y
        }
        #expect(gradients(of: chain(), for: [x]) == [Tensor(1)])
        var dropped: Variable? = chain()
        weak let node = dropped?.node
        dropped = nil
        #expect(node == nil)
    }

    @Test func `a deep graph of checkpoints that capture each other goes without recursion`() {
        let x = Variable(Tensor(1), requiresGradient: true)
        var y = x
        for _ in 0..<30_000 {
            let captured = y
            y = checkpoint([]) { _ in captured.scaled(by: 1) }
        }
        #expect(y.requiresGradient)
        y = x
    }

    @Test func `a second pass through the same ops is refused`() async {
        await #expect(processExitsWith: .failure) {
            let x = Variable(Tensor(3), requiresGradient: true)
            let loss = x * x
            _ = gradients(of: loss, for: [x])
            _ = gradients(of: loss, for: [x])
        }
    }
}

/// The memory of a graph: what each op keeps, and until when.
struct MemoryTests {
    /// Whether `body` leaves the tensor that it hands out in memory.
    private func isAlive(_ reference: Weak) -> Bool { reference.storage != nil }

    private struct Weak {
        weak var storage: Storage?
        init(_ variable: Variable) { storage = variable.value.storage }
        init(_ tensor: Tensor) { storage = tensor.storage }
    }

    private let leaf = Variable(normal([3, 4], seed: 1), requiresGradient: true)

    /// An intermediate result: requires a gradient, and is held by nobody else.
    private func intermediate() -> Variable { leaf.scaled(by: 2) }

    /// The result of `op` on an intermediate, and that intermediate's memory.
    private func apply(_ op: (Variable) -> Variable) -> (y: Variable, input: Weak) {
        let x = intermediate()
        return (op(x), Weak(x))
    }

    @Test func `a frozen linear layer keeps no input, a trained one does`() {
        let weight = normal([5, 4], seed: 2)
        let frozen = apply { linear($0, weight: Variable(weight), bias: Variable(Tensor(zeros: [5]))) }
        #expect(frozen.y.requiresGradient && !isAlive(frozen.input))
        let trained = apply { linear($0, weight: Variable(weight, requiresGradient: true)) }
        #expect(trained.y.requiresGradient && isAlive(trained.input))
    }

    @Test func `a frozen convolution keeps no input, a trained one does`() {
        let weight = normal([2, 1, 1, 4], seed: 2)
        let frozen = apply { convolution($0.reshaped([1, 1, 3, 4]), weight: Variable(weight)) }
        #expect(frozen.y.requiresGradient && !isAlive(frozen.input))
        let trained = apply {
            convolution($0.reshaped([1, 1, 3, 4]), weight: Variable(weight, requiresGradient: true))
        }
        #expect(trained.y.requiresGradient && isAlive(trained.input))
    }

    @Test func `sums, moves and reshapes keep nothing`() {
        let constant = Variable(normal([3, 4], seed: 3))
        let ops: [(Variable) -> Variable] = [
            { $0 + constant }, { $0 - constant }, { $0.scaled(by: 3) }, { $0.permuted([1, 0]) },
            { $0[rows: 0..<2] }, { stacked([$0, constant]) }, { concatenatedChannels([constant, $0]) },
            { $0.gatheredRows([0]) }, { $0.sum() }, { $0.mean(groups: 3) }, { $0 * constant },
            { $0.addingBroadcast(Variable(Tensor(zeros: [1, 4]))) },
        ]
        for op in ops {
            let (y, input) = apply(op)
            #expect(y.requiresGradient && !isAlive(input))
        }
    }

    @Test func `a product with a constant keeps the constant only, for the side that needs it`() {
        let x = intermediate()
        let constant = Variable(normal([3, 4], seed: 3))
        let memory = Weak(constant)
        let y = x * constant
        #expect(y.requiresGradient && isAlive(memory))
    }

    @Test func `nothing is kept without recording`() {
        let (y, input) = withoutRecording { apply { ($0 * $0).silu() } }
        #expect(!y.requiresGradient && !isAlive(input))
    }

    @Test func `what an op saved and the gradient it got are gone when the next op's backward runs`() {
        var late: (saved: Weak, gradient: Weak)?
        var checked = 0
        var alive = 0
        func probe(_ x: Variable) -> Variable {
            guard let parent = recorded(x) else { return x }
            return Variable(x.value, parent: parent) { gradient in
                checked += 1
                if let late, isAlive(late.saved) || isAlive(late.gradient) { alive += 1 }
                return gradient
            }
        }
        func watched(_ x: Variable) -> Variable {
            guard let parent = recorded(x) else { return x }
            let saved = Kernels.scale(x.value, by: 1)
            let memory = Weak(saved)
            return Variable(Kernels.scale(x.value, by: 1), parent: parent) { gradient in
                late = (memory, Weak(gradient))
                return Kernels.multiply(gradient, saved)
            }
        }
        let loss = watched(probe(intermediate())).scaled(by: 2).sum()
        _ = gradients(of: loss, for: [leaf])
        #expect(checked == 1 && alive == 0)
    }

    @Test func `a loss that is dropped without a pass drops its graph`() {
        var (y, input): (Variable?, Weak) = apply { $0.silu() }
        #expect(y != nil && isAlive(input))
        y = nil
        #expect(!isAlive(input))
    }

    @Test func `ops that lead to no wanted leaf are freed, not run`() {
        let other = Variable(normal([3, 4], seed: 4), requiresGradient: true)
        var ran = 0
        func counted(_ x: Variable) -> Variable {
            guard let parent = recorded(x) else { return x }
            return Variable(x.value, parent: parent) {
                ran += 1
                return $0
            }
        }
        let side = counted(other)
        let node = side.node
        _ = gradients(of: (counted(leaf) + side).sum(), for: [leaf])
        #expect(ran == 1)
        #expect(node?.isConsumed == true)
    }

    @Test func `a checkpoint keeps its inputs and nothing from inside`() {
        var inside: Weak?
        let (y, input) = apply { x in
            checkpoint([x]) { inputs in
                let hidden = inputs[0].silu()
                if inside == nil { inside = Weak(hidden) }
                return hidden.silu()
            }
        }
        #expect(y.requiresGradient)
        #expect(isAlive(input))
        #expect(inside.map(isAlive) == false)
    }
}
