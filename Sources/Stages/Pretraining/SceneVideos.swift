import Artifacts
import Checkpoints
import Foundation
import Formats
public import Media
public import StageKit
public import Tensors
public import World

/// Videos of the procedural world and what they show: a `scenes` artifact.
///
/// `scenes.json` has a line for each video, `frames.safetensors` their bytes, so that who reads them does not depend on
/// how they are drawn.
public struct SceneVideos: Sendable {
    /// What they show, in order.
    public let scenes: [Scene]
    /// Side of the square frames.
    public let side: Int
    /// RGB bytes, `[scenes, 8, side, side, 3]`.
    public let pixels: [UInt8]

    /// The videos of some scenes.
    public init(scenes: [Scene], side: Int, pixels: [UInt8]) {
        precondition(
            pixels.count == scenes.count * Scene.frames * side * side * 3,
            "\(pixels.count) bytes for \(scenes.count) videos of side \(side)")
        self.scenes = scenes
        self.side = side
        self.pixels = pixels
    }

    /// How many there are.
    public var count: Int { scenes.count }

    private var frameSize: Int { side * side * 3 }

    /// One frame of a video.
    public func frame(_ frame: Int, of video: Int) -> ArraySlice<UInt8> {
        let start = (video * Scene.frames + frame) * frameSize
        return pixels[start..<start + frameSize]
    }

    /// All frames of a video.
    public func frames(of video: Int) -> Frames {
        let size = Scene.frames * frameSize
        return Frames(
            count: Scene.frames, height: side, width: side, bytes: Array(pixels[video * size..<(video + 1) * size]))
    }

    /// Frames as an autoencoder takes them: `[n, side, side, 3]`, byte / 127.5 - 1.
    public func normalised(_ frames: [(video: Int, frame: Int)]) -> Tensor {
        Tensor([frames.count, side, side, 3]) { out in
            pixels.withUnsafeBufferPointer { bytes in
                for (index, which) in frames.enumerated() {
                    let start = (which.video * Scene.frames + which.frame) * frameSize
                    for i in 0..<frameSize { out[index * frameSize + i] = Float(bytes[start + i]) / 127.5 - 1 }
                }
            }
        }
    }

    /// The file of the pixels in the artifact.
    static let pixelFile = "frames.safetensors"

    /// Writes the artifact.
    ///
    /// Throws what the disk throws.
    public func write(to output: OutputFolder) throws {
        try SceneList(scenes).write(to: output)
        try SafetensorsFile.write(
            bytes: ["frames": (bytes: pixels, shape: [count, Scene.frames, side, side, 3])],
            to: output.file(Self.pixelFile))
    }

    /// Reads an artifact.
    ///
    /// Throws `FormatError` when a file is amiss.
    public static func read(_ artifact: InputArtifact) throws -> SceneVideos {
        let scenes = try SceneList.read(artifact).scenes
        let file = try Checkpoint.open(artifact.file(Self.pixelFile))
        guard let entry = file.entry("frames"), entry.shape.count == 5, entry.shape[0] == scenes.count,
            entry.shape[1] == Scene.frames, entry.shape[2] == entry.shape[3], entry.shape[4] == 3
        else {
            throw FormatError.malformed(
                file: Self.pixelFile,
                why: "it has no tensor `frames` [\(scenes.count), \(Scene.frames), side, side, 3]")
        }
        return SceneVideos(scenes: scenes, side: entry.shape[2], pixels: try file.bytes("frames"))
    }
}

/// What some videos show: `scenes.json`.
public struct SceneList: Sendable {
    /// In order.
    public let scenes: [Scene]

    /// A list as it is.
    public init(_ scenes: [Scene]) { self.scenes = scenes }

    private struct Line: Codable {
        let subject: Subject
        let colour: Colour
        let place: Place
        let motion: Motion
        let seed: UInt64
    }

    static let fileName = "scenes.json"

    /// Writes `scenes.json` into an artifact.
    ///
    /// Throws what the disk throws.
    public func write(to output: OutputFolder) throws {
        try JSONFile.write(
            scenes.map {
                Line(subject: $0.subject, colour: $0.colour, place: $0.place, motion: $0.motion, seed: $0.seed)
            }, to: output.file(Self.fileName))
    }

    /// Reads it.
    ///
    /// Throws `FormatError` when it is amiss.
    public static func read(_ artifact: InputArtifact) throws -> SceneList {
        SceneList(
            try JSONFile.read([Line].self, fileName, of: artifact).map {
                Scene(subject: $0.subject, colour: $0.colour, place: $0.place, motion: $0.motion, seed: $0.seed)
            })
    }
}
