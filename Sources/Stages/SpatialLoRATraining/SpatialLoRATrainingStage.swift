import Artifacts
import Autograd
import Diffusion
import Foundation
import Formats
import Layers
import Logging
import Models
public import StageKit
import Tensors

/// The appearance stage: LoRAs on the spatial transformers learn what the reference clips look like (Equation 1).
///
/// One random frame a step, temporal layers skipped, so that nothing about the motion can be learned. Works on still
/// images as well: a clip of one frame.
public struct SpatialLoRATrainingStage: Stage {
    /// What a pipeline file may set.
    public struct Settings: StageSettings {
        @Setting("seed of every random draw") var seed = 0
        @Setting("optimiser steps, of each LoRA", in: 1...10_000_000) var steps = 600
        @Setting("rank of the LoRA", in: 1...4096) var rank = 32
        @Setting("AdamW's learning rate, constant", in: 0...1) var learningRate = 5e-4
        @Setting("AdamW's weight decay; without it 1e-2 for one clip, 1e-4 for several", in: 0...1)
        var weightDecay: Double? = nil
        @Setting("AdamW's two betas", in: 0...1) var betas = [0.9, 0.999]
        @Setting("AdamW's epsilon", in: 0...1) var epsilon = 1e-8
        @Setting("largest norm of the gradients, 0 for any", in: 0...1_000_000) var gradientClip = 0.0
        @Setting("one LoRA for each clip or one for all; auto is one for each, and one for all still images")
        var loras = LoRASharing.auto
        @Setting("train with the captions or with the clips' own prompts (no captions: the prompts)")
        var text = TextChoice.captions
        @Setting("probability of dropout behind the LoRA", in: 0...0.99) var loraDropout = 0.0
        @Setting("probability that a step sees the empty prompt", in: 0...1) var textDropout = 0.0
        @Setting("how much noise common to a channel is added to the noise", in: 0...1) var offsetNoise = 0.0
        @Setting("latents: a draw from the autoencoder's posterior, once, or its mean")
        var latents = LatentSetting.sample
        @Setting("leave the temporal layers out of the single-frame forward, as MotionDirector does")
        var skipTemporal = true
        @Setting("how matrices of the frozen networks are kept and multiplied; what is trained is float32 always")
        var precision = Precision.float32
        @Setting("recompute activations in the backward pass: less memory, more time, the same but for rounding")
        var checkpointing = false

        /// The defaults.
        public init() {}
    }

    /// How many LoRAs there are.
    public enum LoRASharing: String, SettingChoice {
        case auto
        case each
        case one
    }

    /// Which text goes with a frame.
    public enum TextChoice: String, SettingChoice {
        case captions
        case prompts
    }

    /// Its name in pipeline files.
    public static let kind: StageKind = "spatial-lora-training"
    /// Raised whenever equal inputs would give another output.
    public static let version = 1
    /// One line for people.
    public static let summary = "train LoRAs on the spatial transformers with single frames: the look of the clips"
    /// What it takes.
    public static let inputs = [
        InputPort("frames", .frames, help: "decoded clips, or still images"),
        InputPort("captions", .captions, isOptional: true, help: "one expanded prompt per clip"),
    ]
    /// What it gives.
    public static let outputs = [
        OutputPort("lora", .spatialLoRA, help: "LoRA files in the spelling of diffusers and peft")
    ]

    /// The stage.
    public init() {}

    /// The parts of the model set that it reads.
    public func modelParts(_ settings: Settings) -> [ModelPart] {
        [.unet, .vae, .textEncoder, .tokenizer, .scheduler]
    }

    /// What can be found wrong before anything runs.
    public func check(_ settings: Settings, _ request: StageRequest) -> [StageProblem] {
        request.checkModel(parts: modelParts(settings)) + betaProblems(settings.betas)
    }

    /// More steps go on from the same ones.
    public func progressSettings(_ settings: Settings) -> Set<String>? { ["steps"] }

    /// Trains and writes.
    public func run(_ settings: Settings, _ context: StageContext) throws {
        guard let model = context.model else { throw FormatError.missingPart(set: "(none)", part: "unet") }
        let draws = TrainingDraws(seed: settings.seed, purpose: "spatial-lora-training")
        let clips = try ClipFrames.read(context.input("frames"))
        let examples = try examples(clips, model, settings, draws, context)
        let unet = try model.unet(precision: settings.precision)
        let schedule = try model.scheduler().schedule
        let isShared = settings.loras == .one || (settings.loras == .auto && clips.allSatisfy { $0.frames == 1 })
        let groups = isShared ? [examples] : examples.map { [$0] }
        var trained: [LoRA] = []
        for (index, group) in groups.enumerated() {
            let training = Training(
                unet: unet, schedule: schedule, examples: group, settings: settings,
                draws: TrainingDraws(seed: settings.seed, purpose: "spatial-lora-training \(index)"),
                weightDecay: settings.weightDecay ?? (clips.count == 1 ? 1e-2 : 1e-4))
            let (lora, steps) = try training.run(
                context, part: "lora \(index)", before: index * settings.steps, of: groups.count * settings.steps)
            trained.append(lora)
            let folder = SpatialLoRAs.folder(index, of: groups.count)
            try FileManager.default.createDirectory(
                at: context.output("lora").file(folder), withIntermediateDirectories: true)
            try TrainingRecord(
                steps: steps, prompts: group.map(\.prompt), parameters: lora.parameterCount, settings: settings
            ).write(to: context.output("lora"), in: folder)
        }
        try SpatialLoRAs(trained).write(to: context.output("lora"))
    }

    /// Latents and text of every clip; the models that make them are gone when this returns.
    private func examples(
        _ clips: [ClipFrames], _ model: ModelSet, _ settings: Settings, _ draws: TrainingDraws, _ context: StageContext
    ) throws -> [Example] {
        let captions = try context.optionalInput("captions").map { try Caption.read($0) }
        if let captions, captions.count != clips.count {
            throw TrainingError.mismatch(
                "there are \(captions.count) captions for \(clips.count) clips; take both from the same frames")
        }
        let prompts = clips.indices.map { index in
            settings.text == .captions ? captions?[index].caption ?? clips[index].prompt : clips[index].prompt
        }
        let encoder = try PromptEncoder(model, precision: settings.precision)
        let empty = encoder.encode("")
        let contexts = prompts.map(encoder.encode)
        for prompt in prompts where encoder.isCutOff(prompt) {
            context.log.warning("the end of the prompt is beyond what the text encoder reads: \(prompt)")
        }
        let vae = try model.vae(precision: settings.precision)
        return try clips.enumerated().map { index, clip in
            var generator = draws.generator("latents \(index)")
            let latents = try ClipLatents.encode(
                clip, with: vae, settings.latents, using: &generator, beforeFrame: context.checkCancellation)
            return Example(prompt: prompts[index], latents: latents, context: contexts[index], empty: empty)
        }
    }
}
