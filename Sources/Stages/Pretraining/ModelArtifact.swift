public import Artifacts
import Checkpoints
public import Foundation
import Formats
public import Layers
public import StageKit

/// One network as people have it, a folder of diffusers or transformers: a `model` artifact.
public enum ModelArtifact {
    /// Writes `config.json` and the weights of a network, float32.
    ///
    /// - Parameter file: what the library that reads it calls the weights.
    /// Throws what the disk throws.
    public static func write(
        _ weights: Weights, configuration: String, file: String, to output: OutputFolder
    ) throws {
        try Data(configuration.utf8).write(to: output.file("config.json"))
        let tensors = Dictionary(uniqueKeysWithValues: weights.exported().map { ($0.name, $0.tensor) })
        // transformers refuses files that do not say which library's layout they have.
        try SafetensorsFile.write(tensors, metadata: ["format": "pt"], to: output.file(file))
    }

    /// The folder of a `model` artifact.
    ///
    /// Throws `FormatError` where its files do not lie together.
    public static func folder(_ artifact: InputArtifact) throws -> URL {
        guard let folder = artifact.folder, artifact.files["config.json"] != nil else {
            throw FormatError.missingFile(file: "config.json", kind: artifact.kind.name)
        }
        return folder
    }
}

extension ArtifactKind {
    /// Videos of the procedural world, and what they show.
    public static let scenes: ArtifactKind = "scenes"
    /// Latents of such videos.
    public static let sceneLatents: ArtifactKind = "scene-latents"
    /// A network in the layout of diffusers or transformers.
    public static let model: ArtifactKind = "model"
    /// How a training went: loss curve and previews.
    public static let trainingReport: ArtifactKind = "training-report"
}
