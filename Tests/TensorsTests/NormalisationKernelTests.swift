import CKernels
import Testing

/// Sums per channel and normalisations, per level, against plain loops.
@Suite struct NormalisationKernelTests {
    private static let shapes = [(0, 5), (1, 1), (1, 16), (3, 17), (4, 32), (5, 33), (9, 48), (17, 7), (6, 100)]

    @Test("per channel, with and without SiLU", arguments: Level.all)
    func channels(level: Level) {
        let ck = level.kernels
        for (seed, (rows, c)) in Self.shapes.enumerated() {
            for silu in [false, true] {
                let room = Room(seed: UInt64(seed))
                let n = rows * c
                let (x, dy) = (room.random(n, scale: 2), room.random(n))
                let (centre, factor, shift, rstd) = (room.random(c), room.random(c), room.random(c), room.random(c))
                let (sums, dweight, dbias) = (room.random(c), room.random(c), room.random(c))
                let (means, squares) = (room.floats(c), room.floats(c))
                let offset = (0..<n).map { Double(x[$0]) - Double(centre[$0 % c]) }
                let affine = (0..<n).map { offset[$0] * Double(factor[$0 % c]) + Double(shift[$0 % c]) }
                let dz = (0..<n).map { Double(dy[$0]) * (silu ? ElementwiseKernelTests.siluSlope(affine[$0]) : 1) }
                let down = { (start: UnsafeMutablePointer<Float>, term: (Int) -> Double) in
                    var sums = (0..<c).map { Double(start[$0]) }
                    for i in 0..<n { sums[i % c] += term(i) }
                    return sums
                }
                let expectedSums = down(sums) { Double(x[$0]) }
                let columns = (0..<c).map { column in (0..<rows).map { Double(x[$0 * c + column]) } }
                let expectedMeans = columns.map { $0.reduce(0, +) / Double(max(1, rows)) }
                let expectedSquares = zip(columns, expectedMeans).map { column, mean in
                    column.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
                }
                let expectedWeight = down(dweight) { dz[$0] * offset[$0] * Double(rstd[$0 % c]) }
                let expectedBias = down(dbias) { dz[$0] }
                ck.column_sums(x, rows, c, sums)
                expectFloats("column_sums", sums, expectedSums, tolerance: 2e-6, least: 1)
                ck.column_moments(x, rows, c, means, squares)
                expectFloats("column_moments, mean", means, expectedMeans, tolerance: 2e-6, least: 1)
                expectFloats("column_moments, squares", squares, expectedSquares, tolerance: 2e-6, least: 1)
                let (y, dx) = (room.floats(n), room.floats(n))
                ck.normalise(x, centre, factor, shift, y, rows, c, silu)
                let expected = silu ? affine.map(ElementwiseKernelTests.silu) : affine
                expectFloats("normalise", y, expected, tolerance: 2e-6, least: 1)
                ck.normalise_backward_apply(dy, x, centre, factor, rstd, shift, dx, rows, c)
                let applied = (0..<n).map {
                    Double(factor[$0 % c]) * Double(dy[$0]) + Double(rstd[$0 % c]) * offset[$0] + Double(shift[$0 % c])
                }
                expectFloats("normalise_backward_apply", dx, applied, tolerance: 2e-6, least: 1)
                let gradient = room.floats(n)
                if silu {  // in place
                    gradient.update(from: dy, count: n)
                    ck.normalise_backward(
                        gradient, x, centre, rstd, factor, shift, gradient, dweight, dbias, rows, c, silu)
                } else {
                    ck.normalise_backward(dy, x, centre, rstd, factor, shift, gradient, dweight, dbias, rows, c, silu)
                }
                expectFloats("normalise_backward", gradient, dz, tolerance: 2e-6, least: 1)
                expectFloats("dweight", dweight, expectedWeight, tolerance: 3e-6, least: 1)
                expectFloats("dbias", dbias, expectedBias, tolerance: 3e-6, least: 1)
                room.expectUntouched("normalisation of [\(rows), \(c)]")
            }
        }
    }

    @Test("layers, with and without weights", arguments: Level.all)
    func layers(level: Level) {
        let ck = level.kernels
        for (seed, (rows, c)) in Self.shapes.enumerated() {
            for isAffine in [false, true] {
                let room = Room(seed: UInt64(seed))
                let n = rows * c
                let (x, dy) = (room.random(n, scale: 3), room.random(n))
                let (weight, bias) = (isAffine ? room.random(c) : nil, isAffine ? room.random(c) : nil)
                let (dweight, dbias) = (isAffine ? room.random(c) : nil, isAffine ? room.random(c) : nil)
                var expected = [Double](repeating: 0, count: n)
                var (dx, means, factors) = (expected, [Double](), [Double]())
                var expectedWeight = (0..<c).map { Double(dweight?[$0] ?? 0) }
                var expectedBias = (0..<c).map { Double(dbias?[$0] ?? 0) }
                for r in 0..<rows {
                    let row = (0..<c).map { Double(x[r * c + $0]) }
                    let mean = row.reduce(0, +) / Double(c)
                    let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(c)
                    let factor = 1 / (variance + 0.01).squareRoot()
                    means.append(mean)
                    factors.append(factor)
                    let hats = row.map { ($0 - mean) * factor }
                    let slopes = (0..<c).map { Double(dy[r * c + $0]) * Double(weight?[$0] ?? 1) }
                    let sum = slopes.reduce(0, +) / Double(c)
                    let products = zip(slopes, hats).reduce(0) { $0 + $1.0 * $1.1 } / Double(c)
                    for j in 0..<c {
                        expected[r * c + j] = hats[j] * Double(weight?[j] ?? 1) + Double(bias?[j] ?? 0)
                        dx[r * c + j] = (slopes[j] - sum - hats[j] * products) * factor
                        expectedWeight[j] += Double(dy[r * c + j]) * hats[j]
                        expectedBias[j] += Double(dy[r * c + j])
                    }
                }
                let (y, back, mean, rstd) = (room.floats(n), room.floats(n), room.floats(rows), room.floats(rows))
                ck.layer_norm(x, weight, bias, 0.01, y, mean, rstd, rows, c)
                expectFloats("layer_norm", y, expected, tolerance: 4e-6, least: 1)
                expectFloats("mean", mean, means, tolerance: 2e-6, least: 1)
                expectFloats("rstd", rstd, factors, tolerance: 4e-6, least: 1)
                ck.layer_norm_backward(dy, x, weight, mean, rstd, back, dweight, dbias, rows, c)
                expectFloats("layer_norm_backward", back, dx, tolerance: 1e-5, least: 1)
                if let dweight { expectFloats("dweight", dweight, expectedWeight, tolerance: 4e-6, least: 1) }
                if let dbias { expectFloats("dbias", dbias, expectedBias, tolerance: 4e-6, least: 1) }
                room.expectUntouched("layer_norm of [\(rows), \(c)]")
            }
        }
    }
}
