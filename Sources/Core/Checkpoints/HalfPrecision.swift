/// Conversions between float32 and the two 16-bit formats, by bit patterns: exact widening, and narrowing with
/// round-to-nearest-even, the same on every processor.
public enum HalfPrecision {
    /// The value of an IEEE binary16 bit pattern.
    ///
    /// Exact, subnormals, infinities and NaN payloads included.
    @inlinable
    public static func float(fromHalf bits: UInt16) -> Float {
        let sign = UInt32(bits & 0x8000) << 16
        let magnitude = UInt32(bits & 0x7FFF) << 13
        // Exponent bias goes from 15 to 127. Subnormals become normal by an exact subtraction. All three cases are
        // computed and one is chosen, without a branch, so that loops over many become vectors.
        let normal = magnitude &+ 0x3800_0000
        let special = magnitude | 0x7F80_0000
        let subnormal =
            (Float(bitPattern: magnitude &+ 0x3880_0000) - Float(bitPattern: 0x3880_0000)).bitPattern
        let exponent = magnitude & 0x0F80_0000
        let unsigned = exponent == 0 ? subnormal : exponent == 0x0F80_0000 ? special : normal
        return Float(bitPattern: sign | unsigned)
    }

    /// The IEEE binary16 bit pattern nearest to a value; ties go to even, beyond 65,519 to infinity, NaN to quiet NaN.
    @inlinable
    public static func half(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        let sign = UInt16(truncatingIfNeeded: (bits >> 16) & 0x8000)
        let magnitude = bits & 0x7FFF_FFFF
        if magnitude > 0x7F80_0000 { return sign | 0x7E00 | UInt16(truncatingIfNeeded: (magnitude >> 13) & 0x1FF) }
        if magnitude >= 0x4780_0000 { return sign | 0x7C00 }
        if magnitude < 0x3880_0000 {
            // Below 2^-14: one addition puts the last kept bit at the last bit of the sum, so the processor rounds it.
            let sum = Float(bitPattern: magnitude) + Float(bitPattern: 0x3F00_0000)
            return sign | UInt16(truncatingIfNeeded: sum.bitPattern &- 0x3F00_0000)
        }
        let odd = (magnitude >> 13) & 1
        return sign | UInt16(truncatingIfNeeded: (magnitude &- 0x3800_0000 &+ 0x0FFF &+ odd) >> 13)
    }

    /// The value of a bfloat16 bit pattern.
    ///
    /// Exact.
    @inlinable
    public static func float(fromBrain bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }

    /// The bfloat16 bit pattern nearest to a value; ties go to even, NaN to quiet NaN.
    @inlinable
    public static func brain(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        if bits & 0x7FFF_FFFF > 0x7F80_0000 { return UInt16(truncatingIfNeeded: bits >> 16) | 0x0040 }
        return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16)
    }
}
