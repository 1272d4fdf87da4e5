internal import CKernels

/// The rows of a left matrix: as they lie, or wherever a function finds them.
enum LeftRows {
    /// Where a piece of a row begins.
    typealias Table = UnsafeMutablePointer<UnsafePointer<Float>>

    case plain(MatrixView)
    /// Rows of `pieces` pieces of `depth` columns; the function fills in where piece p of the i-th row of a range
    /// begins, at [p · count + i].
    case gathered(pieces: Int, depth: Int, (Range<Int>, Table) -> Void)

    var isPlain: Bool {
        if case .plain = self { true } else { false }
    }

    /// Gives `body` a range of the rows, for plain ones `count` columns of them from `column` on.
    func forRows(_ range: Range<Int>, fromColumn column: Int, count: Int, _ body: (ck_left) -> Void) {
        switch self {
        case .plain(let view):
            let part = view.from(row: range.lowerBound, column: column)
            let (row, step) = view.isTransposed ? (1, view.stride) : (view.stride, 1)
            body(
                ck_left(base: part.base, row: row, column: step, rows: nil, row_count: 0, pieces: 1, depth: count))
        case .gathered(let pieces, let depth, let fill):
            withUnsafeTemporaryAllocation(of: UnsafePointer<Float>.self, capacity: pieces * range.count) { table in
                guard let base = table.baseAddress else { return }
                fill(range, base)
                body(
                    ck_left(
                        base: nil, row: 0, column: 1, rows: UnsafePointer(base), row_count: range.count,
                        pieces: pieces, depth: depth))
            }
        }
    }
}
