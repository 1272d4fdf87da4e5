import Autograd
import Diffusion
import Formats
import Layers
import Logging
import Models
import StageKit
import Tensors
import Tracing

/// Everything that the motion stage trains, and its loop.
struct MotionTrainer {
    private let unet: UNet3DConditionModel
    private let schedule: NoiseSchedule
    private let spatial: SpatialLoRAs?
    private let examples: Examples
    private let settings: MotionTrainingSettings
    private let draws: TrainingDraws
    let temporal: LoRA?
    let injector: AppearanceInjector?
    let enhancer: MotionEnhancer?
    private var groups: [TrainedGroup]
    /// The learning rates that the groups begin with.
    private let rates: [Double]

    init(
        unet: UNet3DConditionModel, schedule: NoiseSchedule, spatial: SpatialLoRAs?, examples: Examples,
        settings: MotionTrainingSettings, draws: TrainingDraws
    ) throws {
        self.unet = unet
        self.schedule = schedule
        self.spatial = spatial
        self.examples = examples
        self.settings = settings
        self.draws = draws
        let targets: LoRATargets = settings.transformerIn ? .temporal : .temporalWithoutInput
        temporal =
            settings.temporalLora
            ? LoRA(
                targets: targets.choose(unet.weights.linears), rank: settings.rank,
                dropout: Float(settings.loraDropout),
                using: draws.generator("lora")) : nil
        let width = examples.all.first?.embeddings?.mean.count
        injector =
            settings.injector
            ? width.map {
                AppearanceInjector(
                    sites: AppearanceInjector.Site.all(in: unet.weights), embedding: $0,
                    point: settings.injectPoint.point, fusion: settings.fusion.fusion,
                    normalisesEmbedding: settings.normalizeImageEmbedding)
            } : nil
        let token = examples.empty.shape[2]
        enhancer =
            settings.enhancer
            ? width.map {
                MotionEnhancer(
                    video: $0, token: token, hidden: settings.enhancerHidden ?? token,
                    using: draws.generator("motion enhancer"))
            } : nil
        let decay = settings.weightDecay ?? (examples.all.count == 1 ? 1e-2 : 1e-4)
        func group(_ variables: [Variable], _ rate: Double) -> TrainedGroup {
            TrainedGroup(
                variables, learningRate: rate, weightDecay: decay, betas: settings.betas, epsilon: settings.epsilon)
        }
        groups = [
            group((temporal?.variables ?? []) + (enhancer?.variables ?? []), settings.learningRate),
            group(injector?.variables ?? [], settings.injectorLearningRate ?? settings.learningRate),
        ].filter { !$0.variables.isEmpty }
        rates = groups.map(\.learningRate)
    }

    /// How many numbers are trained.
    var parameterCount: Int { groups.reduce(0) { $0 + $1.variables.reduce(0) { $0 + $1.value.count } } }

    /// Trains, and tells how it went.
    mutating func run(_ context: StageContext) throws -> [TrainingRecord.Step] {
        var resumable = ResumableSteps(context, part: "motion", total: settings.steps)
        var record = try resumable.restore(&groups)
        for step in record.count..<settings.steps {
            try context.checkCancellation()
            let span = Trace.unit("training step")
            defer { span.end() }
            let choices = choices(step)
            let isLast = step == settings.steps - 1
            let levels = isLast && injector != nil ? InjectionLevels() : nil
            let (loss, losses) = try train(choices, step, levels)
            let parts = losses.map { (name: $0.name, value: Double($0.value)) }
            record.append(
                TrainingRecord.Step(
                    clip: choices.clip, timestep: choices.timestep, loss: loss,
                    parts: Dictionary(uniqueKeysWithValues: parts.map { ($0.name, $0.value) })))
            context.report(
                StageProgress(
                    step + 1, of: settings.steps, unit: "step",
                    readings: [.init("loss", loss)]
                        + (parts.count > 1 ? parts.map { .init($0.name, $0.value) } : [])))
            if let ratio = levels?.largest { report(ratio, context) }
            try resumable.keep(groups, record)
        }
        try resumable.end(groups, record)
        return record
    }

    /// One update, with everything chosen already; gives the losses from before it.
    mutating func train(
        _ choices: StepChoices, _ step: Int, _ levels: InjectionLevels? = nil
    ) throws -> (loss: Double, parts: [Part]) {
        let share = settings.schedule.share(at: step, of: settings.steps)
        for index in groups.indices { groups[index].learningRate = rates[index] * share }
        let losses = losses(choices, levels)
        let total = losses.dropFirst().reduce(losses[0].weighted) { $0 + $1.weighted }
        let result = try trainStep(&groups, loss: total, clip: settings.gradientClip, step: step + 1)
        return (result.loss, losses)
    }

    /// What chance decides in a step.
    private func choices(_ step: Int) -> StepChoices {
        var generator = draws.step(step)
        let clip = draws.clip(at: step, of: examples.all.count)
        let example = examples.all[clip]
        return StepChoices(
            clip: clip, shape: example.latents.shape,
            frames: injector == nil ? nil : example.embeddings?.frames.shape[0],
            hasSpatial: spatial != nil && settings.spatialScale > 0, schedule: schedule.count, settings: settings,
            using: &generator)
    }

