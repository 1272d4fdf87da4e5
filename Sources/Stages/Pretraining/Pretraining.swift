public import Autograd
public import Foundation
public import Formats
public import Layers
public import StageKit
public import Tensors
import Tracing

/// How a network is trained from scratch: AdamW on all its parameters, the rate warmed up and let down along a cosine,
/// gradients clipped, an average of the weights kept.
public struct Pretraining {
    /// The numbers of it.
    public struct Recipe: Sendable {
        /// Optimiser steps.
        public var steps: Int
        /// The highest learning rate.
        public var learningRate: Double
        /// Steps in which the rate rises to that.
        public var warmUp: Int
        /// The share of the rate that is left in the end.
        public var floor: Double
        /// AdamW's weight decay, of matrices and kernels; vectors have none.
        public var weightDecay: Double
        /// AdamW's two betas.
        public var betas: [Double]
        /// Largest norm of the gradients.
        public var gradientClip: Double
        /// How slowly the average of the weights moves.
        public var averageDecay: Double

        /// A recipe as it is.
        public init(
            steps: Int, learningRate: Double, warmUp: Int, floor: Double = 0.03, weightDecay: Double,
            betas: [Double], gradientClip: Double = 1, averageDecay: Double
        ) {
            self.steps = steps
            self.learningRate = learningRate
            self.warmUp = warmUp
            self.floor = floor
            self.weightDecay = weightDecay
            self.betas = betas
            self.gradientClip = gradientClip
            self.averageDecay = averageDecay
        }

        /// The learning rate of a step, from 0.
        func learningRate(at step: Int) -> Double {
            let progress = Double(step) / Double(max(1, steps))
            let rise = min(1, Double(step + 1) / Double(max(1, warmUp)))
            return learningRate * rise * (floor + (1 - floor) * 0.5 * (1 + cos(Double.pi * progress)))
        }
    }

    /// What a step minimises, and numbers that people watch.
    public typealias Objective = (loss: Variable, readings: [(name: String, value: Double)])

    private let recipe: Recipe
    private let draws: TrainingDraws
    private let variables: [Variable]
    private var groups: [TrainedGroup]
    /// Of each group, the share of the learning rate that it has.
    private let rates: [Double]
    private var average: MovingAverage
    /// The loss of every step so far, and what else was read.
    public private(set) var curve = LossCurve()

    /// A training of the parameters of some networks, before its first step.
    ///
    /// - Parameter rate: the share of the learning rate that the parameter of a name has: less than 1 for those that
    ///   begin with what another training gave them, 0 for those that stay as they are.
    public init(
        _ networks: [Weights], recipe: Recipe, draws: TrainingDraws, rate: (_ name: String) -> Double = { _ in 1 }
    ) {
        self.recipe = recipe
        self.draws = draws
        let parameters = networks.flatMap(\.parameters).compactMap { parameter in
            parameter.variable.map { (variable: $0, rate: rate(parameter.name)) }
        }.filter { $0.rate > 0 }
        variables = parameters.map(\.variable)
        let shares = Set(parameters.map(\.rate)).sorted(by: >)
        let kinds = [true, false].flatMap { isMatrix in shares.map { (isMatrix: isMatrix, rate: $0) } }
        rates = kinds.map(\.rate)
        groups = kinds.map { kind in
            let alike = parameters.filter { $0.rate == kind.rate && ($0.variable.shape.count > 1) == kind.isMatrix }
            return TrainedGroup(
                alike.map(\.variable), learningRate: recipe.learningRate * kind.rate,
                weightDecay: kind.isMatrix ? recipe.weightDecay : 0, betas: recipe.betas, epsilon: 1e-8)
        }
        average = MovingAverage(of: variables, decay: Float(recipe.averageDecay))
    }

    /// Trains, and leaves the networks with the averages of their weights.
    ///
    /// - Parameters:
    ///   - objective: of a step, from 0, with its own generator.
    ///   - interval: steps between previews, 0 for none.
    ///   - memory: what the stage remembers of its previews, for checkpoints: written, and read back.
    ///   - preview: called with the number of steps done, while the networks have the averages.
    /// Throws `TrainingError.diverged`, `CancellationError`, and what the closures throw.
    public mutating func run(
        _ context: StageContext, previewEvery interval: Int = 0,
        memory: (write: () throws -> Data, read: (Data) throws -> Void) = ({ Data() }, { _ in }),
        objective: (_ step: Int, _ generator: inout Generator) throws -> Objective,
        preview: (_ step: Int) throws -> Void = { _ in }
    ) throws {
        for step in try restored(context, memory.read)..<recipe.steps {
            try context.checkCancellation()
            let span = Trace.unit("training step")
            defer { span.end() }
            for index in groups.indices { groups[index].learningRate = recipe.learningRate(at: step) * rates[index] }
            var generator = draws.step(step)
            let forward = Trace.phase("forward")
            let (loss, readings) = try objective(step, &generator)
            forward.end()
            let result = try trainStep(&groups, loss: loss, clip: recipe.gradientClip, step: step + 1)
            average.update(with: variables)
            curve.append(loss: result.loss, readings)
            context.report(
                StageProgress(
                    step + 1, of: recipe.steps, unit: "step",
                    readings: [.init("loss", curve.recent)] + readings.map { .init($0.name, $0.value) }))
            if interval > 0, (step + 1) % interval == 0, step + 1 < recipe.steps {
                try withAverages { try preview(step + 1) }
            }
            guard context.checkpoints.isDue(), step + 1 < recipe.steps else { continue }
            try context.checkpoints.keep(Self.part, step + 1) { folder in
                try PretrainingCheckpoint(folder: folder).write(
                    groups, average, curve, memory: memory.write(), outputs: context.outputs)
            }
        }
        for (variable, value) in zip(variables, average.values) { variable.assign(value) }
        try preview(recipe.steps)
    }

    private static let part = "pretraining"

    /// Goes back to the furthest checkpoint; gives the number of steps that are done.
    private mutating func restored(_ context: StageContext, _ remember: (Data) throws -> Void) throws -> Int {
        guard let checkpoint = try context.checkpoints.latest(Self.part, recipe.steps) else { return 0 }
        let (curve, memory) = try PretrainingCheckpoint(folder: checkpoint.folder)
            .read(into: &groups, &average, outputs: context.outputs)
        self.curve = curve
        try remember(memory)
        return checkpoint.done
    }

    private func withAverages(_ body: () throws -> Void) rethrows {
        let current = variables.map(\.value)
        for (variable, value) in zip(variables, average.values) { variable.assign(value) }
        defer { for (variable, value) in zip(variables, current) { variable.assign(value) } }
        try body()
    }
}
