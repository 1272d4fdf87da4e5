import Artifacts

/// A small seeded generator (SplitMix64), so that every random case has a name.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

extension SeededGenerator {
    /// Any value with a canonical form, up to a depth.
    mutating func value(depth: Int = 4) -> Value {
        switch Int.random(in: 0..<(depth > 0 ? 7 : 5), using: &self) {
        case 0: return .null
        case 1: return .bool(.random(using: &self))
        case 2: return .int(Int.random(in: .min ... .max, using: &self) >> Int.random(in: 0..<64, using: &self))
        case 3:
            let number = Double(bitPattern: next())
            return .double(number.isFinite && number != 0 ? number : 0.1)
        case 4: return .string(text())
        case 5: return .list((0..<Int.random(in: 0..<4, using: &self)).map { _ in value(depth: depth - 1) })
        default:
            var pairs: [String: Value] = [:]
            for _ in 0..<Int.random(in: 0..<4, using: &self) { pairs[text()] = value(depth: depth - 1) }
            return .map(pairs)
        }
    }

    /// Any text: control characters, quotes, accents in both forms, scripts beyond the first plane.
    mutating func text() -> String {
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0..<8, using: &self) {
            let ranges: [ClosedRange<UInt32>] = [
                0...127, 32...126, 0xC0...0x17F, 0x300...0x36F, 0x4E00...0x4EFF, 0x1F300...0x1F5FF,
            ]
            let range = ranges.randomElement(using: &self) ?? 32...126
            if let scalar = Unicode.Scalar(UInt32.random(in: range, using: &self)) { text.append(scalar) }
        }
        return String(text)
    }
}
