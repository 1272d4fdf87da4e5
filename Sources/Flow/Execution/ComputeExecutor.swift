import Foundation
import Synchronization

/// Threads of our own for stage bodies, which compute for hours: the cooperative pool has a thread per core, and two
/// trainings on it would stop everything else.
///
/// Unaware of what it runs.
final class ComputeExecutor: TaskExecutor {
    /// Deep recursion in a stage (autograd of a long graph) must not depend on the 512 KiB default.
    static let stackSize = 64 << 20

    private struct Threads {
        var started = 0
        var unfinishedJobs = 0
    }

    private let limit: Int
    private let threads = Mutex(Threads())
    private let queue = JobQueue()

    /// At most this many jobs at once; threads start when first needed.
    init(threads limit: Int) { self.limit = max(1, limit) }

    deinit { queue.close() }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedTaskExecutor()
        queue.push { job.runSynchronously(on: executor) }
        let needsThread = threads.withLock { threads in
            threads.unfinishedJobs += 1
            guard threads.unfinishedJobs > threads.started, threads.started < limit else { return false }
            threads.started += 1
            return true
        }
        if needsThread { startThread() }
    }

    private func startThread() {
        // The thread holds the queue, not the executor: when the last task is gone, so are the threads.
        let thread = Thread { [queue, weak self] in
            while let job = queue.pop() {
                job()
                self?.threads.withLock { $0.unfinishedJobs -= 1 }
            }
        }
        thread.name = "stage"
        thread.stackSize = Self.stackSize
        thread.start()
    }
}

/// Jobs in the order they came; `pop` blocks until there is one, and gives nil after `close`.
private final class JobQueue: Sendable {
    private let jobs = Mutex<[@Sendable () -> Void]>([])
    private let available = DispatchSemaphore(value: 0)

    func push(_ job: @escaping @Sendable () -> Void) {
        jobs.withLock { $0.append(job) }
        available.signal()
    }

    func pop() -> (@Sendable () -> Void)? {
        available.wait()
        let job = jobs.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        // Closed: let the next thread out too.
        if job == nil { available.signal() }
        return job
    }

    func close() { available.signal() }
}
