internal import CKernels

extension Kernels {
    /// Tensors [.., c₁], [.., c₂] … side by side in the last axis.
    public static func concatenateChannels(_ parts: [Tensor]) -> Tensor {
        guard let first = parts.first else { preconditionFailure("concatenating no tensors") }
        let leading = first.shape.dropLast()
        for part in parts {
            precondition(part.shape.dropLast() == leading, "concatenating \(parts.map(\.shape)) in the last axis")
        }
        let total = parts.reduce(0) { $0 + $1.lastAxis }
        let y = Tensor(uninitialised: leading + [total])
        var offset = 0
        for part in parts {
            copyColumns(part, width: part.lastAxis, fromColumn: 0, to: y, toColumn: offset, rows: part.rowCount)
            offset += part.lastAxis
        }
        return y
    }

    /// x [.., c₁ + c₂ + …] → [.., c₁], [.., c₂] …; the backward of `concatenateChannels`.
    public static func splitChannels(_ x: Tensor, _ channels: [Int]) -> [Tensor] {
        precondition(channels.reduce(0, +) == x.lastAxis, "splitting the last axis of \(x.shape) into \(channels)")
        var offset = 0
        return channels.map { width in
            let part = Tensor(uninitialised: x.shape.dropLast() + [width])
            copyColumns(x, width: width, fromColumn: offset, to: part, toColumn: 0, rows: x.rowCount)
            offset += width
            return part
        }
    }

    private static func copyColumns(
        _ x: Tensor, width: Int, fromColumn: Int, to y: Tensor, toColumn: Int, rows: Int
    ) {
        withExtendedLifetime((x, y)) {
            let (from, to) = (x.base + fromColumn, y.base + toColumn)
            let (strideX, strideY) = (x.lastAxis, y.lastAxis)
            forPieces(of: rows, size: rowsPerChunk(width: width, elements: lightChunk)) {
                for row in $0 { (to + row * strideY).update(from: from + row * strideX, count: width) }
            }
        }
    }

    /// Tensors [n₁, ..], [n₂, ..] … one after another in the first axis.
    public static func concatenateRows(_ parts: [Tensor]) -> Tensor {
        guard let first = parts.first else { preconditionFailure("concatenating no tensors") }
        for part in parts {
            precondition(
                part.shape.dropFirst() == first.shape.dropFirst(),
                "concatenating \(parts.map(\.shape)) in the first axis")
        }
        let y = Tensor(uninitialised: [parts.reduce(0) { $0 + $1.firstAxis }] + first.shape.dropFirst())
        var offset = 0
        for part in parts {
            withExtendedLifetime(part) { (y.base + offset).update(from: part.base, count: part.count) }
            offset += part.count
        }
        return y
    }

    /// Entries `range` of the first axis.
    public static func rows(_ x: Tensor, _ range: Range<Int>) -> Tensor {
        precondition(range.lowerBound >= 0 && range.upperBound <= x.firstAxis, "rows \(range) of \(x.shape)")
        let size = Tensor.count(of: Array(x.shape.dropFirst()))
        let y = Tensor(uninitialised: [range.count] + x.shape.dropFirst())
        withExtendedLifetime(x) { y.base.update(from: x.base + range.lowerBound * size, count: y.count) }
        return y
    }

    /// `count` rows of zeros but for `dy` at `range`: the backward of `rows`.
    public static func rowsBackward(_ dy: Tensor, _ range: Range<Int>, of count: Int) -> Tensor {
        precondition(
            dy.firstAxis == range.count && range.upperBound <= count, "rows \(range) of \(count) from \(dy.shape)")
        let size = Tensor.count(of: Array(dy.shape.dropFirst()))
        let dx = Tensor(zeros: [count] + dy.shape.dropFirst())
        withExtendedLifetime(dy) { (dx.base + range.lowerBound * size).update(from: dy.base, count: dy.count) }
        return dx
    }

    /// Nearest-neighbour enlargement of x [n, h, w, c] to `size`: pixel i comes from ⌊i · in / out⌋, as in PyTorch.
    public static func upsampleNearest(_ x: Tensor, to size: (h: Int, w: Int)) -> Tensor {
        precondition(x.rank == 4 && size.h > 0 && size.w > 0, "enlarging \(x.shape) to \(size)")
        let (n, h, w, c) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        let y = Tensor(uninitialised: [n, size.h, size.w, c])
        withExtendedLifetime(x) {
            let (from, to) = (x.base, y.base)
            forPieces(of: n * size.h, size: rowsPerChunk(width: size.w * c, elements: lightChunk)) {
                for line in $0 {
                    let source = from + (line / size.h * h + line % size.h * h / size.h) * w * c
                    let target = to + line * size.w * c
                    for i in 0..<size.w { (target + i * c).update(from: source + i * w / size.w * c, count: c) }
                }
            }
        }
        return y
    }

