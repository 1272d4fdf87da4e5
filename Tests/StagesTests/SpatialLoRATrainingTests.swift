import Artifacts
import Autograd
import Checkpoints
import Formats
import Foundation
import Layers
import Models
import SpatialLoRATraining
import StageKit
import Tensors
import Testing

@Suite struct SpatialLoRATrainingTests {
    private let room: StageRoom

    init() throws { room = try StageRoom(SpatialLoRATrainingStage.self) }

    private func frames(_ clips: [ClipFrames]) throws -> InputArtifact {
        try room.artifact(.frames, "frames") { try ClipFrames.write(clips, to: $0) }
    }

    @Test func `a clip's look is trained: finite losses, a LoRA that loads again, the same bytes for the same seed`()
        throws
    {
        let frames = try frames([TrainingWorld.clip()])
        let captions = try room.artifact(.captions, "captions") {
            try Caption.write([Caption(prompt: "x", caption: "a red square on a gradient")], to: $0)
        }
        let inputs = ["frames": frames, "captions": captions]
        let settings: [String: Value] = ["steps": .int(4), "rank": .int(2), "seed": .int(5)]
        let result = try room.run(settings, inputs: inputs)
        let lora = result.output("lora")
        #expect(lora.files.keys.sorted() == ["pytorch_lora_weights.safetensors", "training.json"])
        let record = try TrainingRecord.read(lora)
        #expect(record.steps.count == 4 && record.steps.allSatisfy { $0.loss.isFinite && $0.loss > 0 })
        #expect(record.prompts == ["a red square on a gradient"] && record.settings["rank"] == .number(2))
        #expect(result.progress.map(\.done) == [1, 2, 3, 4] && result.progress[0].readings[0].name == "loss")

        let unet = try TrainingWorld.model.unet()
        let read = try SpatialLoRAs.read(lora, network: unet.weights)
        let targets = LoRATargets.spatial.choose(unet.weights.linears)
        #expect(read.loras.count == 1 && read.loras[0].factors.map(\.site) == targets)
        #expect(read.loras[0].parameterCount == record.parameters)
        #expect(read.loras[0].factors.contains { $0.up.value.values.contains { $0 != 0 } })

        let again = try room.run(settings, inputs: inputs).output("lora")
        #expect(try contents(again) == contents(lora))
        let other = try room.run(settings.merging(["seed": .int(6)]) { $1 }, inputs: inputs).output("lora")
        #expect(try contents(other) != contents(lora))
    }

    @Test func `recomputing activations changes the losses by no more than rounding`() throws {
        let inputs = ["frames": try frames([TrainingWorld.clip(frames: 2)])]
        func losses(_ checkpointing: Bool) throws -> [Double] {
            let settings: [String: Value] = ["steps": .int(4), "rank": .int(2), "checkpointing": .bool(checkpointing)]
            return try TrainingRecord.read(room.run(settings, inputs: inputs).output("lora")).steps.map(\.loss)
        }
        // Not the same bits: where paths meet, their gradients are summed in another order.
        let (one, two) = (try losses(false), try losses(true))
        #expect(one.count == 4 && zip(one, two).allSatisfy { abs($0 - $1) < 1e-5 * $0 })
    }

    @Test func `several clips have a LoRA each, still images share one`() throws {
        let settings: [String: Value] = ["steps": .int(1), "rank": .int(1)]
        let clips = try frames([TrainingWorld.clip(frames: 2), TrainingWorld.clip(frames: 2, prompt: "A cat")])
        let each = try room.run(settings, inputs: ["frames": clips])
        #expect(
            each.output("lora").files.keys.filter { $0.hasSuffix("training.json") }.sorted()
                == ["0/training.json", "1/training.json"])
        #expect(each.progress.map(\.done) == [1, 2] && each.progress[0].total == 2)
        let unet = try TrainingWorld.model.unet()
        let read = try SpatialLoRAs.read(each.output("lora"), network: unet.weights)
        #expect(read.loras.count == 2)
        #expect(read.loras[0].factors[0].down.value != read.loras[1].factors[0].down.value)

        let images = try frames([
            TrainingWorld.clip(frames: 1, prompt: "a robot"), TrainingWorld.clip(frames: 1, prompt: "a robot"),
        ])
        let one = try room.run(settings, inputs: ["frames": images]).output("lora")
        #expect(try SpatialLoRAs.read(one, network: unet.weights).loras.count == 1)
    }

    @Test func `cancellation stops it; odd sizes are cut as the autoencoder does, and what is no latent is told`()
        throws
    {
        let frames = try frames([TrainingWorld.clip(frames: 2)])
        #expect(throws: CancellationError.self) {
            try room.run(["steps": .int(50), "rank": .int(1)], inputs: ["frames": frames], cancelAfter: 2)
        }
        func run(width: Int, height: Int) throws -> InputArtifact {
            let sized = try room.artifact(.frames, "\(width)") {
                try ClipFrames.write([TrainingWorld.clip(frames: 1, width: width, height: height)], to: $0)
            }
            return try room.run(["steps": .int(1), "rank": .int(1)], inputs: ["frames": sized]).output("lora")
        }
        for (width, height) in [(30, 30), (33, 47), (5, 4)] {
            let record = try TrainingRecord.read(run(width: width, height: height))
            #expect(record.steps.map(\.loss.isFinite) == [true])
        }
        let error = #expect(throws: FormatError.self) { try run(width: 3, height: 16) }
        #expect(error.map { "\($0)" }?.contains("3 x 16 is smaller than the 4 x 4 pixels of one latent") == true)
    }

    @Test func `check finds a missing model and wrong betas`() throws {
        #expect(try room.check().isEmpty)
        #expect(try room.check(["betas": .list([.double(0.9)])]).map(\.subject) == [.setting("betas")])
        #expect(try room.check(["betas": .list([.double(0.9), .double(1)])]).map(\.subject) == [.setting("betas")])
        let bare = ModelSet(name: "bare", folders: [:])
        #expect(try room.check(model: bare).count == 5)
    }
}
