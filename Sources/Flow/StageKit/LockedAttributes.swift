import Artifacts
import Synchronization

/// Attributes that a stage may set from any of its threads.
final class LockedAttributes: Sendable {
    private let mutex = Mutex<Value>(.null)

    var value: Value {
        get { mutex.withLock { $0 } }
        set { mutex.withLock { $0 = newValue } }
    }
}
