internal import CKernels

extension Kernels {
    /// Elements of one partial sum; the partial sums are added in order, in double.
    private static let sumBlock = 65536

    private static func total(_ count: Int, _ part: (Range<Int>) -> Double) -> Double {
        guard count > sumBlock else { return count > 0 ? part(0..<count) : 0 }
        let parts = (count + sumBlock - 1) / sumBlock
        return withUnsafeTemporaryAllocation(of: Double.self, capacity: parts) { sums in
            forPieces(of: count, size: sumBlock) { sums[$0.lowerBound / sumBlock] = part($0) }
            return sums.reduce(0, +)
        }
    }

    /// The sum of all elements.
    public static func sum(_ x: Tensor) -> Float { Float(total(of: x)) }

    /// The mean of all elements; 0 of none.
    public static func mean(_ x: Tensor) -> Float { Float(total(of: x) / Double(max(1, x.count))) }

    private static func total(of x: Tensor) -> Double {
        withExtendedLifetime(x) {
            let from = x.base
            return total(x.count) { ck.sum(from + $0.lowerBound, $0.count) }
        }
    }

    /// The sum of the squares of all elements.
    public static func sumOfSquares(_ x: Tensor) -> Float { dot(x, x) }

    /// The sum of `a * b` over all elements, equal shapes.
    public static func dot(_ a: Tensor, _ b: Tensor) -> Float {
        precondition(a.shape == b.shape, "dot of \(a.shape) and \(b.shape)")
        return withExtendedLifetime((a, b)) {
            let (left, right) = (a.base, b.base)
            return Float(total(a.count) { ck.dot(left + $0.lowerBound, right + $0.lowerBound, $0.count) })
        }
    }

    /// Sums over `groups` equal runs of rows of x [groups · rows, c] → [groups, c], in blocks of a fixed size.
    static func columnSums(
        _ x: UnsafePointer<Float>, groups: Int, rows: Int, c: Int, into sums: UnsafeMutablePointer<Float>
    ) {
        let block = rowsPerChunk(width: c, elements: lightChunk)
        let blocks = max(1, (rows + block - 1) / block)
        guard blocks > 1 else {
            forPieces(of: groups, size: rowsPerChunk(width: rows * c, elements: lightChunk)) { range in
                for group in range {
                    (sums + group * c).update(repeating: 0, count: c)
                    ck.column_sums(x + group * rows * c, rows, c, sums + group * c)
                }
            }
            return
        }
        let partial = Storage(count: groups * blocks * c)
        withExtendedLifetime(partial) {
            let parts = partial.base
            ThreadPool.shared.parallel(groups * blocks) { piece in
                let (group, start) = (piece / blocks, piece % blocks * block)
                let to = parts + piece * c
                to.update(repeating: 0, count: c)
                ck.column_sums(x + (group * rows + start) * c, min(block, rows - start), c, to)
            }
            for group in 0..<groups {
                for i in 0..<c {
                    var sum = 0.0
                    for part in 0..<blocks { sum += Double(parts[(group * blocks + part) * c + i]) }
                    sums[group * c + i] = Float(sum)
                }
            }
        }
    }

    /// Sums of x [groups · r, ..] over r consecutive entries of the first axis → [groups, ..].
    public static func sumRowGroups(_ x: Tensor, groups: Int) -> Tensor {
        precondition(groups > 0 && x.firstAxis % groups == 0, "\(groups) groups of the rows of \(x.shape)")
        let rest = Array(x.shape.dropFirst())
        let y = Tensor(uninitialised: [groups] + rest)
        withExtendedLifetime(x) {
            columnSums(
                x.base, groups: groups, rows: x.firstAxis / groups, c: Tensor.count(of: rest), into: y.base)
        }
        return y
    }

    /// Each entry of the first axis of x [m, ..] `times` times → [m · times, ..]; the backward of `sumRowGroups`.
    public static func repeatRows(_ x: Tensor, times: Int) -> Tensor {
        let c = Tensor.count(of: Array(x.shape.dropFirst()))
        let y = Tensor(uninitialised: [x.firstAxis * times] + x.shape.dropFirst())
        withExtendedLifetime(x) {
            let (from, to) = (x.base, y.base)
            forPieces(of: x.firstAxis * times, size: rowsPerChunk(width: c, elements: lightChunk)) {
                for row in $0 { (to + row * c).update(from: from + row / times * c, count: c) }
            }
        }
        return y
    }

    /// `x + y` of x [n, .., c] and y [m, c] with n = m · r: consecutive r of the first axis share a row of `y`.
    public static func addBroadcast(_ x: Tensor, _ y: Tensor) -> Tensor {
        let c = x.lastAxis
        precondition(
            y.rank == 2 && y.lastAxis == c && y.firstAxis > 0 && x.firstAxis % y.firstAxis == 0,
            "broadcasting \(y.shape) over \(x.shape)")
        let sharing = x.rowCount / y.firstAxis
        let result = Tensor(uninitialised: x.shape)
        withExtendedLifetime((x, y)) {
            let (from, rows, to) = (x.base, y.base, result.base)
            forPieces(of: x.rowCount, size: rowsPerChunk(width: c, elements: lightChunk)) {
                var row = $0.lowerBound
                while row < $0.upperBound {
                    let end = min($0.upperBound, (row / sharing + 1) * sharing)
                    ck.add_row(from + row * c, rows + row / sharing * c, to + row * c, end - row, c)
                    row = end
                }
            }
        }
        return result
    }

    /// dy [rows, c] of `addBroadcast`: sums of its gradient [n, .., c].
    public static func addBroadcastBackward(_ dy: Tensor, rows: Int) -> Tensor {
        precondition(rows > 0 && dy.firstAxis % rows == 0, "a gradient \(dy.shape) for \(rows) rows")
        let sums = Tensor(uninitialised: [rows, dy.lastAxis])
        withExtendedLifetime(dy) {
            columnSums(dy.base, groups: rows, rows: dy.rowCount / rows, c: dy.lastAxis, into: sums.base)
        }
        return sums
    }
}
