public import Artifacts
public import Foundation
public import Lineage

/// What a collection of garbage may take.
///
/// Without any limit it takes only objects that no artifact needs: what interrupted work left behind.
public struct CollectionPolicy: Hashable, Sendable {
    /// Artifacts that no run used for this long, in seconds.
    public var olderThan: Double?
    /// The artifacts that were not used for the longest time, until the store has at most this many bytes.
    public var maxSize: Int?
    /// Alone: everything that none of this many latest runs of each pipeline used.
    ///
    /// With another limit: what these used stays. Nil: one run stays.
    public var keepRuns: Int?

    /// All that comes from something revoked, pinned or not, and nothing else.
    public var revoked: Bool

    /// Limits as they are.
    public init(olderThan: Double? = nil, maxSize: Int? = nil, keepRuns: Int? = nil, revoked: Bool = false) {
        self.revoked = revoked
        self.olderThan = olderThan
        self.maxSize = maxSize
        self.keepRuns = keepRuns
    }

    /// Whether artifacts may go at all.
    var hasLimit: Bool { olderThan != nil || maxSize != nil || keepRuns != nil }
}

/// What a collection would take, and why it leaves the rest.
public struct CollectionPlan: Sendable {
    /// Why an artifact stays.
    public enum Reason: Hashable, Sendable, CustomStringConvertible {
        /// A person pinned it, or a run that used it.
        case pinned
        /// A run that goes on now uses it.
        case inUse
        /// One of the latest runs of its pipeline used it.
        case recentRun(RunID)
        /// It was used not long enough ago, or nothing was said about age.
        case young
        /// The store is small enough without taking it.
        case fits
        /// No limit was given.
        case noLimit
        /// Only what was revoked goes.
        case notRevoked

        /// As people read it.
        public var description: String {
            switch self {
            case .pinned: "pinned"
            case .inUse: "in use by a run"
            case .recentRun(let run): "used by run \(run)"
            case .young: "used recently"
            case .fits: "the store is small enough"
            case .noLimit: "no limit was given"
            case .notRevoked: "comes from nothing revoked"
            }
        }
    }

    /// One artifact.
    public struct Item: Sendable {
        /// Its digest.
        public let digest: Digest
        /// Its type.
        public let kind: ArtifactKind
        /// The plain bytes of its files.
        public let size: Int
        /// Which step gave it: `motion`.
        public let step: String
        /// When a run last used it.
        public let lastUsed: Date
        /// Why it stays; nil when it goes.
        public let reason: Reason?
        /// Under which revocation it falls.
        public let revocation: Revocation?
    }

    /// Artifacts that go; lineage remembers them.
    ///
    /// The least recently used first.
    public let evicted: [Item]
    /// Artifacts that stay.
    public let kept: [Item]
    /// Objects that go: those that only these artifacts need, and those that none needs.
    public let objects: [StoredDigest]
    /// Bytes on disk now.
    public let storedBytes: Int
    /// When the plan was made: an object that somebody publishes after this stays.
    public let date: Date

    /// Whether what goes is what was revoked: pins do not keep it.
    public let isOfRevoked: Bool

    /// An object that goes.
    public struct StoredDigest: Hashable, Sendable {
        /// Its name.
        public let digest: Digest
        /// Bytes on disk.
        public let bytes: Int
        /// Whether no artifact needs it, so that it is no loss.
        public let isOrphan: Bool
        /// Under which revocation it falls.
        public let revocation: Revocation?
    }

    /// What deleting the objects frees, in bytes on disk.
    public var freedBytes: Int { objects.reduce(0) { $0 + $1.bytes } }
}
