import Foundation
public import Tensors

/// How much of a sample is left after t steps of noising: x_t = √ᾱ_t·x₀ + √(1-ᾱ_t)·n.
///
/// In float32 as the reference computes it (diffusion.md 5.1).
public struct NoiseSchedule: Sendable {
    /// β_t for every training timestep.
    public let betas: [Float]
    /// ᾱ_t, the product of 1-β up to t.
    public let cumulativeAlphas: [Float]
    /// What the network is trained to tell.
    public let prediction: SchedulerConfig.Prediction

    /// The schedule that a scheduler file describes.
    public init(_ config: SchedulerConfig) {
        let made = NoiseSchedule.betas(config)
        betas = config.rescalesToZeroSNR ? NoiseSchedule.rescaledToZeroSNR(made) : made
        prediction = config.prediction
        // torch's cumprod keeps its running product in double and stores floats.
        var product = 1.0
        cumulativeAlphas = betas.map { beta in
            product *= Double(1 - beta)
            return Float(product)
        }
    }

    /// How many timesteps there are.
    public var count: Int { betas.count }

    /// √ᾱ_t and √(1-ᾱ_t): what a sample and its noise weigh at t.
    public func weights(at timestep: Int) -> (sample: Float, noise: Float) {
        let alpha = cumulativeAlphas[timestep]
        return (alpha.squareRoot(), (1 - alpha).squareRoot())
    }

    /// x_t = √ᾱ_t·x₀ + √(1-ᾱ_t)·n, any shape.
    public func noised(_ sample: Tensor, with noise: Tensor, at timestep: Int) -> Tensor {
        let weights = weights(at: timestep)
        return combination(weights.sample, sample, weights.noise, noise)
    }

    /// v = √ᾱ_t·n - √(1-ᾱ_t)·x₀, any shape.
    public func velocity(_ sample: Tensor, with noise: Tensor, at timestep: Int) -> Tensor {
        let weights = weights(at: timestep)
        return combination(weights.sample, noise, -weights.noise, sample)
    }

    /// What the network should say of `noised(sample, with: noise, at: timestep)`.
    public func target(_ sample: Tensor, with noise: Tensor, at timestep: Int) -> Tensor {
        switch prediction {
        case .epsilon: noise
        case .velocity: velocity(sample, with: noise, at: timestep)
        case .sample: sample
        }
    }

    private static func betas(_ config: SchedulerConfig) -> [Float] {
        if let trained = config.trainedBetas { return trained.map { Float($0) } }
        let count = config.trainTimesteps
        switch config.betaSchedule {
        case .linear: return linearSpace(Float(config.betaStart), Float(config.betaEnd), count)
        case .scaledLinear:
            return linearSpace(Float(config.betaStart.squareRoot()), Float(config.betaEnd.squareRoot()), count)
                .map { $0 * $0 }
        case .squaredCosine:
            func bar(_ t: Double) -> Double { pow(cos((t + 0.008) / 1.008 * Double.pi / 2), 2) }
            return (0..<count).map { i in
                Float(min(1 - bar(Double(i + 1) / Double(count)) / bar(Double(i) / Double(count)), 0.999))
            }
        }
    }

    /// torch.linspace in float32: from both ends towards the middle.
    private static func linearSpace(_ start: Float, _ end: Float, _ count: Int) -> [Float] {
        guard count > 1 else { return [start] }
        let step = (end - start) / Float(count - 1)
        return (0..<count).map { i in
            i < count / 2 ? start + step * Float(i) : end - step * Float(count - 1 - i)
        }
    }

    /// Lin and others 2024, "Common diffusion noise schedules and sample steps are flawed", algorithm 1.
    private static func rescaledToZeroSNR(_ betas: [Float]) -> [Float] {
        var product: Float = 1
        var roots = betas.map { beta in
            product *= 1 - beta
            return product.squareRoot()
        }
        guard let first = roots.first, let last = roots.last else { return betas }
        for i in roots.indices { roots[i] = (roots[i] - last) * (first / (first - last)) }
        let bars = roots.map { $0 * $0 }
        return bars.indices.map { 1 - ($0 == 0 ? bars[0] : bars[$0] / bars[$0 - 1]) }
    }
}

/// a·x + b·y, elementwise.
func combination(_ a: Float, _ x: Tensor, _ b: Float, _ y: Tensor) -> Tensor {
    precondition(x.shape == y.shape, "combination of \(x.shape) and \(y.shape)")
    return Tensor(
        x.shape,
        initialising: { out in
            x.read { x in y.read { y in for i in out.indices { out[i] = a * x[i] + b * y[i] } } }
        })
}
