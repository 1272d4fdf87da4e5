internal import CKernels
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The one pool of threads of the process.
///
/// Kernels cut their work into chunks whose number depends on the sizes alone, never on the width, so results are equal
/// bit by bit for any width. A tiny model takes a thousand regions of 50 µs per pass, so between regions the workers
/// watch for the next one for a short while before they sleep.
public final class ThreadPool: Sendable {
    /// The pool.
    public static let shared = ThreadPool()

    /// Sets how many threads take part in a region, the calling one included; at least 1.
    public static func setWidth(_ width: Int) { shared.setWidth(width) }

    /// How many threads take part in a region; the number of cores of the machine until it is set.
    public static var width: Int { shared.wantedWidth.load(ordering: .relaxed) }

    /// Rounds of watching before a worker sleeps, some 100 µs.
    private static let watchingRounds = 4000
    /// What `entrants` is while no region is open.
    private static let closed = -1

    private let wantedWidth: Atomic<Int>
    private let started = Mutex(0)
    /// Whether some thread has the pool.
    private let isTaken = Atomic<Bool>(false)
    /// Counts regions; workers watch it.
    private let generation = Atomic<Int>(0)
    /// Workers inside the open region, or `closed`.
    ///
    /// A worker that comes late finds it closed and never sees the job.
    private let entrants = Atomic<Int>(ThreadPool.closed)
    private let nextChunk = Atomic<Int>(0)
    /// Until when, in nanoseconds, regions run on the calling thread alone; 0 for no such time.
    ///
    /// A worker that other processes keep from its core holds up every region by a scheduler's slice, a hundred regions
    /// long. Then working alone is faster, and leaves the core to them.
    private let aloneUntil = Atomic<UInt64>(0)
    private let sleepers = Atomic<Int>(0)
    private let bed = Bed()
    private let job = Job()

