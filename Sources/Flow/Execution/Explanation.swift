public import Artifacts
public import Foundation
public import Lineage

/// Why a step ran: what differs between two attempts at it, and where each difference of an input comes from.
public struct Explanation: Sendable {
    /// An attempt, in short.
    public struct Side: Sendable {
        /// Which one.
        public let attempt: AttemptID
        /// At which step.
        public let step: String
        /// The run that made it.
        public let run: RunID
        /// Its key.
        public let key: Digest
        /// How it ended.
        public let outcome: AttemptOutcome
        /// The reason that was found then.
        public let cause: String
        /// When it started.
        public let started: Date
    }

    /// A changed field, and for an input the way further up.
    public struct Change: Sendable {
        /// What changed.
        public let change: KeyChange
        /// For a setting, an element or an input, where the value before was given; nil when nobody gave it, so that it was
        /// the default.
        public let placeBefore: String?
        /// The same of the value after.
        public let placeAfter: String?
        /// For an input that steps gave: why they gave something else.
        public let upstream: [Explanation]
        /// For an input of the user's: what differs in it.
        public let sources: [SourceChange]
    }

    /// A file of the user's, or a fact about it, that is not what it was.
    public struct SourceChange: Hashable, Sendable {
        /// Where the file lies or lay, or what the fact is: `prompt of 0.mp4`.
        public let name: String
        /// The short digest or the fact before; nil when it is new.
        public let before: String?
        /// The same after; nil when it is gone.
        public let after: String?
    }

    /// The step.
    public let step: String
    /// The attempt that is explained.
    public let newer: Side
    /// What it is compared with: the nearest earlier attempt, unless a run was named.
    ///
    /// Nil for the first one.
    public let older: Side?
    /// Every changed field.
    ///
    /// Empty: the same work again, for `newer.cause`.
    public let changes: [Change]
    /// Whether the same comparison was told in full before, on another way up, and so has no changes here.
    public let isRepeated: Bool
}