    /// dx [n, h, w, c] of `upsampleNearest` from a picture of `size`: each pixel sums its copies.
    public static func upsampleNearestBackward(_ dy: Tensor, from size: (h: Int, w: Int)) -> Tensor {
        precondition(dy.rank == 4, "a gradient \(dy.shape) of an enlarged picture")
        let (n, h, w, c) = (dy.shape[0], dy.shape[1], dy.shape[2], dy.shape[3])
        let dx = Tensor(zeros: [n, size.h, size.w, c])
        withExtendedLifetime(dy) {
            let (from, to) = (dy.base, dx.base)
            forPieces(of: n, size: rowsPerChunk(width: h * w * c, elements: lightChunk)) {
                for line in $0.lowerBound * h..<$0.upperBound * h {
                    let target = to + (line / h * size.h + line % h * size.h / h) * size.w * c
                    let source = from + line * w * c
                    for i in 0..<w {
                        let pixel = target + i * size.w / w * c
                        ck.add(pixel, source + i * c, pixel, c)
                    }
                }
            }
        }
        return dx
    }

    /// The axes of x in another order: `axes[i]` is the axis of x that becomes axis i.
    public static func permute(_ x: Tensor, _ axes: [Int]) -> Tensor {
        precondition(axes.sorted() == Array(0..<x.rank), "permuting \(x.shape) by \(axes)")
        var strides = [Int](repeating: 1, count: x.rank)
        for axis in Swift.stride(from: x.rank - 2, through: 0, by: -1) {
            strides[axis] = strides[axis + 1] * x.shape[axis + 1]
        }
        // Axes that stay neighbours are one axis.
        var moved: [(length: Int, stride: Int)] = []
        for axis in axes where x.shape[axis] != 1 {
            if let last = moved.last, last.stride == strides[axis] * x.shape[axis] {
                moved[moved.count - 1] = (last.length * x.shape[axis], strides[axis])
            } else {
                moved.append((x.shape[axis], strides[axis]))
            }
        }
        let shape = axes.map { x.shape[$0] }
        guard moved.count > 1, x.count > 0 else { return x.reshaped(shape) }
        let y = Tensor(uninitialised: shape)
        let inner = moved[moved.count - 1]
        let outer = moved.dropLast().map { $0 }
        withExtendedLifetime(x) {
            let (from, to) = (x.base, y.base)
            forPieces(of: y.count / inner.length, size: rowsPerChunk(width: inner.length, elements: lightChunk)) {
                for row in $0 {
                    var (rest, offset) = (row, 0)
                    for axis in Swift.stride(from: outer.count - 1, through: 0, by: -1) {
                        offset += rest % outer[axis].length * outer[axis].stride
                        rest /= outer[axis].length
                    }
                    let (source, target) = (from + offset, to + row * inner.length)
                    guard inner.stride > 1 else {
                        target.update(from: source, count: inner.length)
                        continue
                    }
                    for i in 0..<inner.length { target[i] = source[i * inner.stride] }
                }
            }
        }
        return y
    }

    /// Rows `ids` of a table [r, ..] → [ids.count, ..].
    public static func gatherRows(_ table: Tensor, _ ids: [Int]) -> Tensor {
        let size = Tensor.count(of: Array(table.shape.dropFirst()))
        let y = Tensor(uninitialised: [ids.count] + table.shape.dropFirst())
        withExtendedLifetime(table) {
            for (i, id) in ids.enumerated() {
                precondition(id >= 0 && id < table.firstAxis, "row \(id) of a table \(table.shape)")
                (y.base + i * size).update(from: table.base + id * size, count: size)
            }
        }
        return y
    }

    /// `base` [r, ..] with row i of x added to row `ids[i]`; ids that come again add up.
    public static func scatterAddRows(_ x: Tensor, at ids: [Int], to base: Tensor) -> Tensor {
        precondition(
            x.firstAxis == ids.count && x.shape.dropFirst() == base.shape.dropFirst(),
            "adding \(x.shape) at \(ids.count) rows of \(base.shape)")
        var y = base
        y.makeUnique()
        let size = Tensor.count(of: Array(x.shape.dropFirst()))
        withExtendedLifetime((x, y)) {
            for (i, id) in ids.enumerated() {
                precondition(id >= 0 && id < base.firstAxis, "row \(id) of \(base.shape)")
                let row = y.base + id * size
                ck.add(row, x.base + i * size, row, size)
            }
        }
        return y
    }
}
