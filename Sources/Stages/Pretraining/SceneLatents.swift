import Artifacts
import Checkpoints
import Formats
public import StageKit
public import Tensors
import World

/// Latents of videos of the world, and what they show: a `scene-latents` artifact.
public struct SceneLatents: Sendable {
    /// What they show, in order.
    public let scenes: SceneList
    /// Scaled, `[scenes, 8, h, w, c]`.
    public let values: Tensor

    /// Latents as they are.
    public init(scenes: SceneList, values: Tensor) {
        precondition(
            values.shape.count == 5 && values.shape[0] == scenes.scenes.count && values.shape[1] == Scene.frames,
            "latents \(values.shape) of \(scenes.scenes.count) scenes")
        self.scenes = scenes
        self.values = values
    }

    /// How many videos there are.
    public var count: Int { values.shape[0] }

    /// The latents of a video, `[8, h, w, c]`.
    public func video(_ index: Int) -> Tensor {
        Kernels.rows(values, index..<index + 1).reshaped(Array(values.shape.dropFirst()))
    }

    /// The file of the latents in the artifact.
    public static let fileName = "latents.safetensors"

    /// Writes the artifact.
    ///
    /// Throws what the disk throws.
    public func write(to output: OutputFolder) throws {
        try scenes.write(to: output)
        try SafetensorsFile.write(["latents": values], to: output.file(Self.fileName))
    }

    /// Reads an artifact.
    ///
    /// Throws `FormatError` when a file is amiss.
    public static func read(_ artifact: InputArtifact) throws -> SceneLatents {
        let scenes = try SceneList.read(artifact)
        let file = try Checkpoint.open(artifact.file(fileName))
        guard let entry = file.entry("latents"), entry.shape.count == 5, entry.shape[0] == scenes.scenes.count,
            entry.shape[1] == Scene.frames
        else {
            throw FormatError.malformed(
                file: fileName, why: "it has no tensor `latents` [\(scenes.scenes.count), \(Scene.frames), h, w, c]")
        }
        return SceneLatents(scenes: scenes, values: try file.tensor("latents"))
    }
}
