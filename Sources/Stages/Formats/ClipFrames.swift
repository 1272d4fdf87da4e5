import Artifacts
public import StageKit
public import Tensors
import Checkpoints
import Foundation

/// The decoded frames of one clip: one file of a `frames` artifact, and its line in the attributes.
///
/// A still image is a clip of one frame.
public struct ClipFrames: Hashable, Sendable {
    /// RGB bytes, `[frames, height, width, 3]`, row-major.
    public let pixels: [UInt8]
    /// How many frames.
    public let frames: Int
    /// Rows of a frame.
    public let height: Int
    /// Columns of a frame.
    public let width: Int
    /// Frames per second at which they were taken.
    public let fps: Double
    /// What the user says the clip shows.
    public let prompt: String

    /// Frames as they are; traps unless `pixels` has `frames · height · width · 3` bytes.
    public init(pixels: [UInt8], frames: Int, height: Int, width: Int, fps: Double, prompt: String) {
        precondition(
            pixels.count == frames * height * width * 3 && frames > 0,
            "\(pixels.count) bytes are not \(frames) frames of \(height) x \(width) x 3")
        self.pixels = pixels
        self.frames = frames
        self.height = height
        self.width = width
        self.fps = fps
        self.prompt = prompt
    }

    /// The RGB bytes of one frame, `[height, width, 3]`.
    public func frame(_ index: Int) -> [UInt8] {
        let size = height * width * 3
        return Array(pixels[index * size..<(index + 1) * size])
    }

    /// Frames as the VAE takes them: `[count, height, width, 3]`, byte / 127.5 - 1 (diffusion.md section 3).
    public func normalised(_ range: Range<Int>) -> Tensor {
        let size = height * width * 3
        return Tensor(
            [range.count, height, width, 3],
            initialising: { out in
                for i in 0..<range.count * size { out[i] = Float(pixels[range.lowerBound * size + i]) / 127.5 - 1 }
            })
    }

    /// Writes `0.safetensors`, `1.safetensors`, … and the attributes.
    ///
    /// Throws what the disk throws.
    public static func write(_ clips: [ClipFrames], to output: OutputFolder) throws {
        for (index, clip) in clips.enumerated() {
            try SafetensorsFile.write(
                bytes: ["frames": (bytes: clip.pixels, shape: [clip.frames, clip.height, clip.width, 3])],
                to: output.file("\(index).safetensors"))
        }
        output.attributes = .list(
            clips.map { clip in
                .map([
                    "prompt": .string(clip.prompt), "fps": .double(clip.fps), "width": .int(clip.width),
                    "height": .int(clip.height), "frames": .int(clip.frames),
                ])
            })
    }

    /// Reads every clip of a `frames` artifact, in order.
    ///
    /// Throws `FormatError` when a file or an attribute is amiss.
    public static func read(_ artifact: InputArtifact) throws -> [ClipFrames] {
        guard case .list(let lines) = artifact.attributes, !lines.isEmpty else {
            throw FormatError.malformed(file: "the attributes", why: "they are not a list with a line for each clip")
        }
        return try lines.enumerated().map { index, line in
            let name = "\(index).safetensors"
            let file = try Checkpoint.open(artifact.file(name))
            guard let entry = file.entry("frames"), entry.shape.count == 4, entry.shape[3] == 3,
                !entry.shape.contains(0)
            else {
                throw FormatError.malformed(file: name, why: "it has no tensor `frames` [f, h, w, 3] that is not empty")
            }
            guard let fps = line["fps"]?.number, fps > 0, let prompt = line["prompt"]?.text else {
                throw FormatError.malformed(file: "the attributes", why: "line \(index) has no `fps` or no `prompt`")
            }
            return ClipFrames(
                pixels: try file.bytes("frames"), frames: entry.shape[0], height: entry.shape[1],
                width: entry.shape[2], fps: fps, prompt: prompt)
        }
    }
}
