import Artifacts
import Autograd
import AutoencoderTraining
import Checkpoints
import Formats
import Foundation
import LatentEncoding
import Media
import Models
import Pretraining
import StageKit
import Tensors
import Testing
import World

@Suite struct AutoencoderTrainingTests {
    private static let settings: [String: Value] = [
        "steps": .int(3), "batch": .int(2), "channels": .list([.int(8), .int(8), .int(16)]), "warm-up": .int(1),
        "held-out-videos": .int(2), "preview-every": .int(2),
    ]
    private static let videos = WorldScenes.videos(5)

    private struct Measured: Decodable {
        let squaredError: Double
        let peakSignalToNoise: Double
        let deviation: Double
    }

    private func measured(_ result: StageRoom.Result) throws -> Measured {
        try JSONDecoder().decode(
            Measured.self, from: Data(contentsOf: #require(result.output("report").files["measured.json"])))
    }

    @Test func `a few steps give an autoencoder; the same seed the same bytes, with any number of threads`() throws {
        let room = try StageRoom(AutoencoderTrainingStage.self, model: nil)
        let inputs = ["scenes": try room.scenes("scenes", Self.videos)]
        let result = try room.run(Self.settings, inputs: inputs)
        let model = result.output("model")
        #expect(model.files.keys.sorted() == ["config.json", "diffusion_pytorch_model.safetensors"])
        let folder = try #require(model.folder)
        #expect(ModelFolder.check(folder) == [])
        let autoencoder = try AutoencoderKL(folder: folder)
        #expect(autoencoder.spatialFactor == 4 && autoencoder.configuration.blockOutChannels == [8, 8, 16])
        let measured = try measured(result)
        #expect(measured.squaredError > 0 && measured.squaredError < 4)
        #expect(abs(measured.peakSignalToNoise - 10 * log10(4 / measured.squaredError)) < 1e-9)
        #expect(abs(autoencoder.configuration.scalingFactor - 1 / measured.deviation) < 1e-9)

        #expect(result.progress.map(\.done) == [1, 2, 3])
        #expect(result.progress.allSatisfy { $0.readings.map(\.name) == ["loss", "mse", "kl"] })
        #expect(result.progress.allSatisfy { $0.readings.allSatisfy(\.value.isFinite) })
        let report = result.output("report")
        #expect(
            report.files.keys.sorted() == [
                "losses.csv", "losses.svg", "measured.json", "reconstructions-2.png", "reconstructions-3.png",
            ])
        let table = try String(contentsOf: #require(report.files["losses.csv"]), encoding: .utf8)
        #expect(table.hasPrefix("step,loss,mse,kl\n1,") && table.split(separator: "\n").count == 4)
        // Originals above reconstructions, sixteen frames each.
        let sheet = try Frames(contentsOf: #require(report.files["reconstructions-3.png"]))
        #expect(sheet.shape == [1, 2 * (2 * 34 - 2), 2 * 16 * 32, 3])
        let first = Self.videos.frames(of: 0)
        #expect(Array(sheet.bytes[0..<3]) == Array(first.bytes[0..<3]))

        try room.expectSame(result, Self.settings, inputs: inputs)
        let other = try room.run(Self.settings.merging(["seed": .int(1)]) { $1 }, inputs: inputs).output("model")
        #expect(try contents(other) != contents(model))
    }

    @Test func `previews change nothing of the training`() throws {
        let room = try StageRoom(AutoencoderTrainingStage.self, model: nil)
        let inputs = ["scenes": try room.scenes("scenes", Self.videos)]
        let often = try room.run(Self.settings.merging(["preview-every": .int(1)]) { $1 }, inputs: inputs)
        let never = try room.run(Self.settings.merging(["preview-every": .int(0)]) { $1 }, inputs: inputs)
        #expect(try contents(often.output("model")) == contents(never.output("model")))
        #expect(never.output("report").files["reconstructions-3.png"] != nil)
        #expect(never.output("report").files["reconstructions-2.png"] == nil)
    }

    @Test func `one video is refused, and of two one is kept out`() throws {
        let room = try StageRoom(AutoencoderTrainingStage.self, model: nil)
        #expect(
            throws: FormatError.malformed(
                file: "scenes.json", why: "one video is not enough to train and to measure on")
        ) { try room.run(Self.settings, inputs: ["scenes": room.scenes("one", WorldScenes.videos(1))]) }
        let two = try room.run(Self.settings, inputs: ["scenes": room.scenes("two", WorldScenes.videos(2))])
        #expect(try measured(two).deviation > 0)
    }

    @Test func `channels that norms cannot split, and none, are refused`() throws {
        let room = try StageRoom(AutoencoderTrainingStage.self, model: nil)
        #expect(try room.check() == [])
        let odd = try room.check(["channels": .list([.int(8), .int(12)])])
        #expect(odd.map(\.message) == ["12 is not a multiple of 8, the groups of its norms"])
        #expect(try room.check(["channels": .list([])]).map(\.subject) == [.setting("channels")])
        let seven = try room.check(["channels": .list(Array(repeating: .int(8), count: 7))])
        #expect(seven.map(\.subject) == [.setting("channels")])
    }
}

@Suite struct LatentEncodingTests {
    private let room: StageRoom
    private let autoencoder: InputArtifact
    private let videos = WorldScenes.videos(4, seed: 8)

    init() throws {
        room = try StageRoom(LatentEncodingStage.self, model: nil)
        autoencoder = try TrainedParts.autoencoder(in: room)
    }

    private func inputs() throws -> [String: InputArtifact] {
        ["scenes": try room.scenes("scenes", videos), "autoencoder": autoencoder]
    }

    @Test func `latents are the scaled means of each frame, and come with what they show`() throws {
        let artifact = try room.run([:], inputs: inputs()).output("latents")
        let latents = try SceneLatents.read(artifact)
        #expect(latents.values.shape == [4, 8, 8, 8, 4] && latents.scenes.scenes == videos.scenes)
        let model = try AutoencoderKL(folder: #require(autoencoder.folder))
        let mean = model.encode(Variable(videos.normalised([(video: 2, frame: 5)]))).mean.value.values
        let found = Kernels.rows(latents.video(2), 5..<6).values
        let scale = Float(model.configuration.scalingFactor)
        #expect(zip(found, mean).allSatisfy { abs($0 - $1 * scale) < 1e-4 })
    }

    @Test func `how many are encoded at a time changes nothing, nor does the number of threads`() throws {
        let whole = try room.run([:], inputs: inputs())
        #expect(whole.progress.map(\.done) == [32])
        let parts = try room.run(["batch": .int(7)], inputs: inputs())
        #expect(parts.progress.map(\.done) == [7, 14, 21, 28, 32])
        let (one, other) = (
            try SceneLatents.read(whole.output("latents")), try SceneLatents.read(parts.output("latents"))
        )
        #expect(zip(one.values.values, other.values.values).allSatisfy { abs($0 - $1) < 1e-4 })
        let width = ThreadPool.width
        defer { ThreadPool.setWidth(width) }
        for threads in [1, 3] {
            ThreadPool.setWidth(threads)
            let again = try room.run([:], inputs: inputs())
            #expect(try contents(again.output("latents")) == contents(whole.output("latents")), "\(threads) threads")
        }
    }

    @Test func `latents of the videos that were measured have deviation 1`() throws {
        let trained = try TrainedParts.autoencoder()
        let artifact = try room.run(
            [:], inputs: ["scenes": room.scenes("held", trained.heldOut), "autoencoder": autoencoder]
        ).output("latents")
        let values = try SceneLatents.read(artifact).values.values.map(Double.init)
        let mean = values.reduce(0, +) / Double(values.count)
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
        #expect(abs(variance.squareRoot() - 1) < 1e-3)
    }

    @Test func `a model of another kind is refused`() throws {
        var wrong = try inputs()
        wrong["autoencoder"] = try TrainedParts.clip(in: room)
        #expect(throws: (any Error).self) { try room.run([:], inputs: wrong) }
        wrong["autoencoder"] = try room.artifact(.model, "empty") { try Data().write(to: $0.file("x.txt")) }
        #expect(throws: FormatError.missingFile(file: "config.json", kind: "model")) {
            try room.run([:], inputs: wrong)
        }
    }
}
