import CKernels
import Testing

/// Packing and products, per level, against plain loops in double.
///
/// Where a weight is kept in bfloat16, the twin has it rounded as well, to 8 bits of mantissa, and on processors that
/// multiply bfloat16 also the left side: what is left is the rounding of float32 sums.
@Suite struct ProductKernelTests {
    /// How the rows of the left matrix lie.
    enum Left: CaseIterable {
        case rows, columns, anywhere
    }

    struct Sizes: CustomStringConvertible {
        var m: Int
        var pieces = 1
        var depth: Int
        var columns: Int
        var storage = ck_float
        var activation = ck_no_activation
        var left = Left.rows

        var isGated: Bool { activation == ck_geglu_activation }
        var width: Int { isGated ? columns / 2 : columns }
        var inner: Int { pieces * depth }
        var description: String {
            "product \(m) x \(pieces) · \(depth) x \(columns), \(storage.name), \(left), "
                + "activation \(activation.rawValue)"
        }
    }

    /// A packed random matrix, and in double as it was packed: [pieces · depth, columns].
    static func packed(
        _ ck: ck_kernels, _ room: Room, pieces: Int, depth: Int, columns: Int, storage: ck_storage, isTransposed: Bool
    ) -> (panels: UnsafeMutablePointer<Float>, numbers: [Double]) {
        let inner = pieces * depth
        let stride = (isTransposed ? inner : columns) + room.dice.roll(0...3)
        let source = room.random((isTransposed ? columns : inner) * stride)
        let panels = room.floats((columns + 31) / 32 * 32 * pieces * (storage.isPaired ? (depth + 1) / 2 : depth))
        let (down, across) = isTransposed ? (1, stride) : (stride, 1)
        ck.pack_panels(source, down, across, pieces, depth, columns, storage, panels)
        let numbers = (0..<inner * columns).map { i -> Double in
            let x = source[i / columns * down + i % columns * across]
            return Double(storage.rounded(x))
        }
        return (panels, numbers)
    }

    private static func right(_ ck: ck_kernels, _ room: Room, _ sizes: Sizes) -> (ck_right, [Double]) {
        if !sizes.storage.isPaired, sizes.pieces == 1, sizes.columns % 32 == 0, room.dice.flip() {  // as it lies
            let stride = sizes.columns + room.dice.roll(0...3)
            let source = room.random(sizes.depth * stride)
            let numbers = (0..<sizes.depth * sizes.columns).map {
                Double(source[$0 / sizes.columns * stride + $0 % sizes.columns])
            }
            return (ck_right(panels: source, strip_stride: ck.strip, row: stride, storage: ck_float), numbers)
        }
        let (panels, numbers) = packed(
            ck, room, pieces: sizes.pieces, depth: sizes.depth, columns: sizes.columns, storage: sizes.storage,
            isTransposed: room.dice.flip())
        let rows = sizes.pieces * (sizes.storage.isPaired ? (sizes.depth + 1) / 2 : sizes.depth)
        return (ck_right(panels: panels, strip_stride: rows * ck.strip, row: ck.strip, storage: sizes.storage), numbers)
    }

