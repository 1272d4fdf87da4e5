import Tensors
import Tracing

extension Variable {
    /// Rows by index: [.., c] seen as a table of rows → [ids.count, c].
    ///
    /// An id may occur several times.
    public func gatheredRows(_ ids: [Int]) -> Variable {
        let shape = shape
        let table = value.reshaped([-1, shape[shape.count - 1]])
        let y = Trace.operation("gather rows", [table.shape, [ids.count]]) { Kernels.gatherRows(table, ids) }
        let rows = table.shape
        guard let parent = recorded(self) else { return Variable(y) }
        return Variable(y, parent: parent) { gradient in
            Trace.operation("gather rows backward", [gradient.shape]) {
                Kernels.scatterAddRows(gradient, at: ids, to: Tensor(zeros: rows)).reshaped(shape)
            }
        }
    }

    /// Adds `rows` [ids.count, c] to the rows `ids` of this [.., c] seen as a table of rows.
    ///
    /// For a [b, L, c] text embedding, position p of batch entry i is row i·L + p.
    public func scatterAdding(_ rows: Variable, at ids: [Int]) -> Variable {
        let shape = shape
        let width = shape[shape.count - 1]
        let y = Trace.operation("scatter rows", [rows.shape]) {
            Kernels.scatterAddRows(rows.value, at: ids, to: value.reshaped([-1, width])).reshaped(shape)
        }
        guard let parents = recorded([self, rows]) else { return Variable(y) }
        let needsRows = parents[1] != nil
        return Variable(y, parents: parents) { gradient in
            [gradient, needsRows ? Kernels.gatherRows(gradient.reshaped([-1, width]), ids) : nil]
        }
    }
}
