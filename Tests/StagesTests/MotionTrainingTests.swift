import Artifacts
import Autograd
import Diffusion
import Formats
import Foundation
import Layers
import Models
import SpatialLoRATraining
import StageKit
import Tensors
import Testing

@testable import MotionTraining

@Suite struct MotionTrainingTests {
    private let room: StageRoom
    private let clips = [TrainingWorld.clip()]

    init() throws { room = try StageRoom(MotionTrainingStage.self) }

    private func inputs(_ clips: [ClipFrames], withEmbeddings: Bool = true) throws -> [String: InputArtifact] {
        var inputs = ["frames": try room.artifact(.frames, "frames") { try ClipFrames.write(clips, to: $0) }]
        if withEmbeddings {
            inputs["embeddings"] = try room.artifact(.embeddings, "embeddings") {
                try ClipEmbeddings.write(TrainingWorld.embeddings(clips), to: $0)
            }
        }
        return inputs
    }

    private func adapter(_ result: StageRoom.Result) throws -> MotionAdapter {
        try MotionAdapter.read(result.output("adapter"), network: TrainingWorld.model.unet().weights)
    }

    private func spatial() throws -> InputArtifact {
        let unet = try TrainingWorld.model.unet()
        let lora = try LoRA(
            targets: LoRATargets.spatial.choose(unet.weights.linears), rank: 2, from: ReferenceFill())
        return try room.artifact(.spatialLoRA, "spatial") { try SpatialLoRAs([lora]).write(to: $0) }
    }

    @Test func `the whole method: all three parts are trained, losses are finite, the same seed gives the same bytes`()
        throws
    {
        var inputs = try inputs(clips)
        inputs["appearance"] = try spatial()
        let settings: [String: Value] = ["steps": .int(3), "rank": .int(2), "motion": .string("zigzagging")]
        let result = try room.run(settings, inputs: inputs)
        #expect(
            result.output("adapter").files.keys.sorted()
                == ["motrans_adapter.safetensors", "pytorch_lora_weights.safetensors", "training.json"])
        let record = try TrainingRecord.read(result.output("adapter"))
        #expect(record.steps.count == 3 && record.steps.allSatisfy { $0.loss.isFinite && $0.loss > 0 })
        #expect(record.steps[0].parts.keys.sorted() == ["plain", "residual"])
        // E_r is 0 before the first step, and no longer after it.
        #expect(record.steps[0].parts["residual"] == 0)
        #expect((record.steps[2].parts["residual"] ?? 0) > 0)

