import Artifacts
import Autograd
import Formats
import Foundation
import Layers
import Logging
import Media
import Models
import Objectives
import Pretraining
public import StageKit
import Tensors
import World

/// Trains an AutoencoderKL from scratch on frames of the procedural world.
///
/// ½ mean|e| + 5 mean e² + 2·10⁻⁴ KL: with less weight on squares, small subjects vanish.
public struct AutoencoderTrainingStage: Stage {
    /// What a pipeline file may set.
    public struct Settings: StageSettings {
        @Setting("seed of weights and draws") var seed = 0
        @Setting("optimiser steps", in: 1...10_000_000) var steps = 6000
        @Setting("frames in a step", in: 1...4096) var batch = 8
        @Setting("channels of each level; each but the first halves the size", in: 1...4096) var channels = [
            24, 48, 64,
        ]
        @Setting("channels of a latent", in: 1...64) var latentChannels = 4
        @Setting("the highest learning rate", in: 0...1) var learningRate = 3e-3
        @Setting("steps in which it rises to that", in: 0...1_000_000) var warmUp = 100
        @Setting("weight of the mean absolute error", in: 0...1000) var absoluteWeight = 0.5
        @Setting("weight of the mean squared error", in: 0...1000) var squareWeight = 5.0
        @Setting("weight of the divergence from the standard normal, per latent", in: 0...1000) var divergenceWeight =
            2e-4
        @Setting("AdamW's weight decay of matrices", in: 0...1) var weightDecay = 1e-4
        @Setting("how slowly the average of the weights moves", in: 0...1) var averageDecay = 0.995
        @Setting("videos kept out of training, to measure on", in: 1...100_000) var heldOutVideos = 64
        @Setting("steps between pictures of reconstructions, 0 for one in the end", in: 0...10_000_000)
        var previewEvery = 1000

        /// The defaults.
        public init() {}
    }

    /// Its name in pipeline files.
    public static let kind: StageKind = "autoencoder-training"
    /// Raised whenever equal inputs would give another output.
    public static let version = 2
    /// One line for people.
    public static let summary = "train an image autoencoder from scratch on frames of the procedural world"
    /// What it takes.
    public static let inputs = [InputPort("scenes", .scenes, help: "videos of the world")]
    /// What it gives.
    public static let outputs = [
        OutputPort("model", .model, help: "an AutoencoderKL folder, scaled so that latents have deviation 1"),
        OutputPort("report", .trainingReport, help: "loss curve, reconstructions, error on videos kept out"),
    ]

    /// The stage.
    public init() {}

    /// The learning rate follows the number of steps, so none of them is left out.
    public func progressSettings(_ settings: Settings) -> Set<String>? { [] }

    /// Channels that group normalisation cannot split, and more levels than the smallest frames can be halved.
    public func check(_ settings: Settings, _ request: StageRequest) -> [StageProblem] {
        guard (1...6).contains(settings.channels.count) else {
            return [
                StageProblem(
                    .setting("channels"),
                    "\(settings.channels.count) levels: there are 1 to 6, as often as a side of 32 can be halved")
            ]
        }
        guard let odd = settings.channels.first(where: { $0 % AutoencoderRecipe.groups != 0 }) else { return [] }
        return [
            StageProblem(
                .setting("channels"), "\(odd) is not a multiple of \(AutoencoderRecipe.groups), the groups of its norms"
            )
        ]
    }

    /// Trains, measures and writes.
    public func run(_ settings: Settings, _ context: StageContext) throws {
        let videos = try SceneVideos.read(context.input("scenes"))
        guard videos.count > 1 else {
            throw FormatError.malformed(
                file: "scenes.json", why: "one video is not enough to train and to measure on")
        }
        let held = min(settings.heldOutVideos, videos.count / 2)
        let draws = TrainingDraws(seed: settings.seed, purpose: "autoencoder-training")
        let recipe = AutoencoderRecipe(settings, side: videos.side)
        let configuration = context.scratch.appending(path: "config.json")
        try Data(recipe.configuration(scalingFactor: 1).utf8).write(to: configuration)
        var seeds = draws.generator("weights")
        let weights = Weights(RandomWeights(seed: seeds.next()), trainable: true)
        let model = try AutoencoderKL(.init(file: configuration), weights)
        var training = Pretraining([weights], recipe: recipe.pretraining, draws: draws)
        let shown = (0..<16).map { (video: $0 % max(1, held), frame: $0 / 2 % Scene.frames) }
        let report = context.output("report")
        try training.run(context, previewEvery: settings.previewEvery) { _, generator in
            let frames = (0..<settings.batch).map { _ in
                (
                    video: held + generator.integer(below: videos.count - held),
                    frame: generator.integer(below: Scene.frames)
                )
            }
            let pixels = videos.normalised(frames)
            return recipe.objective(model, pixels, using: &generator)
        } preview: { step in
            let pixels = videos.normalised(shown)
            let again = withoutRecording { model.decode(model.encode(Variable(pixels)).mean).value }
            let rows = [pixels, again].map { Frames(normalised: $0) }
            try ContactSheet.write(rows, to: report.file("reconstructions-\(step).png"))
        }
        let measured = measure(model, videos, 0..<held)
        context.log.notice("squared error on videos kept out: \(measured.squaredError)")
        try ModelArtifact.write(
            weights, configuration: recipe.configuration(scalingFactor: 1 / measured.deviation),
            file: "diffusion_pytorch_model.safetensors", to: context.output("model"))
        try training.curve.write(to: report)
        try JSONFile.write(measured, to: report.file("measured.json"))
    }

