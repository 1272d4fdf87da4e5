import Autograd
import Tensors
import Testing

/// A checkpoint gives the gradients of the same ops without it: bit for bit, but for the order in which the gradients of
/// a leaf that is used in and outside of it are added.
struct CheckpointTests {
    private let x = Variable(normal([3, 4], seed: 1), requiresGradient: true)
    private let w = Variable(normal([4, 4], seed: 2), requiresGradient: true)
    private let b = Variable(normal([4], seed: 3), requiresGradient: true)

    private func block(_ x: Variable) -> Variable { linear(x, weight: w, bias: b).gelu() + x }

    private func expectEqual(_ plain: () -> Variable, _ saved: () -> Variable, tolerance: Double = 0) {
        let leaves = [x, w, b]
        let (a, c) = (plain(), saved())
        #expect(a.value == c.value)
        let expected = gradients(of: a.sumOfSquares(), for: leaves)
        let found = gradients(of: c.sumOfSquares(), for: leaves)
        for (f, e) in zip(found, expected) {
            #expect(relativeError(f.values.map(Double.init), e.values.map(Double.init)) <= tolerance)
        }
    }

    @Test func `handed and captured leaves get their gradients`() {
        expectEqual({ block(x) }, { checkpoint([x]) { block($0[0]) } })
    }

    @Test func `captured leaves get theirs where no input requires one`() {
        let constant = x.detached()
        let saved = checkpoint([constant]) { block($0[0]) }
        #expect(saved.requiresGradient)
        let leaves = [w, b]
        #expect(
            gradients(of: saved.sumOfSquares(), for: leaves)
                == gradients(of: block(constant).sumOfSquares(), for: leaves))
    }

    @Test func `captured results of other ops pass gradients on`() {
        expectEqual(
            {
                let h = x.silu()
                return (h * block(h)) + h
            },
            {
                let h = x.silu()
                return checkpoint([block(h)]) { h * $0[0] } + h
            })
    }

    @Test func `checkpoints in a row and in each other`() {
        expectEqual(
            { block(block(block(x))) },
            {
                let y = checkpoint([x]) { outer in
                    checkpoint([checkpoint([outer[0]]) { block($0[0]) }]) { block($0[0]) }
                }
                return checkpoint([y]) { block($0[0]) }
            }, tolerance: 1e-6)
    }

    @Test func `a body may hand out its input or a captured variable as it is`() {
        expectEqual({ x + x }, { checkpoint([x]) { $0[0] } + checkpoint([]) { _ in x } })
    }

    @Test func `dropout meets the same mask again`() {
        let generator = Generator(seed: 4)
        expectEqual(
            { block(x).dropout(0.5, using: generator) },
            { checkpoint([x]) { block($0[0]).dropout(0.5, using: generator) } })
    }

    @Test func `parts without recording stay so`() {
        expectEqual(
            { block(x) + withoutRecording { block(x) } },
            { checkpoint([x]) { inputs in block(inputs[0]) + withoutRecording { block(inputs[0]) } } })
    }

    @Test func `several inputs, some of them constants`() {
        let constant = Variable(normal([3, 4], seed: 5))
        expectEqual(
            { block(x) * constant - x },
            { checkpoint([constant, x]) { block($0[1]) * $0[0] - $0[1] } })
    }

    @Test func `the body runs twice for a gradient, once without`() {
        var runs = 0
        func counted(_ inputs: [Variable]) -> Variable {
            runs += 1
            return block(inputs[0])
        }
        let y = checkpoint([x], counted)
        #expect(runs == 1)
        _ = gradients(of: y.sum(), for: [x])
        #expect(runs == 2)
        #expect(!withoutRecording { checkpoint([x], counted) }.requiresGradient)
        #expect(runs == 3)
    }

    @Test func `a body that does not use its input gives it zeros`() {
        let y = checkpoint([x]) { _ in Variable(Tensor(1)) }
        #expect(gradients(of: y, for: [x]) == [Tensor(zeros: [3, 4])])
    }

    @Test func `a checkpoint that needs no gradient records nothing`() {
        let constant = x.detached()
        #expect(!checkpoint([constant]) { $0[0].silu() }.requiresGradient)
    }
}
