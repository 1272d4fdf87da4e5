import Foundation
public import StageKit

/// What a `scores` artifact holds: `scores.json`.
public struct Scores: Codable, Hashable, Sendable {
    /// The scores of one video; a score that could not be taken is nil.
    public struct Video: Codable, Hashable, Sendable {
        /// What the video should show.
        public let prompt: String
        /// The seed of its initial noise.
        public let seed: Int
        /// What CLIP-E asked for.
        public let entity: String?
        /// Scores by name: `clip_t`, `clip_e`, `temp_cons`, `mofid`, … Not finite ones are left out.
        public let values: [String: Double]

        /// Scores as they are.
        public init(prompt: String, seed: Int, entity: String?, values: [String: Double]) {
            self.prompt = prompt
            self.seed = seed
            self.entity = entity
            self.values = values.filter { $0.value.isFinite }
        }
    }

    /// In the order of the input.
    public let videos: [Video]
    /// The mean of each score over the videos that have it.
    public let mean: [String: Double]

    /// The scores of some videos; their means are taken here.
    public init(videos: [Video]) {
        self.videos = videos
        let names = Set(videos.flatMap(\.values.keys))
        mean = Dictionary(
            uniqueKeysWithValues: names.map { name in
                let all = videos.compactMap { $0.values[name] }
                return (name, all.reduce(0, +) / Double(all.count))
            })
    }

    /// The file inside the artifact.
    public static let fileName = "scores.json"

    /// Writes `scores.json`.
    ///
    /// Throws what the disk throws.
    public func write(to output: OutputFolder) throws { try JSONFile.write(self, to: output.file(Scores.fileName)) }

    /// Reads a `scores` artifact.
    ///
    /// Throws `FormatError` when it is amiss.
    public static func read(_ artifact: InputArtifact) throws -> Scores {
        try JSONFile.read(Scores.self, fileName, of: artifact)
    }
}
