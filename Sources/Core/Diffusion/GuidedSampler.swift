import Autograd
public import Layers
public import Models
public import Tensors
import Tracing

/// Makes videos from noise: DDIM with classifier-free guidance (diffusion.md 5.3).
public struct GuidedSampler {
    /// The two contexts between which guidance extrapolates.
    public struct Conditions {
        /// The prompt's embedding, `[1, L, D]`, or the prompts' of a batch of n videos, `[n, L, D]`.
        public let prompt: Tensor
        /// The negative prompts', of the same shape; "" has one too, it is not zeros.
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

    /// Denoises latents of a video or of n at once, `[n, f, h, w, c]`, each with its own noise, under one prompt or n.
    ///
    /// With `guidance` > 1 the network runs under both texts, [negative, prompt], ε̂ = ε_u + s·(ε_c - ε_u); otherwise under
    /// the prompt alone. What comes before the first look at the text is computed once for both, what the network makes
    /// of the texts once for all steps. No number of a video depends on the others of its batch, but its last bits may
    /// depend on their count: kernels cut their sums by size.
    /// - Parameters:
    ///   - noise: x_T.
    ///   - rescale: how far the guided estimate is brought back to the deviation of the prompt's, video by video: 0 for
    ///     not at all, 1 for all the way (Lin and others 2024, "Common diffusion noise schedules and sample steps are
    ///     flawed", section 3.4; 0.7 there). With schedules that end in almost pure noise guidance overshoots without it.
    ///   - eta: 0 is DDIM, 1 as much noise as DDPM.
    ///   - adapters: LoRAs that are not in the network's weights; injections have one row, or under guidance two,
    ///     [negative, prompt]; or n rows, under guidance n negative ones and then n of the prompts.
    ///   - generators: for `eta` > 0 one for each video, as if each was sampled alone: draws `[f, c, h, w]` in each step.
    ///   - afterStep: called with the number of steps done, before the next; throws to stop.
    /// Throws `DiffusionError.badStepCount` and what `afterStep` throws.
    public func sample(
        from noise: Tensor, _ conditions: Conditions, guidance: Float, rescale: Float = 0, steps: Int, eta: Float = 0,
        adapters: Adapters = .none, using generators: inout [some RandomSource], afterStep: (Int) throws -> Void
    ) throws -> Tensor {
        let videos = noise.shape[0]
        precondition(generators.count == videos, "\(generators.count) generators for noise \(noise.shape)")
        return try sample(
            from: noise, conditions, guidance: guidance, rescale: rescale, steps: steps, eta: eta, adapters: adapters,
            drawing: { shape in
                let one = [shape[0] / videos] + shape.dropFirst()
                return Kernels.concatenateRows(generators.indices.map { generators[$0].normal(one) })
            }, afterStep: afterStep)
    }

    /// As the other, with one generator for the batch: draws in the order of the pipeline, `[n · f, c, h, w]` in each step.
    public func sample(
        from noise: Tensor, _ conditions: Conditions, guidance: Float, rescale: Float = 0, steps: Int, eta: Float = 0,
        adapters: Adapters = .none, using generator: inout some RandomSource, afterStep: (Int) throws -> Void
    ) throws -> Tensor {
        try sample(
            from: noise, conditions, guidance: guidance, rescale: rescale, steps: steps, eta: eta, adapters: adapters,
            drawing: { generator.normal($0) }, afterStep: afterStep)
    }

    private func sample(
        from noise: Tensor, _ conditions: Conditions, guidance: Float, rescale: Float, steps: Int, eta: Float,
        adapters: Adapters, drawing: ([Int]) -> Tensor, afterStep: (Int) throws -> Void
    ) throws -> Tensor {
        let texts = conditions.prompt.shape[0]
        precondition([1, noise.shape[0]].contains(texts), "\(texts) prompts for noise \(noise.shape)")
        let isGuided = guidance > 1
        let conditioning = conditioning(
            isGuided ? Kernels.concatenateRows([conditions.negative, conditions.prompt]) : conditions.prompt, adapters)
        // The pipeline's scheduler sees each frame as a sample of its own: that counts for draws and for thresholding.
        let shape = noise.shape
        let images = [shape[0] * shape[1]] + shape.dropFirst(2)
        var latents = noise
        for (index, timestep) in try scheduler.timesteps(steps).enumerated() {
            let span = Trace.unit("denoising step")
            defer { span.end() }
            let output = withoutRecording {
                network(
                    sample: Variable(latents), timestep: [timestep], conditioning: conditioning,
                    conditions: isGuided ? 2 : 1, adapters: adapters
                ).value
            }
            let estimate = isGuided ? guided(output, guidance, rescale: rescale) : output
            let drawn: Tensor? =
                eta > 0
                ? Kernels.permute(drawing([images[0], images[3], images[1], images[2]]), [0, 2, 3, 1]) : nil
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
    ///   - latents: clean, scaled, `[n, f, h, w, c]`.
    ///   - context: of "", `[1, L, D]`, or one for each video; there is no guidance.
    public func invert(
        _ latents: Tensor, context: Tensor, steps: Int, afterStep: (Int) throws -> Void
    ) throws -> Tensor {
        var latents = latents
        let conditioning = conditioning(context)
        for (index, timestep) in try scheduler.timesteps(steps).reversed().enumerated() {
            let span = Trace.unit("inversion step")
            defer { span.end() }
            let output = withoutRecording {
                network(sample: Variable(latents), timestep: [timestep], conditioning: conditioning).value
            }
            latents = scheduler.inversionStep(latents, output: output, at: timestep, steps: steps)
            try afterStep(index + 1)
        }
        return latents
    }

    private func conditioning(
        _ context: Tensor, _ adapters: Adapters = .none
    ) -> UNet3DConditionModel.Conditioning {
        withoutRecording { network.conditioned(on: Variable(context), adapters: adapters) }
    }

    /// ε_u + s·(ε_c - ε_u) from a batch [ε_u, ε_c], each of n videos, brought back towards the deviation of ε_c.
    private func guided(_ output: Tensor, _ scale: Float, rescale: Float) -> Tensor {
        let half = output.count / 2
        let videos = output.shape[0] / 2
        return Tensor(
            [videos] + output.shape.dropFirst(),
            initialising: { out in
                output.read { both in
                    for i in 0..<half { out[i] = both[i] + scale * (both[half + i] - both[i]) }
                    guard rescale > 0 else { return }
                    for video in 0..<videos {
                        let range = video * (half / videos)..<(video + 1) * (half / videos)
                        let own = deviation(range.lazy.map { both[half + $0] })
                        let factor = rescale * own / max(deviation(range.lazy.map { out[$0] }), 1e-12) + 1 - rescale
                        for i in range { out[i] *= factor }
                    }
                }
            })
    }

    /// As torch's `std`, of n - 1.
    private func deviation(_ values: some Collection<Float>) -> Float {
        let (sum, squares) = values.reduce(into: (0.0, 0.0)) {
            $0.0 += Double($1)
            $0.1 += Double($1) * Double($1)
        }
        let count = Double(values.count)
        return Float((max(0, squares - sum * sum / count) / max(1, count - 1)).squareRoot())
    }
}
