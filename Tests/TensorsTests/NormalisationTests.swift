import Foundation
import Tensors
import Testing

/// Normalisation over any sets of elements, in doubles: the twin of group and layer normalisation.
struct Normalisation {
    /// Elements that are normalised together.
    var sets: [[Int]]
    /// The channel of each element.
    var channel: (Int) -> Int
    var weight: [Double]
    var bias: [Double]
    var epsilon: Double
    var silu = false

    func statistics(_ x: [Double], _ set: [Int]) -> (mean: Double, rstd: Double) {
        let mean = set.reduce(0) { $0 + x[$1] } / Double(set.count)
        let variance = set.reduce(0) { $0 + (x[$1] - mean) * (x[$1] - mean) } / Double(set.count)
        return (mean, 1 / (variance + epsilon).squareRoot())
    }

    func forward(_ x: [Double]) -> [Double] {
        var y = x
        for set in sets {
            let (mean, rstd) = statistics(x, set)
            for i in set {
                let z = (x[i] - mean) * rstd * weight[channel(i)] + bias[channel(i)]
                y[i] = silu ? z / (1 + exp(-z)) : z
            }
        }
        return y
    }

    func backward(_ dy: [Double], _ x: [Double]) -> (dx: [Double], dweight: [Double], dbias: [Double]) {
        var (dx, dweight, dbias) = (x, weight.map { _ in 0.0 }, bias.map { _ in 0.0 })
        for set in sets {
            let (mean, rstd) = statistics(x, set)
            var (dz, hats) = ([Double](), [Double]())
            for i in set {
                let (hat, c) = ((x[i] - mean) * rstd, channel(i))
                let z = hat * weight[c] + bias[c]
                let s = 1 / (1 + exp(-z))
                let d = dy[i] * (silu ? s + z * s * (1 - s) : 1)
                dweight[c] += d * hat
                dbias[c] += d
                dz.append(d * weight[c])
                hats.append(hat)
            }
            let meanD = dz.reduce(0, +) / Double(set.count)
            let meanDHat = zip(dz, hats).reduce(0) { $0 + $1.0 * $1.1 } / Double(set.count)
            for (j, i) in set.enumerated() { dx[i] = rstd * (dz[j] - meanD - hats[j] * meanDHat) }
        }
        return (dx, dweight, dbias)
    }
}

@Suite struct NormalisationTests {
    @Test(
        "group normalisation and its gradients agree with plain loops",
        arguments: [
            [1, 1, 5, 1], [2, 3, 6, 3], [3, 17, 34, 2], [1, 33, 32, 8], [2, 700, 48, 4], [9, 64, 64, 32],
            [1, 5000, 8, 1], [9, 600, 48, 4], [2, 9000, 32, 8],
        ], [false, true])
    func group(sizes: [Int], silu: Bool) {
        let (n, s, c, groups) = (sizes[0], sizes[1], sizes[2], sizes[3])
        // Far from zero, where a variance by differences of large sums would be lost.
        let x = Kernels.add(random([n, s, c], seed: 1), Tensor([n, s, c], repeating: 30))
        let dy = random([n, s, c], seed: 2)
        let (weight, bias) = (random([c], seed: 3), random([c], seed: 4))
        let width = c / groups
        let sets = (0..<n).flatMap { i in
            (0..<groups).map { g in
                (0..<s).flatMap { row in (0..<width).map { (i * s + row) * c + g * width + $0 } }
            }
        }
        let twin = Normalisation(
            sets: sets, channel: { $0 % c }, weight: weight.doubles, bias: bias.doubles, epsilon: 1e-5, silu: silu)
        let (y, mean, rstd) = Kernels.groupNorm(
            x, groups: groups, weight: weight, bias: bias, epsilon: 1e-5, silu: silu)
        let statistics = sets.map { twin.statistics(x.doubles, $0) }
        expectClose(mean, statistics.map(\.mean), "mean")
        expectClose(rstd, statistics.map(\.rstd), "rstd")
        expectClose(y, twin.forward(x.doubles), tolerance: 5e-6, "y")
        let back = Kernels.groupNormBackward(
            dy, x: x, groups: groups, weight: weight, bias: bias, mean: mean, rstd: rstd, silu: silu)
        let expected = twin.backward(dy.doubles, x.doubles)
        expectClose(back.dx, expected.dx, tolerance: 1e-5, "dx")
        expectClose(back.dweight ?? Tensor(zeros: [0]), expected.dweight, tolerance: 1e-5, "dweight")
        expectClose(back.dbias ?? Tensor(zeros: [0]), expected.dbias, tolerance: 1e-5, "dbias")
        let frozen = Kernels.groupNormBackward(
            dy, x: x, groups: groups, weight: weight, bias: bias, mean: mean, rstd: rstd, silu: silu,
            needsParameters: false)
        #expect(frozen.dx == back.dx && frozen.dweight == nil && frozen.dbias == nil)
    }

