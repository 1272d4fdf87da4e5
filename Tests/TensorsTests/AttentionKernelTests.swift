import CKernels
import Foundation
import Testing

/// Attention, per level, against plain loops: heads wherever their rows lie.
@Suite struct AttentionKernelTests {
    /// Sizes of one call; `lanes` is the width of a row, of which a head takes `width`.
    struct Sizes {
        var queries: Int
        var keys: Int
        var width: Int
        var lanes: Int
        var row: Int
        var causal: Bool
        var sequences = 1

        var scale: Float { 1 / Float(width).squareRoot() }
    }

    private struct Case {
        let q, k, v, dy: UnsafeMutablePointer<Float>
        let y, dq, dk, dv: UnsafeMutablePointer<Float>

        init(_ sizes: Sizes, in room: Room) {
            let (queries, keys) = (sizes.sequences * sizes.queries * sizes.row, sizes.keys * sizes.row)
            (q, dy) = (room.random(queries, scale: 2), room.random(queries))
            (k, v) = (room.random(keys), room.random(keys))
            (y, dq, dk, dv) = (room.floats(queries), room.floats(queries), room.floats(keys), room.floats(keys))
        }

        func expect(_ what: String, _ sizes: Sizes) {
            let (lanes, row) = (sizes.lanes, sizes.row)
            var (ey, eq) = ([Double](repeating: 0, count: sizes.sequences * sizes.queries * lanes), [Double]())
            var ek = [Double](repeating: 0, count: sizes.keys * lanes)
            var ev = ek
            eq = ey
            for i in 0..<sizes.sequences * sizes.queries {
                for head in stride(from: 0, to: lanes, by: sizes.width) {
                    let seen = sizes.causal ? i % sizes.queries + 1 : sizes.keys
                    let dot = { (a: UnsafeMutablePointer<Float>, b: UnsafeMutablePointer<Float>, j: Int) in
                        (head..<head + sizes.width).reduce(0.0) {
                            $0 + Double(a[i * row + $1]) * Double(b[j * row + $1])
                        }
                    }
                    let scores = (0..<seen).map { dot(q, k, $0) }
                    let top = scores.max() ?? 0
                    let powers = scores.map { exp(($0 - top) * Double(sizes.scale)) }
                    let sum = powers.reduce(0, +)
                    let slopes = (0..<seen).map { dot(dy, v, $0) }
                    let mean = zip(powers, slopes).reduce(0) { $0 + $1.0 / sum * $1.1 }
                    for j in 0..<seen {
                        let weight = powers[j] / sum
                        let slope = weight * (slopes[j] - mean) * Double(sizes.scale)
                        for c in head..<head + sizes.width {
                            ey[i * lanes + c] += weight * Double(v[j * row + c])
                            ev[j * lanes + c] += weight * Double(dy[i * row + c])
                            eq[i * lanes + c] += slope * Double(k[j * row + c])
                            ek[j * lanes + c] += slope * Double(q[i * row + c])
                        }
                    }
                }
            }
            let found = [("y", y, ey, 3e-6), ("dq", dq, eq, 8e-6), ("dk", dk, ek, 8e-6), ("dv", dv, ev, 8e-6)]
            for (name, result, expected, tolerance) in found {
                expectRows("\(name) of \(what)", result, row: row, columns: lanes, expected, tolerance: tolerance)
            }
        }
    }

