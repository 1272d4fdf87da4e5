import Foundation
public import StageKit

/// What a `captions` artifact says of one clip: `captions.json` is a list of these, in the order of the clips.
public struct Caption: Codable, Hashable, Sendable {
    /// What the user says.
    public let prompt: String
    /// The expanded prompt.
    public let caption: String

    /// A caption as it is.
    public init(prompt: String, caption: String) {
        self.prompt = prompt
        self.caption = caption
    }

    /// The file inside the artifact.
    public static let fileName = "captions.json"

    /// Writes `captions.json`.
    ///
    /// Throws what the disk throws.
    public static func write(_ captions: [Caption], to output: OutputFolder) throws {
        try JSONFile.write(captions, to: output.file(fileName))
    }

    /// Reads a `captions` artifact.
    ///
    /// Throws `FormatError` when it is amiss.
    public static func read(_ artifact: InputArtifact) throws -> [Caption] {
        try JSONFile.read([Caption].self, fileName, of: artifact)
    }
}
