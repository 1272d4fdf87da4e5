import Checkpoints
import Testing

@Suite("16-bit floats")
struct HalfPrecisionTests {
    @Test("every binary16 bit pattern widens to its value, and narrows back to itself")
    func allHalves() {
        let wrong = (UInt16.min...UInt16.max).filter { bits in
            let value = HalfPrecision.float(fromHalf: bits)
            let reference = HalfPrecisionTests.value(bits, exponentBits: 5)
            if reference.isNaN {
                return !value.isNaN || !HalfPrecision.float(fromHalf: HalfPrecision.half(value)).isNaN
            }
            return Double(value) != reference || (value.sign == .minus) != (bits >> 15 == 1)
                || HalfPrecision.half(value) != bits
        }
        #expect(wrong.isEmpty, "\(wrong.prefix(5))")
    }

    @Test("every bfloat16 bit pattern widens to its value, and narrows back to itself")
    func allBrains() {
        let wrong = (UInt16.min...UInt16.max).filter { bits in
            let value = HalfPrecision.float(fromBrain: bits)
            let reference = HalfPrecisionTests.value(bits, exponentBits: 8)
            if reference.isNaN {
                return !value.isNaN || !HalfPrecision.float(fromBrain: HalfPrecision.brain(value)).isNaN
            }
            return Double(value) != reference || HalfPrecision.brain(value) != bits
        }
        #expect(wrong.isEmpty, "\(wrong.prefix(5))")
    }

    @Test("halfway between two neighbours goes to the even one, a hair beyond to the nearer one")
    func ties() {
        for bits in stride(from: UInt16(0), to: 0x7BFF, by: 61) {
            let (low, high) = (HalfPrecision.float(fromHalf: bits), HalfPrecision.float(fromHalf: bits + 1))
            let middle = (low + high) / 2
            #expect(HalfPrecision.half(middle) == (bits % 2 == 0 ? bits : bits + 1))
            #expect(HalfPrecision.half(middle.nextUp) == bits + 1)
            #expect(HalfPrecision.half(middle.nextDown) == bits)
            #expect(HalfPrecision.half(-middle) == 0x8000 | (bits % 2 == 0 ? bits : bits + 1))
        }
        for bits in stride(from: UInt16(0), to: 0x7F7E, by: 61) {
            let middle = Float(bitPattern: UInt32(bits) << 16 | 0x8000)
            #expect(HalfPrecision.brain(middle) == (bits % 2 == 0 ? bits : bits + 1))
            #expect(HalfPrecision.brain(middle.nextUp) == bits + 1)
            #expect(HalfPrecision.brain(middle.nextDown) == bits)
        }
    }

    @Test("what is too large becomes infinite, what is too small becomes zero of its sign")
    func extremes() {
        #expect(HalfPrecision.half(65_519.996) == 0x7BFF)
        #expect(HalfPrecision.half(65_520) == 0x7C00)
        #expect(HalfPrecision.half(-.greatestFiniteMagnitude) == 0xFC00)
        #expect(HalfPrecision.half(.infinity) == 0x7C00)
        #expect(HalfPrecision.half(0x1p-25) == 0)
        #expect(HalfPrecision.half(Float(0x1p-25).nextUp) == 1)
        #expect(HalfPrecision.half(-.leastNonzeroMagnitude) == 0x8000)
        #expect(HalfPrecision.brain(.greatestFiniteMagnitude) == 0x7F80)
        #expect(HalfPrecision.brain(-0.0) == 0x8000)
    }

    /// The value of a 16-bit float from its definition.
    private static func value(_ bits: UInt16, exponentBits: Int) -> Double {
        let fractionBits = 15 - exponentBits
        let bias = 1 << (exponentBits - 1) - 1
        let exponent = Int(bits >> fractionBits) & (1 << exponentBits - 1)
        let fraction = Double(Int(bits) & (1 << fractionBits - 1)) / Double(1 << fractionBits)
        let sign: Double = bits >> 15 == 1 ? -1 : 1
        if exponent == 1 << exponentBits - 1 { return fraction == 0 ? sign * .infinity : .nan }
        if exponent == 0 { return sign * Double(sign: .plus, exponent: 1 - bias, significand: fraction) }
        return sign * Double(sign: .plus, exponent: exponent - bias, significand: 1 + fraction)
    }
}
