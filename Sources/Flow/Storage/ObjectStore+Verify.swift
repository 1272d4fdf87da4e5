public import Artifacts

/// What `verify` found.
public struct VerifyReport: Hashable, Sendable {
    /// Something wrong with the store.
    public enum Finding: Hashable, Sendable {
        /// An object whose bytes or frame are wrong.
        case damaged(Digest, reason: String, quarantine: String?)
        /// An object of an artifact that is not there; the path is nil for the manifest itself.
        case missing(Digest, artifact: Digest, path: String?)
        /// An object that should be a manifest and is not.
        case notAnArtifact(Digest, reason: String)
        /// Something in `objects` that is not an object.
        case stray(path: String)
        /// Something that could not be looked at.
        case unreadable(path: String, reason: String)
    }

    /// In the order of the digests.
    public var findings: [Finding] = []
    /// Objects looked at.
    public var objects = 0
    /// Bytes they take on the disk.
    public var storedBytes = 0
    /// Plain bytes read; 0 unless data were read.
    public var readBytes = 0
}

extension ObjectStore {
    /// Looks at every object, and at all that the given artifacts need.
    ///
    /// Never stops at the first finding.
    ///
    /// - Parameters:
    ///   - readData: also decompresses every object and checks its digest.
    ///   - artifacts: whose manifests and files must be there.
    ///   - quarantine: whether damaged objects are moved away, so that the next run makes them again.
    ///   - progress: called after each object with its number and the number of all.
    public func verify(
        readData: Bool, artifacts: [Digest] = [], quarantine: Bool = false,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws(StorageError) -> VerifyReport { fatalError() }
}
