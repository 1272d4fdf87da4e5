public import Foundation
public import StageKit

/// One line of the attributes of a `videos` artifact: which file shows what.
public struct SampledVideo: Hashable, Sendable {
    /// The mp4 inside the artifact, such as `seed-1.mp4`.
    public let file: String
    /// What it should show.
    public let prompt: String
    /// What CLIP-E asks for, nil when the user named none.
    public let entity: String?
    /// The seed of its initial noise.
    public let seed: Int

    /// A line as it is.
    public init(file: String, prompt: String, entity: String?, seed: Int) {
        self.file = file
        self.prompt = prompt
        self.entity = entity
        self.seed = seed
    }

    /// Notes which videos are in a folder.
    public static func describe(_ videos: [SampledVideo], in output: OutputFolder) {
        fatalError("\(videos) \(output.url)")
    }

    /// The videos of an artifact and where each lies now. Throws `FormatError` when one is amiss.
    public static func read(_ artifact: InputArtifact) throws -> [(video: SampledVideo, url: URL)] {
        fatalError("\(artifact.digest)")
    }
}
