import Autograd
import Layers
import Tensors
import Testing

/// A source with given tensors.
private struct Given: WeightSource {
    let tensors: [String: Tensor]

    func shape(of name: String, expected: [Int]) -> [Int]? { tensors[name]?.shape }

    func tensor(_ name: String, shape: [Int], initial: InitialWeights) throws -> Tensor {
        guard let tensor = tensors[name] else { throw WeightProblem.missing(names: [name], expected: shape) }
        return tensor
    }
}

struct MergedWeightsTests {
    private let x = Variable(normal([2, 3, 6], seed: 1))
    private let bias = normal([5], seed: 2)

    private func lora(_ path: String, seed: UInt64, in inputs: Int = 6) -> LoRA {
        let (down, up) = (normal([2, inputs], seed: seed), normal([5, 2], seed: seed + 100))
        let site = LinearSite(path: path, inputs: inputs, outputs: 5)
        return LoRA([LoRA.Factors(site: site, down: Variable(down), up: Variable(up))])
    }

    private func source(_ shape: [Int]) -> Given {
        Given(tensors: ["a.to_q.weight": normal(shape, seed: 3), "a.to_q.bias": bias])
    }

    @Test(arguments: [[5, 6], [5, 6, 1], [5, 6, 1, 1]])
    func `a merged layer gives what the layer gives with adapters, however the file keeps its weight`(shape: [Int])
        throws
    {
        let loras = [(lora: lora("a.to_q", seed: 10), scale: Float(0.5)), (lora("a.to_q", seed: 11), -2)]
        let weights = Weights(MergedWeights(source(shape), loras))
        let merged = Linear(weights, "a.to_q", in: 6, out: 5)
        try weights.finish()
        let plain = Linear(Weights(source(shape)), "a.to_q", in: 6, out: 5)
        #expect(isClose(merged(x).value, plain(x, Adapters(loras: loras)).value, tolerance: 1e-5))
        #expect(merged(x).value != plain(x).value)
    }

    @Test func `what has no factors, or scale 0, has the bits of the base`() throws {
        let base = source([5, 6])
        let without: [[(lora: LoRA, scale: Float)]] = [
            [(lora("a.to_k", seed: 10), 1)], [(lora("a.to_q", seed: 10), 0)], [],
        ]
        for loras in without {
            let merged = MergedWeights(base, loras)
            for name in ["a.to_q.weight", "a.to_q.bias"] {
                let shape = try #require(merged.shape(of: name, expected: []))
                #expect(try merged.tensor(name, shape: shape, initial: .zeros) == base.tensors[name])
            }
            #expect(merged.shape(of: "a.to_k.weight", expected: [5, 6]) == nil)
        }
    }

    @Test func `in bfloat16 the sum is rounded, not its terms`() throws {
        // 1 + 2⁻⁹ is 1 in bfloat16; twice 2⁻⁹ more is seen only where the terms are added first.
        let site = LinearSite(path: "a.to_q", inputs: 1, outputs: 1)
        let small = LoRA([
            LoRA.Factors(site: site, down: Variable(Tensor([1, 1], [1])), up: Variable(Tensor([1, 1], [0x1p-9])))
        ])
        let base = Given(tensors: ["a.to_q.weight": Tensor([1, 1], [1 + 0x1p-8 - 0x1p-9])])
        let weights = Weights(MergedWeights(base, [(small, 2)]), precision: .bf16)
        #expect(Linear(weights, "a.to_q", in: 1, out: 1, bias: false).weight.value.values == [1 + 0x1p-7])
        let plain = Weights(base, precision: .bf16)
        #expect(Linear(plain, "a.to_q", in: 1, out: 1, bias: false).weight.value.values == [1])
    }

    @Test func `factors of another shape are a problem of that tensor`() {
        let weights = Weights(MergedWeights(source([5, 6]), [(lora("a.to_q", seed: 10, in: 4), 1)]))
        _ = Linear(weights, "a.to_q", in: 6, out: 5)
        #expect(
            weights.problems.map(\.description) == [
                "`a.to_q.weight` cannot be read: it has shape [5, 6], and a LoRA of shape [5, 4] shall go into it"
            ])
    }
}
