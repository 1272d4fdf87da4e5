import Artifacts
import Checkpoints
import Diffusion
import Formats
import Foundation
import Media
import Models
import Pretraining
import StageKit
import Tensors
import Testing
import World

@testable import UNetTraining

@Suite struct UNetTrainingTests {
    private static let settings: [String: Value] = [
        "steps": .int(3), "batch": .int(2), "frame-batch": .int(2), "channels": .list([.int(16), .int(32)]),
        "groups": .int(8), "warm-up": .int(1), "frame-share": .double(0.4), "preview-steps": .int(2),
        "preview-every": .int(2), "preview-count": .int(11),
    ]
    private let room: StageRoom

    init() throws { room = try StageRoom(UNetTrainingStage.self, model: nil) }

    private func settings(_ more: [String: Value]) -> [String: Value] { Self.settings.merging(more) { $1 } }

    private func inputs() throws -> [String: InputArtifact] {
        [
            "latents": try room.artifact(.sceneLatents, "latents") { try SomeLatents.of(6).write(to: $0) },
            "clip": try TrainedParts.clip(in: room), "autoencoder": try TrainedParts.autoencoder(in: room),
        ]
    }

    private func tensors(_ model: InputArtifact) throws -> [String: Tensor] {
        let checkpoint = try Checkpoint.open(#require(model.folder))
        return try Dictionary(uniqueKeysWithValues: checkpoint.names.map { ($0, try checkpoint.tensor($0)) })
    }

    private func table(_ result: StageRoom.Result) throws -> [String] {
        try String(contentsOf: #require(result.output("report").files["losses.csv"]), encoding: .utf8)
            .split(separator: "\n").map(String.init)
    }

    @Test func `a few steps of video give a network; the same seed the same bytes, with any number of threads`()
        throws
    {
        let inputs = try inputs()
        let result = try room.run(Self.settings, inputs: inputs)
        let model = result.output("model")
        #expect(
            model.files.keys.sorted()
                == ["config.json", "diffusion_pytorch_model.safetensors", "scheduler_config.json"])
        let folder = try #require(model.folder)
        #expect(ModelFolder.check(folder) == [])
        let network = try UNet3DConditionModel(folder: folder)
        #expect(network.configuration.crossAttentionDimension == 64 && network.configuration.inChannels == 4)
        let scheduler = try DDIMScheduler(folder: folder)
        #expect(try scheduler.timesteps(4) == [999, 749, 499, 249])

        #expect(result.progress.map(\.done) == [1, 2, 3])
        #expect(result.progress.allSatisfy { $0.readings[0].value.isFinite && $0.readings[0].value > 0 })
        let report = result.output("report")
        #expect(
            report.files.keys.sorted() == ["losses.csv", "losses.svg", "samples-2.png", "samples-3.png", "samples.csv"])
        let judged = try String(contentsOf: #require(report.files["samples.csv"]), encoding: .utf8).split(
            separator: "\n")
        #expect(judged.count == 3 && judged[0] == "step,place,colour,subject,motion" && judged[2].hasPrefix("3,"))
        #expect(try table(result)[0] == "step,loss" && table(result).count == 4)
        // Two videos of each of five motions, eight frames of 32 x 32 each.
        let sheet = try Frames(contentsOf: #require(report.files["samples-3.png"]))
        #expect(sheet.shape == [1, 2 * (5 * 34 - 2), 2 * (2 * (8 * 32 + 2) - 2), 3])

        try room.expectSame(result, Self.settings, inputs: inputs)
        let other = try room.run(settings(["seed": .int(1)]), inputs: inputs)
        #expect(try contents(other.output("model")) != contents(model))
        // Without previews it trains the same.
        var blind = inputs
        blind["autoencoder"] = nil
        let unseen = try room.run(Self.settings, inputs: blind)
        #expect(try contents(unseen.output("model")) == contents(model))
        #expect(unseen.output("report").files.keys.sorted() == ["losses.csv", "losses.svg"])
    }

    @Test func `stills leave temporal layers at rest; videos go on from there and move them`() throws {
        var inputs = try inputs()
        let image = try room.run(settings(["phase": "image", "preview-every": .int(0)]), inputs: inputs)
        let stills = try tensors(image.output("model"))
        let ends = stills.keys.filter {
            $0.contains("proj_out") && ($0.contains("temp_attentions") || $0.hasPrefix("transformer_in"))
        }
        #expect(!ends.isEmpty && ends.allSatisfy { stills[$0]?.values.allSatisfy { $0 == 0 } == true })
        let sheet = try Frames(contentsOf: #require(image.output("report").files["samples-3.png"]))
        #expect(sheet.shape == [1, 2 * (5 * 34 - 2), 2 * (2 * (32 + 2) - 2), 3])

        // Nor does weight decay touch what no gradient reaches: after one step temporal layers are what they are after three.
        let shorter = try tensors(
            room.run(settings(["phase": "image", "preview-every": .int(0), "steps": .int(1)]), inputs: inputs)
                .output("model"))
        let (resting, learning) = (stills.keys.filter(TemporalLayersAtRest.isTemporal), "conv_in.weight")
        #expect(resting.count > 20 && resting.allSatisfy { stills[$0] == shorter[$0] })
        #expect(stills[learning] != shorter[learning])

        inputs["initial"] = image.output("model")
        let video = try room.run(settings(["frame-share": .double(0)]), inputs: inputs)
        let moving = try tensors(video.output("model"))
        #expect(Set(moving.keys) == Set(stills.keys))
        #expect(ends.allSatisfy { moving[$0]?.values.contains { $0 != 0 } == true })
        // What it goes on from is what the image phase left: with a rate of 0 nothing of it changes.
        let kept = try room.run(settings(["learning-rate": .double(0)]), inputs: inputs)
        #expect(try tensors(kept.output("model")) == stills)
        #expect(throws: (any Error).self) {
            try room.run(settings(["channels": .list([.int(16), .int(16)])]), inputs: inputs)
        }
    }

    @Test func `settings that no network can have are refused, as are latents that cannot be halved so often`() throws {
        #expect(try room.check() == [])
        #expect(try room.check(["channels": .list([])]).map(\.message) == ["there is no level"])
        let odd = try room.check(["channels": .list([.int(20)])])
        #expect(
            odd.map(\.message) == ["20 is not a multiple of `groups`, 16", "20 is not a multiple of `head-width`, 8"])
        let inputs = try inputs()
        let levels = Value.list(Array(repeating: .int(16), count: 5))
        let error = #expect(throws: FormatError.self) { try room.run(settings(["channels": levels]), inputs: inputs) }
        #expect("\(error, default: "")".contains("multiples of 16 both ways"))
    }
}