    /// On videos that training has not seen.
    private func measure(_ model: AutoencoderKL, _ videos: SceneVideos, _ held: Range<Int>) -> Measured {
        var (error, count) = (0.0, 0)
        var (sum, squares, latents) = (0.0, 0.0, 0)
        var (subjects, colours) = (0, 0)
        let judge = Judge()
        for video in held {
            let pixels = videos.normalised((0..<Scene.frames).map { (video, $0) })
            let (mean, again) = withoutRecording {
                let mean = model.encode(Variable(pixels)).mean
                return (mean.value, model.decode(mean).value)
            }
            pixels.read { x in again.read { y in for i in x.indices { error += pow(Double(x[i] - y[i]), 2) } } }
            mean.read { for z in $0 { (sum, squares) = (sum + Double(z), squares + Double(z) * Double(z)) } }
            (count, latents) = (count + pixels.count, latents + mean.count)
            let frames = Frames(normalised: again)
            let verdict = judge.judge(frames.bytes, frames: frames.count, side: frames.width)
            if verdict.subject == videos.scenes[video].subject { subjects += 1 }
            if verdict.colour == videos.scenes[video].colour { colours += 1 }
        }
        let average = sum / Double(latents)
        let deviation = (squares / Double(latents) - average * average).squareRoot()
        let mean = error / Double(count)
        return Measured(
            squaredError: mean, peakSignalToNoise: 10 * log10(4 / mean), deviation: deviation,
            subjectsSeen: Double(subjects) / Double(held.count), coloursSeen: Double(colours) / Double(held.count))
    }

    /// How good an autoencoder is.
    private struct Measured: Codable {
        /// Mean over values in [-1, 1].
        let squaredError: Double
        /// In decibels.
        let peakSignalToNoise: Double
        /// Of latent means.
        let deviation: Double
        /// Share of the videos whose subject a judge still knows: no network that is trained on these latents does better.
        let subjectsSeen: Double
        /// The same of colours.
        let coloursSeen: Double
    }
}

/// What an autoencoder is made of and how it is trained.
struct AutoencoderRecipe {
    static let groups = 8

    private let settings: AutoencoderTrainingStage.Settings
    private let side: Int

    init(_ settings: AutoencoderTrainingStage.Settings, side: Int) {
        self.settings = settings
        self.side = side
    }

    var pretraining: Pretraining.Recipe {
        Pretraining.Recipe(
            steps: settings.steps, learningRate: settings.learningRate, warmUp: settings.warmUp, floor: 0.05,
            weightDecay: settings.weightDecay, betas: [0.9, 0.99], averageDecay: settings.averageDecay)
    }

    func objective(
        _ model: AutoencoderKL, _ pixels: Tensor, using generator: inout Generator
    ) -> Pretraining.Objective {
        let moments = model.moments(Variable(pixels))
        let noise = generator.normal(moments.shape.dropLast() + [moments.shape[3] / 2])
        let again = model.decode(sampled(moments, noise: noise))
        let squares = meanSquaredError(again, Variable(pixels))
        let divergence = standardDivergence(moments)
        let loss =
            meanAbsoluteError(again, pixels).scaled(by: Float(settings.absoluteWeight))
            + squares.scaled(by: Float(settings.squareWeight))
            + divergence.scaled(by: Float(settings.divergenceWeight))
        return (
            loss, [("mse", Double(squares.value.scalar)), ("kl", Double(divergence.value.scalar))]
        )
    }

    func configuration(scalingFactor: Double) -> String {
        let levels = settings.channels.count
        func repeated(_ name: String) -> String {
            Array(repeating: "\"\(name)\"", count: levels).joined(separator: ", ")
        }
        return """
            {
              "_class_name": "AutoencoderKL",
              "act_fn": "silu",
              "block_out_channels": \(settings.channels),
              "down_block_types": [\(repeated("DownEncoderBlock2D"))],
              "in_channels": 3,
              "latent_channels": \(settings.latentChannels),
              "layers_per_block": 1,
              "norm_num_groups": \(Self.groups),
              "out_channels": 3,
              "sample_size": \(side),
              "scaling_factor": \(scalingFactor),
              "up_block_types": [\(repeated("UpDecoderBlock2D"))]
            }

            """
    }
}
