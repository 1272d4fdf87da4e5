public import Foundation
public import Tensors

/// Denoising diffusion implicit models (Song and others 2021), as diffusers' DDIMScheduler (diffusion.md 5.2).
///
/// x_p = √ᾱ_p·x₀ + √(1-ᾱ_p-σ²)·ε + σ·n with σ = η·√((1-ᾱ_p)/(1-ᾱ_t)·(1-ᾱ_t/ᾱ_p)). Elementwise: any layout.
public struct DDIMScheduler: Sendable {
    /// The file's fields.
    public let config: SchedulerConfig
    /// β and ᾱ.
    public let schedule: NoiseSchedule

    /// A scheduler that works as `config` says.
    public init(_ config: SchedulerConfig) {
        self.config = config
        schedule = NoiseSchedule(config)
    }

    /// A scheduler from a diffusers folder.
    ///
    /// Throws `DiffusionError` for what is not supported.
    public init(folder: URL) throws { try self.init(SchedulerConfig(folder: folder)) }

    /// The timesteps of `steps` inference steps, falling.
    ///
    /// Throws `DiffusionError.badStepCount`.
    public func timesteps(_ steps: Int) throws -> [Int] {
        let total = config.trainTimesteps
        guard (1...total).contains(steps) else {
            throw DiffusionError.badStepCount(steps: steps, why: "the model was trained with \(total) timesteps")
        }
        let visited: [Int]
        switch config.spacing {
        case .leading:
            visited = (0..<steps).reversed().map { $0 * (total / steps) + config.stepsOffset }
        case .linspace:
            let distance = Double(total - 1) / Double(max(1, steps - 1))
            visited = (0..<steps).reversed().map { Int((Double($0) * distance).rounded(.toNearestOrEven)) }
        case .trailing:
            let ratio = Double(total) / Double(steps)
            visited = (0..<steps).map { Int((Double(total) - Double($0) * ratio).rounded(.toNearestOrEven)) - 1 }
        }
        guard visited.allSatisfy({ (0..<total).contains($0) }) else {
            throw DiffusionError.badStepCount(
                steps: steps,
                why: "steps_offset \(config.stepsOffset) leads to timestep \(visited.max() ?? 0) of \(total)")
        }
        return visited
    }

    /// One step down from `timestep`, of `steps` in all.
    ///
    /// - Parameters:
    ///   - output: what the network said of `sample`.
    ///   - eta: 0 is DDIM, 1 has the variance of DDPM.
    ///   - noise: drawn from only if `eta` > 0; of the shape of `sample`.
    public func step(
        _ sample: Tensor, output: Tensor, at timestep: Int, steps: Int, eta: Float = 0, noise: Tensor? = nil
    ) -> Tensor {
        let alpha = schedule.cumulativeAlphas[timestep]
        let previous = alphaBar(timestep - config.trainTimesteps / steps)
        var (clean, epsilon) = estimates(sample, output: output, at: timestep)
        if config.thresholds {
            clean = thresholded(clean)
        } else if config.clipsSample {
            let limit = Float(config.clipRange)
            clean = Tensor(clean.shape, clean.values.map { min(max($0, -limit), limit) })
        }
        let variance = (1 - previous) / (1 - alpha) * (1 - alpha / previous)
        let sigma = eta * max(variance, 0).squareRoot()
        let direction = max(1 - previous - sigma * sigma, 0).squareRoot()
        let mean = combination(previous.squareRoot(), clean, direction, epsilon)
        guard sigma > 0, let noise else { return mean }
        return combination(1, mean, sigma, noise)
    }

    /// One step up to `timestep` on the way from a clean sample to its noise (DDIM inversion, diffusion.md 5.4).
    ///
    /// The network looks at the sample with the timestep it is going to, as Tune-A-Video and MotionDirector do.
    public func inversionStep(_ sample: Tensor, output: Tensor, at timestep: Int, steps: Int) -> Tensor {
        let from = min(timestep - config.trainTimesteps / steps, config.trainTimesteps - 1)
        let (alphaFrom, alphaTo) = (alphaBar(from), schedule.cumulativeAlphas[timestep])
        let (clean, epsilon) = estimates(sample, output: output, alpha: alphaFrom)
        return combination(alphaTo.squareRoot(), clean, (1 - alphaTo).squareRoot(), epsilon)
    }

    /// The estimates of x₀ and ε in a network's output.
    public func estimates(_ sample: Tensor, output: Tensor, at timestep: Int) -> (clean: Tensor, noise: Tensor) {
        estimates(sample, output: output, alpha: schedule.cumulativeAlphas[timestep])
    }

    private func estimates(_ sample: Tensor, output: Tensor, alpha: Float) -> (clean: Tensor, noise: Tensor) {
        let (root, rest) = (alpha.squareRoot(), (1 - alpha).squareRoot())
        switch config.prediction {
        case .epsilon: return (combination(1 / root, sample, -rest / root, output), output)
        case .sample: return (output, combination(1 / rest, sample, -root / rest, output))
        case .velocity:
            return (combination(root, sample, -rest, output), combination(root, output, rest, sample))
        }
    }

    private func alphaBar(_ timestep: Int) -> Float {
        timestep >= 0 ? schedule.cumulativeAlphas[timestep] : config.setsAlphaToOne ? 1 : schedule.cumulativeAlphas[0]
    }

    /// Saharia and others 2022, section 2.3: per sample of the batch, clamps to a quantile and scales back to ±1.
    private func thresholded(_ clean: Tensor) -> Tensor {
        let (batch, size) = (clean.shape[0], clean.count / clean.shape[0])
        var values = clean.values
        for b in 0..<batch {
            let range = b * size..<(b + 1) * size
            let sorted = values[range].map(abs).sorted()
            let position = config.thresholdRatio * Double(size - 1)
            let (low, high) = (Int(position), min(Int(position) + 1, size - 1))
            let quantile = sorted[low] + (sorted[high] - sorted[low]) * Float(position - Double(low))
            let limit = min(max(quantile, 1), Float(config.thresholdMaximum))
            for i in range { values[i] = min(max(values[i], -limit), limit) / limit }
        }
        return Tensor(clean.shape, values)
    }
}
