import Synchronization

/// What one look at a plan finds out of files once, for all the steps that ask the same.
///
/// Lives as long as that look, so that no answer outlives a change.
public final class Findings: Sendable {
    private let known = Mutex<[String: any Sendable]>([:])

    /// None yet.
    public init() {}

    /// The answer to a question: found now, or what was found before.
    ///
    /// - Parameter question: what tells it from others, with all that the answer depends on.
    public func once<Answer: Sendable>(_ question: String, _ find: () -> Answer) -> Answer {
        // Apart: a missing answer is no answer, even where `nil` would be one.
        if let known = known.withLock({ $0[question] }), let answer = known as? Answer { return answer }
        let answer = find()
        known.withLock { $0[question] = answer }
        return answer
    }
}
