import Tensors
import Testing

@Suite struct ReductionTests {
    @Test("sums agree with plain loops in double", arguments: [1, 3, 17, 33, 4097, 200_003])
    func sums(count: Int) {
        let (a, b) = (random([count], seed: 1), random([count], seed: 2))
        let pairs = Array(zip(a.doubles, b.doubles))
        let bound = 1e-6 * Double(count).squareRoot()
        #expect((Double(Kernels.sum(a)) - a.doubles.reduce(0, +)).magnitude <= bound)
        #expect((Double(Kernels.mean(a)) - a.doubles.reduce(0, +) / Double(count)).magnitude <= 1e-6)
        #expect((Double(Kernels.dot(a, b)) - pairs.reduce(0) { $0 + $1.0 * $1.1 }).magnitude <= bound)
        let squares = a.doubles.reduce(0) { $0 + $1 * $1 }
        #expect((Double(Kernels.sumOfSquares(a)) - squares).magnitude <= 1e-6 * squares)
    }

    @Test("nothing adds up to zero")
    func empty() {
        #expect(Kernels.sum(Tensor(zeros: [0, 3])) == 0 && Kernels.mean(Tensor(zeros: [0])) == 0)
        #expect(Kernels.linearBackwardBias(Tensor(zeros: [0, 3])).values == [0, 0, 0])
    }

    @Test(
        "groups of rows are summed and repeated",
        arguments: [[1, 1, 1], [3, 2, 17], [17, 3, 33], [2, 2000, 16], [1, 700, 33]])
    func groups(sizes: [Int]) {
        let (groups, times, c) = (sizes[0], sizes[1], sizes[2])
        let x = random([groups * times, c])
        var expected = [Double](repeating: 0, count: groups * c)
        for (i, value) in x.doubles.enumerated() { expected[i / (times * c) * c + i % c] += value }
        let sums = Kernels.sumRowGroups(x, groups: groups)
        #expect(sums.shape == [groups, c])
        expectClose(sums, expected)
        let repeated = Kernels.repeatRows(sums, times: times)
        #expect(repeated.shape == x.shape)
        let values = sums.doubles
        expectClose(repeated, (0..<x.count).map { values[$0 / (times * c) * c + $0 % c] }, tolerance: 0)
    }

    @Test(
        "a row is added to all positions that share it",
        arguments: [[1, 1, 1, 1], [6, 3, 5, 17], [4, 4, 3, 33], [8, 2, 600, 16]])
    func broadcast(sizes: [Int]) {
        let (n, m, s, c) = (sizes[0], sizes[1], sizes[2], sizes[3])
        let (x, y, dy) = (random([n, s, c]), random([m, c], seed: 2), random([n, s, c], seed: 3))
        let group = n / m * s * c
        let (values, rows) = (x.doubles, y.doubles)
        let result = Kernels.addBroadcast(x, y)
        #expect(result.shape == x.shape)
        expectClose(result, values.indices.map { values[$0] + rows[$0 / group * c + $0 % c] })
        var expected = [Double](repeating: 0, count: m * c)
        for (i, value) in dy.doubles.enumerated() { expected[i / group * c + i % c] += value }
        expectClose(Kernels.addBroadcastBackward(dy, rows: m), expected)
    }
}
