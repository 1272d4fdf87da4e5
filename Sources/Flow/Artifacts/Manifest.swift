/// What an artifact holds: its kind, its files by relative path, and small facts about it. Immutable; itself an object.
///
/// The digest of an artifact is the SHA-256 of the canonical text of its manifest, so equal content has one name
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

/// The type of an artifact, as ports declare it: `frames`, `captions`, `spatial-lora`, `videos`, …
public struct ArtifactKind: Hashable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
    /// Its name in pipeline files.
    public let name: String

    /// A kind by name.
    public init(_ name: String) { self.name = name }

    /// A kind by name.
    public init(stringLiteral value: String) { name = value }

    /// Its name.
    public var description: String { name }

    /// Source clips with their prompts.
    public static let clips: ArtifactKind = "clips"
    /// Decoded frames, one tensor per clip.
    public static let frames: ArtifactKind = "frames"
    /// One expanded prompt per clip.
    public static let captions: ArtifactKind = "captions"
    /// Image embeddings of every frame.
    public static let embeddings: ArtifactKind = "embeddings"
    /// LoRA of the spatial transformers.
    public static let spatialLoRA: ArtifactKind = "spatial-lora"
    /// Temporal LoRA, appearance injector and motion enhancer.
    public static let motionAdapter: ArtifactKind = "motion-adapter"
    /// mp4 files.
    public static let videos: ArtifactKind = "videos"
    /// A single video file (what a `command` step declares).
    public static let video: ArtifactKind = "video"
    /// Final latents of sampled videos.
    public static let latents: ArtifactKind = "latents"
    /// Metrics per video and averaged.
    public static let scores: ArtifactKind = "scores"
    /// Any folder of files.
    public static let files: ArtifactKind = "files"
    /// Any single file.
    public static let file: ArtifactKind = "file"
    /// On an input port: every kind is welcome.
    public static let any: ArtifactKind = "any"
}
