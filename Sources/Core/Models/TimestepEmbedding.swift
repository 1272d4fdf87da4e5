import Autograd
import Foundation
import Layers
import Tensors

/// `Timesteps` and `TimestepEmbedding` of the reference (diffusion.md section 2, step 1).
struct TimestepEmbedding {
    private let channels: Int
    private let linear1: Linear
    private let linear2: Linear

    init(_ weights: Weights, channels: Int) {
        self.channels = channels
        linear1 = Linear(weights, "linear_1", in: channels, out: 4 * channels, bias: true)
        linear2 = Linear(weights, "linear_2", in: 4 * channels, out: 4 * channels, bias: true)
    }

    /// `[b]` to `[b, 4 * channels]`.
    func callAsFunction(_ timesteps: [Int], _ adapters: Adapters = .none) -> Variable {
        linear2(
            linear1(Variable(Self.sinusoids(timesteps, width: channels)), adapters, activation: .silu), adapters)
    }

    /// `[cos(t·ω), sin(t·ω)]` with ωₖ = 10000^(-k / half), k = 0 … half - 1: the denominator is half, not half - 1.
    static func sinusoids(_ timesteps: [Int], width: Int) -> Tensor {
        let half = width / 2
        var values: [Float] = []
        values.reserveCapacity(timesteps.count * width)
        // Rounded to float32 where the reference rounds: the angle loses about 1e-7 of its size there.
        let frequencies = (0..<half).map { Float(exp(Double(Float(-log(10000.0)) * Float($0) / Float(half)))) }
        for timestep in timesteps {
            let angles = frequencies.map { Double(Float(timestep) * $0) }
            values += angles.map { Float(cos($0)) }
            values += angles.map { Float(sin($0)) }
        }
        return Tensor([timesteps.count, width], values)
    }
}
