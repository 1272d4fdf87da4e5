import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The memory of tensors: a buffer of floats from the recycler, given back when the last tensor over it goes.
///
/// The invariant behind `@unchecked Sendable`: the bytes are written only before the storage is shared, or through
/// ``Tensor/write(_:)``, which copies unless its storage is uniquely referenced. So shared bytes never change.
final class Storage: @unchecked Sendable {
    let base: UnsafeMutablePointer<Float>
    let count: Int
    private let capacity: Int

    /// Uninitialised memory for `count` floats, aligned to a cache line.
    init(count: Int) {
        (base, capacity) = Recycler.shared.take(floats: count)
        self.count = count
    }

    deinit { Recycler.shared.give(base, capacity: capacity) }
}

/// Keeps freed buffers for the next tensor of their size.
///
/// Page faults of fresh memory cost small models more than the arithmetic does. After the first two steps of a training
/// or a sampling every buffer comes from here: nothing is allocated. Capped at a quarter of the machine's memory.
final class Recycler: Sendable {
    static let shared = Recycler()

    /// Bytes kept at most.
    static let limit = max(512 << 20, sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)) / 4)

    /// Bytes from which a buffer is large.
    private static let large = 4 << 20

    private struct Shelf {
        var buffers: [Int: [Address]] = [:]
        var bytes = 0
    }

    /// An address between two owners; as a number, because it crosses threads.
    private typealias Address = UInt

    private let shelf = Mutex(Shelf())

    /// Bytes of a size class: the request rounded up to one of four steps between powers of two, 256 at least.
    static func sizeClass(bytes: Int) -> Int {
        guard bytes > 256 else { return 256 }
        let step = 1 << max(6, (Int.bitWidth - 1 - (bytes - 1).leadingZeroBitCount) - 2)
        return (bytes + step - 1) / step * step
    }

    /// How many buffers were made so far, because none of their size was kept.
    let made = Atomic<Int>(0)

    /// Gives everything that is kept back to the system: after work whose sizes will not come again.
    func trim() {
        let buffers = shelf.withLock { shelf in
            defer { shelf = Shelf() }
            return shelf.buffers
        }
        for address in buffers.values.joined() {
            if let pointer = UnsafeMutablePointer<Float>(bitPattern: address) { free(pointer) }
        }
    }

    func take(floats: Int) -> (UnsafeMutablePointer<Float>, capacity: Int) {
        let capacity = Recycler.sizeClass(bytes: floats * MemoryLayout<Float>.stride)
        let kept = shelf.withLock { shelf -> (Address, Int)? in
            // A large buffer may serve where one up to half as large again is asked for: fewer of them lie about.
            var size = capacity
            repeat {
                if let address = shelf.buffers[size]?.popLast() {
                    shelf.bytes -= size
                    return (address, size)
                }
                size = Recycler.sizeClass(bytes: size + 1)
            } while capacity >= Recycler.large && size <= capacity + capacity / 2
            return nil
        }
        if let kept, let pointer = UnsafeMutablePointer<Float>(bitPattern: kept.0) { return (pointer, kept.1) }
        made.wrappingAdd(1, ordering: .relaxed)
        // Large buffers are aligned for huge pages: one fault for 2 MiB instead of 512.
        let isLarge = capacity >= Recycler.large
        var raw: UnsafeMutableRawPointer?
        let status = posix_memalign(&raw, isLarge ? 2 << 20 : 64, capacity)
        guard status == 0, let raw else { fatalError("out of memory: no \(capacity) bytes for a tensor") }
        #if canImport(Glibc)
            if isLarge { madvise(raw, capacity, Int32(MADV_HUGEPAGE)) }
        #endif
        return (raw.assumingMemoryBound(to: Float.self), capacity)
    }

    func give(_ pointer: UnsafeMutablePointer<Float>, capacity: Int) {
        let isKept = shelf.withLock { shelf -> Bool in
            guard shelf.bytes + capacity <= Recycler.limit else { return false }
            shelf.bytes += capacity
            shelf.buffers[capacity, default: []].append(UInt(bitPattern: pointer))
            return true
        }
        if !isKept { free(pointer) }
    }
}
