internal import CKernels

/// The right side of products, made ready once for many tiles of rows: weights in strips that fill vectors.
///
/// Our own micro-kernel reads the left matrix in place and is ahead of OpenBLAS on every size of a small model. Where the
/// processor lacks the registers for it, or few rows would not pay for packing, OpenBLAS does the work.
struct RightMatrix {
    private enum Content {
        case packed(PackedMatrix)
        /// A matrix whose columns fill vectors, as it lies.
        case plain(MatrixView)
        case blas(MatrixView)
    }

    private let content: Content

    /// A frozen weight.
    init(_ packed: PackedMatrix) { content = .packed(packed) }

    /// Makes b [rows, columns] ready for left matrices of `m` rows altogether.
    init(_ b: MatrixView, rows: Int, columns: Int, forProductsOf m: Int) {
        // A few columns would leave most of a vector empty, a few rows would not pay for packing.
        guard m >= 4, columns > 8, ck.fills_registers else {
            content = .blas(b)
            return
        }
        // Rows far apart are slower to read, which a few rows on the left do not repay by packing.
        if !b.isTransposed, columns % PackedMatrix.panel == 0, columns <= 256 || m <= 64 {
            content = .plain(b)
        } else {
            content = .packed(PackedMatrix(b, rows: rows, columns: columns))
        }
    }

    /// `to` [m, n] = a · these columns from `column` on, of the rows from `row` on, and the epilogue; serial.
    ///
    /// `column` is a multiple of a panel's columns, and `row` is even; a matrix of several pieces is taken from row 0.
    func product(
        _ a: ck_left, fromRow row: Int, column: Int, m: Int, n: Int, _ epilogue: ck_epilogue,
        into to: UnsafeMutablePointer<Float>, stride: Int
    ) {
        switch content {
        case .packed(let packed):
            let isPaired = packed.precision.isPaired
            let panelStride = PackedMatrix.panelStride(pieces: packed.pieces, depth: packed.depth, isPaired: isPaired)
            let strips = PackedMatrix.panel / ck.strip
            let base = packed.panels.base + column / PackedMatrix.panel * panelStride
            let right = ck_right(
                panels: base + (isPaired ? row / 2 : row) * ck.strip, strip_stride: panelStride / strips,
                row: ck.strip, storage: packed.precision.storage)
            withExtendedLifetime(packed) { ck.product(a, right, epilogue, to, stride, m, n) }
        case .plain(let view):
            let right = ck_right(
                panels: view.from(row: row, column: column).base, strip_stride: ck.strip, row: view.stride,
                storage: ck_float)
            ck.product(a, right, epilogue, to, stride, m, n)
        case .blas(let view):
            guard let base = a.base else { preconditionFailure("OpenBLAS multiplies plain matrices alone") }
            // A single row has no stride that means anything, but BLAS wants a valid one.
            let left = MatrixView(
                base: base, stride: a.column == 1 ? max(a.row, a.depth) : a.column, isTransposed: a.column != 1)
            precondition(epilogue.add == nil && epilogue.activation == ck_no_activation, "BLAS has no such epilogue")
            Kernels.sgemm(
                left, view.from(row: row, column: column), m: m, n: n, k: a.depth, adding: epilogue.adding, into: to,
                stride: stride)
            if let bias = epilogue.bias { Kernels.addBias(bias, to: to, rows: m, columns: n, stride: stride) }
        }
    }
}

extension PackedMatrix {
    /// Packs a matrix [rows, columns] as it is used from the right.
    fileprivate convenience init(_ b: MatrixView, rows: Int, columns: Int) {
        let stride = PackedMatrix.panelStride(pieces: 1, depth: rows, isPaired: false)
        let storage = Storage(count: (columns + PackedMatrix.panel - 1) / PackedMatrix.panel * stride)
        let (from, to) = (b.base, storage.base)
        let (down, across) = b.isTransposed ? (1, b.stride) : (b.stride, 1)
        PackedMatrix.forPanels(columns: columns, stride: stride) { first, last in
            ck.pack_panels(
                from + first * PackedMatrix.panel * across, down, across, 1, rows,
                min(columns, last * PackedMatrix.panel) - first * PackedMatrix.panel, ck_float, to + first * stride)
        }
        self.init(shape: [columns, rows], precision: .float32, panels: storage, isTransient: true)
    }
}
