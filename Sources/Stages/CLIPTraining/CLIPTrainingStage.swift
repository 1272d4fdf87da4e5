import Artifacts
import Autograd
import Formats
import Foundation
import Layers
import Logging
import Models
import Pretraining
public import StageKit
import Tensors
import World

/// Trains a CLIP from scratch on frames of the procedural world and their captions.
///
/// Contrast alone teaches colours and places, and little of subjects; so each patch also says what it shows, the image
/// embedding what the whole is, and every state of the text which word stands there. What is only for that is not
/// written.
public struct CLIPTrainingStage: Stage {
    /// What a pipeline file may set.
    public typealias Settings = CLIPTrainingSettings

    /// Its name in pipeline files.
    public static let kind: StageKind = "clip-training"
    /// Raised whenever equal inputs would give another output.
    public static let version = 1
    /// One line for people.
    public static let summary = "train a CLIP from scratch on frames of the procedural world and their captions"
    /// What it takes.
    public static let inputs = [
        InputPort("scenes", .scenes, help: "videos of the world; those that test what is learned are the first of them")
    ]
    /// What it gives.
    public static let outputs = [
        OutputPort("model", .model, help: "a CLIPModel folder with its tokenizer"),
        OutputPort("report", .trainingReport, help: "loss curve, what it knows of videos kept out, mixed-up subjects"),
    ]

    /// The stage.
    public init() {}

    /// The learning rate follows the number of steps, so none of them is left out.
    public func progressSettings(_ settings: Settings) -> Set<String>? { [] }

    /// Steps that are not whole groups.
    public func check(_ settings: Settings, _ request: StageRequest) -> [StageProblem] {
        [("batch", settings.batch), ("window-batch", settings.windowBatch)].compactMap { name, count in
            guard count % settings.group != 0 else { return nil }
            return StageProblem(
                .setting(name), "\(count) is not a multiple of `group`, \(settings.group), of which steps are made")
        }
    }

    /// Trains, measures and writes.
    public func run(_ settings: Settings, _ context: StageContext) throws {
        let videos = try SceneVideos.read(context.input("scenes"))
        guard videos.count > 1 else {
            throw FormatError.malformed(file: "scenes.json", why: "one video is not enough to train and to measure on")
        }
        let (output, report) = (context.output("model"), context.output("report"))
        let vocabulary = try TinyModelSet.writeTokenizer(
            to: output.url, maximumLength: CLIPArchitecture.maximumPositions)
        let tokens = try WorldTokens(CLIPTokenizer(folder: output.url))
        let architecture = CLIPArchitecture(side: videos.side, vocabulary: vocabulary, tokens: tokens)
        let file = context.scratch.appending(path: "config.json")
        try Data(architecture.configuration.utf8).write(to: file)
        let configuration = try CLIPModel.Configuration(file: file)

        let draws = TrainingDraws(seed: settings.seed, purpose: "clip-training")
        var seeds = draws.generator("weights")
        let weights = Weights(
            InitialCLIP(RandomWeights(seed: seeds.next()), configuration), trainable: true)
        let model = try CLIPModel(configuration, weights)
        let recipe = CLIPRecipe(settings, model: model, tokens: tokens, seed: seeds.next())
        let held = min(settings.heldOutVideos, videos.count / 2)
        let sampler = PairSampler(
            videos, training: held..<videos.count, settings, grid: videos.side / CLIPArchitecture.patch)
        let test = ZeroShot(videos, 0..<held, model: model, tokens: tokens)

        var training = Pretraining([weights, recipe.heads.weights], recipe: recipe.pretraining, draws: draws)
        try training.run(context, previewEvery: settings.measureEvery) { step, generator in
            let progress = Double(step) / Double(settings.steps)
            let batch = sampler.batch(at: progress, using: &generator)
            return recipe.objective(batch, at: progress)
        } preview: { step in
            guard step < settings.steps else { return }
            context.log.notice("step \(step): \(test.measured().summary)")
        }
        let measured = test.measured()
        context.log.notice("on \(held) videos kept out of training: \(measured.summary)")
        try ModelArtifact.write(
            weights, configuration: architecture.configuration, file: "model.safetensors", to: output)
        try training.curve.write(to: report)
        try JSONFile.write(measured, to: report.file("measured.json"))
        try Data(measured.confusionDrawing.utf8).write(to: report.file("confusion.svg"))
    }
}