    private init() {
        wantedWidth = Atomic(max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    }

    /// Runs `body` for every chunk in `0 ..< chunks`, on this thread and the pool's; returns when all are done.
    ///
    /// A region inside another, or one begun while another thread has the pool, runs on the calling thread alone.
    /// `body` must be safe to run at once for different chunks; the compiler does not check that.
    public func parallel(_ chunks: Int, _ body: (Int) -> Void) {
        let width = wantedWidth.load(ordering: .relaxed)
        guard chunks > 1, width > 1, !isAlone(), !isTaken.exchange(true, ordering: .acquiring) else {
            for chunk in 0..<max(0, chunks) { body(chunk) }
            return
        }
        defer { isTaken.store(false, ordering: .releasing) }
        startWorkers(width - 1)
        withoutActuallyEscaping(body) { body in
            let begin = ThreadPool.now()
            job.open(body, chunks: chunks)
            nextChunk.store(0, ordering: .relaxed)
            entrants.store(0, ordering: .releasing)
            generation.wrappingAdd(1, ordering: .sequentiallyConsistent)
            if sleepers.load(ordering: .sequentiallyConsistent) > 0 { bed.wakeAll() }
            work(body, chunks)
            // All chunks are taken; those still at one finish it.
            let finished = ThreadPool.now()
            var rounds = 0
            while !entrants.compareExchange(
                expected: 0, desired: ThreadPool.closed, ordering: .acquiringAndReleasing
            ).exchanged {
                rounds += 1
                if rounds % 200 == 0 { sched_yield() } else { ck_pause() }
            }
            job.close()
            // Waiting takes one chunk at most, unless the worker was not running.
            if rounds > 0 { considerWorkingAlone(worked: finished - begin, waited: ThreadPool.now() - finished) }
        }
    }

    private func isAlone() -> Bool {
        let end = aloneUntil.load(ordering: .relaxed)
        guard end != 0 else { return false }
        guard ThreadPool.now() >= end else { return true }
        aloneUntil.store(0, ordering: .relaxed)
        return false
    }

    private func considerWorkingAlone(worked: UInt64, waited: UInt64) {
        guard waited > 200_000 + 2 * worked else { return }
        aloneUntil.store(ThreadPool.now() + 10 * waited, ordering: .relaxed)
    }

    private static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    private func work(_ body: (Int) -> Void, _ chunks: Int) {
        while true {
            let chunk = nextChunk.wrappingAdd(1, ordering: .relaxed).oldValue
            guard chunk < chunks else { return }
            body(chunk)
        }
    }

    private func setWidth(_ width: Int) {
        precondition(width >= 1, "a pool of \(width) threads")
        wantedWidth.store(width, ordering: .relaxed)
    }

    private func startWorkers(_ count: Int) {
        started.withLock { started in
            while started < count {
                let index = started
                // A detached thread that lives as long as the process.
                let context = Unmanaged.passRetained(Start(pool: self, index: index)).toOpaque()
                var thread = pthread_t()
                let status = pthread_create(&thread, nil, workerMain, context)
                guard status == 0 else { return }
                pthread_detach(thread)
                started += 1
            }
        }
    }

    /// The life of a worker: watch, enter, work, leave; sleep when nothing comes.
    fileprivate func live(index: Int) {
        var seen = generation.load(ordering: .sequentiallyConsistent)
        while true {
            if entrants.load(ordering: .relaxed) != ThreadPool.closed, isWanted(index) { takePart() }
            var rounds = isWanted(index) ? ThreadPool.watchingRounds : 0
            while generation.load(ordering: .acquiring) == seen {
                guard rounds > 0 else {
                    bed.sleep(counting: sleepers) { generation.load(ordering: .sequentiallyConsistent) == seen }
                    break
                }
                rounds -= 1
                ck_pause()
            }
            seen = generation.load(ordering: .acquiring)
        }
    }

    private func isWanted(_ index: Int) -> Bool { index < wantedWidth.load(ordering: .relaxed) - 1 }

    private func takePart() {
        var count = entrants.load(ordering: .relaxed)
        while true {
            guard count != ThreadPool.closed else { return }
            let (exchanged, original) = entrants.compareExchange(
                expected: count, desired: count + 1, ordering: .acquiringAndReleasing)
            if exchanged { break }
            count = original
        }
        job.run { work($0, $1) }
        entrants.wrappingSubtract(1, ordering: .releasing)
    }
}

/// What a new worker is told.
private final class Start: Sendable {
    let pool: ThreadPool
    let index: Int

    init(pool: ThreadPool, index: Int) { (self.pool, self.index) = (pool, index) }
}

private func workerMain(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { return nil }
    let start = Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
    start.pool.live(index: start.index)
    return nil
}

/// The body of the open region.
///
/// `@unchecked Sendable`: written only by the thread that has the pool while `entrants` is closed, read only by workers
/// that `entrants` counts; its atomic operations order the two.
private final class Job: @unchecked Sendable {
    private var body: ((Int) -> Void)?
    private var chunks = 0

    func open(_ body: @escaping (Int) -> Void, chunks: Int) {
        self.body = body
        self.chunks = chunks
    }

    func close() { body = nil }

    func run(_ work: ((Int) -> Void, Int) -> Void) {
        if let body { work(body, chunks) }
    }
}

/// Where workers sleep: a condition variable.
///
/// `@unchecked Sendable`: the two pointers never change, and pthread objects are made to be shared.
private final class Bed: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    /// Sleeps while `isQuiet`.
    ///
    /// The sleeper is counted before it looks, and the waker looks at the count after it has
    /// changed what is looked at, so one of the two sees the other.
    func sleep(counting sleepers: borrowing Atomic<Int>, while isQuiet: () -> Bool) {
        pthread_mutex_lock(mutex)
        sleepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
        while isQuiet() { pthread_cond_wait(condition, mutex) }
        sleepers.wrappingSubtract(1, ordering: .sequentiallyConsistent)
        pthread_mutex_unlock(mutex)
    }

    func wakeAll() {
        pthread_mutex_lock(mutex)
        pthread_cond_broadcast(condition)
        pthread_mutex_unlock(mutex)
    }
}