        let adapter = try adapter(result)
        #expect(adapter.temporalLoRA?.factors.contains { $0.up.value.values.contains { $0 != 0 } } == true)
        #expect(adapter.injector?.variables.allSatisfy { $0.value.values.contains { $0 != 0 } } == true)
        #expect(adapter.enhancer?.variables[2].value.values.contains { $0 != 0 } == true)
        #expect(adapter.videoEmbedding == TrainingWorld.embeddings(clips)[0].mean)
        #expect(adapter.residualEmbedding?.shape == [64])
        #expect(adapter.facts.motion == "zigzagging" && adapter.facts.prompts == [clips[0].prompt])
        let again = try room.run(settings, inputs: inputs)
        #expect(try contents(again.output("adapter")) == contents(result.output("adapter")))
    }

    @Test func `an injector that was trained on normalised embeddings says so to sampling`() throws {
        let settings: [String: Value] = ["steps": .int(1), "rank": .int(1)]
        let plain = try adapter(room.run(settings, inputs: inputs(clips)))
        let normalised = try adapter(
            room.run(settings.merging(["normalize-image-embedding": .bool(true)]) { $1 }, inputs: inputs(clips)))
        #expect(plain.injector?.normalisesEmbedding == false && normalised.injector?.normalisesEmbedding == true)
    }

    @Test func `the spatial LoRA acts while the motion is learned`() throws {
        var inputs = try inputs(clips)
        let settings: [String: Value] = ["steps": .int(1), "rank": .int(1)]
        let without = try TrainingRecord.read(room.run(settings, inputs: inputs).output("adapter"))
        inputs["appearance"] = try spatial()
        let with = try TrainingRecord.read(room.run(settings, inputs: inputs).output("adapter"))
        let off = try TrainingRecord.read(
            room.run(settings.merging(["spatial-scale": .double(0)]) { $1 }, inputs: inputs).output("adapter"))
        #expect(with.steps[0].loss != without.steps[0].loss)
        #expect(off.steps[0].loss == without.steps[0].loss)
    }

    @Test func `fine-tuning needs no embeddings and no verb; MotionDirector adds its loss`() throws {
        let inputs = try inputs([TrainingWorld.clip(prompt: "a panda")], withEmbeddings: false)
        let settings: [String: Value] = [
            "steps": .int(2), "rank": .int(2), "injector": .bool(false), "enhancer": .bool(false),
        ]
        let tuned = try adapter(room.run(settings, inputs: inputs))
        #expect(tuned.temporalLoRA != nil && tuned.injector == nil && tuned.enhancer == nil)
        let director = try room.run(
            settings.merging(["debiased-weight": .double(1), "transformer-in": .bool(false)]) { $1 }, inputs: inputs)
        let record = try TrainingRecord.read(director.output("adapter"))
        for step in record.steps {
            #expect(step.parts.keys.sorted() == ["debiased", "plain"])
            let sum = (step.parts["plain"] ?? 0) + (step.parts["debiased"] ?? 0)
            #expect(abs(step.loss - sum) < 1e-4 * sum)
        }
        #expect(
            try adapter(director).temporalLoRA?.factors.contains { $0.site.path.hasPrefix("transformer_in") } == false)
    }

    @Test func `clips take turns, whatever their lengths and sizes`() throws {
        let clips = [
            TrainingWorld.clip(frames: 2), TrainingWorld.clip(frames: 3, width: 16),
            TrainingWorld.clip(frames: 1, width: 33, height: 9),
        ]
        let record = try TrainingRecord.read(
            room.run(["steps": .int(6), "rank": .int(1)], inputs: inputs(clips)).output("adapter"))
        #expect(Set(record.steps.prefix(3).map(\.clip)) == [0, 1, 2])
        #expect(Set(record.steps.suffix(3).map(\.clip)) == [0, 1, 2])
        #expect(record.steps.allSatisfy { $0.loss.isFinite })
    }

    @Test func `a prompt without a verb, missing embeddings and embeddings of other frames are errors`() throws {
        #expect(throws: DiffusionError.noMotionWord(prompt: "a panda", motion: nil)) {
            try room.run(["steps": .int(1)], inputs: inputs([TrainingWorld.clip(prompt: "a panda")]))
        }
        #expect(throws: TrainingError.self) {
            try room.run(["steps": .int(1)], inputs: inputs(clips, withEmbeddings: false))
        }
        var wrong = try inputs(clips)
        wrong["embeddings"] = try room.artifact(.embeddings, "others") {
            try ClipEmbeddings.write(TrainingWorld.embeddings([TrainingWorld.clip(frames: 2)]), to: $0)
        }
        #expect(throws: TrainingError.self) { try room.run(["steps": .int(1)], inputs: wrong) }
    }

    @Test func `timesteps are drawn high as often as asked for`() throws {
        let inputs = try inputs(clips, withEmbeddings: false)
        func timesteps(_ more: [String: Value]) throws -> [Int] {
            let settings: [String: Value] = [
                "steps": .int(12), "rank": .int(1), "injector": .bool(false), "enhancer": .bool(false),
            ]
            let result = try room.run(settings.merging(more) { $1 }, inputs: inputs)
            return try TrainingRecord.read(result.output("adapter")).steps.map(\.timestep)
        }
        let high = try timesteps(["high-noise": .double(1), "high-noise-from": .int(900)])
        #expect(high.allSatisfy { (900..<1000).contains($0) } && Set(high).count > 3)
        let uniform = try timesteps(["high-noise-from": .int(900)])
        #expect(uniform.contains { $0 < 500 })
    }

    @Test func `the learning rate is let down along a cosine where that is asked for`() throws {
        typealias Schedule = MotionTrainingSettings.Schedule
        #expect([0, 1, 2, 3].map { Schedule.constant.share(at: $0, of: 4) } == [1, 1, 1, 1])
        let cosine = [0, 1, 2, 3].map { Schedule.cosine.share(at: $0, of: 4) }
        #expect(zip(cosine, [1, 0.853_553, 0.5, 0.146_447]).allSatisfy { abs($0 - $1) < 1e-6 })

        // AdamW moves a number by at most about the rate in a step, and by just that in the first.
        let inputs = try inputs(clips, withEmbeddings: false)
        func moved(_ steps: Int, _ schedule: Value) throws -> Float {
            let settings: [String: Value] = [
                "steps": .int(steps), "rank": .int(2), "injector": .bool(false), "enhancer": .bool(false),
                "schedule": schedule,
                "learning-rate": .double(1e-3), "weight-decay": .double(0),
            ]
            let factors = try adapter(room.run(settings, inputs: inputs)).temporalLoRA?.factors ?? []
            return factors.flatMap(\.up.value.values).map(abs).max() ?? 0
        }
        #expect(try moved(1, "constant") == moved(1, "cosine"))
        let (constant, lowered) = (try moved(2, "constant"), try moved(2, "cosine"))
        #expect(constant > 1.8e-3 && (1e-3...1.52e-3).contains(lowered))
    }

    @Test func `cancellation stops it within a step`() throws {
        let inputs = try inputs(clips)
        #expect(throws: CancellationError.self) {
            try room.run(["steps": .int(50), "rank": .int(1)], inputs: inputs, cancelAfter: 1)
        }
    }

    @Test func `check finds settings that train nothing, and embeddings that are not connected`() throws {
        #expect(try room.check().isEmpty)
        #expect(
            try room.check(unconnected: ["embeddings"]).map(\.subject) == [.setting("injector"), .setting("enhancer")])
        let neither: [String: Value] = ["injector": .bool(false), "enhancer": .bool(false)]
        #expect(try room.check(neither, unconnected: ["embeddings"]).isEmpty)
        let off: [String: Value] = ["temporal-lora": .bool(false), "injector": .bool(false), "enhancer": .bool(false)]
        #expect(try room.check(off).map(\.subject) == [.setting("temporal-lora")])
        #expect(try room.check(["plain-weight": .double(0)]).map(\.subject) == [.setting("plain-weight")])
        #expect(try room.check(["motion": .string(" ")]).map(\.subject) == [.setting("motion")])
    }
}