    private static func check(_ level: Level, _ sizes: Sizes, seed: UInt64) {
        let (ck, room) = (level.kernels, Room(seed: seed))
        let (m, depth, inner, columns) = (sizes.m, sizes.depth, sizes.inner, sizes.columns)
        let (right, b) = right(ck, room, sizes)
        // The left matrix: several rows may be the same.
        let row = sizes.left == .columns ? 1 : inner + room.dice.roll(0...4)
        let column = sizes.left == .columns ? m + room.dice.roll(0...4) : 1
        let source = room.random(max(m * row, inner * column) + depth)
        let table = (0..<m * sizes.pieces).map { i in
            UnsafePointer(sizes.left == .anywhere ? source + room.dice.roll(0...m * inner) : source + i * row)
        }
        let a = (0..<m * inner).map { i -> Double in
            let (r, k) = (i / inner, i % inner)
            let x = table[k / depth * m + r][k % depth * column]
            return Double(sizes.storage == ck_brain && level.roundsLeft ? sizes.storage.rounded(x) : x)
        }
        // The end: bias, rows that are shared, what was there, activation.
        let (sharing, first, addRow) = (room.dice.roll(1...3), room.dice.roll(0...6), columns + room.dice.roll(0...3))
        let bias = room.dice.flip() ? room.random(columns) : nil
        let add = room.dice.flip() ? room.random((m + 7) * addRow) : nil
        let isAdding = !sizes.isGated && room.dice.flip()
        let cRow = sizes.width + room.dice.roll(0...3)
        let c = room.floats(m * cRow)
        if isAdding {
            for i in 0..<m * columns {
                c[i / columns * cRow + i % columns] = Float.random(in: -1...1, using: &room.dice)
            }
        }
        var sums = (0..<m * columns).map { i -> Double in
            let (r, j) = (i / columns, i % columns)
            return Double(bias?[j] ?? 0) + Double(add?[(r + first) / sharing * addRow + j] ?? 0)
                + (isAdding ? Double(c[r * cRow + j]) : 0)
        }
        a.withUnsafeBufferPointer { a in
            b.withUnsafeBufferPointer { b in
                sums.withUnsafeMutableBufferPointer { sums in
                    for r in 0..<m {
                        for k in 0..<inner {
                            let x = a[r * inner + k]
                            for j in 0..<columns { sums[r * columns + j] += x * b[k * columns + j] }
                        }
                    }
                }
            }
        }
        let epilogue = ck_epilogue(
            bias: bias.map { UnsafePointer($0) }, add: add.map { UnsafePointer($0) }, add_row: addRow, sharing: sharing,
            first_row: first, adding: isAdding, activation: sizes.activation)
        table.withUnsafeBufferPointer { table in
            let isTable = sizes.left == .anywhere
            let left = ck_left(
                base: isTable ? nil : UnsafePointer(source), row: row, column: column,
                rows: isTable ? table.baseAddress : nil, row_count: m, pieces: sizes.pieces, depth: depth)
            ck.product(left, right, epilogue, c, cRow, m, columns)
        }
        let expected = (0..<m * sizes.width).map { i -> Double in
            let at = i / sizes.width * columns + i % sizes.width
            switch sizes.activation {
            case ck_silu_activation: return ElementwiseKernelTests.silu(sums[at])
            case ck_gelu_activation: return ElementwiseKernelTests.gelu(sums[at])
            case ck_quick_gelu_activation: return ElementwiseKernelTests.quickGelu(sums[at])
            case ck_geglu_activation: return sums[at] * ElementwiseKernelTests.gelu(sums[at + sizes.width])
            default: return sums[at]
            }
        }
        let tolerance = (sizes.isGated ? 2 : 1) * (2e-6 + 1e-9 * Double(inner))
        expectRows("\(sizes)", c, row: cRow, columns: sizes.width, expected, tolerance: tolerance, least: 1)
        room.expectUntouched("\(sizes)")
    }

    private static let activations = [
        ck_no_activation, ck_silu_activation, ck_gelu_activation, ck_quick_gelu_activation,
    ]

    @Test("products of any sizes, rows, ends and activations", arguments: Level.all, ck_storage.all)
    func any(level: Level, storage: ck_storage) {
        var dice = Dice(UInt64(storage.rawValue))
        for round in 0..<48 {
            let pieces = round % 3 == 0 ? dice.roll(1...10) : 1
            let sizes = Sizes(
                m: dice.roll(1...30), pieces: pieces, depth: dice.roll(1...40), columns: dice.roll(1...70),
                storage: storage, activation: Self.activations[round % 4],
                left: pieces > 1 ? .anywhere : Left.allCases[round % 3])
            Self.check(level, sizes, seed: UInt64(round))
        }
    }

    @Test("products at the edges of what passes at once", arguments: Level.all, ck_storage.all)
    func edges(level: Level, storage: ck_storage) {
        let all = [
            Sizes(m: 1, depth: 1, columns: 1), Sizes(m: 0, depth: 3, columns: 5), Sizes(m: 3, depth: 2, columns: 0),
            // Nothing but the end.
            Sizes(m: 3, depth: 0, columns: 33, activation: ck_silu_activation),
            Sizes(m: 205, depth: 7, columns: 33, activation: ck_gelu_activation, left: .columns),
            Sizes(m: 15, depth: 801, columns: 40), Sizes(m: 13, depth: 385, columns: 32, left: .anywhere),
            Sizes(m: 5, pieces: 3, depth: 395, columns: 33, activation: ck_silu_activation, left: .anywhere),
            // Patches of a picture: many short and odd pieces.
            Sizes(m: 193, pieces: 130, depth: 3, columns: 5, left: .anywhere),
            Sizes(m: 3, pieces: 400, depth: 1, columns: 17, left: .anywhere),
            Sizes(m: 12, depth: 96, columns: 64), Sizes(m: 6, depth: 384, columns: 16),
        ]
        for (seed, sizes) in all.enumerated() {
            var sizes = sizes
            sizes.storage = storage
            Self.check(level, sizes, seed: UInt64(seed))
        }
    }

    @Test("gated products", arguments: Level.all, ck_storage.all)
    func gated(level: Level, storage: ck_storage) {
        let all = [(1, 1, 64), (30, 33, 128), (14, 3001, 64), (200, 40, 64), (7, 384, 192)]
        for (seed, (m, depth, columns)) in all.enumerated() {
            let sizes = Sizes(
                m: m, depth: depth, columns: columns, storage: storage, activation: ck_geglu_activation,
                left: Left.allCases[seed % 3])
            Self.check(level, sizes, seed: UInt64(seed))
        }
    }

