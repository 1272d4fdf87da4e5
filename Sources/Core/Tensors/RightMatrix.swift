internal import CKernels

/// The right side of products, made ready once for many tiles of rows: weights in panels that fill vectors.
///
/// Our own micro-kernel reads the left matrix in place and is ahead of OpenBLAS on every size of a small model. Where the
/// processor lacks the registers for it, or few rows would not pay for packing, OpenBLAS does the work.
struct RightMatrix {
    /// Columns of a panel.
    static let panel = 32

    private let view: MatrixView
    private let rows: Int
    private let packed: Storage?
    private let isPanelled: Bool

    /// Makes b [rows, columns] ready for left matrices of `m` rows altogether.
    init(_ b: MatrixView, rows: Int, columns: Int, forProductsOf m: Int) {
        view = b
        self.rows = rows
        // Four output channels would fill a quarter of a vector.
        isPanelled = m >= 4 && columns > 8 && ck_has_panel_product()
        // Narrow matrices whose rows fill vectors are panels as they lie.
        let isReady = !b.isTransposed && columns % 16 == 0 && columns <= 256
        guard isPanelled, !isReady else {
            packed = nil
            return
        }
        let panels = (columns + RightMatrix.panel - 1) / RightMatrix.panel
        let storage = Storage(count: panels * RightMatrix.panel * rows)
        let (from, to) = (b.base, storage.base)
        let (down, across) = b.isTransposed ? (1, b.stride) : (b.stride, 1)
        Kernels.forPieces(of: panels, size: Kernels.rowsPerChunk(width: RightMatrix.panel * rows, elements: 32768)) {
            let first = $0.lowerBound * RightMatrix.panel
            ck_pack_panels(
                from + first * across, down, across, rows, min(columns, $0.upperBound * RightMatrix.panel) - first,
                to + first * rows)
        }
        packed = storage
    }

    /// `to` [m, n] = a [m, k] · these columns from `column` on, of the rows from `row` on, + bias; serial.
    ///
    /// `column` is a multiple of a panel's columns.
    func product(
        _ a: MatrixView, fromRow row: Int, column: Int, m: Int, n: Int, k: Int, bias: UnsafePointer<Float>?,
        into to: UnsafeMutablePointer<Float>, stride: Int
    ) {
        guard isPanelled else {
            Kernels.sgemm(a, view.from(row: row, column: column), m: m, n: n, k: k, into: to, stride: stride)
            if let bias { Kernels.addBias(bias, to: to, rows: m, columns: n, stride: stride) }
            return
        }
        withExtendedLifetime(packed) {
            let (rowStride, columnStride) = a.isTransposed ? (1, a.stride) : (a.stride, 1)
            if let packed {
                ck_panel_product(
                    a.base, rowStride, columnStride, packed.base + column * rows + row * RightMatrix.panel,
                    RightMatrix.panel * rows, RightMatrix.panel, bias, to, stride, m, n, k)
            } else {
                ck_panel_product(
                    a.base, rowStride, columnStride, view.from(row: row, column: column).base, RightMatrix.panel,
                    view.stride, bias, to, stride, m, n, k)
            }
        }
    }
}
