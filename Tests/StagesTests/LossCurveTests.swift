import Foundation
import Testing

@testable import Pretraining

@Suite struct LossCurveTests {
    @Test func `a line for each step: its number, the loss, what else was read`() {
        var curve = LossCurve()
        curve.append(loss: 2, [("mse", 1.5), ("kl", 1.0 / 3)])
        curve.append(loss: 0.00001234567891, [("mse", 0), ("kl", 123_456_789)])
        #expect(curve.table == "step,loss,mse,kl\n1,2,1.5,0.3333333\n2,1.234568e-05,0,1.234568e+08\n")
        #expect(curve.losses == [2, 0.00001234567891])
        #expect(abs(curve.recent - (0.97 * 2 + 0.03 * 0.00001234567891)) < 1e-12)
    }

    @Test func `without readings, and without a step`() {
        var curve = LossCurve()
        #expect(curve.table == "step,loss\n" && curve.drawing.hasSuffix("</svg>\n"))
        curve.append(loss: 0.5, [])
        #expect(curve.table == "step,loss\n1,0.5\n")
        #expect(!curve.drawing.contains("nan") && !curve.drawing.contains("inf"))
    }

    @Test func `the drawing goes down as the loss does, between its extremes`() throws {
        var curve = LossCurve()
        for step in 0..<2000 { curve.append(loss: pow(0.998, Double(step)), []) }
        let points = try #require(
            curve.drawing.split(separator: "<polyline points=\"").last?.split(separator: "\"").first)
        let heights = points.split(separator: " ").compactMap { Double($0.split(separator: ",")[1]) }
        #expect(heights.count <= 700 && heights.first == 48 && zip(heights, heights.dropFirst()).allSatisfy(<=))
        #expect(heights.allSatisfy { (48...272).contains($0) })
    }

    @Test func `the rate rises, and is let down along a cosine to its floor`() {
        let recipe = Pretraining.Recipe(
            steps: 100, learningRate: 2, warmUp: 10, floor: 0.1, weightDecay: 0, betas: [0.9, 0.99],
            averageDecay: 0.9)
        #expect(abs(recipe.learningRate(at: 0) - 0.2) < 1e-12)
        #expect(abs(recipe.learningRate(at: 50) - 2 * (0.1 + 0.9 * 0.5)) < 1e-12)
        #expect(recipe.learningRate(at: 99) > 0.2 && recipe.learningRate(at: 99) < 0.202)
        let unwarmed = Pretraining.Recipe(
            steps: 1, learningRate: 2, warmUp: 0, weightDecay: 0, betas: [0.9, 0.99], averageDecay: 0.9)
        #expect(unwarmed.learningRate(at: 0) == 2)
    }
}
