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

/// Trains a VideoMAE from scratch so that videos whose subjects move alike lie near each other, whatever moves and where.
///
/// It learns from trajectories, never from names of motions: so it can compare motions that it has not seen.
public struct MotionEncoderTrainingStage: Stage {
    /// What a pipeline file may set.
    public struct Settings: StageSettings {
        @Setting("seed of weights and draws") var seed = 0
        @Setting("optimiser steps", in: 1...10_000_000) var steps = 3000
        @Setting("videos in a step", in: 2...4096) var batch = 32
        @Setting("weight of where the subject is, cell by cell", in: 0...1000) var coverageWeight = 3.0
        @Setting("weight of position and size in each pair of frames", in: 0...1000) var positionWeight = 1.0
        @Setting("weight of the whole trajectory", in: 0...1000) var trajectoryWeight = 1.0
        @Setting("weight of cosines that follow the likeness of trajectories", in: 0...1000) var likenessWeight = 2.0
        @Setting("share of the steps, the first ones, without that", in: 0...1) var likenessFrom = 0.15
        @Setting("the highest learning rate", in: 0...1) var learningRate = 2e-3
        @Setting("steps in which it rises to that", in: 0...1_000_000) var warmUp = 40
        @Setting("AdamW's weight decay of matrices", in: 0...1) var weightDecay = 0.05
        @Setting("how slowly the average of the weights moves", in: 0...1) var averageDecay = 0.995
        @Setting("steps between measurements, 0 for one in the end", in: 0...10_000_000) var measureEvery = 500

        /// The defaults.
        public init() {}
    }

    /// Its name in pipeline files.
    public static let kind: StageKind = "motion-encoder-training"
    /// Raised whenever equal inputs would give another output.
    public static let version = 1
    /// One line for people.
    public static let summary = "train a video encoder from scratch to tell how subjects of the procedural world move"
    /// What it takes.
    public static let inputs = [
        InputPort("scenes", .scenes, help: "videos of the world; leave out motions that it is to be measured on"),
        InputPort(
            "evaluation", .scenes, isOptional: true, help: "videos to find the same motion in, of motions never seen"),
    ]
    /// What it gives.
    public static let outputs = [
        OutputPort("model", .model, help: "a VideoMAEModel folder; a video's embedding is the mean over its tokens"),
        OutputPort("report", .trainingReport, help: "loss curve, and how well motions are found again"),
    ]

    /// The stage.
    public init() {}

    /// The learning rate follows the number of steps, so none of them is left out.
    public func progressSettings(_ settings: Settings) -> Set<String>? { [] }

    /// Trains, measures and writes.
    public func run(_ settings: Settings, _ context: StageContext) throws {
        let videos = try SceneVideos.read(context.input("scenes"))
        let evaluation = try context.optionalInput("evaluation").map(SceneVideos.read)
        let configuration = MotionEncoder.configuration(side: videos.side)
        let file = context.scratch.appending(path: "config.json")
        try Data(configuration.utf8).write(to: file)

        let draws = TrainingDraws(seed: settings.seed, purpose: "motion-encoder-training")
        var seeds = draws.generator("weights")
        let weights = Weights(InitialMotionEncoder(RandomWeights(seed: seeds.next())), trainable: true)
        let model = try VideoMAEModel(.init(file: file), weights)
        let recipe = MotionEncoderRecipe(settings, model: model, seed: seeds.next())
        let retrieval = evaluation.map { MotionRetrieval($0, by: model) }

        let report = context.output("report")
        var training = Pretraining([weights, recipe.heads.weights], recipe: recipe.pretraining, draws: draws)
        try training.run(context, previewEvery: retrieval == nil ? 0 : settings.measureEvery) { step, generator in
            let batch = MotionBatch(settings.batch, from: videos, using: &generator)
            return recipe.objective(batch, at: Double(step) / Double(settings.steps))
        } preview: { step in
            guard let retrieval else { return }
            let measured = retrieval.measured()
            context.log.notice("step \(step): \(measured.summary)")
            guard step == settings.steps else { return }
            try JSONFile.write(measured, to: report.file("measured.json"))
        }
        try ModelArtifact.write(
            weights, configuration: configuration, file: "model.safetensors", to: context.output("model"))
        try training.curve.write(to: report)
    }
}
