import Artifacts
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
        output.attributes = .list(
            videos.map { video in
                var line: [String: Value] = [
                    "file": .string(video.file), "prompt": .string(video.prompt), "seed": .int(video.seed),
                ]
                if let entity = video.entity { line["entity"] = .string(entity) }
                return .map(line)
            })
    }

    /// The videos of an artifact and where each lies now.
    ///
    /// Throws `FormatError` when one is amiss.
    public static func read(_ artifact: InputArtifact) throws -> [(video: SampledVideo, url: URL)] {
        guard case .list(let lines) = artifact.attributes else {
            throw FormatError.malformed(file: "the attributes", why: "they are not a list with a line for each video")
        }
        return try lines.enumerated().map { index, line in
            guard let file = line["file"]?.text, let prompt = line["prompt"]?.text, let seed = line["seed"]?.whole
            else {
                throw FormatError.malformed(
                    file: "the attributes", why: "line \(index) lacks one of `file`, `prompt`, `seed`")
            }
            let video = SampledVideo(file: file, prompt: prompt, entity: line["entity"]?.text, seed: seed)
            return (video, try artifact.file(file))
        }
    }
}
