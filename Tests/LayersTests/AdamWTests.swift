import Autograd
import Layers
import Tensors
import Testing

struct AdamWTests {
    private func gradient(_ k: Float) -> Tensor { Tensor([4], [0.1, -0.2, 0.3, 1e-9].map { $0 * k }) }

    @Test func `three steps give the golden numbers of torch`() {
        let p = Variable(Tensor([4], [1, -2, 0.5, 0]), requiresGradient: true)
        var adam = AdamW()
        let expected: [[Float]] = [
            [0.99949497, -1.99949002, 0.499497503, -4.54545443e-05],
            [0.999007344, -1.99899745, 0.499012411, -0.000111349582],
            [0.998523355, -1.99850845, 0.498530895, -0.000196462643],
        ]
        for (k, values) in expected.enumerated() {
            adam.step([p], [gradient(Float(k + 1))])
            for (found, value) in zip(p.value.values, values) {
                #expect(abs(found - value) <= 1.5e-7 * abs(value), "step \(k + 1)")
            }
        }
    }

    @Test func `training goes on from a saved state with the same bits`() {
        let (a, b) = (Variable(normal([70_000], seed: 1)), Variable(normal([3, 5], seed: 2)))
        var whole = AdamW(weightDecay: 1e-4)
        func step(_ adam: inout AdamW, _ parameters: [Variable], _ k: UInt64) {
            adam.step(parameters, [normal([70_000], seed: k), normal([3, 5], seed: k + 50)])
        }
        for k in 1...2 { step(&whole, [a, b], UInt64(k)) }
        let resumed = [Variable(a.value), Variable(b.value)]
        var second = AdamW(weightDecay: 1e-4)
        second.state = AdamW.State(step: whole.state.step, means: whole.state.means, squares: whole.state.squares)
        for k in 3...4 {
            step(&whole, [a, b], UInt64(k))
            step(&second, resumed, UInt64(k))
        }
        #expect(resumed.map(\.value) == [a.value, b.value])
        #expect(second.state == whole.state)
        #expect(whole.state.step == 4)
    }

    @Test func `gradients that do not fit their parameters are refused`() async {
        await #expect(processExitsWith: .failure) {
            var adam = AdamW()
            adam.step([Variable(Tensor(1))], [])
        }
        await #expect(processExitsWith: .failure) {
            var adam = AdamW()
            adam.step([Variable(Tensor(zeros: [2]))], [Tensor(zeros: [3])])
        }
    }
}
