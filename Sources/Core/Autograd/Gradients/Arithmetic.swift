public import Tensors
import Tracing

extension Variable {
    /// The elementwise sum of two variables of one shape.
    public static func + (a: Variable, b: Variable) -> Variable {
        let y = Trace.operation("add", [a.shape]) { Kernels.add(a.value, b.value) }
        guard let parents = recorded([a, b]) else { return Variable(y) }
        return Variable(y, parents: parents) { [$0, $0] }
    }

    /// The elementwise difference of two variables of one shape.
    public static func - (a: Variable, b: Variable) -> Variable {
        let y = Trace.operation("subtract", [a.shape]) { Kernels.subtract(a.value, b.value) }
        guard let parents = recorded([a, b]) else { return Variable(y) }
        let needsB = parents[1] != nil
        return Variable(y, parents: parents) { gradient in
            [
                gradient,
                needsB
                    ? Trace.operation("subtract backward", [gradient.shape]) { Kernels.scale(gradient, by: -1) } : nil,
            ]
        }
    }

    /// The elementwise product of two variables of one shape.
    public static func * (a: Variable, b: Variable) -> Variable {
        let y = Trace.operation("multiply", [a.shape]) { Kernels.multiply(a.value, b.value) }
        guard let parents = recorded([a, b]) else { return Variable(y) }
        let savedB = parents[0] == nil ? nil : b.value
        let savedA = parents[1] == nil ? nil : a.value
        return Variable(y, parents: parents) { gradient in
            Trace.operation("multiply backward", [gradient.shape]) {
                [
                    savedB.map { Kernels.multiply(gradient, $0) },
                    savedA.map { Kernels.multiply(gradient, $0) },
                ]
            }
        }
    }

    /// Every element times `factor`.
    public func scaled(by factor: Float) -> Variable {
        let y = Trace.operation("scale", [shape]) { Kernels.scale(value, by: factor) }
        guard let parent = recorded(self) else { return Variable(y) }
        return Variable(y, parent: parent) { gradient in
            Trace.operation("scale backward", [gradient.shape]) { Kernels.scale(gradient, by: factor) }
        }
    }

    /// Adds a row to all positions of its group: x [n, .., c] + y [m, c], row i of y to the n/m consecutive x of group i.
    ///
    /// With n = b·f this adds a clip's embedding to all frames and positions. Any number of middle axes.
    public func addingBroadcast(_ y: Variable) -> Variable {
        let sum = Trace.operation("add broadcast", [shape, y.shape]) { Kernels.addBroadcast(value, y.value) }
        guard let parents = recorded([self, y]) else { return Variable(sum) }
        let groups = parents[1] == nil ? nil : y.shape[0]
        return Variable(sum, parents: parents) { gradient in
            [
                gradient,
                groups.map { groups in
                    Trace.operation("add broadcast backward", [gradient.shape]) {
                        Kernels.addBroadcastBackward(gradient, rows: groups)
                    }
                },
            ]
        }
    }

    /// The sum with a variable of the same shape, or with rows for runs of rows (`addingBroadcast`).
    func adding(_ addend: Variable) -> Variable {
        guard addend.value.count != value.count else { return self + addend.reshaped(shape) }
        let width = shape[shape.count - 1]
        return reshaped([-1, width]).addingBroadcast(addend.reshaped([-1, width])).reshaped(shape)
    }

    /// Sets each element to zero with probability `p`, and multiplies the others by 1/(1 − p).
    ///
    /// Draws from a copy of `generator`, so that the same call gives the same mask again, as a checkpoint needs: give
    /// every call its own, by ``Generator/split(_:)``.
    public func dropout(_ p: Float, using generator: Generator) -> Variable {
        precondition(p >= 0 && p < 1, "a dropout probability lies in 0 ..< 1, not at \(p)")
        guard p > 0 else { return self }
        var generator = generator
        let kept = 1 / (1 - p)
        let mask = Trace.operation("dropout mask", [shape]) {
            var mask = generator.uniform(shape)
            mask.write { for i in $0.indices { $0[i] = $0[i] < p ? 0 : kept } }
            return mask
        }
        return self * Variable(mask)
    }
}
