import Autograd
import Layers
import Tensors
import Testing

struct LoRATests {
    private let site = LinearSite(path: "a.attn1.to_q", inputs: 6, outputs: 5)
    private let layer = Linear(Weights(ReferenceFill()), "a.attn1.to_q", in: 6, out: 5)
    private let x = Variable(normal([2, 3, 6], seed: 1))

    /// A LoRA of random factors at the layer.
    private func random(seed: UInt64, trainable: Bool = false) -> LoRA {
        let down = Variable(normal([2, 6], seed: seed), requiresGradient: trainable)
        let up = Variable(normal([5, 2], seed: seed + 100), requiresGradient: trainable)
        return LoRA([LoRA.Factors(site: site, down: down, up: up)])
    }

    /// W·x + b + Σ scale·B·A·x, made from the merged weight.
    private func merged(_ loras: [(LoRA, Float)]) -> Tensor {
        var weight = layer.weight.value
        for (lora, scale) in loras {
            guard let factors = lora.factors(at: site.path) else { continue }
            Kernels.accumulate(scale, Kernels.matmul(factors.up.value, factors.down.value), into: &weight)
        }
        return linear(x, weight: Variable(weight), bias: layer.bias).value
    }

    @Test func `a new one adds nothing, and its first gradients reach up alone`() {
        let lora = LoRA(targets: [site], rank: 4, using: Generator(seed: 1))
        let y = layer(x, Adapters(lora))
        #expect(isClose(y.value, layer(x).value, tolerance: 0))
        let found = gradients(of: y.sumOfSquares(), for: lora.variables)
        #expect(found[0] == Tensor(zeros: [4, 6]))
        #expect(found[1].values.contains { $0 != 0 })
    }

    @Test func `the initial deviation is 1/r, and the rank at most that of the layer`() {
        let wide = LinearSite(path: "wide", inputs: 2000, outputs: 300)
        let lora = LoRA(targets: [wide, site], rank: 32, using: Generator(seed: 1))
        let down = lora.factors[0].down.value.values
        let deviation = (down.reduce(0) { $0 + $1 * $1 } / Float(down.count)).squareRoot()
        #expect(abs(deviation - 1 / 32) < 0.001)
        #expect(lora.factors[1].down.shape == [5, 6])
        #expect(lora.parameterCount == 32 * 2300 + 5 * 11)
        let alone = LoRA(targets: [site], rank: 32, using: Generator(seed: 1))
        #expect(alone.factors[0].down.value == lora.factors[1].down.value)
    }

    @Test func `several act at once, each with its scale`() {
        let (a, b) = (random(seed: 1), random(seed: 2))
        let y = layer(x, Adapters(loras: [(a, 1), (b, -0.5)]))
        #expect(isClose(y.value, merged([(a, 1), (b, -0.5)])))
        #expect(layer(x, Adapters(loras: [(a, 0)])).value == layer(x).value)
    }

    @Test func `it acts on its path alone`() {
        let other = Linear(Weights(ReferenceFill()), "a.attn2.to_q", in: 6, out: 5)
        #expect(other(x, Adapters(random(seed: 1))).value == other(x).value)
    }

    @Test func `the gradients are those of the merged weight`() {
        let lora = random(seed: 3, trainable: true)
        let found = gradients(of: layer(x, Adapters(lora, scale: 2)).sumOfSquares(), for: lora.variables)
        let weight = Variable(layer.weight.value, requiresGradient: true)
        let factors = lora.factors[0]
        var whole = weight.value
        Kernels.accumulate(2, Kernels.matmul(factors.up.value, factors.down.value), into: &whole)
        weight.assign(whole)
        let loss = linear(x, weight: weight, bias: layer.bias).sumOfSquares()
        let dW = gradients(of: loss, for: [weight])[0]
        let down = Kernels.scale(Kernels.matmul(factors.up.value, dW, transposeA: true), by: 2)
        let up = Kernels.scale(Kernels.matmul(dW, factors.down.value, transposeB: true), by: 2)
        #expect(isClose(found[0], down, tolerance: 1e-4))
        #expect(isClose(found[1], up, tolerance: 1e-4))
    }

