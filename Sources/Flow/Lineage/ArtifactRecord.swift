public import Artifacts
public import Foundation

/// An artifact that a step produced or a user supplied.
///
/// Stays when its objects are evicted.
public struct ArtifactRecord: Hashable, Sendable {
    /// The digest of its manifest.
    public let digest: Digest
    /// Its manifest.
    public let manifest: Manifest
    /// When it was first recorded.
    public let recorded: Date
}

/// A file of the user's that a run read, as it was then.
public struct SourceRecord: Hashable, Sendable {
    /// Where it lay: an absolute path.
    public let path: String
    /// SHA-256 of its bytes.
    public let digest: Digest
    /// Bytes.
    public let size: Int
    /// When it was first seen with these bytes.
    public let firstSeen: Date
    /// When it was last read and had these bytes.
    public let lastSeen: Date
}

/// The ancestors or descendants of artifacts: what was made from what, by which attempts.
public struct LineageGraph: Hashable, Sendable {
    /// A way through the graph.
    public enum Direction: Sendable, Hashable {
        /// To what it was made from.
        case upstream
        /// To what was made from it.
        case downstream
    }

    /// Where the walk began.
    public let roots: [Digest]
    /// All artifacts reached, the roots among them; an artifact without a record is not here, only in the attempts.
    public let artifacts: [Digest: ArtifactRecord]
    /// All attempts reached, in the order of their start: they hold the edges, as inputs and outputs.
    public let attempts: [AttemptRecord]
    /// Where the files of artifacts lay that no attempt made: by file digest.
    public let sources: [Digest: [SourceRecord]]
}

/// What a digest, or the beginning of one, or a name may mean.
public enum LineageMatch: Hashable, Sendable {
    case run(RunID)
    case attempt(AttemptID)
    /// A key that attempts were made with.
    case key(Digest)
    /// An artifact by the digest of its manifest.
    case artifact(Digest)
    /// A file by the digest of its bytes, in an artifact.
    case file(Digest, artifact: Digest, path: String)
    /// The content of a model part.
    case model(Digest, part: String)
}

/// Something that is kept whatever gc does.
public struct Pin: Hashable, Sendable {
    /// What is pinned.
    public enum Target: Hashable, Sendable {
        case artifact(Digest)
        case run(RunID)
    }

    /// What is pinned.
    public var target: Target
    /// Why.
    public var note: String
    /// When.
    public var date: Date

    /// A pin as it is.
    public init(_ target: Target, note: String = "", date: Date = Date()) {
        self.target = target
        self.note = note
        self.date = date
    }
}

/// Something that must not be used any more.
public struct Revocation: Hashable, Sendable {
    /// What is revoked.
    public enum Target: Hashable, Sendable {
        case artifact(Digest)
        case attempt(AttemptID)
        /// A file by the digest of its bytes, such as a source clip.
        case file(Digest)
    }

    /// What is revoked.
    public var target: Target
    /// Why.
    public var reason: String
    /// When.
    public var date: Date

    /// A revocation as it is.
    public init(_ target: Target, reason: String, date: Date = Date()) {
        self.target = target
        self.reason = reason
        self.date = date
    }
}

/// What gc removed: the tombstone of an object.
public struct Eviction: Hashable, Sendable {
    /// The object.
    public var digest: Digest
    /// Bytes that were freed.
    public var bytes: Int
    /// Why.
    public var reason: String
    /// When.
    public var date: Date

    /// An eviction as it is.
    public init(digest: Digest, bytes: Int, reason: String, date: Date = Date()) {
        self.digest = digest
        self.bytes = bytes
        self.reason = reason
        self.date = date
    }
}
