import Tensors
import Testing

@Suite struct ProductTests {
    /// a [m, k] · b [k, n] by three loops; either is read transposed if asked.
    static func product(
        _ a: [Double], _ b: [Double], m: Int, n: Int, k: Int, transposeA: Bool = false, transposeB: Bool = false
    ) -> [Double] {
        var c = [Double](repeating: 0, count: m * n)
        for i in 0..<m {
            for l in 0..<k {
                let left = transposeA ? a[l * m + i] : a[i * k + l]
                for j in 0..<n { c[i * n + j] += left * (transposeB ? b[j * k + l] : b[l * n + j]) }
            }
        }
        return c
    }

    @Test("matmul agrees with three loops, transposed or not", arguments: [1, 3, 17, 33], [1, 3, 17, 33])
    func matmul(m: Int, n: Int) {
        for (k, transposes) in zip([1, 3, 17, 33], [(false, false), (true, false), (false, true), (true, true)]) {
            let a = random(transposes.0 ? [k, m] : [m, k], seed: 1)
            let b = random(transposes.1 ? [n, k] : [k, n], seed: 2)
            let expected = ProductTests.product(
                a.doubles, b.doubles, m: m, n: n, k: k, transposeA: transposes.0, transposeB: transposes.1)
            let y = Kernels.matmul(a, b, transposeA: transposes.0, transposeB: transposes.1)
            #expect(y.shape == [m, n])
            expectClose(y, expected)
        }
    }

    @Test("products cut into tiles agree with three loops", arguments: [(700, 33, 65), (97, 1001, 33), (17, 31, 9000)])
    func tiles(m: Int, n: Int, k: Int) {
        let (a, b) = (random([m, k], seed: 1), random([k, n], seed: 2))
        expectClose(Kernels.matmul(a, b), ProductTests.product(a.doubles, b.doubles, m: m, n: n, k: k))
    }

    @Test("a batch is its matrices one by one", arguments: [1, 3, 40])
    func batch(size: Int) {
        let (a, b) = (random([size, 2, 17, 3], seed: 1), random([size, 2, 33, 3], seed: 2))
        let y = Kernels.matmul(a, b, transposeB: true)
        #expect(y.shape == [size, 2, 17, 33])
        let (lefts, rights) = (a.doubles, b.doubles)
        var expected = [Double]()
        for i in 0..<2 * size {
            let left = Array(lefts[(i * 51)..<(i * 51 + 51)])
            let right = Array(rights[(i * 99)..<(i * 99 + 99)])
            expected += ProductTests.product(left, right, m: 17, n: 33, k: 3, transposeB: true)
        }
        expectClose(y, expected)
    }

    @Test(
        "a linear layer and its gradients agree with plain loops",
        arguments: [(1, 1, 1), (3, 17, 33), (33, 3, 1), (1300, 32, 48)])
    func linear(rows: Int, width: Int, out: Int) {
        let x = random([rows, 1, width], seed: 1)
        let (weight, bias) = (random([out, width], seed: 2), random([out], seed: 3))
        let dy = random([rows, 1, out], seed: 4)
        let plain = ProductTests.product(x.doubles, weight.doubles, m: rows, n: out, k: width, transposeB: true)
        expectClose(Kernels.linear(x, weight), plain)
        let y = Kernels.linear(x, weight, bias)
        #expect(y.shape == [rows, 1, out])
        let shift = bias.doubles
        expectClose(y, plain.enumerated().map { $1 + shift[$0 % out] })
        expectClose(
            Kernels.linearBackwardInput(dy, weight: weight),
            ProductTests.product(dy.doubles, weight.doubles, m: rows, n: width, k: out))
        expectClose(
            Kernels.linearBackwardWeight(dy, x: x),
            ProductTests.product(dy.doubles, x.doubles, m: out, n: width, k: rows, transposeA: true))
        let ones = [Double](repeating: 1, count: rows)
        expectClose(
            Kernels.linearBackwardBias(dy), ProductTests.product(ones, dy.doubles, m: 1, n: out, k: rows))
    }

    @Test("matrices that do not fit stop the program with both shapes")
    func misfit() async {
        await #expect(processExitsWith: .failure) {
            _ = Kernels.matmul(Tensor(zeros: [2, 3]), Tensor(zeros: [2, 3]))
        }
    }
}
