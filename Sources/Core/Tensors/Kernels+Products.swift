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
        if let bias { precondition(bias.shape == [out], "bias \(bias.shape) of a linear layer \(weight.shape)") }
        let y = Tensor(uninitialised: x.shape.dropLast() + [out])
        withExtendedLifetime((x, weight, bias)) {
            product(
                MatrixView(base: x.base, stride: width),
                MatrixView(base: weight.base, stride: width, isTransposed: true),
                m: x.rowCount, n: out, k: width, bias: bias?.base, into: y.base)
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

        init(m: Int, n: Int, k: Int) {
            let wanted = min(32, 2 * m * n * k / Kernels.tileWork)
            (rows, columns, depth) = (m, n, k)
            guard wanted > 1 else { return }
            let down = min(wanted, max(1, m / 96))
            let across = min((wanted + down - 1) / down, max(1, n / 96))
            rows = Tiling.rounded((m + down - 1) / down)
            columns = (n + across - 1) / across
            columns = (columns + RightMatrix.panel - 1) / RightMatrix.panel * RightMatrix.panel
            let deep = min(8, wanted / (down * across), k / 512)
            if deep > 1 { depth = Tiling.rounded((k + deep - 1) / deep) }
        }

        /// Up to a multiple of 16, which micro-kernels like.
        private static func rounded(_ length: Int) -> Int { (length + 15) / 16 * 16 }
    }

    /// `to` [m, n] = a [m, k] · b [k, n] + bias, in tiles on the pool.
    static func product(
        _ a: MatrixView, _ b: MatrixView, m: Int, n: Int, k: Int, bias: UnsafePointer<Float>? = nil,
        into to: UnsafeMutablePointer<Float>
    ) {
        guard m > 0, n > 0 else { return }
        let tiling = Tiling(m: m, n: n, k: k)
        let down = (m + tiling.rows - 1) / tiling.rows
        let across = (n + tiling.columns - 1) / tiling.columns
        let deep = max(1, (k + tiling.depth - 1) / max(1, tiling.depth))
        let partial = deep > 1 ? Storage(count: deep * m * n) : nil
        let results = partial?.base ?? to
        let right = RightMatrix(b, rows: k, columns: n, forProductsOf: m)
        ThreadPool.shared.parallel(down * across * deep) { tile in
            let (layer, place) = (tile / (down * across), tile % (down * across))
            let (i, j) = (place / across * tiling.rows, place % across * tiling.columns)
            let (rows, columns) = (min(tiling.rows, m - i), min(tiling.columns, n - j))
            let start = layer * tiling.depth
            let result = results + layer * m * n + i * n + j
            let shift = deep == 1 ? bias.map { bias in bias + j } : nil
            right.product(
                a.from(row: i, column: start), fromRow: start, column: j, m: rows, n: columns,
                k: min(tiling.depth, k - start), bias: shift, into: result, stride: n)
        }
        guard let partial else { return }
        withExtendedLifetime(partial) {
            let parts = partial.base
            forPieces(of: m * n, size: lightChunk) { range in
                let start = range.lowerBound
                ck_add(parts + start, parts + m * n + start, to + start, range.count)
                for layer in 2..<max(2, deep) {
                    ck_add(to + start, parts + layer * m * n + start, to + start, range.count)
                }
            }
            if let bias { addBias(bias, to: to, rows: m, columns: n, stride: n) }
        }
    }

    static func addBias(
        _ bias: UnsafePointer<Float>, to result: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int
    ) {
        guard columns != stride else { return ck_add_row(result, bias, result, rows, columns) }
        for row in 0..<rows { ck_add_row(result + row * stride, bias, result + row * stride, 1, columns) }
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
