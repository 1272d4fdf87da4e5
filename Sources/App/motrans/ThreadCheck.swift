import Foundation

/// Looks whether this user may have the threads that a run needs.
///
/// The dispatch library waits for ever, deaf to signals, for a thread that the system refuses to make.
enum ThreadCheck {
    /// Starts as many threads as a run has at least, and ends them.
    ///
    /// - Throws: `CommandFailure` when the system refuses.
    static func perform() throws {
        let gate = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        pthread_mutex_init(gate, nil)
        defer {
            pthread_mutex_destroy(gate)
            gate.deallocate()
        }
        var threads: [pthread_t] = []
        var refusal: Int32 = 0
        pthread_mutex_lock(gate)
        for _ in 0..<(ProcessInfo.processInfo.activeProcessorCount + 6) where refusal == 0 {
            var thread = pthread_t()
            refusal = pthread_create(
                &thread, nil,
                { gate in
                    guard let gate = gate?.assumingMemoryBound(to: pthread_mutex_t.self) else { return nil }
                    pthread_mutex_lock(gate)
                    pthread_mutex_unlock(gate)
                    return nil
                }, gate)
            if refusal == 0 { threads.append(thread) }
        }
        pthread_mutex_unlock(gate)
        for thread in threads { pthread_join(thread, nil) }
        guard refusal != 0 else { return }
        throw CommandFailure(
            status: .stepFailed,
            message:
                "the system gives this process only \(threads.count) more threads: \(String(cString: strerror(refusal)))",
            help: "raise the limit of processes (`ulimit -u`), or end some")
    }
}
