#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The random source of training: seeded, splittable by name, and small enough to lie in a checkpoint.
///
/// xoshiro256** (Blackman and Vigna, 2018), seeded by splitmix64. Splitting depends on the seed and the names alone,
/// never on how much has been drawn, so a new draw in one place does not move the numbers of another.
public struct Generator: RandomSource, Sendable, Hashable, Codable {
    private let seed: UInt64
    private var s0: UInt64
    private var s1: UInt64
    private var s2: UInt64
    private var s3: UInt64

    /// A generator whose whole sequence follows from `seed`.
    public init(seed: UInt64) {
        self.seed = seed
        var mixer = seed
        s0 = Generator.splitmix(&mixer)
        s1 = Generator.splitmix(&mixer)
        s2 = Generator.splitmix(&mixer)
        s3 = Generator.splitmix(&mixer)
    }

    /// An independent generator for the purpose called `name`.
    public func split(_ name: String) -> Generator {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325 ^ seed &* 0x9e37_79b9_7f4a_7c15
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return Generator(seed: Generator.splitmix(&hash))
    }

    /// The next 64 random bits.
    public mutating func next() -> UInt64 {
        let result = Generator.rotate(s1 &* 5, by: 7) &* 9
        let t = s1 << 17
        s2 ^= s0
        s3 ^= s1
        s1 ^= s2
        s0 ^= s3
        s2 ^= t
        s3 = Generator.rotate(s3, by: 45)
        return result
    }

    /// Independent standard normal numbers (Box and Muller, in double precision).
    public mutating func normal(_ shape: [Int]) -> Tensor {
        Tensor(shape) { values in
            var i = 0
            while i < values.count {
                let radius = (-2 * log(1 - unit())).squareRoot()
                let angle = 2 * Double.pi * unit()
                values[i] = Float(radius * cos(angle))
                if i + 1 < values.count { values[i + 1] = Float(radius * sin(angle)) }
                i += 2
            }
        }
    }

    /// Independent uniform numbers in [0, 1), multiples of 2⁻²⁴.
    public mutating func uniform(_ shape: [Int]) -> Tensor {
        Tensor(shape) { values in
            for i in values.indices { values[i] = Float(next() >> 40) * 0x1p-24 }
        }
    }

    /// A uniform integer in `0 ..< bound`, without bias (Lemire, 2019).
    public mutating func integer(below bound: Int) -> Int {
        precondition(bound > 0, "no integer lies below \(bound)")
        let range = UInt64(bound)
        var product = next().multipliedFullWidth(by: range)
        if product.low < range {
            let threshold = (0 &- range) % range
            while product.low < threshold { product = next().multipliedFullWidth(by: range) }
        }
        return Int(product.high)
    }

    /// A double in [0, 1) of 53 random bits.
    private mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    private static func splitmix(_ state: inout UInt64) -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    private static func rotate(_ x: UInt64, by k: UInt64) -> UInt64 { (x << k) | (x >> (64 - k)) }
}
