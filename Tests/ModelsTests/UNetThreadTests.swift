import Autograd
import Foundation
import Layers
import Synchronization
import Tensors
import Testing

@testable import Models

/// A network and the gradients of a LoRA on it have the same bits for any number of threads, also beside another stage.
///
/// Other suites may run meanwhile: their results do not depend on the width, which is the process's.
@Suite struct UNetThreadTests {
    /// Work of another stage, which takes the pool again and again.
    private final class Other: Sendable {
        let ended = DispatchSemaphore(value: 0)
        let isOver = Atomic(false)

        func run() {
            let (x, weight) = (ReferenceFill.input("x", [200, 48]), ReferenceFill.input("w", [64, 48]))
            while !isOver.load(ordering: .relaxed) { _ = Kernels.linear(x, weight) }
            ended.signal()
        }

        func end() {
            isOver.store(true, ordering: .relaxed)
            ended.wait()
        }
    }

    /// The output, and the gradients of all factors.
    private func run(_ network: UNet3DConditionModel) throws -> [Tensor] {
        let sample = Variable(Kernels.permute(ReferenceFill.input("sample", [1, 4, 3, 8, 8]), [0, 2, 3, 4, 1]))
        let context = Variable(ReferenceFill.input("ctx", [1, 5, 24]))
        let targets = LoRATargets.temporal.choose(network.weights.linears)
        let lora = try LoRA(targets: targets, rank: 4, from: ReferenceFill(), trainable: true)
        let y = network(sample: sample, timestep: [500], context: context, adapters: Adapters(lora))
        return [y.value] + gradients(of: y.sumOfSquares(), for: lora.variables)
    }

    @Test func `forward and LoRA gradients`() throws {
        let network = try networkA()
        let width = ThreadPool.width
        defer { ThreadPool.setWidth(width) }
        ThreadPool.setWidth(1)
        let alone = try run(network)
        #expect(alone.count == 101)
        for width in [2, 5] {
            ThreadPool.setWidth(width)
            #expect(try run(network) == alone, "\(width) threads")
            let other = Other()
            Thread.detachNewThread { other.run() }
            #expect(try run(network) == alone, "\(width) threads, beside another stage")
            other.end()
        }
    }
}
