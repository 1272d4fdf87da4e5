public import Autograd
import Foundation
public import Tensors

/// A draw from the normal distributions that an autoencoder's encoder describes: mean + e^(½ log variance) · noise.
///
/// `moments` [.., 2c]: means, then logarithmic variances (held to [-30, 20]; beyond there is no slope); `noise` [.., c].
/// Kingma and Welling 2014; `DiagonalGaussianDistribution.sample` of diffusers.
public func sampled(_ moments: Variable, noise: Tensor) -> Variable {
    let channels = moments.shape[moments.shape.count - 1] / 2
    precondition(
        noise.shape == moments.shape.dropLast() + [channels], "noise \(noise.shape) for moments \(moments.shape)")
    let rows = noise.count / max(1, channels)
    let forward = { (m: Tensor) in
        Tensor(noise.shape) { y in
            m.read { m in
                noise.read { n in
                    for row in 0..<rows {
                        for c in 0..<channels {
                            let variance = held(m[(2 * row + 1) * channels + c])
                            y[row * channels + c] =
                                m[2 * row * channels + c] + exp(0.5 * variance) * n[row * channels + c]
                        }
                    }
                }
            }
        }
    }
    return moments.mapped("posterior sample", forward) { gradient, m in
        Tensor(m.shape) { slope in
            gradient.read { g in
                m.read { m in
                    noise.read { n in
                        for row in 0..<rows {
                            for c in 0..<channels {
                                let (mean, spread) = (2 * row * channels + c, (2 * row + 1) * channels + c)
                                let own = g[row * channels + c]
                                slope[mean] = own
                                let isHeld = m[spread] != held(m[spread])
                                slope[spread] =
                                    isHeld ? 0 : own * n[row * channels + c] * 0.5 * exp(0.5 * m[spread])
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Mean over all latents of ½(μ² + σ² - 1 - log σ²): how far the encoder's distributions are from the standard normal.
///
/// `moments` as in ``sampled(_:noise:)``.
public func standardDivergence(_ moments: Variable) -> Variable {
    let channels = moments.shape[moments.shape.count - 1] / 2
    let rows = moments.value.count / max(1, 2 * channels)
    let share = 1 / Float(max(1, rows * channels))
    return scalar("divergence", of: [moments]) { values in
        var sum = 0.0
        let slope = Tensor(moments.shape) { slope in
            values[0].read { m in
                for row in 0..<rows {
                    for c in 0..<channels {
                        let (mean, spread) = (2 * row * channels + c, (2 * row + 1) * channels + c)
                        let variance = held(m[spread])
                        sum += 0.5 * Double(m[mean] * m[mean] + exp(variance) - 1 - variance)
                        slope[mean] = m[mean] * share
                        slope[spread] = variance == m[spread] ? 0.5 * (exp(variance) - 1) * share : 0
                    }
                }
            }
        }
        return (sum * Double(share), [slope])
    }
}

private func held(_ logarithmicVariance: Float) -> Float { min(max(logarithmicVariance, -30), 20) }