    @Test("what is packed comes back, exactly or rounded to nearest even, also turned", arguments: Level.all)
    func packing(level: Level) {
        let ck = level.kernels
        var dice = Dice(3)
        for round in 0..<24 {
            let (pieces, depth, columns) = (dice.roll(1...5), dice.roll(1...50), dice.roll(1...70))
            let (storage, inner, room) = (ck_storage.all[round % 3], pieces * depth, Room(seed: UInt64(round)))
            let (panels, numbers) = Self.packed(
                ck, room, pieces: pieces, depth: depth, columns: columns, storage: storage, isTransposed: dice.flip())
            let (out, back) = (room.floats(inner * columns), room.floats(inner * columns))
            let first = dice.roll(0...columns)
            ck.unpack_panels(panels, pieces, depth, 0, first, storage, out)
            ck.unpack_panels(panels, pieces, depth, first, columns - first, storage, out + first * inner)
            let expected = (0..<inner * columns).map { numbers[$0 % inner * columns + $0 / inner] }
            expectFloats("unpack_panels", out, expected, tolerance: 0)
            // The gradient's matrix: pieces in reverse, rows for columns, in any two runs of panels.
            let turned = room.floats((depth + 31) / 32 * 32 * pieces * (storage.isPaired ? (columns + 1) / 2 : columns))
            let all = (depth + 31) / 32
            ck.turn_panels(panels, pieces, depth, columns, all / 2, all, storage, turned)
            ck.turn_panels(panels, pieces, depth, columns, 0, all / 2, storage, turned)
            ck.unpack_panels(turned, pieces, columns, 0, depth, storage, back)
            let reversed = (0..<inner * columns).map { i -> Double in
                let (d, piece, j) = (i / columns / pieces, pieces - 1 - i / columns % pieces, i % columns)
                return numbers[(piece * depth + d) * columns + j]
            }
            expectFloats("turn_panels", back, reversed, tolerance: 0)
            room.expectUntouched("packing of \(pieces) · \(depth) x \(columns)")
        }
    }

    @Test("rounding to bfloat16 meets ties and signs", arguments: Level.all)
    func ties(level: Level) {
        let room = Room(seed: 1)
        let bits: [UInt32] = [0x3F80_8000, 0x3F81_8000, 0x3F80_8001, 0x3F80_7FFF, 0x8000_0000, 0xBF81_8000]
        let (x, panels, out) = (room.floats(6), room.floats(32 * 3), room.floats(6))
        for (i, bits) in bits.enumerated() { x[i] = Float(bitPattern: bits) }
        level.kernels.pack_panels(x, 1, 6, 1, 6, 1, ck_brain, panels)
        level.kernels.unpack_panels(panels, 1, 6, 0, 1, ck_brain, out)
        let expected: [UInt32] = [
            0x3F80_0000, 0x3F82_0000, 0x3F81_0000, 0x3F80_0000, 0x8000_0000, 0xBF82_0000,
        ]
        #expect((0..<6).map { out[$0].bitPattern } == expected)
        room.expectUntouched("packing")
    }

    @Test("every half comes back as it is, and every float becomes the nearest half", arguments: Level.all)
    func halves(level: Level) {
        let (ck, room) = (level.kernels, Room(seed: 2))
        var dice = Dice(4)
        // All halves; then the places between neighbours, ties among them, and numbers of any size.
        var numbers = (UInt16(0)...UInt16.max).map { Float(Float16(bitPattern: $0)) }
        for bits in stride(from: UInt32(0), to: 0x7C00, by: 1) {
            let (low, high) = (Float(Float16(bitPattern: UInt16(bits))), Float(Float16(bitPattern: UInt16(bits + 1))))
            let middle = high.isInfinite ? 65520 : (low + high) / 2
            numbers += [middle, middle.nextUp, middle.nextDown, -middle]
        }
        for _ in 0..<10_000 { numbers.append(Float(bitPattern: UInt32.random(in: 0...UInt32.max, using: &dice))) }
        let count = numbers.count
        let (x, panels, out) = (room.floats(count), room.floats(32 * ((count + 1) / 2)), room.floats(count))
        for (i, number) in numbers.enumerated() { x[i] = number }
        ck.pack_panels(x, 1, count, 1, count, 1, ck_half, panels)
        ck.unpack_panels(panels, 1, count, 0, 1, ck_half, out)
        for (i, number) in numbers.enumerated() {
            let expected = Float(Float16(number))
            let isSame = expected.isNaN ? out[i].isNaN : out[i].bitPattern == expected.bitPattern
            #expect(isSame, "\(number) became \(out[i]), not \(expected)")
            guard isSame else { break }
        }
        room.expectUntouched("packing")
    }
}

extension ck_storage {
    static let all = [ck_float, ck_brain, ck_half]

    var isPaired: Bool { self != ck_float }

    var name: String { ["float32", "bf16", "fp16"][Int(rawValue)] }

    /// A number as it is kept.
    func rounded(_ x: Float) -> Float {
        switch self {
        case ck_brain: TensorsTests.rounded(x)
        case ck_half: Float(Float16(x))
        default: x
        }
    }
}
