import Autograd
import Layers

/// `TemporalConvLayer` of the reference (diffusion.md 2.3): four times GroupNorm, SiLU, convolution over three frames,
/// and the input added.
///
/// Statistics are taken over all frames of a video; the last convolution starts at zero.
struct TemporalConvolution {
    private let norms: [GroupNorm]
    private let convolutions: [Convolution2D]

    init(_ weights: Weights, channels: Int, groups: Int) {
        var norms: [GroupNorm] = []
        var convolutions: [Convolution2D] = []
        for stage in 1...4 {
            norms.append(GroupNorm(weights, "conv\(stage).0", groups: groups, channels: channels, epsilon: 1e-5))
            // Index 2 or 3 in the reference: its later stages have a dropout between.
            convolutions.append(
                Convolution2D(weights, "conv\(stage).\(stage == 1 ? 2 : 3)", temporal: channels, zeros: stage == 4))
        }
        self.norms = norms
        self.convolutions = convolutions
    }

    /// `[b * f, h, w, c]` in and out.
    func callAsFunction(_ x: Variable, batch: Int) -> Variable {
        let shape = x.shape
        let start = x.reshaped([batch, shape[0] / batch, shape[1] * shape[2], shape[3]])
        var y = start
        for (index, (norm, convolution)) in zip(norms, convolutions).enumerated() {
            y = convolution(norm(y, activation: .silu), adding: index == norms.count - 1 ? start : nil)
        }
        return y.reshaped(shape)
    }
}
