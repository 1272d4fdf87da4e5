import Artifacts
import Checkpoints
import Foundation
public import StageKit
public import Tensors

/// Image embeddings of one clip: one file `N.safetensors` of an `embeddings` artifact.
///
/// Projected, not L2-normalised (diffusion.md 8.4).
public struct ClipEmbeddings: Sendable {
    /// One row per frame, `[frames, d]`.
    public let frames: Tensor
    /// Their mean, `[d]`: what the paper calls the video embedding.
    public let mean: Tensor

    /// Embeddings of a clip's frames, `[frames, d]`; their mean is taken here.
    public init(frames: Tensor) {
        precondition(frames.shape.count == 2 && frames.shape[0] > 0, "embeddings of shape \(frames.shape)")
        self.frames = frames
        let (rows, width) = (frames.shape[0], frames.shape[1])
        let values = frames.values
        mean = Tensor(
            [width],
            (0..<width).map { column in
                Float((0..<rows).reduce(0.0) { $0 + Double(values[$1 * width + column]) } / Double(rows))
            })
    }

    /// Writes one file per clip, in order.
    ///
    /// Throws what the disk throws.
    public static func write(_ clips: [ClipEmbeddings], to output: OutputFolder) throws {
        for (index, clip) in clips.enumerated() {
            try SafetensorsFile.write(
                ["frames": clip.frames, "mean": clip.mean], to: output.file("\(index).safetensors"))
        }
        output.attributes = .map(["clips": .int(clips.count)])
    }

    /// Reads every clip of an `embeddings` artifact, in order.
    ///
    /// Throws `FormatError` when a file is amiss.
    public static func read(_ artifact: InputArtifact) throws -> [ClipEmbeddings] {
        guard let count = artifact.attributes["clips"]?.whole, count > 0 else {
            throw FormatError.malformed(file: "the attributes", why: "they do not say how many `clips` there are")
        }
        let clips = try (0..<count).map { index in
            let name = "\(index).safetensors"
            let frames = try Checkpoint.open(artifact.file(name)).tensor("frames")
            guard frames.shape.count == 2, frames.count > 0 else {
                throw FormatError.malformed(file: name, why: "`frames` is \(frames.shape), not [frames, d]")
            }
            return ClipEmbeddings(frames: frames)
        }
        guard Set(clips.map(\.mean.count)).count == 1 else {
            throw FormatError.malformed(file: "the embeddings", why: "clips have embeddings of different widths")
        }
        return clips
    }
}
