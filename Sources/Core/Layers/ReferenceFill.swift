public import Tensors

/// The numbers of the golden tests: every weight and every input follows from its name (reference section 12.0).
///
/// Element j of tensor N: a hash of FNV-1a-32(N) + j·0x9E3779B9, mixed, as v in [−1, 1). Weights of rank ≥ 2 are
/// v·√3/√fanIn; `.weight` of rank 1 is 1 + v/4; other rank 1 v/10; a scalar is 2.6592. Models in any language filled this
/// way can be compared without moving a file.
public struct ReferenceFill: WeightSource, Sendable {
    /// The fill; it has no settings.
    public init() {}

    /// The weight `name` of the given shape, which is that of the reference's file.
    public func tensor(_ name: String, shape: [Int], initial: InitialWeights) -> Tensor {
        tensor(name, shape: shape)
    }

    /// The weight `name` of the given shape, which is that of the reference's file.
    public func tensor(_ name: String, shape: [Int]) -> Tensor {
        guard let rows = shape.first else { return Tensor(2.6592) }
        if shape.count > 1 {
            let fanIn = shape.reduce(1, *) / max(1, rows)
            let bound = (3 / Double(fanIn)).squareRoot()
            return fill(name, shape) { $0 * bound }
        }
        return name.hasSuffix(".weight")
            ? fill(name, shape) { 1 + 0.25 * $0 } : fill(name, shape) { 0.1 * $0 }
    }

    /// The input `name`, given without the prefix `input:`: numbers of variance 1.
    public static func input(_ name: String, _ shape: [Int]) -> Tensor {
        let bound = 3.0.squareRoot()
        return ReferenceFill().fill("input:\(name)", shape) { $0 * bound }
    }

    /// FNV-1a, 32 bits, over the UTF-8 of a name.
    public static func hash(_ name: String) -> UInt32 {
        name.utf8.reduce(0x811c_9dc5) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
    }

    private func fill(_ name: String, _ shape: [Int], _ map: (Double) -> Double) -> Tensor {
        let start = ReferenceFill.hash(name)
        return Tensor(shape) { values in
            for j in values.indices {
                var x = start &+ UInt32(truncatingIfNeeded: j) &* 0x9e37_79b9
                x = (x ^ (x >> 16)) &* 0x7feb_352d
                x = (x ^ (x >> 15)) &* 0x846c_a68b
                x ^= x >> 16
                values[j] = Float(map(2 * (Double(x) / 0x1p32) - 1))
            }
        }
    }
}