    private static func long(_ level: Level, _ sizes: Sizes, seed: UInt64) {
        let (ck, room) = (level.kernels, Room(seed: seed))
        let one = Case(sizes, in: room)
        let what = "attention of \(sizes.queries) on \(sizes.keys) of \(sizes.width), row \(sizes.row)"
        let rows = { (base: UnsafeMutablePointer<Float>) in ck_rows(base: base, row: sizes.row) }
        let scratch = room.floats(ck.attention_scratch(sizes.keys, sizes.width))
        let back = room.floats(ck.attention_backward_scratch(sizes.keys, sizes.width))
        // Any queries may go first, and together.
        let first = sizes.queries / 3
        ck.attention_backward_begin(rows(one.k), rows(one.v), sizes.keys, sizes.width, back)
        for sequence in 0..<sizes.sequences {
            let at = sequence * sizes.queries * sizes.row
            for (start, count) in [(first, sizes.queries - first), (0, first)] {
                ck.attention(
                    rows(one.q + at), rows(one.k), rows(one.v), one.y + at, sizes.row, start, count, sizes.keys,
                    sizes.width, sizes.scale, sizes.causal, scratch)
            }
            ck.attention_backward_queries(
                rows(one.dy + at), rows(one.q + at), one.dq + at, sizes.row, sizes.queries, sizes.keys, sizes.width,
                sizes.scale, sizes.causal, back)
        }
        ck.attention_backward_end(one.dk, sizes.row, one.dv, sizes.row, sizes.keys, sizes.width, back)
        one.expect(what, sizes)
        room.expectUntouched(what)
    }

    @Test("one head, of any width, keys near or far apart, causal or not", arguments: Level.all)
    func heads(level: Level) {
        let fixed = [
            (1, 1, 1, 0, false), (1, 1, 3, 2, true), (33, 33, 16, 0, true), (64, 31, 17, 3, false),
            (3, 50, 8, 500, false), (32, 16, 32, 1, false), (70, 70, 5, 11, true),
        ]
        var dice = Dice(7)
        for (seed, (queries, keys, width, gap, causal)) in fixed.enumerated() {
            let sizes = Sizes(
                queries: queries, keys: keys, width: width, lanes: width, row: width + gap, causal: causal,
                sequences: 2)
            Self.long(level, sizes, seed: UInt64(seed))
        }
        for seed in 20..<32 {
            let (queries, keys, width) = (dice.roll(1...40), dice.roll(1...40), dice.roll(1...40))
            let isCausal = dice.flip()
            let sizes = Sizes(
                queries: queries, keys: isCausal ? queries : keys, width: width, lanes: width,
                row: width + dice.roll(0...9), causal: isCausal, sequences: dice.roll(1...2))
            Self.long(level, sizes, seed: UInt64(seed))
        }
    }

    @Test("short sequences of all heads side by side", arguments: Level.all)
    func short(level: Level) {
        let ck = level.kernels
        var dice = Dice(8)
        for width in [1, 2, 4, 8, 16, 32, 64] {
            for causal in [false, true] {
                for (queries, keys) in [(1, 1), (16, 16), (dice.roll(1...16), dice.roll(1...16))] {
                    let lanes = max(16, width) * dice.roll(1...5)
                    let sizes = Sizes(
                        queries: queries, keys: causal ? queries : keys, width: width, lanes: lanes,
                        row: lanes + dice.roll(0...9), causal: causal)
                    #expect(ck.short_attention_fits(sizes.queries, sizes.keys, width, lanes))
                    let room = Room(seed: dice.next())
                    let one = Case(sizes, in: room)
                    ck.short_attention(
                        one.q, one.k, one.v, one.y, sizes.row, lanes, sizes.queries, sizes.keys, width, sizes.scale,
                        causal)
                    ck.short_attention_backward(
                        one.dy, one.q, one.k, one.v, one.dq, one.dk, one.dv, sizes.row, lanes, sizes.queries,
                        sizes.keys, width, sizes.scale, causal)
                    let what = "short attention of \(sizes.queries) on \(sizes.keys), \(lanes) lanes of \(width)"
                    one.expect(what, sizes)
                    room.expectUntouched(what)
                }
            }
        }
        #expect(!ck.short_attention_fits(17, 8, 16, 64) && !ck.short_attention_fits(8, 17, 16, 64))
        #expect(!ck.short_attention_fits(8, 8, 5, 80) && !ck.short_attention_fits(8, 8, 8, 24))
        #expect(!ck.short_attention_fits(8, 8, 48, 96))
    }
}
