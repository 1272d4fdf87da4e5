import Tensors

extension Variable {
    /// The same elements under another shape, without a copy; one length may be -1.
    public func reshaped(_ shape: [Int]) -> Variable {
        let y = value.reshaped(shape)
        guard let parent = recorded(self) else { return Variable(y) }
        let old = self.shape
        return Variable(y, parent: parent) { $0.reshaped(old) }
    }

    /// The axes in another order: axis i of the result is axis `order[i]` of this.
    public func permuted(_ order: [Int]) -> Variable {
        let y = Kernels.permute(value, order)
        guard let parent = recorded(self) else { return Variable(y) }
        var inverse = order
        for (i, axis) in order.enumerated() { inverse[axis] = i }
        return Variable(y, parent: parent) { [inverse] in Kernels.permute($0, inverse) }
    }

    /// A range of the first axis.
    public subscript(rows range: Range<Int>) -> Variable {
        let y = Kernels.rows(value, range)
        guard let parent = recorded(self) else { return Variable(y) }
        let count = shape[0]
        return Variable(y, parent: parent) { Kernels.rowsBackward($0, range, of: count) }
    }

    /// A nearest-neighbour resize of [n, h, w, c] to `size`: index floor(i·from/to) along each axis.
    public func upsampledNearest(to size: (height: Int, width: Int)) -> Variable {
        let y = Kernels.upsampleNearest(value, to: (h: size.height, w: size.width))
        guard let parent = recorded(self) else { return Variable(y) }
        let shape = shape
        return Variable(y, parent: parent) {
            Kernels.upsampleNearestBackward($0, from: (h: shape[1], w: shape[2]))
        }
    }
}

/// Variables one after the other along the last axis: [.., c₀], [.., c₁], … → [.., c₀ + c₁ + …].
public func concatenatedChannels(_ parts: [Variable]) -> Variable {
    let y = Kernels.concatenateChannels(parts.map(\.value))
    guard let parents = recorded(parts) else { return Variable(y) }
    let widths = parts.map { $0.shape[$0.shape.count - 1] }
    return Variable(y, parents: parents) { Kernels.splitChannels($0, widths) }
}

/// Variables one after the other along the first axis: [n₀, ..], [n₁, ..], … → [n₀ + n₁ + …, ..].
public func stacked(_ parts: [Variable]) -> Variable {
    let y = Kernels.concatenateRows(parts.map(\.value))
    guard let parents = recorded(parts) else { return Variable(y) }
    let counts = parts.map { $0.shape[0] }
    let needs = parents.map { $0 != nil }
    return Variable(y, parents: parents) { gradient in
        var start = 0
        return zip(counts, needs).map { count, isNeeded in
            defer { start += count }
            return isNeeded ? Kernels.rows(gradient, start..<start + count) : nil
        }
    }
}
