import Artifacts
import Checkpoints
import Command
import Formats
import Foundation
import FrameExtraction
import ImageEmbedding
import Layers
import MetricScoring
import Models
import MotionTraining
import Recaption
import Sampling
import SpatialLoRATraining
import StageKit
import Tensors
import Testing

@Suite("precision")
struct PrecisionTests {
    @Test("the stages that run networks have the setting, float32 unless told otherwise, and no others")
    func setting() throws {
        for stage in [
            StageDescriptor(SpatialLoRATrainingStage.self), StageDescriptor(ImageEmbeddingStage.self),
            StageDescriptor(MotionTrainingStage.self), StageDescriptor(SamplingStage.self),
            StageDescriptor(MetricScoringStage.self), StageDescriptor(RecaptionStage.self),
        ] {
            let spec = try #require(stage.setting("precision"), "\(stage.kind)")
            #expect(spec.defaultValue == "float32" && spec.shape == .choice(["float32", "fp16", "bf16"]))
            #expect(try stage.complete(["precision": "bf16"])["precision"] == "bf16")
        }
        for stage in [StageDescriptor(FrameExtractionStage.self), StageDescriptor(CommandStage.self)] {
            #expect(stage.setting("precision") == nil, "\(stage.kind)")
        }
    }

    @Test("the parts of a model set are opened in the precision that is asked for")
    func parts() throws {
        let set = TrainingWorld.model
        let bench = try StageBench()
        let encoders = try TinyParts.modelSet(in: bench)
        for precision in Precision.allCases {
            #expect(try set.unet(precision: precision).weights.precision == precision)
            #expect(try set.vae(precision: precision).weights.precision == precision)
            #expect(try set.textEncoder(precision: precision).weights.precision == precision)
            #expect(try encoders.imageEncoder(precision: precision).weights.precision == precision)
            guard case .classifier(let model) = try encoders.videoEncoder(precision: precision) else {
                Issue.record("the tiny video encoder is a classifier")
                continue
            }
            #expect(model.weights.precision == precision)
        }
    }

    @Test("what is trained on a bf16 network is float32, in arithmetic and in its file")
    func trained() throws {
        let room = try StageRoom(SpatialLoRATrainingStage.self)
        let frames = try room.artifact(.frames, "frames") { try ClipFrames.write([TrainingWorld.clip()], to: $0) }
        let lora = try room.run(
            ["steps": .int(2), "rank": .int(2), "precision": "bf16"], inputs: ["frames": frames]
        ).output("lora")
        let file = try Checkpoint.open(#require(lora.files["pytorch_lora_weights.safetensors"]))
        #expect(!file.names.isEmpty && file.names.allSatisfy { file.entry($0)?.type == .float32 })
        // Digits that bfloat16 has not.
        #expect(try file.names.contains { try file.tensor($0).values.contains { $0.bitPattern & 0xFFFF != 0 } })
        #expect(try TrainingRecord.read(lora).steps.allSatisfy { $0.loss.isFinite })
    }
}
