public import Artifacts
public import Foundation
public import Lineage
public import Pipelines

/// Why a step ran: what differs between two attempts at it, and where each difference of an input comes from.
public struct Explanation: Sendable {
    /// An attempt, in short.
    public struct Side: Sendable {
        /// Which one.
        public let attempt: AttemptID
        /// The run that it belongs to.
        public let run: RunID
        /// Its key.
        public let key: Digest
        /// How it ended.
        public let outcome: String
        /// The reason that was found then.
        public let cause: String
        /// When it started.
        public let start: Date
    }

    /// A changed field, and for an input the way further up.
    public struct Change: Sendable {
        /// What changed.
        public let change: KeyChange
        /// For an input that a step gave: why that step gave something else.
        public let upstream: [Explanation]
        /// For an input of the user's: the files that differ, by name, as `name: before → after` short digests.
        public let sources: [SourceChange]
    }

    /// A file of the user's that is not what it was.
    public struct SourceChange: Hashable, Sendable {
        /// Where it lies, or lay.
        public let path: String
        /// Its content before; nil when it is new.
        public let before: Digest?
        /// Its content after; nil when it is gone.
        public let after: Digest?
    }

    /// The step.
    public let step: StepID
    /// The attempt that is explained.
    public let newer: Side
    /// What it is compared with; nil for the first one.
    public let older: Side?
    /// Every changed field. Empty: the same work again, for `newer.cause`.
    public let changes: [Change]
}
