import Autograd
import Checkpoints
import Diffusion
import Execution
import Layers
import Models
import Tensors
import Tracing

/// Runs workloads on one model and measures them.
struct Bench {
    /// What is the same for all workloads.
    struct Settings {
        let precision: Precision
        let rank: Int
        let checkpointing: Bool
        let steps: Int
        let guidance: Float
    }

    /// How the model is named in reports.
    let model: String
    let settings: Settings
    private let console = Console()
    private let loading = UsageMeter()

    /// To be made before the model is loaded, so that its memory is seen.
    init(_ model: String, _ settings: Settings) {
        self.model = model
        self.settings = settings
    }

    /// Forward passes of any model.
    func forward(
        _ model: LoadedModel, parameters: Int, _ inputs: [String: NumericArray], repetitions: Int
    ) throws -> (measurement: Measurement, outputs: [String: Tensor]) {
        try measured(.forward, model.modelClass, parameters, repetitions) { try model.forward(inputs) }
    }

    /// Forward passes of a UNet, without gradients.
    func forward(_ unet: UNet3DConditionModel, _ inputs: BenchInputs, repetitions: Int) -> Measurement {
        measured(.forward, .unet3DConditionModel, unet.weights.parameterCount, repetitions) {
            withoutRecording {
                unet(
                    sample: Variable(inputs.sample), timestep: inputs.timestep, context: Variable(inputs.context)
                ).value
            }
        }.measurement
    }

    /// The network's part of a guided denoising step: one video under two texts, `[2, f, h, w, c]`.
    func guidedStep(
        _ unet: UNet3DConditionModel, _ inputs: BenchInputs, repetitions: Int
    ) -> (measurement: Measurement, outputs: Tensor) {
        measured(.guidedStep, .unet3DConditionModel, unet.weights.parameterCount, repetitions) {
            withoutRecording {
                unet(
                    sample: Variable(inputs.sample), timestep: inputs.timestep, context: Variable(inputs.context),
                    conditions: 2
                ).value
            }
        }
    }

    /// Training steps of a LoRA.
    ///
    /// - Parameter onFirstGradients: receives the gradients of the first step by the names of the LoRA's tensors.
    func trainingStep(
        _ unet: UNet3DConditionModel, _ inputs: BenchInputs, repetitions: Int,
        onFirstGradients: ([String: Tensor]) throws -> Void = { _ in }
    ) throws -> Measurement {
        var training = try TrainingBench(
            unet, inputs, rank: settings.rank, checkpointing: settings.checkpointing)
        let names = training.lora.exported().map(\.name)
        var (loss, norm) = (0.0, 0.0)
        var measurement = try measured(
            .trainingStep, .unet3DConditionModel, unet.weights.parameterCount, repetitions,
            warmUp: {
                let first = training.step()
                loss = first.loss
                norm = first.gradients.reduce(0) { $0 + Double(Kernels.sumOfSquares($1)) }.squareRoot()
                try onFirstGradients(Dictionary(uniqueKeysWithValues: zip(names, first.gradients)))
                training.restartTimings()
            },
            body: { _ = training.step() }
        ).measurement
        measurement.training = .init(
            parameters: training.lora.parameterCount, loss: loss, gradientNorm: norm, phases: training.phases)
        return measurement
    }

    /// Videos from noise, `steps` DDIM steps each, with ZeroScope's schedule; one step warms up.
    ///
    /// - Returns: and the latents, `[1, f, h, w, c]`.
    func sampling(
        _ unet: UNet3DConditionModel, _ inputs: BenchInputs, repetitions: Int
    ) throws -> (measurement: Measurement, outputs: Tensor) {
        let sampler = GuidedSampler(network: unet, scheduler: DDIMScheduler(.zeroScope))
        let texts = inputs.context
        let size = texts.count / 2
        func text(_ index: Int) -> Tensor {
            Tensor([1] + texts.shape.dropFirst(), texts.read { Array($0[index * size..<(index + 1) * size]) })
        }
        let conditions = GuidedSampler.Conditions(prompt: text(1), negative: text(0))
        func sample(_ steps: Int) throws -> Tensor {
            // Without η nothing is drawn.
            var generator = Generator(seed: 0)
            return try sampler.sample(
                from: inputs.sample, conditions, guidance: settings.guidance, steps: steps, using: &generator
            ) { _ in }
        }
        return try measured(
            .sampling, .unet3DConditionModel, unet.weights.parameterCount, repetitions,
            warmUp: { _ = try sample(1) }, body: { try sample(settings.steps) })
    }

    private func measured<R>(
        _ workload: BenchWorkload, _ modelClass: ModelFolder.Class, _ parameters: Int, _ repetitions: Int,
        body: () throws -> R
    ) rethrows -> (measurement: Measurement, outputs: R) {
        try measured(workload, modelClass, parameters, repetitions, warmUp: { _ = try body() }, body: body)
    }

    /// One warm-up, then the repetitions; gives what the last one made.
    private func measured<R>(
        _ workload: BenchWorkload, _ modelClass: ModelFolder.Class, _ parameters: Int, _ repetitions: Int,
        warmUp: () throws -> Void, body: () throws -> R
    ) rethrows -> (measurement: Measurement, outputs: R) {
        let before = loading.read().peakMemory
        let meter = UsageMeter()
        let name = "\(model), \(workload.rawValue)"
        console.note("\(name): warming up, then \(repetitions) \(repetitions == 1 ? "repetition" : "repetitions")")
        try warmUp()
        var timings = Timings()
        func repetition() throws -> R {
            let span = Trace.unit(workload.rawValue)
            defer { span.end() }
            return try timings.measure(body)
        }
        var last = try repetition()
        for _ in 1..<repetitions {
            tell(name, timings, of: repetitions)
            last = try repetition()
        }
        let peak = meter.read().peakMemory
        let measurement = Measurement(
            model: model, modelClass: modelClass.rawValue, parameters: parameters, workload: workload,
            timings: timings, peakRunning: peak, peak: max(before, peak))
        return (measurement, last)
    }

    /// Progress, where it is slow enough to be waited for.
    private func tell(_ name: String, _ timings: Timings, of repetitions: Int) {
        guard let last = timings.seconds.last, last > 2 else { return }
        console.note("\(name): \(timings.seconds.count) of \(repetitions), \(Readable.duration(last))")
    }
}
