import Foundation
import Synchronization
import Tensors
import Testing

/// Serialised, because the width is the process's.
///
/// Other suites may run meanwhile: their results do not depend on it.
@Suite(.serialized) struct ThreadPoolTests {
    @Test("every chunk runs once, also in regions within regions and from several threads at once")
    func everyChunk() async {
        ThreadPool.setWidth(3)
        await withTaskGroup(of: Int.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    let total = Atomic<Int>(0)
                    for round in 0..<300 {
                        ThreadPool.shared.parallel(round % 7) { chunk in
                            ThreadPool.shared.parallel(3) { total.add(chunk * 3 + $0 + 1, ordering: .relaxed) }
                        }
                    }
                    return total.load(ordering: .relaxed)
                }
            }
            let expected = (0..<300).reduce(0) { $0 + (0..<$1 % 7 * 3).reduce(0) { $0 + $1 + 1 } }
            for await total in group { #expect(total == expected) }
        }
    }

    @Test("a second thread takes part, straight after another region and after a pause")
    func takesPart() {
        ThreadPool.setWidth(2)
        for pause in [0, 0.02] {
            // Another suite may hold the pool just now; then the region runs alone, and the next try decides.
            let isShared = (0..<100).contains { _ in
                if pause > 0 { Thread.sleep(forTimeInterval: pause) }
                let threads = Mutex<Set<UInt>>([])
                ThreadPool.shared.parallel(2) { _ in
                    let deadline = Date(timeIntervalSinceNow: 0.05)
                    while Date() < deadline {
                        let count = threads.withLock {
                            $0.insert(UInt(pthread_self()))
                            return $0.count
                        }
                        if count == 2 { return }
                    }
                }
                return threads.withLock { $0.count } == 2
            }
            #expect(isShared, "no second thread after a pause of \(pause) s")
        }
    }

    @Test("results have the same bits for any number of threads")
    func sameBits() {
        for seed in [UInt64(1), 2] {
            let x = random([2, 40, 33, 48], seed: seed)
            let tokens = x.reshaped([2, 40 * 33, 48])
            let (weight, bias) = (random([48, 48], seed: seed), random([48], seed: seed))
            let kernel = random([17, 3, 3, 48], seed: seed)
            expectSameBitsForAnyWidth("linear") {
                [
                    Kernels.linear(tokens, weight, bias), Kernels.linearBackwardInput(tokens, weight: weight),
                    Kernels.linearBackwardWeight(tokens, x: tokens), Kernels.linearBackwardBias(tokens),
                    Kernels.matmul(random([17, 20_000]), random([20_000, 33])),
                ]
            }
            let (wide, gate) = (random([64, 48], seed: seed), random([64], seed: seed))
            for precision in Precision.allCases {
                let (packed, gated) = (
                    PackedMatrix(weight, precision: precision), PackedMatrix(wide, precision: precision)
                )
                expectSameBitsForAnyWidth("linear of packed weights") {
                    [
                        Kernels.linear(tokens, packed, Epilogue(bias: bias, addend: tokens, activation: .silu)),
                        Kernels.linear(tokens, gated, Epilogue(bias: gate, activation: .geglu)),
                        Kernels.linearBackwardInput(tokens, weight: packed),
                    ]
                }
                let square = PackedMatrix(random([33, 3, 3, 48], seed: seed), precision: precision)
                let time = PackedMatrix(random([48, 3, 1, 48], seed: seed), precision: precision)
                let frames = x.reshaped([1, 80, 33, 48])
                expectSameBitsForAnyWidth("convolutions of packed weights") {
                    [1, 2].flatMap { step in
                        // Step 1 goes Winograd's way, 2 the direct one.
                        let y = Kernels.convolution(x, square, stride: .init(step), padding: .init(1))
                        return [
                            y,
                            Kernels.convolutionBackwardInput(
                                y, weight: square, inputShape: x.shape, stride: .init(step), padding: .init(1)),
                        ]
                    } + [Kernels.convolution(frames, time, Epilogue(bias: bias, addend: frames), padding: .init(1, 0))]
                }
            }
            expectSameBitsForAnyWidth("convolution") {
                let y = Kernels.convolution(x, kernel, padding: .init(1))
                return [
                    y, Kernels.convolutionBackwardInput(y, weight: kernel, inputShape: x.shape, padding: .init(1)),
                    Kernels.convolutionBackwardWeight(y, x: x, weightShape: kernel.shape, padding: .init(1)),
                ]
            }
            expectSameBitsForAnyWidth("normalisation") {
                let (y, mean, rstd) = Kernels.groupNorm(
                    x, groups: 4, weight: bias, bias: bias, epsilon: 1e-5, silu: true)
                let back = Kernels.groupNormBackward(
                    y, x: x, groups: 4, weight: bias, bias: bias, mean: mean, rstd: rstd, silu: true)
                let (z, m, r) = Kernels.layerNorm(x, weight: bias, bias: nil, epsilon: 1e-5)
                let layer = Kernels.layerNormBackward(z, x: x, weight: bias, mean: m, rstd: r)
                return [y, mean, rstd, back.dx, z, m, r, layer.dx]
                    + [back.dweight, back.dbias, layer.dweight, layer.dbias].compactMap { $0 }
            }
            expectSameBitsForAnyWidth("attention") {
                let q = random([4, 200, 1, 48], seed: seed)
                let k = random([2, 77, 1, 48], seed: seed)
                let back = Kernels.attentionBackward(q, q: q, k: k, v: k, heads: 6)
                let time = random([1, 8, 99, 48], seed: seed)
                return [
                    Kernels.attention(q, k, k, heads: 6), back.dq, back.dk, back.dv,
                    Kernels.attention(time, time, time, heads: 6),
                ]
            }
            expectSameBitsForAnyWidth("the rest") {
                [
                    Kernels.gelu(x), Kernels.add(x, x), Tensor(Kernels.sum(x)),
                    Kernels.sumRowGroups(x.reshaped([2640, 48]), groups: 1), Kernels.permute(x, [0, 3, 1, 2]),
                    Kernels.upsampleNearest(x, to: (80, 66)), Kernels.geglu(x),
                ]
            }
        }
    }
}
