public import Artifacts
public import Lineage

/// What a collection of garbage may take.
public struct CollectionPolicy: Hashable, Sendable {
    /// Artifacts that were not used for this long, in seconds.
    public var olderThan: Double?
    /// The oldest artifacts, until the store is at most this large, in bytes.
    public var maxSize: Int?
    /// Never anything that one of this many latest runs used, of each pipeline.
    public var keepRuns: Int

    /// Only what no run uses: with neither limit, artifacts of failed and forgotten work.
    public init(olderThan: Double? = nil, maxSize: Int? = nil, keepRuns: Int = 1) {
        self.olderThan = olderThan
        self.maxSize = maxSize
        self.keepRuns = keepRuns
    }
}

/// What a collection would take, and why it leaves the rest.
public struct CollectionPlan: Sendable {
    /// Why an artifact stays.
    public enum Reason: Hashable, Sendable, CustomStringConvertible {
        /// A person pinned it.
        case pinned
        /// A run that goes on now uses it.
        case inUse
        /// One of the latest runs of its pipeline used it.
        case recentRun(RunID)
        /// It was used not long ago.
        case young
        /// The store is small enough.
        case fits

        /// As people read it.
        public var description: String {
            switch self {
            case .pinned: "pinned"
            case .inUse: "in use by a run"
            case .recentRun(let run): "used by run \(run)"
            case .young: "used recently"
            case .fits: "the store is small enough"
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
        /// Which step gave it, as `pipeline/step`; nil for sources.
        public let origin: String?
        /// Why it stays; nil when it goes.
        public let reason: Reason?
    }

    /// Artifacts that go, and become tombstones in lineage.
    public let evicted: [Item]
    /// Artifacts that stay.
    public let kept: [Item]
    /// Objects that no remaining artifact needs.
    public let objects: [Digest]
    /// What deleting them frees, in bytes on disk.
    public let freedBytes: Int
    /// Bytes on disk now.
    public let storedBytes: Int
}
