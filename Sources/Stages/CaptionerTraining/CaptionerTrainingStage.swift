import Artifacts
import Autograd
import Checkpoints
import Formats
import Foundation
import Layers
import Logging
import Models
import Pretraining
public import StageKit
import Tensors

/// Trains a captioner in the layout of LLaVA on frames of the procedural world and their dense captions: CLIP's image
/// encoder goes on learning, projector and decoder begin from nothing.
///
/// What it was told in training it must be told at use: that is in the attributes of the model, for model sets to
/// recommend it to the recaption stage.
public struct CaptionerTrainingStage: Stage {
    /// What a pipeline file may set.
    public typealias Settings = CaptionerTrainingSettings

    /// Its name in pipeline files.
    public static let kind: StageKind = "captioner-training"
    /// Raised whenever equal inputs would give another output.
    public static let version = 1
    /// One line for people.
    public static let summary = "train a LLaVA from scratch to write dense captions of the procedural world"
    /// What it takes.
    public static let inputs = [
        InputPort(
            "scenes", .scenes, help: "videos of the world; those that test what is learned are the first of them"),
        InputPort("clip", .model, help: "a CLIP, whose image encoder it begins with"),
    ]
    /// What it gives.
    public static let outputs = [
        OutputPort("model", .model, help: "a LlavaForConditionalGeneration folder with its tokenizer"),
        OutputPort("report", .trainingReport, help: "loss curve, and what it says of videos kept out"),
    ]

    /// The stage.
    public init() {}

    /// The learning rate follows the number of steps, so none of them is left out.
    public func progressSettings(_ settings: Settings) -> Set<String>? { [] }

    /// Sizes that are not those of a decoder, and chats that are not the same for every picture.
    public func check(_ settings: Settings, _ request: StageRequest) -> [StageProblem] {
        var problems: [StageProblem] = []
        if settings.width % (2 * settings.heads) != 0 {
            problems.append(
                StageProblem(
                    .setting("heads"),
                    "\(settings.heads) heads do not share \(settings.width) channels in even parts, as rotary "
                        + "embeddings need them",
                    help: "choose `width` as a multiple of \(2 * settings.heads)"))
        }
        if settings.chat.ranges(of: CaptionDialogue.image).count != 1 {
            problems.append(
                StageProblem(
                    .setting("chat"), "it has no place, or more than one, for the picture",
                    help: "write \(CaptionDialogue.image) once"))
        }
        if let filled = ["{question}", "{prompt}", "{words}"].first(where: settings.chat.contains) {
            problems.append(
                StageProblem(
                    .setting("chat"), "every picture is asked the same: nothing is filled in at \(filled)",
                    help: "leave it out"))
        }
        return problems
    }

    /// Trains, measures and writes.
    public func run(_ settings: Settings, _ context: StageContext) throws {
        let videos = try SceneVideos.read(context.input("scenes"))
        guard videos.count > 1 else {
            throw FormatError.malformed(file: "scenes.json", why: "one video is not enough to train and to measure on")
        }
        let clip = try ModelArtifact.folder(context.input("clip"))
        let (output, report) = (context.output("model"), context.output("report"))
        let words = CaptionerTokenizer(words: WorldVocabulary.words.union(CaptionDialogue.words(settings)))
        let architecture = try CaptionerArchitecture(
            settings, tokenizer: words, clip: clip.appending(path: "config.json"))
        try words.write(to: output, maximumLength: architecture.positions)
        let text = try architecture.configuration()
        let file = context.scratch.appending(path: "config.json")
        try Data(text.utf8).write(to: file)
        let configuration = try LlavaConfiguration(file: file)

        let draws = TrainingDraws(seed: settings.seed, purpose: "captioner-training")
        var seeds = draws.generator("weights")
        let initial = InitialCaptioner(
            base: RandomWeights(seed: seeds.next()), clip: try Checkpoint.open(clip), layers: settings.layers)
        let weights = Weights(initial, trainable: true)
        let model = try LlavaForConditionalGeneration(configuration, weights)
        let dialogue = CaptionDialogue(
            settings, tokenizer: try LanguageTokenizer(folder: output.url), configuration, padID: words.padID)
        let held = min(settings.heldOutVideos, videos.count / 2)
        let sampler = CaptionSampler(
            videos, training: held..<videos.count, settings, size: configuration.vision.imageSize)
        let test = CaptionTest(videos, 0..<held, model: model, dialogue: dialogue)

        let recipe = Pretraining.Recipe(
            steps: settings.steps, learningRate: settings.learningRate, warmUp: settings.warmUp, floor: 0.02,
            weightDecay: settings.weightDecay, betas: [0.9, 0.98], averageDecay: settings.averageDecay)
        var training = Pretraining([weights], recipe: recipe, draws: draws) { name in
            name.hasPrefix("vision_tower.") ? settings.imageRate : 1
        }
        try training.run(context, previewEvery: settings.measureEvery) { _, generator in
            let batch = sampler.batch(using: &generator)
            let (ids, labels) = dialogue.rows(batch.captions)
            return (model.loss(ids, labels: labels, Variable(batch.pixels)), [])
        } preview: { step in
            guard step < settings.steps else { return }
            let lines = try test.lines(of: 100, checkCancellation: context.checkCancellation)
            context.log.notice("step \(step): \(CaptionTest.measured(lines).summary)")
        }
        let lines = try test.lines(of: held, checkCancellation: context.checkCancellation)
        let measured = CaptionTest.measured(lines)
        context.log.notice("on \(held) videos kept out of training: \(measured.summary)")
        try ModelArtifact.write(weights, configuration: text, file: "model.safetensors", to: output)
        try architecture.writeProcessors(configuration, to: output)
        output.attributes = .map([
            "chat": .string(settings.chat), "maximum-tokens": .int(CaptionTest.maximumTokens),
        ])
        try training.curve.write(to: report)
        try JSONFile.write(measured, to: report.file("measured.json"))
        try Data(CaptionTest.table(lines).utf8).write(to: report.file("captions.csv"))
    }
}
