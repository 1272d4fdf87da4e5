import Autograd
import Foundation
import Objectives
import Tensors
import Testing

/// Losses against plain formulas in double, and their derivatives against central differences.
@Suite struct ObjectiveTests {
    private func normal(_ shape: [Int], _ seed: UInt64) -> Tensor {
        var generator = Generator(seed: seed)
        return generator.normal(shape)
    }

    /// Central differences of fourth order with a step of 0.02: good to 1e-3 in float32.
    private func check(
        _ input: Tensor, sourceLocation: SourceLocation = #_sourceLocation, _ loss: (Variable) -> Variable
    ) {
        let leaf = Variable(input, requiresGradient: true)
        let found = gradients(of: loss(leaf), for: [leaf])[0].values
        var (error, size) = (0.0, 0.0)
        for i in found.indices {
            func at(_ multiple: Float) -> Double {
                var changed = input
                changed.write { $0[i] += multiple * 0.02 }
                return Double(loss(Variable(changed)).value.scalar)
            }
            let expected = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / 0.24
            error += pow(Double(found[i]) - expected, 2)
            size += expected * expected
        }
        #expect((error / max(size, 1e-30)).squareRoot() < 2e-3, sourceLocation: sourceLocation)
    }

    @Test func crossEntropyIsThatOfPlainFormulas() {
        let logits = normal([3, 4], 1)
        let targets = Tensor([3, 4], [1, 0, 0, 0, 0.5, 0.5, 0, 0, 0, 0, 0.25, 0.75])
        let weights: [Float] = [1, 2, 0.5]
        var expected = 0.0
        for row in 0..<3 {
            let x = (0..<4).map { Double(logits.values[row * 4 + $0]) }
            let mass = x.map(exp).reduce(0, +)
            for c in 0..<4 {
                expected -= Double(weights[row]) * Double(targets.values[row * 4 + c]) * log(exp(x[c]) / mass)
            }
        }
        let found = crossEntropy(Variable(logits), targets: targets, weights: weights).value.scalar
        #expect(abs(Double(found) - expected / 3.5) < 1e-6)
        check(logits) { crossEntropy($0, targets: targets, weights: weights) }
        check(logits) { crossEntropy($0, classes: [2, 0, 3]) }
        let byClass = crossEntropy(Variable(logits), classes: [0, 1, 2]).value.scalar
        let oneHot = Tensor([3, 4], [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0])
        #expect(byClass == crossEntropy(Variable(logits), targets: oneHot).value.scalar)
    }

    @Test func hugeLogitsOverflowNothing() {
        let logits = Tensor([1, 3], [1e4, -1e4, 0])
        #expect(crossEntropy(Variable(logits), classes: [1]).value.scalar == 2e4)
        #expect(binaryCrossEntropy(Variable(logits), targets: Tensor([1, 3], [0, 1, 1])).value.scalar.isFinite)
    }

    @Test func elementwiseLosses() {
        let (x, t) = (normal([4, 3], 2), normal([4, 3], 3))
        let differences = zip(x.values, t.values).map { Double($0 - $1) }
        let l1 = differences.reduce(0) { $0 + abs($1) } / 12
        #expect(abs(Double(meanAbsoluteError(Variable(x), t).value.scalar) - l1) < 1e-6)
        let smooth = differences.reduce(0) { $0 + (abs($1) < 0.3 ? $1 * $1 / 0.6 : abs($1) - 0.15) } / 12
        #expect(abs(Double(smoothL1(Variable(x), t, beta: 0.3).value.scalar) - smooth) < 1e-6)
        let unit = Tensor([4, 3], t.values.map { 1 / (1 + exp(-$0)) })
        let binary = zip(x.values, unit.values).reduce(0.0) { sum, pair in
            let p = 1 / (1 + exp(-Double(pair.0)))
            return sum - Double(pair.1) * log(p) - (1 - Double(pair.1)) * log(1 - p)
        }
        #expect(abs(Double(binaryCrossEntropy(Variable(x), targets: unit).value.scalar) - binary / 12) < 1e-6)
        check(x) { binaryCrossEntropy($0, targets: unit) }
        let weighted = zip(differences, unit.values).reduce(0) { $0 + Double($1.1) * $1.0 * $1.0 }
        let total = unit.values.reduce(0) { $0 + Double($1) }
        let squares = weightedSquaredError(Variable(x), t, weights: unit)
        #expect(abs(Double(squares.value.scalar) - weighted / total) < 1e-6)
        check(x) { weightedSquaredError($0, t, weights: unit) }
        // No kink lies within 0.04 of these differences.
        let far = Tensor([4], [0.1, 0.6, -0.8, -0.1])
        check(far) { smoothL1($0, Tensor(zeros: [4]), beta: 0.3) }
        check(far) { meanAbsoluteError($0, Tensor(zeros: [4])) }
    }

    @Test func posterior() {
        let (moments, noise) = (normal([2, 3, 4], 4), normal([2, 3, 2], 5))
        let drawn = sampled(Variable(moments), noise: noise).value.values
        for row in 0..<6 {
            for c in 0..<2 {
                let (mean, spread) = (moments.values[row * 4 + c], moments.values[row * 4 + 2 + c])
                #expect(abs(drawn[row * 2 + c] - (mean + exp(spread / 2) * noise.values[row * 2 + c])) < 1e-6)
            }
        }
        check(moments) { meanSquaredError(sampled($0, noise: noise), Variable(Tensor(zeros: [2, 3, 2]))) }
        check(moments) { standardDivergence($0) }
        let standard = Tensor(zeros: [1, 4])
        #expect(standardDivergence(Variable(standard)).value.scalar == 0)
        let wild = Tensor([1, 2], [0, 90])
        #expect(sampled(Variable(wild), noise: Tensor([1, 1], [1])).value.scalar == exp(Float(10)))
    }

    @Test func similarity() {
        let x = normal([5, 6], 6)
        for row in x.rows(normalisedWith: { $0.normalisedRows() }) {
            #expect(abs(row.reduce(0) { $0 + $1 * $1 } - 1) < 1e-5)
        }
        let other = normal([5, 6], 7)
        check(x) { meanSquaredError($0.normalisedRows(), Variable(other)) }
        let kernel = Tensor([5, 5], (0..<25).map { exp(-Float(abs($0 / 5 - $0 % 5)) / 2) })
        check(x) {
            let unit = $0.normalisedRows()
            return kernelAlignment(matmul(unit, unit, transposeB: true), kernel: kernel)
        }
        let matches = Tensor([5, 5], (0..<25).map { $0 / 5 == $0 % 5 || $0 == 3 ? 1 : 0 })
        let scale = Variable(Tensor(Float(1.5)))
        let texts = Variable(other).normalisedRows()
        check(x) {
            contrastiveLoss(images: $0.normalisedRows(), texts: texts, logarithmicScale: scale, matches: matches)
        }
        let images = Variable(x).normalisedRows()
        check(Tensor(Float(1.5))) {
            contrastiveLoss(images: images, texts: texts, logarithmicScale: $0, matches: matches)
        }
    }
}

extension Tensor {
    fileprivate func rows(normalisedWith op: (Variable) -> Variable) -> [[Float]] {
        let values = op(Variable(self)).value.values
        return (0..<shape[0]).map { Array(values[$0 * shape[1]..<($0 + 1) * shape[1]]) }
    }
}
