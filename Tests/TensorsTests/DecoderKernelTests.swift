import Foundation
import Tensors
import Testing

/// RMS norms, rotations and cross-entropy against plain loops in doubles.
@Suite struct DecoderKernelTests {
    @Test("RMS norm and its gradients agree with plain loops", arguments: [(1, 5), (3, 17), (33, 3), (700, 48)])
    func rmsNorm(rows: Int, c: Int) {
        let x = Kernels.add(random([rows, c], seed: 1), Tensor([rows, c], repeating: 3))
        let (dy, weight, epsilon) = (random([rows, c], seed: 2), random([c], seed: 3), 1e-5)
        let (xs, dys, ws) = (x.doubles, dy.doubles, weight.doubles)
        var (y, dx, dw, rstds) = (xs, xs, [Double](repeating: 0, count: c), [Double]())
        for r in 0..<rows {
            let row = r * c..<(r + 1) * c
            let s = 1 / (row.reduce(0) { $0 + xs[$1] * xs[$1] } / Double(c) + epsilon).squareRoot()
            let mean = row.reduce(0) { $0 + dys[$1] * ws[$1 % c] * xs[$1] } / Double(c)
            for i in row {
                y[i] = xs[i] * s * ws[i % c]
                dx[i] = s * (dys[i] * ws[i % c] - xs[i] * s * s * mean)
                dw[i % c] += dys[i] * xs[i] * s
            }
            rstds.append(s)
        }
        let found = Kernels.rmsNorm(x, weight: weight, epsilon: Float(epsilon))
        expectClose(found.y, y, "y")
        expectClose(found.rstd, rstds, "rstd")
        let back = Kernels.rmsNormBackward(dy, x: x, weight: weight, rstd: found.rstd)
        expectClose(back.dx, dx, tolerance: 1e-5, "dx")
        expectClose(back.dweight ?? Tensor(zeros: [0]), dw, tolerance: 1e-5, "dweight")
        let frozen = Kernels.rmsNormBackward(dy, x: x, weight: weight, rstd: found.rstd, needsWeight: false)
        #expect(frozen.dx == back.dx && frozen.dweight == nil)
    }

    @Test("rotations agree with plain loops, and turn back", arguments: [(1, 1, 1, 1), (2, 7, 3, 4), (1, 300, 5, 16)])
    func rotate(n: Int, length: Int, heads: Int, half: Int) {
        let c = heads * 2 * half
        let (x, angles) = (random([n, length, c], seed: 1), random([length, half], seed: 2, scale: 5).doubles)
        let (cosines, sines) = (angles.map { Float(cos($0)) }, angles.map { Float(sin($0)) })
        let y = Kernels.rotate(
            x, cosines: Tensor([length, half], cosines), sines: Tensor([length, half], sines), heads: heads)
        var expected = x.doubles
        for row in 0..<n * length {
            for head in 0..<heads {
                for i in 0..<half {
                    let (a, b) = (row * c + head * 2 * half + i, row * c + head * 2 * half + half + i)
                    let angle = angles[row % length * half + i]
                    (expected[a], expected[b]) = (
                        expected[a] * cos(angle) - expected[b] * sin(angle),
                        expected[b] * cos(angle) + expected[a] * sin(angle)
                    )
                }
            }
        }
        expectClose(y, expected, "rotated")
        let back = Kernels.rotate(
            y, cosines: Tensor([length, half], cosines), sines: Tensor([length, half], sines), heads: heads,
            inverse: true)
        expectClose(back, x.doubles, "turned back")
    }

    @Test("cross-entropy and its gradient agree with plain loops", arguments: [(1, 1), (5, 7), (40, 900)])
    func crossEntropy(rows: Int, v: Int) {
        // Far from zero: exponentials alone would overflow.
        let x = Kernels.add(random([rows, v], seed: 1, scale: 4), Tensor([rows, v], repeating: 200))
        let targets = (0..<rows).map { $0 % 3 == 1 ? nil : $0 * 7 % v }
        let count = Double(targets.count { $0 != nil })
        let xs = x.doubles
        var (loss, dx) = (0.0, [Double](repeating: 0, count: rows * v))
        for case (let row, .some(let target)) in targets.enumerated() {
            let values = Array(xs[row * v..<(row + 1) * v])
            let top = values.max() ?? 0
            let sum = values.reduce(0) { $0 + exp($1 - top) }
            loss += (log(sum) + top - values[target]) / count
            for i in 0..<v { dx[row * v + i] = 2 * (exp(values[i] - top) / sum - (i == target ? 1 : 0)) / count }
        }
        let found = Kernels.crossEntropy(x, targets: targets)
        #expect(abs(Double(found.loss) - loss) < 1e-4 * max(1, loss))
        expectClose(
            Kernels.crossEntropyBackward(2, logits: x, targets: targets, logSums: found.logSums), dx, tolerance: 5e-5,
            "dx")
    }

    @Test("without a target there is no number")
    func noTarget() {
        let x = random([2, 3], seed: 1)
        let found = Kernels.crossEntropy(x, targets: [nil, nil])
        #expect(found.loss.isNaN)
        let slope = Kernels.crossEntropyBackward(1, logits: x, targets: [nil, nil], logSums: found.logSums)
        #expect(slope == Tensor(zeros: [2, 3]))
    }

    @Test("any number of threads gives the same bits")
    func threads() {
        let (x, dy, weight) = (random([300, 96], seed: 1), random([300, 96], seed: 2), random([96], seed: 3))
        let tables = (random([100, 8], seed: 4), random([100, 8], seed: 5))
        let targets = (0..<300).map { $0 % 4 == 0 ? nil : $0 % 96 }
        expectSameBitsForAnyWidth("decoder kernels") {
            let (y, rstd) = Kernels.rmsNorm(x, weight: weight, epsilon: 1e-5)
            let back = Kernels.rmsNormBackward(dy, x: x, weight: weight, rstd: rstd)
            let turned = Kernels.rotate(x.reshaped([3, 100, 96]), cosines: tables.0, sines: tables.1, heads: 6)
            let (loss, sums) = Kernels.crossEntropy(x, targets: targets)
            let slope = Kernels.crossEntropyBackward(1, logits: x, targets: targets, logSums: sums)
            return [y, rstd, back.dx, back.dweight ?? y, turned, Tensor(loss), sums, slope]
        }
    }
}
