/// What an artifact holds: its kind, its files by relative path, and small facts about it.
///
/// Immutable; itself an object. The digest of an artifact is the SHA-256 of the canonical text of its manifest, so equal content has one name
/// whatever the files were called outside.
public struct Manifest: Hashable, Sendable {
    /// One file of an artifact.
    public struct Entry: Hashable, Sendable {
        /// Relative path with `/` between components; never absolute, never with `.` or `..`.
        public let path: String
        /// SHA-256 of the plain bytes.
        public let digest: Digest
        /// Bytes, uncompressed.
        public let size: Int
        /// For example `video/mp4`, `application/x-safetensors`.
        public let mediaType: String

        /// An entry as it is.
        public init(path: String, digest: Digest, size: Int, mediaType: String) {
            self.path = path
            self.digest = digest
            self.size = size
            self.mediaType = mediaType
        }
    }

    /// What type of artifact it is.
    public let kind: ArtifactKind
    /// Sorted by path.
    public let entries: [Entry]
    /// Small facts that belong to the content (the prompt of each clip, the seed of each video), `.null` when none.
    public let attributes: Value

    /// A manifest; entries are sorted by path.
    public init(kind: ArtifactKind, entries: [Entry], attributes: Value = .null) {
        self.kind = kind
        self.entries = entries.sorted { $0.path < $1.path }
        self.attributes = attributes
    }
}
