import Autograd
import Diffusion
import Formats
import Foundation
import Layers
import Models
import Tensors
import Testing

@testable import MotionTraining

/// Five AdamW steps of the motion stage against an implementation in PyTorch that shares nothing with it
/// (`Tests/Goldens/motion_training.py`): the losses of every step, the norms of the gradients' sum of effects, and the
/// norms of what was trained.
@Suite struct MotionTrainingGoldenTests {
    private struct Goldens: Decodable {
        let word: [Int]
        let steps: [Choice]
        let cases: [Case]
    }

    private struct Choice: Decodable {
        let timestep: Int
        let frame: Int
        let anchor: Int
    }

    struct Case: Decodable, CustomTestStringConvertible, Sendable {
        let name: String
        let settings: Settings
        let steps: [Losses]
        let after: Losses
        let norms: [String: Double]

        var testDescription: String { name }
    }

    struct Settings: Decodable {
        let plain_weight: Double
        let debiased_weight: Double
        let debiased_beta: Double
        let residual_weight: Double
        let learning_rate: Double
        let injector_learning_rate: Double
        let weight_decay: Double
        let gradient_clip: Double
        let spatial_scale: Double
        let inject_point: String
        let fusion: String
        let normalize_image_embedding: Bool
        let start: String
    }

    struct Losses: Decodable {
        let total: Double
        let plain: Double
        let debiased: Double
        let residual: Double
    }

    private static let goldens: Goldens = {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Goldens/MotionTraining/five-steps.json")
        do {
            return try JSONDecoder().decode(Goldens.self, from: Data(contentsOf: file))
        } catch { preconditionFailure("\(file.path): \(error)") }
    }()

    /// UNet A of diffusion.md 12.2, filled by name.
    private func network() throws -> UNet3DConditionModel {
        var configuration = UNet3DConditionModel.Configuration()
        configuration.blockOutChannels = [32, 64]
        configuration.downBlocksHaveAttention = [true, false]
        configuration.upBlocksHaveAttention = [false, true]
        configuration.layersPerBlock = 1
        configuration.crossAttentionDimension = 24
        configuration.headDimensions = [8, 8]
        configuration.groups = 8
        return try UNet3DConditionModel(configuration, Weights(ReferenceFill()))
    }

    private func settings(_ golden: Settings) throws -> MotionTrainingSettings {
        var settings = MotionTrainingSettings()
        settings.rank = 4
        settings.plainWeight = golden.plain_weight
        settings.debiasedWeight = golden.debiased_weight
        settings.debiasedBeta = golden.debiased_beta
        settings.residualWeight = golden.residual_weight
        settings.learningRate = golden.learning_rate
        settings.injectorLearningRate = golden.injector_learning_rate
        settings.weightDecay = golden.weight_decay
        settings.gradientClip = golden.gradient_clip
        settings.spatialScale = golden.spatial_scale
        settings.injectPoint = try #require(MotionTrainingSettings.InjectPoint(rawValue: golden.inject_point))
        settings.fusion = try #require(MotionTrainingSettings.Fusion(rawValue: golden.fusion))
        settings.normalizeImageEmbedding = golden.normalize_image_embedding
        return settings
    }

    private func trainer(_ golden: Case, checkpointing: Bool) throws -> MotionTrainer {
        let unet = try network()
        let fill = ReferenceFill()
        let spatial = try LoRA(targets: LoRATargets.spatial.choose(unet.weights.linears), rank: 4, from: fill)
        let word = Self.goldens.word
        let example = Example(
            prompt: "",
            latents: Latents.channelsLast(Kernels.scale(ReferenceFill.input("lat0", [1, 4, 3, 8, 8]), by: 0.5)),
            context: ReferenceFill.input("ctx", [1, 5, 24]), word: word[0]..<word[word.count - 1] + 1,
            embeddings: ClipEmbeddings(frames: ReferenceFill.input("embeddings", [3, 20])))
        var settings = try settings(golden.settings)
        settings.checkpointing = checkpointing
        let trainer = try MotionTrainer(
            unet: unet, schedule: NoiseSchedule(.zeroScope), spatial: SpatialLoRAs([spatial]),
            examples: Examples(all: [example], empty: Tensor(zeros: [1, 5, 24])), settings: settings,
            draws: TrainingDraws(seed: 0, purpose: "golden"))
        let isFilled = golden.settings.start == "filled"
        func assign(_ variable: Variable, _ name: String, isZero: Bool) {
            variable.assign(isZero ? Tensor(zeros: variable.shape) : fill.tensor(name, shape: variable.shape))
        }
        for factors in try #require(trainer.temporal).factors {
            assign(factors.down, "unet.\(factors.site.path).lora_A.weight", isZero: false)
            assign(factors.up, "unet.\(factors.site.path).lora_B.weight", isZero: !isFilled)
        }
        for (site, weight) in try #require(trainer.injector).projections {
            assign(weight, "appearance_injector.\(site.path).weight", isZero: !isFilled)
        }
        for (variable, name) in zip(try #require(trainer.enhancer).variables, MotionEnhancer.names) {
            assign(variable, name, isZero: !isFilled && name.contains("fc2"))
        }
        return trainer
    }

    private func choices(_ step: Int, noise: Int) -> StepChoices {
        let choice = Self.goldens.steps[step]
        return StepChoices(
            clip: 0, timestep: choice.timestep,
            noise: Latents.channelsLast(ReferenceFill.input("noise\(noise)", [1, 4, 3, 8, 8])), anchor: choice.anchor,
            seesText: true, seesSpatial: true, frame: choice.frame, seesImage: true, dropout: Generator(seed: 0))
    }

    /// Losses of one step: 1e-4 of their size, as the reference's own rounding differs by its kernels.
    private func expect(_ found: (loss: Double, parts: [MotionTrainer.Part]), _ golden: Losses, _ settings: Settings) {
        func close(_ a: Double, _ b: Double, _ what: String) {
            #expect(abs(a - b) <= 1e-4 * max(abs(b), 1e-3), "\(what): \(a), not \(b)")
        }
        close(found.loss, golden.total, "total")
        let parts = Dictionary(uniqueKeysWithValues: found.parts.map { ($0.name, Double($0.value)) })
        let expected = [
            ("plain", golden.plain, settings.plain_weight), ("debiased", golden.debiased, settings.debiased_weight),
            ("residual", golden.residual, settings.residual_weight),
        ]
        #expect(parts.count == expected.count { $0.2 > 0 })
        for (name, value, weight) in expected where weight > 0 { close(parts[name] ?? .nan, value, name) }
    }

    @Test(arguments: goldens.cases)
    func `losses of five steps, and what was trained`(_ golden: Case) throws {
        var trainer = try trainer(golden, checkpointing: golden.name == "every option")
        for (step, losses) in golden.steps.enumerated() {
            expect(try trainer.train(choices(step, noise: step + 1), step), losses, golden.settings)
        }
        for (name, variables) in [
            ("temporal", trainer.temporal?.variables), ("injector", trainer.injector?.variables),
            ("enhancer", trainer.enhancer?.variables),
        ] {
            let norm = (variables ?? []).reduce(0.0) { $0 + Double(Kernels.sumOfSquares($1.value)) }.squareRoot()
            let expected = golden.norms[name] ?? .nan
            #expect(abs(norm - expected) <= 1e-4 * expected, "\(name): norm \(norm), not \(expected)")
        }
        let last = golden.steps.count - 1
        expect(try trainer.train(choices(last, noise: last + 1), last), golden.after, golden.settings)
    }
}