/// Latents of noise.
private enum SomeLatents {
    static func of(_ count: Int, motions: [Motion] = Motion.base, seed: UInt64 = 3) -> SceneLatents {
        var generator = Generator(seed: seed)
        let scenes = (0..<count).map { _ in Scene.random(motions: motions, using: &generator) }
        return SceneLatents(scenes: SceneList(scenes), values: generator.normal([count, Scene.frames, 8, 8, 4]))
    }
}

@Suite struct UNetBatchTests {
    private func motions(_ names: String...) throws -> [Motion] { try names.map { try #require(Motion(named: $0)) } }

    private func settings(_ change: (inout UNetTrainingSettings) -> Void = { _ in }) -> UNetTrainingSettings {
        var settings = UNetTrainingSettings()
        change(&settings)
        return settings
    }

    private func row(_ tensor: Tensor, _ index: Int) -> Tensor {
        Kernels.rows(tensor, index..<index + 1).reshaped(Array(tensor.shape.dropFirst()))
    }

    /// `[f, ..]` from its last row to its first, by plain loops.
    private func reversed(_ x: Tensor) -> [Float] {
        let size = x.count / x.shape[0]
        return (0..<x.shape[0]).reversed().flatMap { x.values[$0 * size..<($0 + 1) * size] }
    }

    @Test(arguments: [("sliding left", "sliding right"), ("falling", "rising"), ("growing", "shrinking")])
    func `a reversed video follows its video: the opposite caption, the same noise and timestep`(
        motion: String, opposite: String
    ) throws {
        let latents = SomeLatents.of(5, motions: try motions(motion))
        var generator = Generator(seed: 1)
        let batch = latents.videos(8, settings { $0.textDropout = 0 }, using: &generator)
        #expect(batch.latents.shape == [8, 8, 8, 8, 4] && batch.weights.shape == batch.latents.shape)
        for pair in stride(from: 0, to: 8, by: 2) {
            #expect(row(batch.latents, pair + 1).values == reversed(row(batch.latents, pair)))
            #expect(row(batch.weights, pair + 1).values == reversed(row(batch.weights, pair)))
            #expect(row(batch.noise, pair + 1) == row(batch.noise, pair))
            #expect(batch.timesteps[pair + 1] == batch.timesteps[pair])
            #expect(batch.captions[pair].contains(" is \(motion) "))
            #expect(batch.captions[pair + 1] == batch.captions[pair].replacing(motion, with: opposite))
        }
        #expect(row(batch.noise, 2) != row(batch.noise, 0))
    }

    @Test func `what looks the same backwards keeps its caption; what has no opposite is not reversed`() throws {
        var generator = Generator(seed: 1)
        let same = SomeLatents.of(3, motions: try motions("bouncing", "resting"))
            .videos(4, settings { $0.textDropout = 0 }, using: &generator)
        #expect(same.captions[1] == same.captions[0] && same.captions[3] == same.captions[2])
        #expect(row(same.latents, 1).values == reversed(row(same.latents, 0)))
        let none = SomeLatents.of(3, motions: try motions("shaking", "zigzagging"))
            .videos(5, settings(), using: &generator)
        #expect(none.captions.count == 5 && row(none.noise, 0) != row(none.noise, 1))
        // An odd number ends with a video alone, and without reversals all are.
        let odd = SomeLatents.of(3, motions: try motions("rising")).videos(3, settings(), using: &generator)
        #expect(odd.latents.shape[0] == 3 && odd.timesteps.count == 3 && row(odd.noise, 1) != row(odd.noise, 2))
        let alone = SomeLatents.of(3, motions: try motions("rising")).videos(
            4,
            settings {
                $0.reversals = false
                $0.textDropout = 0
            }, using: &generator)
        #expect(alone.captions.allSatisfy { $0.contains(" is rising ") } && row(alone.noise, 0) != row(alone.noise, 1))
    }

    @Test func `errors count more where the subject is, frame by frame`() throws {
        let latents = SomeLatents.of(1, motions: try motions("sliding left"))
        let scene = latents.scenes.scenes[0]
        var generator = Generator(seed: 1)
        let batch = latents.videos(
            1,
            settings {
                $0.reversals = false
                $0.subjectWeight = 3
            }, using: &generator)
        let weights = batch.weights.values
        var (inside, outside) = (0, 0)
        for frame in 0..<8 {
            let pose = scene.poses[frame]
            for y in 0..<8 {
                for x in 0..<8 {
                    let distance = hypot((Float(x) + 0.5) / 8 - pose.x, (Float(y) + 0.5) / 8 - pose.y)
                    let start = ((frame * 8 + y) * 8 + x) * 4
                    #expect(Set(weights[start..<start + 4]).count == 1)
                    // A latent still sees the subject half of its width away: 0.06.
                    let border = pose.size + 0.06
                    if distance < border - 0.03 {
                        inside += 1
                        #expect(weights[start] == 4)
                    } else if distance > border + 0.03 {
                        outside += 1
                        #expect(weights[start] == 1)
                    } else {
                        #expect((1...4).contains(weights[start]))
                    }
                }
            }
        }
        #expect(inside > 8 * 4 && outside > 8 * 20)
        let flat = latents.videos(2, settings { $0.subjectWeight = 0 }, using: &generator)
        #expect(flat.weights.values.allSatisfy { $0 == 1 })
    }

    @Test func `timesteps are drawn high as often as asked for, and texts left out`() throws {
        let latents = SomeLatents.of(4)
        var generator = Generator(seed: 1)
        let high = latents.videos(
            40,
            settings {
                ($0.highNoise, $0.highNoiseFrom) = (1, 900)
                $0.textDropout = 1
            }, using: &generator)
        #expect(high.timesteps.allSatisfy { (900..<1000).contains($0) } && high.captions.allSatisfy(\.isEmpty))
        let plain = latents.videos(60, settings { $0.highNoise = 0 }, using: &generator)
        #expect(plain.timesteps.contains { $0 < 500 } && plain.timesteps.allSatisfy { (0..<1000).contains($0) })
        let without = plain.captions.filter { $0.isEmpty }.count
        #expect((1..<25).contains(without))
    }

    @Test func `timesteps of single frames are drawn from where shapes are decided, as often as asked for`() {
        let latents = SomeLatents.of(2)
        var generator = Generator(seed: 1)
        let shapes = latents.frames(
            60,
            settings {
                ($0.shapeNoise, $0.shapeNoiseFrom, $0.shapeNoiseTo) = (1, 300, 310)
            }, using: &generator)
        #expect(shapes.timesteps.allSatisfy { (300..<310).contains($0) } && Set(shapes.timesteps).count > 4)
        let uniform = latents.frames(60, settings { $0.shapeNoise = 0 }, using: &generator)
        #expect(uniform.timesteps.contains { $0 < 150 } && uniform.timesteps.contains { $0 >= 650 })
    }

    @Test func `single frames are frames of the videos, with captions of every length`() throws {
        let latents = SomeLatents.of(2)
        var generator = Generator(seed: 4)
        let batch = latents.frames(60, settings(), using: &generator)
        #expect(batch.latents.shape == [60, 1, 8, 8, 4] && batch.weights.shape == batch.latents.shape)
        #expect(batch.captions.count == 60 && batch.timesteps.count == 60)
        let known = (0..<2).flatMap { video in (0..<8).map { row(latents.video(video), $0).values } }
        for index in 0..<60 { #expect(known.contains(row(batch.latents, index).values)) }
        let lengths = Set(batch.captions.map { $0.split(separator: " ").count })
        #expect(lengths.contains(0) && lengths.contains(3) && lengths.contains { $0 > 12 })
    }
}
