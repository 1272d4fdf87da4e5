internal import CBLAS
internal import CKernels

/// A matrix in memory as BLAS sees it: rows `stride` apart, turned over on the way if asked.
struct MatrixView {
    let base: UnsafePointer<Float>
    let stride: Int
    var isTransposed = false

    /// The same matrix beginning at an element of it.
    func from(row: Int, column: Int) -> MatrixView {
        let offset = isTransposed ? column * stride + row : row * stride + column
        return MatrixView(base: base + offset, stride: stride, isTransposed: isTransposed)
    }
}

extension Kernels {
    /// `a · b` of matrices [m, k] and [k, n], or of batches [.., m, k] and [.., k, n] with equal leading axes.
    ///
    /// Either may be transposed in its last two axes.
    public static func matmul(_ a: Tensor, _ b: Tensor, transposeA: Bool = false, transposeB: Bool = false) -> Tensor {
        precondition(a.rank >= 2 && a.rank == b.rank, "matmul \(a.shape) × \(b.shape)")
        let (rowsA, columnsA) = (a.shape[a.rank - 2], a.lastAxis)
        let (rowsB, columnsB) = (b.shape[b.rank - 2], b.lastAxis)
        let (m, k) = transposeA ? (columnsA, rowsA) : (rowsA, columnsA)
        let n = transposeB ? rowsB : columnsB
        precondition(
            k == (transposeB ? columnsB : rowsB) && a.shape.dropLast(2) == b.shape.dropLast(2),
            "matmul \(a.shape)\(transposeA ? "ᵀ" : "") × \(b.shape)\(transposeB ? "ᵀ" : "")")
        let y = Tensor(uninitialised: a.shape.dropLast(2) + [m, n])
        let batch = Tensor.count(of: Array(a.shape.dropLast(2)))
        withExtendedLifetime((a, b)) {
            let left = MatrixView(base: a.base, stride: columnsA, isTransposed: transposeA)
            let right = MatrixView(base: b.base, stride: columnsB, isTransposed: transposeB)
            let to = y.base
            guard batch > 0 else { return }
            guard batch > 1 else { return product(left, right, m: m, n: n, k: k, into: to) }
            forPieces(of: batch, size: max(1, 1_000_000 / max(1, 2 * m * n * k))) {
                for i in $0 {
                    sgemm(
                        MatrixView(base: left.base + i * m * k, stride: columnsA, isTransposed: transposeA),
                        MatrixView(base: right.base + i * k * n, stride: columnsB, isTransposed: transposeB),
                        m: m, n: n, k: k, into: to + i * m * n, stride: n)
                }
            }
        }
        return y
    }

    /// `x · weightᵀ + bias` over the last axis: x [.., in], weight [out, in], bias [out] or nil → [.., out].
    public static func linear(_ x: Tensor, _ weight: Tensor, _ bias: Tensor? = nil) -> Tensor {
        precondition(weight.rank == 2 && weight.lastAxis == x.lastAxis, "linear \(x.shape) × \(weight.shape)ᵀ")
        let (out, width) = (weight.shape[0], weight.shape[1])
        let y = Tensor(uninitialised: x.shape.dropLast() + [out])
        let epilogue = Epilogue(bias: bias)
        epilogue.check(columns: out, rows: x.rowCount)
        withExtendedLifetime((x, weight, epilogue)) {
            product(
                MatrixView(base: x.base, stride: width),
                MatrixView(base: weight.base, stride: width, isTransposed: true), m: x.rowCount, n: out, k: width,
                epilogue, into: y.base)
        }
        return y
    }

    /// `x · weightᵀ` of a frozen weight [out, in], and what the epilogue adds → [.., out], or half as many if gated.
    public static func linear(_ x: Tensor, _ weight: PackedMatrix, _ epilogue: Epilogue = Epilogue()) -> Tensor {
        linear(x, weight, epilogue, low: nil)
    }

    /// `x · (weight + scale · up · down)ᵀ` and the epilogue: a frozen weight with a LoRA, down [r, in] and up [out, r].
    ///
    /// Many rows see the merged weight; few rows have their product of rank r added on the way. No activation.
    public static func linear(
        _ x: Tensor, _ weight: PackedMatrix, down: Tensor, up: Tensor, scale: Float, _ epilogue: Epilogue = Epilogue()
    ) -> Tensor {
        // The term of low rank comes last, and may be OpenBLAS's.
        precondition(epilogue.activation == .none, "a product with a LoRA takes no activation")
        guard !weight.isWorthMerging(rows: x.rowCount) else {
            return linear(x, weight.merged(down: down, up: up, scale: scale), epilogue)
        }
        let hidden = linear(x, down)
        return linear(x, weight, epilogue, low: (scale == 1 ? hidden : Kernels.scale(hidden, by: scale), up, true))
    }