    /// What sampling gets.
    ///
    /// The spatial LoRA stays behind: it is the clips' look (diffusion.md 8.6).
    func adapter() -> MotionAdapter {
        let means = examples.all.compactMap { $0.embeddings?.mean }
        let residuals = examples.all.compactMap { example in
            enhancer.flatMap { enhancer in
                example.embeddings.map { embeddings in
                    withoutRecording {
                        enhancer.residual(
                            video: embeddings.mean, tokens: MotionEnhancer.rows(example.word, of: example.context)
                        ).mean(groups: 1).value
                    }
                }
            }
        }
        return MotionAdapter(
            temporalLoRA: temporal, injector: injector, enhancer: enhancer, videoEmbedding: mean(means),
            residualEmbedding: mean(residuals),
            facts: MotionAdapter.Facts(
                motion: settings.motion, span: settings.enhanceSpan.span, prompts: examples.all.map(\.prompt)))
    }

    /// A term of the loss.
    struct Part {
        let name: String
        let value: Float
        let weighted: Variable
    }

    /// Equation 5-7, and MotionDirector's loss where it is asked for.
    private func losses(_ choices: StepChoices, _ levels: InjectionLevels?) -> [Part] {
        let span = Trace.phase("forward")
        defer { span.end() }
        let example = examples.all[choices.clip]
        var residual: Variable?
        var text = Variable(choices.seesText ? example.context : examples.empty)
        if choices.seesText, let enhancer, let embeddings = example.embeddings {
            let enhanced = enhancer.enhanced(example.context, video: embeddings.mean, tokens: example.word)
            (text, residual) = (enhanced.context, enhanced.residual)
        }
        var adapters = Adapters(isTraining: settings.loraDropout > 0, generator: choices.dropout)
        if let temporal { adapters.loras.append((temporal, 1)) }
        if let spatial, choices.seesSpatial {
            adapters.loras.append((spatial[choices.clip], Float(settings.spatialScale)))
        }
        if let injector, let psi = psi(example, choices) {
            injector.inject(psi, into: &adapters)
            levels?.injections = adapters.injections.mapValues(\.value)
        }
        let (noise, timestep) = (choices.noise, choices.timestep)
        let prediction = unet(
            sample: Variable(schedule.noised(example.latents, with: noise, at: timestep)), timestep: [timestep],
            context: text, adapters: adapters, checkpointing: settings.checkpointing,
            observer: levels.map { levels in { levels.observe($0, $1) } })
        let target = Variable(schedule.target(example.latents, with: noise, at: timestep))
        var parts: [Part] = []
        func add(_ name: String, _ loss: Variable, _ weight: Double) {
            let weighted = weight == 1 ? loss : loss.scaled(by: Float(weight))
            parts.append(Part(name: name, value: loss.value.scalar, weighted: weighted))
        }
        if settings.plainWeight > 0 { add("plain", DenoisingLoss.plain(prediction, target), settings.plainWeight) }
        if settings.debiasedWeight > 0 {
            let debiased = DenoisingLoss.appearanceDebiased(
                prediction, target, anchor: choices.anchor, beta: Float(settings.debiasedBeta))
            add("debiased", debiased, settings.debiasedWeight)
        }
        if let residual, settings.residualWeight > 0 {
            add("residual", DenoisingLoss.regularisation(residual), settings.residualWeight)
        }
        return parts
    }

    /// ψ of the frame that the injector sees in this step, `[1, d]`.
    private func psi(_ example: Example, _ choices: StepChoices) -> Tensor? {
        guard let frames = example.embeddings?.frames, let frame = choices.frame else { return nil }
        let width = frames.shape[1]
        guard choices.seesImage else { return Tensor(zeros: [1, width]) }
        return Tensor([1, width], frames.read { Array($0[frame * width..<(frame + 1) * width]) })
    }

    private func mean(_ tensors: [Tensor]) -> Tensor? {
        guard let first = tensors.first else { return nil }
        let sum = tensors.dropFirst().reduce(first) { Kernels.add($0, $1) }
        return Kernels.scale(sum, by: 1 / Float(tensors.count)).reshaped([first.count])
    }

    /// diffusion.md 8.4: what the injector adds should stay small beside what it is added to.
    private func report(_ ratio: Float, _ context: StageContext) {
        context.log.info("appearance injector: rms of what it adds is at most \(ratio) of the hidden states'")
        if ratio > 0.5 {
            context.log.warning(
                "the injector outweighs the hidden states (\(ratio)); set normalize-image-embedding or lower injector-learning-rate"
            )
        }
    }
}

/// How large what the injector adds is beside the hidden states that it is added to.
final class InjectionLevels {
    var injections: [String: Tensor] = [:]
    private(set) var largest: Float?

    /// The spatial transformer's output at `….attentions.i` is what the injector adds to before `….temp_attentions.i`.
    func observe(_ point: String, _ value: Tensor) {
        let path = point.replacing(".attentions.", with: ".temp_attentions.")
        guard path != point, let rows = injections[path] ?? injections["\(path).proj_in"] else { return }
        let (added, hidden) = (rootMeanSquare(rows), rootMeanSquare(value))
        guard hidden > 0 else { return }
        largest = max(largest ?? 0, added / hidden)
    }

    private func rootMeanSquare(_ tensor: Tensor) -> Float {
        tensor.read { values in
            Float((values.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(max(1, values.count))).squareRoot())
        }
    }
}
