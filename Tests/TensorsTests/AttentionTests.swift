import Foundation
import Tensors
import Testing

struct AttentionCase: Sendable, CustomTestStringConvertible {
    var outer: Int
    var sharing = 1
    var queries: Int
    var keys: Int
    var inner = 1
    var heads: Int
    var width: Int
    var causal = false

    var testDescription: String {
        "\(outer) x \(queries) on \(keys) keys of \(outer / sharing), inner \(inner), \(heads) heads of \(width)"
    }

    var channels: Int { heads * width }
    var shapeQ: [Int] { [outer, queries, inner, channels] }
    var shapeK: [Int] { [outer / sharing, keys, inner, channels] }

    /// y, dq, dk and dv by plain loops.
    func run(_ q: [Double], _ k: [Double], _ v: [Double], _ dy: [Double]) -> [[Double]] {
        var (y, dq) = ([Double](repeating: 0, count: q.count), [Double](repeating: 0, count: q.count))
        var (dk, dv) = ([Double](repeating: 0, count: k.count), [Double](repeating: 0, count: k.count))
        let scale = 1 / Double(width).squareRoot()
        for o in 0..<outer {
            for p in 0..<inner {
                for h in 0..<heads {
                    let atQ = { (i: Int) in ((o * queries + i) * inner + p) * channels + h * width }
                    let atK = { (j: Int) in ((o / sharing * keys + j) * inner + p) * channels + h * width }
                    let dot = { (a: [Double], i: Int, b: [Double], j: Int) in
                        (0..<width).reduce(0.0) { $0 + a[i + $1] * b[j + $1] }
                    }
                    for i in 0..<queries {
                        let seen = causal ? i + 1 : keys
                        let powers = (0..<seen).map { exp(scale * dot(q, atQ(i), k, atK($0))) }
                        let sum = powers.reduce(0, +)
                        let weights = powers.map { $0 / sum }
                        let slopes = (0..<seen).map { dot(dy, atQ(i), v, atK($0)) }
                        let mean = zip(weights, slopes).reduce(0) { $0 + $1.0 * $1.1 }
                        for j in 0..<seen {
                            let ds = weights[j] * (slopes[j] - mean) * scale
                            for c in 0..<width {
                                y[atQ(i) + c] += weights[j] * v[atK(j) + c]
                                dv[atK(j) + c] += weights[j] * dy[atQ(i) + c]
                                dq[atQ(i) + c] += ds * k[atK(j) + c]
                                dk[atK(j) + c] += ds * q[atQ(i) + c]
                            }
                        }
                    }
                }
            }
        }
        return [y, dq, dk, dv]
    }
}

@Suite struct AttentionTests {
    static let cases = [
        AttentionCase(outer: 1, queries: 1, keys: 1, heads: 1, width: 1),
        AttentionCase(outer: 2, queries: 17, keys: 17, heads: 3, width: 8),
        AttentionCase(outer: 1, queries: 33, keys: 33, heads: 2, width: 16),
        AttentionCase(outer: 2, queries: 3, keys: 3, inner: 17, heads: 1, width: 17),
        AttentionCase(outer: 1, queries: 8, keys: 8, inner: 15, heads: 4, width: 8),
        AttentionCase(outer: 1, queries: 8, keys: 8, inner: 3, heads: 2, width: 32),
        AttentionCase(outer: 3, queries: 3, keys: 16, inner: 5, heads: 2, width: 64),
        AttentionCase(outer: 2, queries: 16, keys: 16, inner: 33, heads: 1, width: 16, causal: true),
        AttentionCase(outer: 1, queries: 7, keys: 7, inner: 3, heads: 16, width: 1, causal: true),
        AttentionCase(outer: 1, queries: 5, keys: 4, inner: 17, heads: 8, width: 2),
        AttentionCase(outer: 1, queries: 8, keys: 8, inner: 2, heads: 4, width: 4),
        AttentionCase(outer: 6, sharing: 3, queries: 33, keys: 77, heads: 2, width: 8),
        AttentionCase(outer: 4, sharing: 2, queries: 5, keys: 3, inner: 2, heads: 2, width: 5),
        AttentionCase(outer: 2, queries: 77, keys: 77, heads: 2, width: 20, causal: true),
        AttentionCase(outer: 1, queries: 1, keys: 1, heads: 2, width: 3, causal: true),
        AttentionCase(outer: 1, queries: 150, keys: 160, heads: 2, width: 40),
        AttentionCase(outer: 1, queries: 70, keys: 1000, heads: 1, width: 20),
    ]

    @Test("attention and its gradients agree with plain loops", arguments: cases)
    func agrees(sizes: AttentionCase) {
        let q = random(sizes.shapeQ, seed: 1, scale: 1.5)
        let (k, v) = (random(sizes.shapeK, seed: 2), random(sizes.shapeK, seed: 3))
        let dy = random(sizes.shapeQ, seed: 4)
        let expected = sizes.run(q.doubles, k.doubles, v.doubles, dy.doubles)
        let y = Kernels.attention(q, k, v, heads: sizes.heads, causal: sizes.causal)
        #expect(y.shape == q.shape)
        expectClose(y, expected[0], "y")
        let back = Kernels.attentionBackward(dy, q: q, k: k, v: v, heads: sizes.heads, causal: sizes.causal)
        expectClose(back.dq, expected[1], tolerance: 5e-6, "dq")
        expectClose(back.dk, expected[2], tolerance: 5e-6, "dk")
        expectClose(back.dv, expected[3], tolerance: 5e-6, "dv")
    }

    @Test("three axes mean one sequence per entry of the first")
    func rankThree() {
        let (q, k) = (random([2, 5, 16]), random([2, 7, 16], seed: 2))
        let y = Kernels.attention(q, k, k, heads: 2)
        let four = Kernels.attention(
            q.reshaped([2, 5, 1, 16]), k.reshaped([2, 7, 1, 16]), k.reshaped([2, 7, 1, 16]), heads: 2)
        #expect(y.shape == [2, 5, 16])
        #expect(y == four.reshaped([2, 5, 16]))
    }

    @Test("scores of any size do not overflow")
    func large() {
        let q = Tensor([1, 2, 1, 4], repeating: 300)
        let k = Tensor([1, 2, 1, 4], [300, 300, 300, 300, -300, -300, -300, -300])
        let v = Tensor([1, 2, 1, 4], [1, 2, 3, 4, 5, 6, 7, 8])
        #expect(Kernels.attention(q, k, v, heads: 1).values == [1, 2, 3, 4, 1, 2, 3, 4])
    }
}