    /// `x · weightᵀ` + hidden · factorᵀ, or · factor: a product of low rank is added while a tile is at hand.
    private static func linear(
        _ x: Tensor, _ weight: PackedMatrix, _ epilogue: Epilogue,
        low: (hidden: Tensor, factor: Tensor, isTransposed: Bool)?
    ) -> Tensor {
        precondition(
            weight.shape.count == 2 && weight.depth == x.lastAxis, "linear \(x.shape) × \(weight.shape)ᵀ")
        let (out, rows) = (weight.outputs, x.rowCount)
        epilogue.check(columns: out, rows: rows)
        let y = Tensor(uninitialised: x.shape.dropLast() + [epilogue.activation == .geglu ? out / 2 : out])
        withExtendedLifetime((x, epilogue, low)) {
            let left = LeftRows.plain(MatrixView(base: x.base, stride: weight.depth))
            var terms = [Term(left, RightMatrix(weight), weight.depth)]
            if let (hidden, factor, isTransposed) = low {
                let rank = hidden.lastAxis
                precondition(
                    factor.shape == (isTransposed ? [out, rank] : [rank, out]) && hidden.rowCount == rows,
                    "adding \(hidden.shape) × \(factor.shape) to a product [\(rows), \(out)]")
                let right = MatrixView(base: factor.base, stride: factor.lastAxis, isTransposed: isTransposed)
                terms.append(Term(MatrixView(base: hidden.base, stride: rank), right, m: rows, n: out, k: rank))
            }
            product(terms, m: rows, n: out, epilogue, into: y.base)
        }
        return y
    }

    /// dx [.., in] of `linear`.
    public static func linearBackwardInput(_ dy: Tensor, weight: Tensor) -> Tensor {
        precondition(weight.rank == 2 && weight.shape[0] == dy.lastAxis, "gradient \(dy.shape) × \(weight.shape)")
        let (out, width) = (weight.shape[0], weight.shape[1])
        let dx = Tensor(uninitialised: dy.shape.dropLast() + [width])
        withExtendedLifetime((dy, weight)) {
            product(
                MatrixView(base: dy.base, stride: out), MatrixView(base: weight.base, stride: width),
                m: dy.rowCount, n: width, k: out, into: dx.base)
        }
        return dx
    }

    /// dx [.., in] of `linear` by a frozen weight.
    public static func linearBackwardInput(_ dy: Tensor, weight: PackedMatrix) -> Tensor {
        linear(dy, weight.turned())
    }

    /// dx [.., in] of `linear` by a frozen weight with a LoRA; `slope` is scale · dy · up, [.., r].
    public static func linearBackwardInput(
        _ dy: Tensor, weight: PackedMatrix, down: Tensor, up: Tensor, scale: Float, slope: () -> Tensor
    ) -> Tensor {
        let turned = weight.turned()
        guard !weight.isWorthMerging(rows: dy.rowCount) else {
            let (left, right) = (permute(up, [1, 0]), permute(down, [1, 0]))
            return linear(dy, turned.merged(down: left, up: right, scale: scale))
        }
        return linear(dy, turned, Epilogue(), low: (slope(), down, false))
    }

    /// dweight [out, in] of `linear`.
    public static func linearBackwardWeight(_ dy: Tensor, x: Tensor) -> Tensor {
        precondition(dy.shape.dropLast() == x.shape.dropLast(), "gradient \(dy.shape) for an input \(x.shape)")
        let (out, width) = (dy.lastAxis, x.lastAxis)
        let dweight = Tensor(uninitialised: [out, width])
        withExtendedLifetime((dy, x)) {
            product(
                MatrixView(base: dy.base, stride: out, isTransposed: true), MatrixView(base: x.base, stride: width),
                m: out, n: width, k: x.rowCount, into: dweight.base)
        }
        return dweight
    }

    /// dbias [out] of `linear`: the sum of a gradient over all axes but the last.
    public static func linearBackwardBias(_ dy: Tensor) -> Tensor {
        let sums = Tensor(uninitialised: [dy.lastAxis])
        withExtendedLifetime(dy) {
            columnSums(dy.base, groups: 1, rows: dy.rowCount, c: dy.lastAxis, into: sums.base)
        }
        return sums
    }

    // MARK: tiling

    /// Work of one tile in multiplications and additions: some 12 µs, against a region's 1 µs and packing the operands.
    private static let tileWork = 1_200_000

    /// How a product is cut.
    ///
    /// A function of the sizes alone, so that the bits do not depend on the threads.
    private struct Tiling {
        var rows: Int
        var columns: Int
        /// Pieces of the inner axis, summed in order afterwards: for small results of long sums.
        var depth: Int

        init(m: Int, n: Int, k: Int, splitsColumns: Bool, splitsDepth: Bool) {
            let wanted = min(32, 2 * m * n * k / Kernels.tileWork)
            (rows, columns, depth) = (m, n, k)
            guard wanted > 1 else { return }
            let down = min(wanted, max(1, m / 96))
            let across = splitsColumns ? min((wanted + down - 1) / down, max(1, n / 96)) : 1
            // Whole tiles of registers, which have 6 or 12 rows.
            rows = Tiling.rounded((m + down - 1) / down, 12)
            columns = Tiling.rounded((n + across - 1) / across, PackedMatrix.panel)
            let deep = splitsDepth ? min(8, wanted / (down * across), k / 512) : 1
            if deep > 1 { depth = Tiling.rounded((k + deep - 1) / deep, 16) }
        }

