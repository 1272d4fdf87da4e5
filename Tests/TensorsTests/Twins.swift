import Foundation
import Synchronization
import Tensors
import Testing

// The naive twins of the kernels share these: seeded inputs, and comparison with what doubles give.

/// A tensor of normal numbers that follow from the shape and the seed.
func random(_ shape: [Int], seed: UInt64 = 1, scale: Float = 1) -> Tensor {
    var generator = Generator(seed: seed).split("\(shape)")
    let normal = generator.normal(shape)
    return scale == 1 ? normal : Kernels.scale(normal, by: scale)
}

extension Tensor {
    /// The elements in double precision.
    var doubles: [Double] { values.map(Double.init) }
}

/// Holds a tensor to the expected numbers, within `tolerance` of their largest.
func expectClose(
    _ actual: Tensor, _ expected: [Double], tolerance: Double = 2e-6, _ what: String = "",
    at place: SourceLocation = #_sourceLocation
) {
    guard actual.count == expected.count else {
        Issue.record("\(what): \(actual.count) elements instead of \(expected.count)", sourceLocation: place)
        return
    }
    let scale = max(1e-30, expected.reduce(0) { max($0, abs($1)) })
    var worst = (index: 0, error: 0.0)
    for (i, (a, b)) in zip(actual.values, expected).enumerated() {
        let error = (Double(a) - b).magnitude / scale
        if !(error <= worst.error) { worst = (i, error.isNaN ? .infinity : error) }
    }
    #expect(
        worst.error <= tolerance,
        "\(what) \(actual.shape): element \(worst.index) is off by \(worst.error) of the scale", sourceLocation: place)
}

/// Runs `body` with pools of several widths, also while another thread uses the pool, and expects equal bits.
func expectSameBitsForAnyWidth(
    _ what: String, at place: SourceLocation = #_sourceLocation, _ body: () -> [Tensor]
) {
    let width = ThreadPool.width
    defer { ThreadPool.setWidth(width) }
    ThreadPool.setWidth(1)
    let alone = body()
    for width in [2, 5] {
        ThreadPool.setWidth(width)
        #expect(body() == alone, "\(what) differs between 1 and \(width) threads", sourceLocation: place)
        besideAnother {
            #expect(body() == alone, "\(what) differs beside another's work", sourceLocation: place)
        }
    }
}

/// Runs `body` while another thread takes the pool again and again, as another stage would.
func besideAnother(at place: SourceLocation = #_sourceLocation, _ body: () -> Void) {
    let other = Other()
    Thread.detachNewThread { other.run() }
    other.begun.wait()
    body()
    other.isOver.store(true, ordering: .relaxed)
    other.ended.wait()
    let isSteady = other.isSteady.load(ordering: .relaxed)
    #expect(isSteady, "the other's results changed", sourceLocation: place)
}

/// Work of another stage: the same product again and again.
private final class Other: Sendable {
    let (begun, ended) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    let isOver = Atomic(false)
    let isSteady = Atomic(true)

    func run() {
        let (x, weight) = (random([200, 48], seed: 9), random([64, 48], seed: 10))
        let expected = Kernels.linear(x, weight)
        begun.signal()
        while !isOver.load(ordering: .relaxed) {
            if Kernels.linear(x, weight) != expected { isSteady.store(false, ordering: .relaxed) }
        }
        ended.signal()
    }
}
