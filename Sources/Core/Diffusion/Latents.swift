public import Tensors

/// The two layouts of video latents: channels-first in files and random draws, channels-last in computation.
public enum Latents {
    /// `[b, c, f, h, w]` to `[b, f, h, w, c]`.
    public static func channelsLast(_ latents: Tensor) -> Tensor {
        precondition(latents.shape.count == 5, "latents of shape \(latents.shape)")
        return Kernels.permute(latents, [0, 2, 3, 4, 1])
    }

    /// `[b, f, h, w, c]` to `[b, c, f, h, w]`.
    public static func channelsFirst(_ latents: Tensor) -> Tensor {
        precondition(latents.shape.count == 5, "latents of shape \(latents.shape)")
        return Kernels.permute(latents, [0, 4, 1, 2, 3])
    }

    /// Standard normal latents `[1, f, h, w, c]`, drawn in the order b, c, f, h, w so that a torch seed gives torch's.
    public static func noise(
        frames: Int, height: Int, width: Int, channels: Int, using generator: inout some RandomSource
    ) -> Tensor {
        channelsLast(generator.normal([1, channels, frames, height, width]))
    }

    /// Bilinear resize of every frame of `[b, f, h, w, c]`, as torch's `interpolate` without aligned corners.
    public static func resized(_ latents: Tensor, height: Int, width: Int) -> Tensor {
        let shape = latents.shape
        precondition(shape.count == 5, "latents of shape \(shape)")
        guard (shape[2], shape[3]) != (height, width) else { return latents }
        let (rows, columns) = (Sampling1D(from: shape[2], to: height), Sampling1D(from: shape[3], to: width))
        let channels = shape[4]
        return Tensor(
            [shape[0], shape[1], height, width, channels],
            initialising: { out in
                latents.read { source in
                    var position = 0
                    for image in 0..<shape[0] * shape[1] {
                        for y in 0..<height {
                            for x in 0..<width {
                                let top = (image * shape[2] + rows.low[y]) * shape[3]
                                let bottom = (image * shape[2] + rows.high[y]) * shape[3]
                                let (left, right) = (columns.low[x], columns.high[x])
                                let (v, u) = (rows.weight[y], columns.weight[x])
                                for c in 0..<channels {
                                    let above =
                                        source[(top + left) * channels + c] * (1 - u)
                                        + source[(top + right) * channels + c] * u
                                    let below =
                                        source[(bottom + left) * channels + c] * (1 - u)
                                        + source[(bottom + right) * channels + c] * u
                                    out[position] = above * (1 - v) + below * v
                                    position += 1
                                }
                            }
                        }
                    }
                }
            })
    }

    /// MotionDirector's noise prior: x_T = √p·x_inv + √(1-p)·n (diffusion.md 5.4).
    public static func mixed(inverted: Tensor, noise: Tensor, prior: Float) -> Tensor {
        combination(prior.squareRoot(), inverted, (1 - prior).squareRoot(), noise)
    }

    /// For each output index its two neighbours and the weight of the higher one.
    private struct Sampling1D {
        let low: [Int]
        let high: [Int]
        let weight: [Float]

        init(from count: Int, to target: Int) {
            let scale = Float(count) / Float(target)
            let positions = (0..<target).map { max((Float($0) + 0.5) * scale - 0.5, 0) }
            low = positions.map { min(Int($0), count - 1) }
            high = low.map { min($0 + 1, count - 1) }
            weight = zip(positions, low).map { $0 - Float($1) }
        }
    }
}
