import Foundation
import Tensors
import Testing

@Suite struct RandomTests {
    private func near(_ a: Float, _ b: Double) -> Bool { (Double(a) - b).magnitude <= 5e-7 * max(1, abs(b)) }

    @Test("16 numbers and more are torch.randn's")
    func randn() {
        var generator = TorchGenerator(seed: 42)
        let expected = [
            1.9269152879714966, 1.4872840642929077, 0.9007171988487244, -2.1055209636688232, 0.6784184575080872,
            -1.2345448732376099, -0.04306747764348984, -1.6046669483184814, -0.7521352767944336, 1.6487230062484741,
            -0.3924786448478699, -1.4036071300506592, -0.7278813123703003, -0.5594301819801331, -0.7688388824462891,
            0.7624453902244568,
        ]
        for (a, b) in zip(generator.normal([4, 4]).values, expected) { #expect(near(a, b), "\(a) is not \(b)") }
    }

    @Test("a count that is no multiple of 16 draws its last block anew")
    func randnRest() {
        var generator = TorchGenerator(seed: 42)
        let values = generator.normal([17]).values
        let expected = [0: 1.9269152879714966, 1: -0.1595974713563919, 8: 0.3558599054813385, 16: -0.3097267746925354]
        for (i, b) in expected { #expect(near(values[i], b), "element \(i): \(values[i]) is not \(b)") }
        generator = TorchGenerator(seed: 7)
        let more = generator.normal([33]).values
        for (i, b) in [
            0: -0.8201345205307007, 15: 1.090165138244629, 16: -1.5826646089553833, 17: -0.023477932438254356,
            31: 0.2600362002849579, 32: -1.6370213031768799,
        ] { #expect(near(more[i], b), "element \(i): \(more[i]) is not \(b)") }
    }

    @Test("fewer than 16 numbers come in pairs, and the odd one is kept for the next few")
    func randnFew() {
        var generator = TorchGenerator(seed: 42)
        for (a, b) in zip(generator.normal([5]).values, [0.33669037, 0.1288094, 0.23446237, 0.23033303, -1.1228564]) {
            #expect(near(a, b))
        }
        generator = TorchGenerator(seed: 7)
        let draws = [generator.normal([5]), generator.normal([2]), generator.normal([16]), generator.normal([1])]
        let expected = [
            [-0.1467950940132141, 0.7861412763595581, 0.9468216300010681, -1.1143440008163452, 1.6907901763916016],
            [-0.8948279023170471, -0.3556250333786011],
            [-1.5826646089553833, -0.32456663250923157, 1.9263681173324585, -0.3300117254257202], [1.2323857545852661],
        ]
        for (draw, expected) in zip(draws, expected) {
            for (a, b) in zip(draw.values, expected) { #expect(near(a, b), "\(a) is not \(b)") }
        }
    }

    @Test("the latent noise of a video is torch.randn's to the last number")
    func randnMany() {
        var generator = TorchGenerator(seed: 42)
        let values = generator.normal([1, 4, 24, 40, 72]).values
        #expect(near(values[276_479], -0.7158924341201782))
        for (i, b) in zip(100_000..., [0.8800625801086426, -1.0827275514602661, 0.21377691626548767]) {
            #expect(near(values[i], b))
        }
    }

    @Test("uniform numbers and integers are torch.rand's and torch.randint's")
    func uniform() {
        var generator = TorchGenerator(seed: 7)
        let expected: [Float] = [
            0.5349225401878357, 0.19880318641662598, 0.6592116951942444, 0.6568902730941772, 0.23276156187057495,
        ]
        #expect(generator.uniform([5]).values == expected)
        generator = TorchGenerator(seed: 7)
        #expect((0..<5).map { _ in generator.integer(below: 1000) } == [615, 892, 721, 286, 283])
        generator = TorchGenerator(seed: 7)
        #expect(
            (0..<3).map { _ in generator.integer(below: 1 << 40) } == [
                752_595_690_692, 108_744_157_686, 291_964_244_179,
            ])
    }

    @Test("a generator's numbers have the moments they should")
    func moments() {
        var generator = Generator(seed: 3)
        let normal = generator.normal([100_001])
        #expect(abs(Kernels.mean(normal)) < 0.02)
        #expect(abs(Kernels.sumOfSquares(normal) / 100_001 - 1) < 0.02)
        let uniform = generator.uniform([100_000])
        #expect(uniform.values.allSatisfy { $0 >= 0 && $0 < 1 } && abs(Kernels.mean(uniform) - 0.5) < 0.01)
        var counts = [Int](repeating: 0, count: 7)
        for _ in 0..<70_000 { counts[generator.integer(below: 7)] += 1 }
        #expect(counts.allSatisfy { (9_500...10_500).contains($0) })
    }

    @Test("equal seeds give equal numbers, and a split does not depend on what was drawn")
    func splitting() throws {
        var (a, b) = (Generator(seed: 9), Generator(seed: 9))
        #expect(a.normal([50]) == b.normal([50]))
        var (early, late) = (Generator(seed: 9).split("noise"), a.split("noise"))
        var (other, otherSeed) = (a.split("frames"), Generator(seed: 10).split("noise"))
        let first = early.normal([20])
        #expect(first == late.normal([20]))
        #expect(first != other.normal([20]) && first != otherSeed.normal([20]))
        // A checkpoint keeps the place in the sequence.
        var copy = try JSONDecoder().decode(Generator.self, from: JSONEncoder().encode(a))
        #expect(copy.uniform([20]) == a.uniform([20]))
    }
}