    @Test func `dropout acts after up, in training only, and equally in a second forward`() {
        var lora = random(seed: 1)
        lora.dropout = 0.5
        var adapters = Adapters(lora)
        let plain = layer(x, adapters).value
        #expect(isClose(plain, merged([(lora, 1)])))
        adapters.isTraining = true
        let base = layer(x).value.values
        let dropped = layer(x, adapters).value
        #expect(dropped == layer(x, adapters).value)
        for ((y, b), p) in zip(zip(dropped.values, base), plain.values) {
            #expect(abs(y - b) < 1e-6 || abs((y - b) - 2 * (p - b)) < 1e-4)
        }
        adapters.generator = Generator(seed: 1)
        #expect(layer(x, adapters).value != dropped)
    }

    @Test func `a checkpoint around adapted layers gives the same gradients, dropout and all`() {
        var lora = random(seed: 1, trainable: true)
        lora.dropout = 0.5
        let adapters = Adapters(loras: [(lora, 0.5)], isTraining: true, generator: Generator(seed: 2))
        let plain = gradients(of: layer(x, adapters).sumOfSquares(), for: lora.variables)
        let saved = checkpoint([x]) { layer($0[0], adapters) }
        #expect(gradients(of: saved.sumOfSquares(), for: lora.variables) == plain)
        #expect(plain[0].values.contains { $0 != 0 })
    }

    @Test func `a frozen one acts alike and requires nothing`() {
        let lora = random(seed: 1, trainable: true)
        let y = layer(x, Adapters(lora.frozen()))
        #expect(!y.requiresGradient)
        #expect(y.value == layer(x, Adapters(lora)).value)
    }

    @Test func `what it exports is what a source gives back`() throws {
        let lora = random(seed: 1)
        let exported = lora.exported(scale: 0.5)
        #expect(exported.map(\.name) == ["unet.a.attn1.to_q.lora_A.weight", "unet.a.attn1.to_q.lora_B.weight"])
        #expect(exported[1].tensor == Kernels.scale(lora.factors[0].up.value, by: 0.5))
        let filled = try LoRA(targets: [site], rank: 4, from: ReferenceFill(), trainable: true)
        #expect(
            filled.factors[0].down.value == ReferenceFill().tensor("unet.a.attn1.to_q.lora_A.weight", shape: [4, 6]))
        #expect(filled.variables.allSatisfy { $0.requiresGradient })
    }

    @Test func `rows are injected at their path, one for each clip`() {
        let rows = Variable(normal([2, 4], seed: 1))
        let adapters = Adapters(injections: ["here": rows])
        let x = Variable(Tensor(zeros: [6, 2, 2, 4]))
        let y = adapters.injecting(x, at: "here").value.values
        #expect(Array(y[0..<4]) == Array(rows.value.values[0..<4]))
        #expect(Array(y[92..<96]) == Array(rows.value.values[4..<8]))
        #expect(adapters.injecting(x, at: "there") === x)
    }

    @Test func `targets are chosen by path`() {
        let block = "transformer_blocks.0"
        let paths = [
            "time_embedding.linear_1", "transformer_in.proj_in", "transformer_in.\(block).attn1.to_q",
            "transformer_in.\(block).ff.net.2", "down_blocks.0.attentions.0.proj_in",
            "down_blocks.0.attentions.0.\(block).attn1.to_out.0", "down_blocks.0.attentions.0.\(block).attn2.to_k",
            "down_blocks.0.attentions.0.\(block).ff.net.0.proj", "mid_block.temp_attentions.0.\(block).attn2.to_v",
            "mid_block.temp_attentions.0.proj_out", "mid_block.resnets.0.time_emb_proj",
        ]
        let sites = paths.map { LinearSite(path: $0, inputs: 1, outputs: 1) }
        #expect(LoRATargets.spatial.choose(sites).map(\.path) == [paths[5], paths[7]])
        #expect(LoRATargets.temporal.choose(sites).map(\.path) == [paths[2], paths[3], paths[8]])
        #expect(LoRATargets.temporalWithoutInput.choose(sites).map(\.path) == [paths[8]])
    }
}
