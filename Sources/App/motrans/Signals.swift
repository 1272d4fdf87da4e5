@preconcurrency import Dispatch
import Foundation
import Synchronization

/// Turns the first SIGINT or SIGTERM into a cancellation, and the second into an end at once.
final class Signals: Sendable {
    private let received = Mutex<Int32?>(nil)
    private let sources: [any DispatchSourceSignal]

    /// Listens until the process ends.
    ///
    /// `cancel` is called once, from a thread of its own.
    init(console: Console, cancel: @escaping @Sendable () -> Void) {
        let queue = DispatchQueue(label: "signals")
        sources = [SIGINT, SIGTERM, SIGHUP].map { number in
            signal(number, SIG_IGN)
            return DispatchSource.makeSignalSource(signal: number, queue: queue)
        }
        for (source, number) in zip(sources, [SIGINT, SIGTERM, SIGHUP]) {
            source.setEventHandler { [weak self] in
                guard let self else { return }
                let isFirst = received.withLock { known in
                    defer { known = known ?? number }
                    return known == nil
                }
                guard isFirst else { _exit(128 + number) }
                console.note("\nstopping: running steps end at their next step; once more to stop at once")
                cancel()
            }
            source.resume()
        }
    }

    /// How a run that was cancelled ends: 130 after SIGINT, 143 after SIGTERM, nil when no signal came.
    var status: Int32? { received.withLock { $0.map { 128 + $0 } } }
}