        private static func rounded(_ length: Int, _ unit: Int) -> Int { (length + unit - 1) / unit * unit }
    }

    /// One of the products that make up a sum of them.
    struct Term {
        let left: LeftRows
        let right: RightMatrix
        /// Length of the inner axis.
        let depth: Int

        init(_ left: LeftRows, _ right: RightMatrix, _ depth: Int) {
            (self.left, self.right, self.depth) = (left, right, depth)
        }

        /// a [m, k] · b [k, n].
        init(_ a: MatrixView, _ b: MatrixView, m: Int, n: Int, k: Int) {
            self.init(.plain(a), RightMatrix(b, rows: k, columns: n, forProductsOf: m), k)
        }
    }

    /// `to` [m, n] = a [m, k] · b [k, n], and the epilogue, in tiles on the pool.
    static func product(
        _ a: MatrixView, _ b: MatrixView, m: Int, n: Int, k: Int, _ epilogue: Epilogue = Epilogue(),
        into to: UnsafeMutablePointer<Float>
    ) {
        guard m > 0, n > 0 else { return }
        product([Term(a, b, m: m, n: n, k: k)], m: m, n: n, epilogue, into: to)
    }

    /// `to` [m, n] = the sum of the terms, and the epilogue, in tiles on the pool.
    static func product(
        _ terms: [Term], m: Int, n: Int, _ epilogue: Epilogue, into to: UnsafeMutablePointer<Float>
    ) {
        guard m > 0, n > 0 else { return }
        let isGated = epilogue.activation == .geglu
        let k = terms.reduce(0) { $0 + $1.depth }
        precondition(
            !isGated || (terms.count == 1 && terms[0].left.isPlain && Epilogue.canGate(columns: n, depth: k)),
            "no gated product of \(n) columns over \(k): see Epilogue.canGate")
        let tiling = Tiling(
            m: m, n: n, k: k, splitsColumns: !isGated,
            splitsDepth: terms.count == 1 && terms[0].left.isPlain && epilogue.isBias)
        let down = (m + tiling.rows - 1) / tiling.rows
        let across = (n + tiling.columns - 1) / tiling.columns
        let deep = max(1, (k + tiling.depth - 1) / max(1, tiling.depth))
        let partial = deep > 1 ? Storage(count: deep * m * n) : nil
        let (results, stride) = (partial?.base ?? to, isGated ? n / 2 : n)
        ThreadPool.shared.parallel(down * across * deep) { tile in
            let (layer, place) = (tile / (down * across), tile % (down * across))
            let (i, j) = (place / across * tiling.rows, place % across * tiling.columns)
            let (rows, columns) = (min(tiling.rows, m - i), min(tiling.columns, n - j))
            let start = layer * tiling.depth
            let result = results + layer * m * n + i * stride + j
            for (index, term) in terms.enumerated() {
                let depth = deep == 1 ? term.depth : min(tiling.depth, k - start)
                let end = deep > 1 ? Epilogue() : epilogue.term(index, of: terms.count)
                var part = end.part(row: i, column: j, of: m, columns: n)
                part.adding = index > 0
                term.left.forRows(i..<i + rows, fromColumn: start, count: depth) {
                    term.right.product(
                        $0, fromRow: start, column: j, m: rows, n: columns, part, into: result, stride: stride)
                }
            }
        }
        guard let partial else { return }
        withExtendedLifetime(partial) {
            let parts = partial.base
            forPieces(of: m * n, size: lightChunk) { range in
                let start = range.lowerBound
                ck.add(parts + start, parts + m * n + start, to + start, range.count)
                for layer in 2..<max(2, deep) {
                    ck.add(to + start, parts + layer * m * n + start, to + start, range.count)
                }
            }
            if let bias = epilogue.bias?.base { addBias(bias, to: to, rows: m, columns: n, stride: n) }
        }
    }

    static func addBias(
        _ bias: UnsafePointer<Float>, to result: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int
    ) {
        guard columns != stride else { return ck.add_row(result, bias, result, rows, columns) }
        for row in 0..<rows { ck.add_row(result + row * stride, bias, result + row * stride, 1, columns) }
    }

    /// One serial product: `to` [m, n] = a · b, or += with `adding`.
    static func sgemm(
        _ a: MatrixView, _ b: MatrixView, m: Int, n: Int, k: Int, adding: Bool = false,
        into to: UnsafeMutablePointer<Float>, stride: Int
    ) {
        useOneBLASThread
        cblas_sgemm(
            CblasRowMajor, a.isTransposed ? CblasTrans : CblasNoTrans, b.isTransposed ? CblasTrans : CblasNoTrans,
            blasint(m), blasint(n), blasint(k), 1, a.base, blasint(max(1, a.stride)), b.base,
            blasint(max(1, b.stride)), adding ? 1 : 0, to, blasint(max(1, stride)))
    }
}
