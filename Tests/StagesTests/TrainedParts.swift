import Artifacts
import AutoencoderTraining
import Foundation
import Pretraining
import StageKit
import World

/// Small networks of the world as artifacts, made once for all tests: trained for a step, or untrained.
enum TrainedParts {
    /// An autoencoder with latents of 8 x 8, and the videos by which its latents were scaled.
    struct Autoencoder {
        let files: [String: Data]
        let heldOut: SceneVideos
    }

    private static let trained: Result<Autoencoder, any Error> = Result {
        let room = try StageRoom(AutoencoderTrainingStage.self, model: nil)
        let videos = WorldScenes.videos(4, seed: 21)
        let result = try room.run(
            [
                "steps": .int(1), "batch": .int(2), "channels": .list([.int(8), .int(8), .int(16)]),
                "held-out-videos": .int(2), "preview-every": .int(0),
            ], inputs: ["scenes": room.scenes("scenes", videos)])
        let size = videos.pixels.count / 2
        let heldOut = SceneVideos(
            scenes: Array(videos.scenes.prefix(2)), side: 32, pixels: Array(videos.pixels.prefix(size)))
        return Autoencoder(files: try contents(result.output("model")), heldOut: heldOut)
    }

    static func autoencoder() throws -> Autoencoder { try trained.get() }

    static func autoencoder(in room: StageRoom) throws -> InputArtifact {
        let files = try autoencoder().files
        return try room.artifact(.model, "autoencoder") { output in
            for (path, data) in files { try data.write(to: output.file(path)) }
        }
    }

    /// The CLIP of the tiny model set with its tokenizer, untrained.
    static func clip(in room: StageRoom) throws -> InputArtifact {
        try room.artifact(.model, "clip") { output in
            try copy("image_encoder", to: output)
            try copy("tokenizer", to: output)
        }
    }

    /// The VideoMAE of the tiny model set, untrained.
    static func videoEncoder(in room: StageRoom) throws -> InputArtifact {
        try room.artifact(.model, "video-encoder") { try copy("video_encoder", to: $0) }
    }

    private static func copy(_ part: String, to output: OutputFolder) throws {
        guard let tokenizer = TrainingWorld.model.folders[.tokenizer] else { preconditionFailure("no tokenizer") }
        let folder = tokenizer.deletingLastPathComponent().appending(path: part)
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false)) {
            try FileManager.default.copyItem(at: folder.appending(path: name), to: output.file(name))
        }
    }
}
