import Autograd
import Diffusion
import Formats
import Layers
import Models
import StageKit
import Tensors
import Tracing

/// A clip as training sees it.
struct Example {
    let prompt: String
    /// `[1, f, h, w, c]`, scaled.
    let latents: Tensor
    /// The text's embedding, `[1, L, D]`.
    let context: Tensor
    /// That of the empty text.
    let empty: Tensor
}

/// The training of one LoRA.
struct Training {
    let unet: UNet3DConditionModel
    let schedule: NoiseSchedule
    let examples: [Example]
    let settings: SpatialLoRATrainingStage.Settings
    let draws: TrainingDraws
    let weightDecay: Double

    /// Trains; `before` of `total` steps belong to LoRAs that are done.
    func run(
        _ context: StageContext, part: String, before: Int, of total: Int
    ) throws -> (lora: LoRA, steps: [TrainingRecord.Step]) {
        let lora = LoRA(
            targets: LoRATargets.spatial.choose(unet.weights.linears), rank: settings.rank,
            dropout: Float(settings.loraDropout), using: draws.generator("lora"))
        var groups = [
            TrainedGroup(
                lora.variables, learningRate: settings.learningRate, weightDecay: weightDecay, betas: settings.betas,
                epsilon: settings.epsilon)
        ]
        var resumable = ResumableSteps(context, part: part, total: settings.steps)
        var record = try resumable.restore(&groups)
        for step in record.count..<settings.steps {
            try context.checkCancellation()
            let span = Trace.unit("training step")
            defer { span.end() }
            var generator = draws.step(step)
            let clip = draws.clip(at: step, of: examples.count)
            let timestep = generator.integer(below: schedule.count)
            let loss = loss(examples[clip], timestep, lora, &generator)
            let result = try trainStep(&groups, loss: loss, clip: settings.gradientClip, step: step + 1)
            record.append(TrainingRecord.Step(clip: clip, timestep: timestep, loss: result.loss))
            context.report(
                StageProgress(before + step + 1, of: total, unit: "step", readings: [.init("loss", result.loss)]))
            try resumable.keep(groups, record)
        }
        try resumable.end(groups, record)
        return (lora, record)
    }

    /// Equation 1: mean((ε̂ - ε)²) on a random frame.
    private func loss(
        _ example: Example, _ timestep: Int, _ lora: LoRA, _ generator: inout Generator
    ) -> Variable {
        let span = Trace.phase("forward")
        defer { span.end() }
        let shape = example.latents.shape
        let frame = generator.integer(below: shape[1])
        let size = example.latents.count / shape[1]
        let latents = Tensor(
            [1, 1] + shape.dropFirst(2), example.latents.read { Array($0[frame * size..<(frame + 1) * size]) })
        let noise = generator.latentNoise(latents.shape, offset: settings.offsetNoise)
        let text = generator.chance(settings.textDropout) ? example.empty : example.context
        let adapters = Adapters(
            loras: [(lora, 1)], isTraining: settings.loraDropout > 0, generator: generator.split("dropout"))
        let prediction = unet(
            sample: Variable(schedule.noised(latents, with: noise, at: timestep)), timestep: [timestep],
            context: Variable(text), adapters: adapters, skipsTemporalWhenSingleFrame: settings.skipTemporal,
            checkpointing: settings.checkpointing)
        return DenoisingLoss.plain(prediction, Variable(schedule.target(latents, with: noise, at: timestep)))
    }
}
