#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif
public import Autograd
import Tensors

/// Positions as rotations: pair i of a head of d channels turns by position · θ^(−2i/d).
///
/// Half-split pairs (i, i + d/2), as transformers' `LlamaRotaryEmbedding` has them; angles are float32 products as
/// there, so that long sequences agree in their last bits.
public struct RotaryEmbedding: Sendable {
    /// θ.
    public let base: Double
    /// d, even.
    public let width: Int

    /// For heads of `width` channels.
    public init(base: Double, width: Int) {
        precondition(width > 0 && width % 2 == 0 && base > 0, "rotary embedding of width \(width), base \(base)")
        (self.base, self.width) = (base, width)
    }

    /// The angles of some positions, made once for all layers.
    public struct Angles: Sendable {
        /// Cosines and sines, [L, d/2].
        fileprivate let cosines: Tensor, sines: Tensor
    }

    /// The angles of `positions`.
    public func angles(_ positions: Range<Int>) -> Angles {
        let half = width / 2
        let speeds = (0..<half).map { 1 / Float(pow(base, Double(Float(2 * $0) / Float(width)))) }
        func table(_ function: (Double) -> Double) -> Tensor {
            Tensor(
                [positions.count, half],
                initialising: { out in
                    for (row, position) in positions.enumerated() {
                        for i in 0..<half { out[row * half + i] = Float(function(Double(Float(position) * speeds[i]))) }
                    }
                })
        }
        return Angles(cosines: table(cos), sines: table(sin))
    }

    /// Turns every head of `x` [n, L, heads · d], for as many positions as the angles have.
    public func callAsFunction(_ x: Variable, _ angles: Angles) -> Variable {
        rotated(x, cosines: angles.cosines, sines: angles.sines, heads: x.shape[2] / width)
    }
}
