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

/// The motion stage: temporal LoRA, appearance injector and motion enhancer learn how the clips move (Equation 2-7).
///
/// The spatial LoRA of the appearance stage is active and frozen, so that the temporal layers need not learn the look.
public struct MotionTrainingStage: Stage {
    /// What a pipeline file may set.
    public typealias Settings = MotionTrainingSettings

    /// Its name in pipeline files.
    public static let kind: StageKind = "motion-training"
    /// Raised whenever equal inputs would give another output.
    public static let version = 3
    /// One line for people.
    public static let summary = "train temporal LoRA, appearance injector and motion enhancer: how the clips move"
    /// What it takes.
    public static let inputs = [
        InputPort("frames", .frames, help: "decoded clips"),
        InputPort(
            "embeddings", .embeddings, isOptional: true,
            help: "image embeddings of the same frames; needed by injector and enhancer"),
        InputPort(
            "appearance", .spatialLoRA, isOptional: true, acceptsFiles: true,
            help: "what the appearance stage learned; acts, is not trained"),
    ]
    /// What it gives.
    public static let outputs = [
        OutputPort("adapter", .motionAdapter, help: "temporal LoRA in the spelling of diffusers and peft, and the rest")
    ]

    /// The stage.
    public init() {}

    /// The parts of the model set that it reads.
    public func modelParts(_ settings: Settings) -> [ModelPart] {
        [.unet, .vae, .textEncoder, .tokenizer, .scheduler]
    }

    /// What can be found wrong before anything runs.
    public func check(_ settings: Settings, _ request: StageRequest) -> [StageProblem] {
        var problems = request.checkModel(parts: modelParts(settings))
        problems += betaProblems(settings.betas)
        for (setting, isOn) in [("injector", settings.injector), ("enhancer", settings.enhancer)]
        where isOn && !request.isConnected("embeddings") {
            problems.append(
                StageProblem(
                    .setting(setting),
                    "the \(setting) needs image embeddings, and the input `embeddings` is not connected",
                    help: "connect the output of image-embedding, or set \(setting): false"))
        }
        if !settings.temporalLora, !settings.injector, !settings.enhancer {
            problems.append(
                StageProblem(
                    .setting("temporal-lora"), "temporal-lora, injector and enhancer are all off: nothing is trained"))
        }
        if settings.plainWeight == 0, settings.debiasedWeight == 0 {
            problems.append(
                StageProblem(
                    .setting("plain-weight"), "plain-weight and debiased-weight are both 0: nothing is learned"))
        }
        if settings.motion.map({ $0.trimmingCharacters(in: .whitespaces).isEmpty }) ?? false {
            problems.append(StageProblem(.setting("motion"), "the motion is an empty word"))
        }
        return problems + checkLoRAs(request, port: "appearance") + wordProblems(settings, request)
    }

    /// The enhancer needs the word of the motion in the prompt of each clip.
    private func wordProblems(_ settings: Settings, _ request: StageRequest) -> [StageProblem] {
        guard settings.enhancer else { return [] }
        let clips = (request.upstream["frames"] ?? []).filter { $0.kind == .clips }
        let prompts = clips.flatMap { source -> [String?] in
            guard case .list(let items) = source.attributes else { return source.files.map { _ in nil } }
            return items.map { item in
                guard case .map(let members) = item, case .string(let prompt) = members["prompt"] else { return nil }
                return prompt
            }
        }
        return prompts.enumerated().compactMap { index, prompt in
            prompt.flatMap {
                request.motionWordProblem(in: $0, motion: settings.motion, span: settings.enhanceSpan.span)
            }.map { StageProblem(.input(port: "frames", index: index), $0) }
        }
    }

    /// More steps go on from the same ones, unless the learning rate follows their number.
    public func progressSettings(_ settings: Settings) -> Set<String>? {
        settings.schedule == .constant ? ["steps"] : []
    }

    /// Trains and writes.
    public func run(_ settings: Settings, _ context: StageContext) throws {
        guard let model = context.model else { throw FormatError.missingPart(set: "(none)", part: "unet") }
        let draws = TrainingDraws(seed: settings.seed, purpose: "motion-training")
        let examples = try Examples.read(settings, model, draws, context)
        let unet = try model.unet(precision: settings.precision)
        let spatial = try context.optionalInput("appearance").map { artifact in
            try SpatialLoRAs.read(artifact, network: unet.weights)
        }
        if let count = spatial?.loras.count, count > 1, count != examples.all.count {
            throw TrainingError.mismatch(
                "there are \(count) spatial LoRAs for \(examples.all.count) clips; take both from the same frames")
        }
        var training = try MotionTrainer(
            unet: unet, schedule: model.scheduler().schedule, spatial: spatial, examples: examples, settings: settings,
            draws: draws)
        let steps = try training.run(context)
        let output = context.output("adapter")
        try training.adapter().write(to: output.url)
        try TrainingRecord(
            steps: steps, prompts: examples.all.map(\.prompt), parameters: training.parameterCount, settings: settings
        ).write(to: output)
    }
}