    @Test(
        "layer normalisation and its gradients agree with plain loops",
        arguments: [(1, 5), (3, 17), (33, 3), (17, 33), (600, 64)], [false, true])
    func layer(sizes: (Int, Int), isAffine: Bool) {
        let (rows, c) = sizes
        let x = Kernels.add(random([rows, c], seed: 1), Tensor([rows, c], repeating: 10))
        let dy = random([rows, c], seed: 2)
        let weight = isAffine ? random([c], seed: 3) : nil
        let bias = isAffine ? random([c], seed: 4) : nil
        let twin = Normalisation(
            sets: (0..<rows).map { r in (0..<c).map { r * c + $0 } }, channel: { $0 % c },
            weight: weight?.doubles ?? [Double](repeating: 1, count: c),
            bias: bias?.doubles ?? [Double](repeating: 0, count: c), epsilon: 1e-5)
        let (y, mean, rstd) = Kernels.layerNorm(x, weight: weight, bias: bias, epsilon: 1e-5)
        expectClose(y, twin.forward(x.doubles), tolerance: 1e-5, "y")
        let back = Kernels.layerNormBackward(dy, x: x, weight: weight, mean: mean, rstd: rstd)
        let expected = twin.backward(dy.doubles, x.doubles)
        expectClose(back.dx, expected.dx, tolerance: 2e-5, "dx")
        expectClose(back.dweight ?? Tensor(zeros: [0]), expected.dweight, tolerance: 1e-5, "dweight")
        expectClose(back.dbias ?? Tensor(zeros: [0]), expected.dbias, tolerance: 1e-5, "dbias")
    }

    /// A first row unlike the others, or a mean far from 0, takes nothing from the variance: rstd to 2e-5 of that in double.
    @Test(arguments: [(rows: 16384, c: 1), (rows: 4096, c: 4), (rows: 700, c: 32)])
    func `the variance of a picture whose first pixel is unlike the others`(rows: Int, c: Int) {
        var generator = Generator(seed: 7)
        let noise = generator.normal([rows, c]).values
        for (first, mean, spread) in [(0, 100.1, 0), (1e4, 0, 1), (0.1, 0.9, 0), (1e4, 1e4, 1)]
            as [(Float, Float, Float)]
        {
            let values = noise.indices.map { $0 < c ? first : mean + spread * noise[$0] }
            let count = Double(values.count)
            let average = values.reduce(0.0) { $0 + Double($1) } / count
            let variance = values.reduce(0.0) { $0 + (Double($1) - average) * (Double($1) - average) } / count
            let expected = 1 / (variance + 1e-5).squareRoot()
            let found = Kernels.groupNorm(
                Tensor([1, rows, c], values), groups: 1, weight: Tensor([c], repeating: 1), bias: Tensor(zeros: [c]),
                epsilon: 1e-5
            ).rstd.values[0]
            #expect(abs(Double(found) - expected) <= 2e-5 * expected, "first \(first), mean \(mean), spread \(spread)")
        }
    }
}
