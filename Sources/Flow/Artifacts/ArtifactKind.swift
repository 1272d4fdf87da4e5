/// The type of an artifact, as ports declare it.
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
