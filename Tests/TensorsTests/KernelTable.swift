import CKernels
import Testing

/// One entry of the dispatch table.
struct Level: Sendable, CustomTestStringConvertible {
    let index: Int

    /// Every level that the running processor has.
    static let all: [Level] = {
        var levels: [Level] = []
        while ck_available_kernels(levels.count) != nil { levels.append(Level(index: levels.count)) }
        return levels
    }()

    var kernels: ck_kernels {
        guard let table = ck_available_kernels(index) else { preconditionFailure("no level \(index)") }
        return table.pointee
    }

    var name: String { String(cString: kernels.name) }
    var testDescription: String { name }
    /// Whether products of bfloat16 round their left side, too.
    var roundsLeft: Bool { name == "avx512bf16" }
}

/// Seeded randomness for shapes and numbers.
struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func roll(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }
    mutating func flip() -> Bool { next() & 1 == 1 }
}

/// Memory for one call of a kernel: not aligned, full of NaNs, and between more of them.
///
/// What is not written, or is read or written beside its place, is seen.
final class Room {
    private static let guardCount = 64
    /// A NaN that no arithmetic gives.
    static let canary = Float(bitPattern: 0xFFC5_A5A5)

    private var pieces: [(all: UnsafeMutableBufferPointer<Float>, inside: Range<Int>)] = []
    var dice: Dice

    init(seed: UInt64) { dice = Dice(seed) }

    deinit { for piece in pieces { piece.all.deallocate() } }

    /// Memory for `count` floats.
    func floats(_ count: Int) -> UnsafeMutablePointer<Float> {
        let start = Room.guardCount + dice.roll(0...15)
        let all = UnsafeMutableBufferPointer<Float>.allocate(capacity: start + count + Room.guardCount)
        all.initialize(repeating: Room.canary)
        pieces.append((all, start..<start + count))
        guard let base = all.baseAddress else { preconditionFailure("no memory") }
        return base + start
    }

    /// Random floats below `scale`.
    func random(_ count: Int, scale: Float = 1) -> UnsafeMutablePointer<Float> {
        let place = floats(count)
        for i in 0..<count { place[i] = Float.random(in: -scale...scale, using: &dice) }
        return place
    }

    /// Expects that nothing was written beside a piece.
    func expectUntouched(_ what: String, at location: SourceLocation = #_sourceLocation) {
        let isIntact = pieces.allSatisfy { all, inside in
            all.indices.allSatisfy { inside.contains($0) || all[$0].bitPattern == Room.canary.bitPattern }
        }
        #expect(isIntact, "\(what) wrote beside its memory", sourceLocation: location)
    }
}

/// Holds rows of floats, `row` apart, to the expected numbers, within `tolerance` of the largest of them or of `least`;
/// and what lies between the rows to what was there.
func expectRows(
    _ what: String, _ found: UnsafePointer<Float>, row: Int, columns: Int, _ expected: [Double], tolerance: Double,
    least: Double = 1e-3, at location: SourceLocation = #_sourceLocation
) {
    guard columns > 0 else { return }
    let rows = expected.count / columns
    let scale = expected.reduce(least) { max($0, $1.magnitude) }
    var worst = (index: 0, error: 0.0)
    var isIntact = true
    for r in 0..<rows {
        for c in 0..<columns {
            let error = (Double(found[r * row + c]) - expected[r * columns + c]).magnitude / scale
            if !(error <= worst.error) { worst = (r * columns + c, error.isNaN ? .infinity : error) }
        }
        guard r + 1 < rows else { continue }
        for c in columns..<max(columns, row) where found[r * row + c].bitPattern != Room.canary.bitPattern {
            isIntact = false
        }
    }
    #expect(isIntact, "\(what) wrote between its rows", sourceLocation: location)
    #expect(
        worst.error <= tolerance,
        "\(what) [\(rows), \(columns)]: element \(worst.index) is off by \(worst.error) of the scale",
        sourceLocation: location)
}

/// The same for floats side by side.
func expectFloats(
    _ what: String, _ found: UnsafePointer<Float>, _ expected: [Double], tolerance: Double, least: Double = 1e-3,
    at location: SourceLocation = #_sourceLocation
) {
    expectRows(
        what, found, row: expected.count, columns: expected.count, expected, tolerance: tolerance, least: least,
        at: location)
}

/// Rounded to bfloat16, to nearest even.
func rounded(_ x: Float) -> Float {
    Float(bitPattern: (x.bitPattern + 0x7FFF + (x.bitPattern >> 16 & 1)) & 0xFFFF_0000)
}
