import Tensors
import Testing

@Suite struct MovementTests {
    @Test("channels put together come apart again", arguments: [[1], [3, 17], [33, 1, 16], [320, 320]])
    func channels(widths: [Int]) {
        let parts = widths.enumerated().map { random([9, 5, $1], seed: UInt64($0)) }
        let whole = Kernels.concatenateChannels(parts)
        let total = widths.reduce(0, +)
        #expect(whole.shape == [9, 5, total])
        #expect(Array(whole.values[total..<2 * total]) == parts.flatMap { $0.values[$0.shape[2]..<2 * $0.shape[2]] })
        #expect(Kernels.splitChannels(whole, widths) == parts)
    }

    @Test("rows are cut out, put together and put back")
    func rows() {
        let x = random([7, 3, 5])
        let (a, b) = (Kernels.rows(x, 0..<2), Kernels.rows(x, 2..<7))
        #expect(b.shape == [5, 3, 5] && b.values == Array(x.values[30...]))
        #expect(Kernels.concatenateRows([a, b]) == x)
        let back = Kernels.rowsBackward(a, 3..<5, of: 7)
        #expect(back.shape == x.shape && Kernels.rows(back, 3..<5) == a)
        #expect(Kernels.sumOfSquares(back) == Kernels.sumOfSquares(a))
    }

    @Test(
        "enlarging takes pixel floor(i * in / out), and its gradient adds up",
        arguments: [(6, 10), (5, 7), (3, 5), (9, 33)])
    func upsample(h: Int, w: Int) {
        let (x, dy) = (random([3, 3, 5, 17]), random([3, h, w, 17], seed: 2))
        var (y, dx) = ([Double](), [Double](repeating: 0, count: x.count))
        let (values, gradients) = (x.doubles, dy.doubles)
        for n in 0..<3 {
            for i in 0..<h {
                for j in 0..<w {
                    for c in 0..<17 {
                        let source = ((n * 3 + i * 3 / h) * 5 + j * 5 / w) * 17 + c
                        dx[source] += gradients[y.count]
                        y.append(values[source])
                    }
                }
            }
        }
        let result = Kernels.upsampleNearest(x, to: (h, w))
        #expect(result.shape == [3, h, w, 17])
        expectClose(result, y, tolerance: 0)
        expectClose(Kernels.upsampleNearestBackward(dy, from: (3, 5)), dx)
    }

    @Test(
        "axes change places",
        arguments: [
            [0, 1, 2, 3], [0, 2, 3, 1], [3, 1, 0, 2], [1, 0, 2, 3], [0, 1, 3, 2], [3, 2, 1, 0], [2, 3, 0, 1],
        ])
    func permute(axes: [Int]) {
        let shape = [3, 17, 1, 33]
        let x = random(shape)
        let y = Kernels.permute(x, axes)
        #expect(y.shape == axes.map { shape[$0] })
        var expected = [Double]()
        let values = x.doubles
        for a in 0..<y.shape[0] {
            for b in 0..<y.shape[1] {
                for c in 0..<y.shape[2] {
                    for d in 0..<y.shape[3] {
                        var index = [0, 0, 0, 0]
                        for (axis, place) in zip(axes, [a, b, c, d]) { index[axis] = place }
                        expected.append(values[((index[0] * 17 + index[1]) + index[2]) * 33 + index[3]])
                    }
                }
            }
        }
        expectClose(y, expected, tolerance: 0)
    }

    @Test("rows are gathered, and added back where they came from")
    func gather() {
        let table = random([5, 17])
        let ids = [4, 0, 4, 2]
        let rows = Kernels.gatherRows(table, ids)
        #expect(rows.shape == [4, 17])
        #expect(rows.values == ids.flatMap { table.values[$0 * 17..<$0 * 17 + 17] })
        let sums = Kernels.scatterAddRows(rows, at: ids, to: Tensor(zeros: [5, 17]))
        for (row, times) in zip(0..<5, [Float(1), 0, 1, 0, 2]) {
            let expected = Kernels.scale(Kernels.rows(table, row..<row + 1), by: times)
            #expect(Kernels.subtract(Kernels.rows(sums, row..<row + 1), expected).values.allSatisfy { $0 == 0 })
        }
    }
}
