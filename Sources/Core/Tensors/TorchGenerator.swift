#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The numbers that PyTorch's CPU generator gives for a seed, so that a sample can be compared with the reference.
///
/// MT19937 with the 32-bit seeding; `torch.randn`, `torch.rand` and `torch.randint` of float32 and int64 tensors.
public struct TorchGenerator: RandomSource, Sendable {
    private var state: [UInt32]
    private var index = 624
    /// The second half of a pair that a small `normal` did not use; torch keeps it for the next small one.
    private var spare: Double?

    /// The generator after `torch.manual_seed(seed)`.
    public init(seed: UInt64) {
        var state: [UInt32] = [UInt32(truncatingIfNeeded: seed)]
        state.reserveCapacity(624)
        for i in 1..<624 {
            let last = state[i - 1]
            state.append(1_812_433_253 &* (last ^ (last >> 30)) &+ UInt32(i))
        }
        self.state = state
    }

    /// `torch.randn(shape)`: standard normal numbers, in torch's own order of drawing.
    public mutating func normal(_ shape: [Int]) -> Tensor {
        let count = Tensor.count(of: shape)
        guard count >= 16 else { return Tensor(shape) { for i in $0.indices { $0[i] = Float(nextNormal()) } } }
        return Tensor(shape) { values in
            for i in values.indices { values[i] = nextUnit() }
            var block = 0
            while block + 16 <= count {
                TorchGenerator.transform(UnsafeMutableBufferPointer(rebasing: values[block..<block + 16]))
                block += 16
            }
            guard count % 16 != 0 else { return }
            // The last block is drawn afresh and overlaps the one before.
            let last = UnsafeMutableBufferPointer(rebasing: values[(count - 16)...])
            for i in last.indices { last[i] = nextUnit() }
            TorchGenerator.transform(last)
        }
    }

    /// `torch.rand(shape)`: uniform numbers in [0, 1), multiples of 2⁻²⁴.
    public mutating func uniform(_ shape: [Int]) -> Tensor {
        Tensor(shape) { for i in $0.indices { $0[i] = nextUnit() } }
    }

    /// `torch.randint(0, bound, ())`.
    public mutating func integer(below bound: Int) -> Int {
        precondition(bound > 0, "no integer lies below \(bound)")
        return UInt64(bound) < 1 << 32
            ? Int(next() % UInt32(bound)) : Int(next64() % UInt64(bound))
    }

    /// The next 32 bits of the Mersenne twister.
    public mutating func next() -> UInt32 {
        if index == 624 { twist() }
        var y = state[index]
        index += 1
        y ^= y >> 11
        y ^= (y << 7) & 0x9d2c_5680
        y ^= (y << 15) & 0xefc6_0000
        return y ^ (y >> 18)
    }

    private mutating func next64() -> UInt64 {
        let high = UInt64(next())
        return high << 32 | UInt64(next())
    }

    private mutating func nextUnit() -> Float { Float(next() & 0xff_ffff) * 0x1p-24 }

    private mutating func nextDouble() -> Double { Double(next64() & (1 << 53 - 1)) * 0x1p-53 }

    /// One double of the small path (fewer than 16 numbers).
    private mutating func nextNormal() -> Double {
        if let spare {
            self.spare = nil
            return spare
        }
        let angle = 2 * Double.pi * nextDouble()
        let radius = (-2 * log1p(-nextDouble())).squareRoot()
        spare = radius * sin(angle)
        return radius * cos(angle)
    }

    /// Box and Muller over 16 uniform numbers: the first eight with the last eight.
    private static func transform(_ block: UnsafeMutableBufferPointer<Float>) {
        for j in 0..<8 {
            let radius = (-2 * logf(1 - block[j])).squareRoot()
            let angle = Float(2 * Double.pi) * block[j + 8]  // Float.pi is rounded towards zero
            block[j] = radius * cosf(angle)
            block[j + 8] = radius * sinf(angle)
        }
    }

    private mutating func twist() {
        state.withUnsafeMutableBufferPointer { s in
            for i in 0..<624 {
                let y = (s[i] & 0x8000_0000) | (s[(i + 1) % 624] & 0x7fff_ffff)
                s[i] = s[(i + 397) % 624] ^ (y >> 1) ^ (y & 1 == 0 ? 0 : 0x9908_b0df)
            }
        }
        index = 0
    }
}
