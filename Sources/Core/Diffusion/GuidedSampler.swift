import Autograd
public import Layers
public import Models
public import Tensors
import Tracing

/// Makes videos from noise: DDIM with classifier-free guidance (diffusion.md 5.3).
public struct GuidedSampler {
    /// The two contexts between which guidance extrapolates.
    public struct Conditions {
        /// The prompt's embedding, `[1, L, D]`.
        public let prompt: Tensor
        /// The negative prompt's, `[1, L, D]`; "" has one too, it is not zeros.
        public let negative: Tensor

        /// Two contexts of equal shape.
        public init(prompt: Tensor, negative: Tensor) {
            precondition(prompt.shape == negative.shape, "contexts \(prompt.shape) and \(negative.shape)")
            self.prompt = prompt
            self.negative = negative
        }
    }

    /// The denoising network.
    public let network: UNet3DConditionModel
    /// The scheduler.
    public let scheduler: DDIMScheduler

    /// A sampler of these.
    public init(network: UNet3DConditionModel, scheduler: DDIMScheduler) {
        self.network = network
        self.scheduler = scheduler
    }

    /// Denoises latents `[1, f, h, w, c]`.
    ///
    /// With `guidance` > 1 the network runs under both texts, [negative, prompt], ε̂ = ε_u + s·(ε_c - ε_u); otherwise under
    /// the prompt alone. What comes before the first look at the text is computed once for both.
    /// - Parameters:
    ///   - noise: x_T.
    ///   - eta: 0 is DDIM, 1 as much noise as DDPM.
    ///   - adapters: LoRAs; their injections have one row, or under guidance two, [negative, prompt].
    ///   - generator: for `eta` > 0; draws in the order of the pipeline, `[b · f, c, h, w]` in each step.
    ///   - afterStep: called with the number of steps done, before the next; throws to stop.
    /// Throws `DiffusionError.badStepCount` and what `afterStep` throws.
    public func sample(
        from noise: Tensor, _ conditions: Conditions, guidance: Float, steps: Int, eta: Float = 0,
        adapters: Adapters = .none, using generator: inout some RandomSource, afterStep: (Int) throws -> Void
    ) throws -> Tensor {
        let isGuided = guidance > 1
        let context = isGuided ? stackedRows(conditions.negative, conditions.prompt) : conditions.prompt
        // The pipeline's scheduler sees each frame as a sample of its own: that counts for draws and for thresholding.
        let shape = noise.shape
        let images = [shape[0] * shape[1]] + shape.dropFirst(2)
        var latents = noise
        for (index, timestep) in try scheduler.timesteps(steps).enumerated() {
            let span = Trace.unit("denoising step")
            defer { span.end() }
            let output = withoutRecording {
                network(
                    sample: Variable(latents), timestep: [timestep], context: Variable(context),
                    conditions: isGuided ? 2 : 1, adapters: adapters
                ).value
            }
            let estimate = isGuided ? guided(output, guidance) : output
            let drawn: Tensor? =
                eta > 0
                ? Kernels.permute(generator.normal([images[0], images[3], images[1], images[2]]), [0, 2, 3, 1]) : nil
            latents = scheduler.step(
                latents.reshaped(images), output: estimate.reshaped(images), at: timestep, steps: steps, eta: eta,
                noise: drawn
            ).reshaped(shape)
            try afterStep(index + 1)
        }
        return latents
    }

    /// DDIM inversion: the noise that leads back to `latents` (diffusion.md 5.4).
    ///
    /// - Parameters:
    ///   - latents: clean, scaled, `[1, f, h, w, c]`.
    ///   - context: of "", `[1, L, D]`; there is no guidance.
    public func invert(
        _ latents: Tensor, context: Tensor, steps: Int, afterStep: (Int) throws -> Void
    ) throws -> Tensor {
        var latents = latents
        for (index, timestep) in try scheduler.timesteps(steps).reversed().enumerated() {
            let span = Trace.unit("inversion step")
            defer { span.end() }
            let output = withoutRecording {
                network(sample: Variable(latents), timestep: [timestep], context: Variable(context)).value
            }
            latents = scheduler.inversionStep(latents, output: output, at: timestep, steps: steps)
            try afterStep(index + 1)
        }
        return latents
    }

    /// ε_u + s·(ε_c - ε_u) from a batch [ε_u, ε_c].
    private func guided(_ output: Tensor, _ scale: Float) -> Tensor {
        let half = output.count / 2
        return Tensor(
            [1] + output.shape.dropFirst(),
            initialising: { out in
                output.read { both in
                    for i in 0..<half { out[i] = both[i] + scale * (both[half + i] - both[i]) }
                }
            })
    }

    private func stackedRows(_ first: Tensor, _ second: Tensor) -> Tensor {
        Tensor(
            [first.shape[0] + second.shape[0]] + first.shape.dropFirst(),
            initialising: { out in
                first.read { for i in $0.indices { out[i] = $0[i] } }
                second.read { for i in $0.indices { out[first.count + i] = $0[i] } }
            })
    }
}
