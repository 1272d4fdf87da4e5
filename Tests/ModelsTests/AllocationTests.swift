import Autograd
import Layers
import Tensors
import Testing

@testable import Models

@Suite struct AllocationTests {
    /// In a process of its own, since other suites allocate too; on one thread, so that no two chunks need scratch at once.
    @Test func `after the first two steps nothing is allocated: denoising and training`() async {
        await #expect(processExitsWith: .success) {
            ThreadPool.setWidth(1)
            let network = try networkA()
            let sample = Variable(ReferenceFill.input("sample", [1, 3, 8, 8, 4]))
            let context = Variable(ReferenceFill.input("ctx", [1, 5, 24]))
            let lora = try LoRA(
                targets: LoRATargets.temporal.choose(network.weights.linears), rank: 4, from: ReferenceFill(),
                trainable: true)
            var optimiser = AdamW()
            func denoise() {
                withoutRecording { _ = network(sample: sample, timestep: [500], context: context) }
            }
            func train() {
                let y = network(sample: sample, timestep: [500], context: context, adapters: Adapters(lora))
                optimiser.step(lora.variables, gradients(of: y.sumOfSquares(), for: lora.variables))
            }
            for step in [denoise, train] {
                step()
                // What a first step keeps for good, such as weights at Winograd's points, it has taken from the shelf.
                step()
                let before = Kernels.allocations
                for _ in 0..<3 { step() }
                precondition(Kernels.allocations == before, "\(Kernels.allocations - before) buffers were allocated")
            }
        }
    }
}
