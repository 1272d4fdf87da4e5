import Tensors
import Tracing

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
        let y = Trace.operation("permute", [shape]) { Kernels.permute(value, order) }
        guard let parent = recorded(self) else { return Variable(y) }
        var inverse = order
        for (i, axis) in order.enumerated() { inverse[axis] = i }
        return Variable(y, parent: parent) { [inverse] gradient in
            Trace.operation("permute backward", [gradient.shape]) { Kernels.permute(gradient, inverse) }
        }
    }

    /// A range of the first axis.
    public subscript(rows range: Range<Int>) -> Variable {
        let y = Trace.operation("rows", [shape]) { Kernels.rows(value, range) }
        guard let parent = recorded(self) else { return Variable(y) }
        let count = shape[0]
        return Variable(y, parent: parent) { gradient in
            Trace.operation("rows backward", [gradient.shape]) { Kernels.rowsBackward(gradient, range, of: count) }
        }
    }

    /// A nearest-neighbour resize of [n, h, w, c] to `size`: index floor(i·from/to) along each axis.
    public func upsampledNearest(to size: (height: Int, width: Int)) -> Variable {
        let y = Trace.operation("upsample", [shape]) {
            Kernels.upsampleNearest(value, to: (h: size.height, w: size.width))
        }
        guard let parent = recorded(self) else { return Variable(y) }
        let shape = shape
        return Variable(y, parent: parent) { gradient in
            Trace.operation("upsample backward", [gradient.shape]) {
                Kernels.upsampleNearestBackward(gradient, from: (h: shape[1], w: shape[2]))
            }
        }
    }
}

/// Variables one after the other along the last axis: [.., c₀], [.., c₁], … → [.., c₀ + c₁ + …].
public func concatenatedChannels(_ parts: [Variable]) -> Variable {
    let y = Trace.operation("concatenate", parts.map(\.shape)) { Kernels.concatenateChannels(parts.map(\.value)) }
    guard let parents = recorded(parts) else { return Variable(y) }
    let widths = parts.map { $0.shape[$0.shape.count - 1] }
    return Variable(y, parents: parents) { gradient in
        Trace.operation("concatenate backward", [gradient.shape]) { Kernels.splitChannels(gradient, widths) }
    }
}

/// Variables one after the other along the first axis: [n₀, ..], [n₁, ..], … → [n₀ + n₁ + …, ..].
public func stacked(_ parts: [Variable]) -> Variable {
    let y = Trace.operation("stack", parts.map(\.shape)) { Kernels.concatenateRows(parts.map(\.value)) }
    guard let parents = recorded(parts) else { return Variable(y) }
    let counts = parts.map { $0.shape[0] }
    let needs = parents.map { $0 != nil }
    return Variable(y, parents: parents) { gradient in
        var start = 0
        return zip(counts, needs).map { count, isNeeded in
            defer { start += count }
            return isNeeded
                ? Trace.operation("stack backward", [gradient.shape]) { Kernels.rows(gradient, start..<start + count) }
                : nil
        }
    }
}
