public import Tensors

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
        let shape = shape
        precondition(
            !shape.isEmpty && range.lowerBound >= 0 && range.upperBound <= shape[0],
            "rows \(range) of a variable of shape \(shape)")
        let size = shape.dropFirst().reduce(1, *)
        let y = value.read { values in
            Tensor([range.count] + shape.dropFirst()) { part in
                copy(values, from: range.lowerBound * size, to: part, at: 0, count: range.count * size)
            }
        }
        guard let parent = recorded(self) else { return Variable(y) }
        return Variable(y, parent: parent) { gradient in
            var whole = Tensor(zeros: shape)
            whole.write { whole in
                gradient.read { copy($0, from: 0, to: whole, at: range.lowerBound * size, count: $0.count) }
            }
            return whole
        }
    }

    /// A nearest-neighbour resize of [n, h, w, c] to `size`: index floor(i·from/to) along each axis.
    public func upsampledNearest(to size: (height: Int, width: Int)) -> Variable {
        let y = Kernels.upsampleNearest(value, to: size)
        guard let parent = recorded(self) else { return Variable(y) }
        let shape = shape
        return Variable(y, parent: parent) { Kernels.upsampleNearestBackward($0, from: (shape[1], shape[2])) }
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
    precondition(!parts.isEmpty, "nothing to stack")
    let rest = Array(parts[0].shape.dropFirst())
    for part in parts {
        precondition(
            !part.shape.isEmpty && Array(part.shape.dropFirst()) == rest,
            "stacked: \(parts.map(\.shape)) differ beyond the first axis")
    }
    let y = Tensor([parts.reduce(0) { $0 + $1.shape[0] }] + rest) { whole in
        var offset = 0
        for part in parts {
            part.value.read { copy($0, from: 0, to: whole, at: offset, count: $0.count) }
            offset += part.value.count
        }
    }
    guard let parents = recorded(parts) else { return Variable(y) }
    let shapes = parts.map(\.shape)
    let needs = parents.map { $0 != nil }
    return Variable(y, parents: parents) { gradient in
        var offset = 0
        return zip(shapes, needs).map { shape, isNeeded in
            let start = offset
            let count = shape.reduce(1, *)
            offset += count
            guard isNeeded else { return nil }
            return gradient.read { values in
                Tensor(shape) { copy(values, from: start, to: $0, at: 0, count: count) }
            }
        }
    }
}

/// Copies a run of numbers.
private func copy(
    _ source: UnsafeBufferPointer<Float>, from start: Int, to target: UnsafeMutableBufferPointer<Float>, at offset: Int,
    count: Int
) {
    guard count > 0, let from = source.baseAddress, let to = target.baseAddress else { return }
    (to + offset).update(from: from + start, count: count)
}
