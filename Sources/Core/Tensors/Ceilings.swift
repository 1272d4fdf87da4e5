internal import CKernels
import Dispatch

/// What the machine can do at most, as the pool's threads see it: measured, not looked up.
public struct Ceilings: Sendable {
    /// Float32 multiplications and additions in registers, in 10⁹ per second, on all threads of the pool.
    public let gigaflops: Double
    /// Bytes read and written by copies of memory far larger than the caches, in 10⁹ per second.
    public let copyGigabytes: Double

    /// Measures both, the best of several tries, in about half a second.
    public static func measured() -> Ceilings {
        let width = ThreadPool.width
        let sinks = Storage(count: 64 * width)
        sinks.base.update(repeating: 0.5, count: 64 * width)
        var (flops, bytes) = (0.0, 0.0)
        withExtendedLifetime(sinks) {
            let base = sinks.base
            for _ in 0..<8 {
                let rounds = 200_000
                let start = DispatchTime.now().uptimeNanoseconds
                ThreadPool.shared.parallel(width) { _ = ck.spin(rounds, base + 64 * $0) }
                let time = Double(DispatchTime.now().uptimeNanoseconds - start)
                // One more on this thread tells how many operations a call is.
                flops = max(flops, Double(width * ck.spin(1, base) * rounds) / time)
            }
            let count = 16 << 20
            let (from, to) = (Storage(count: count), Storage(count: count))
            from.base.update(repeating: 0, count: count)
            to.base.update(repeating: 0, count: count)
            let (source, target) = (from.base, to.base)
            withExtendedLifetime((from, to)) {
                for _ in 0..<5 {
                    let start = DispatchTime.now().uptimeNanoseconds
                    Kernels.forPieces(of: count, size: count / (4 * width)) {
                        (target + $0.lowerBound).update(from: source + $0.lowerBound, count: $0.count)
                    }
                    bytes = max(bytes, Double(8 * count) / Double(DispatchTime.now().uptimeNanoseconds - start))
                }
            }
        }
        return Ceilings(gigaflops: flops, copyGigabytes: bytes)
    }
}
