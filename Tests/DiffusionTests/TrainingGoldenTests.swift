import Autograd
import Diffusion
import Layers
import Models
import Tensors
import Testing

/// Losses, gradients and optimiser steps of diffusion.md 12.5.
@Suite struct TrainingGoldenTests {
    @Test func `MotionDirector's two losses`() {
        let prediction = Variable(Latents.channelsLast(ReferenceFill.input("pred", [1, 4, 3, 2, 2])))
        let target = Variable(Latents.channelsLast(ReferenceFill.input("tgt", [1, 4, 3, 2, 2])))
        let plain = DenoisingLoss.plain(prediction, target).value.scalar
        let debiased = DenoisingLoss.appearanceDebiased(prediction, target, anchor: 1).value.scalar
        #expect(abs(plain - 2.1116612) < 1e-5)
        #expect(abs(debiased - 4.4002605) < 2e-5)
    }

    @Test func `the debiased loss is that of a batch's videos together`() {
        let a = ReferenceFill.input("pred", [2, 3, 2, 2, 4])
        let b = ReferenceFill.input("tgt", [2, 3, 2, 2, 4])
        func loss(_ x: Tensor, _ y: Tensor) -> Float {
            DenoisingLoss.appearanceDebiased(Variable(x), Variable(y), anchor: 2, beta: 0.5).value.scalar
        }
        func half(_ t: Tensor, _ i: Int) -> Tensor {
            Tensor([1, 3, 2, 2, 4], Array(t.values[i * t.count / 2..<(i + 1) * t.count / 2]))
        }
        let alone = (0..<2).map { loss(half(a, $0), half(b, $0)) }
        #expect(abs(loss(a, b) - (alone[0] + alone[1]) / 2) < 1e-5)
    }

    @Test func `the motion enhancer`() {
        let fill = ReferenceFill()
        let enhancer = MotionEnhancer(
            weight1: fill.tensor("motion_enhancer.fc1.weight", shape: [24, 44]),
            bias1: fill.tensor("motion_enhancer.fc1.bias", shape: [24]),
            weight2: fill.tensor("motion_enhancer.fc2.weight", shape: [24, 24]),
            bias2: fill.tensor("motion_enhancer.fc2.bias", shape: [24]), isTrainable: true)
        let frames = ReferenceFill.input("frames", [6, 20])
        let video = Variable(frames).mean(groups: 1).value.reshaped([20])
        let context = ReferenceFill.input("ctx", [1, 5, 24])
        let residual = enhancer.residual(video: video, tokens: MotionEnhancer.rows(2..<3, of: context))
        Golden(0.0278661, 0.595452, [-0.138583, 0.63809, 1.06023, 0.906573, -0.288813, 0.88961]).expect(residual.value)
        #expect(abs(DenoisingLoss.regularisation(residual).value.scalar - 8.5095196) < 1e-4)
        let enhanced = enhancer.enhanced(context, video: video, tokens: 2..<3).context.value.values
        for i in enhanced.indices {
            let added = (48..<72).contains(i) ? residual.value.values[i - 48] : 0
            #expect(abs(enhanced[i] - context.values[i] - added) < 1e-6)
        }
    }

    /// One case for loss, gradients and steps: the network is built once.
    @Test func `UNet A with a temporal LoRA: loss, gradients, and the loss after one and five steps of AdamW`() throws {
        let unet = try ReferenceUNet.make()
        let targets = LoRATargets.temporal.choose(unet.weights.linears)
        #expect(targets.count == 50)
        let lora = try LoRA(targets: targets, rank: 4, from: ReferenceFill(), trainable: true)
        #expect(lora.parameterCount == 26_880)
        let schedule = NoiseSchedule(.zeroScope)
        let clean = Latents.channelsLast(Kernels.scale(ReferenceFill.input("lat0", [1, 4, 3, 8, 8]), by: 0.5))
        let noise = Latents.channelsLast(ReferenceFill.input("noise", [1, 4, 3, 8, 8]))
        let context = Variable(ReferenceFill.input("ctx", [1, 5, 24]))
        func prediction() -> Variable {
            unet(
                sample: Variable(schedule.noised(clean, with: noise, at: 500)), timestep: [500], context: context,
                adapters: Adapters(lora))
        }
        let first = prediction()
        var loss = DenoisingLoss.plain(first, Variable(noise))
        #expect(abs(loss.value.scalar - 1.35365105) < 1.4e-4)
        let debiased = DenoisingLoss.appearanceDebiased(first.detached(), Variable(noise), anchor: 1)
        #expect(abs(debiased.value.scalar - 2.29938459) < 2.3e-4)

        var found = gradients(of: loss, for: lora.variables)
        let square = found.reduce(0.0) { $0 + $1.values.reduce(0.0) { $0 + Double($1) * Double($1) } }
        #expect(abs(square.squareRoot() - 2.1492) < 2e-3)
        try expectGradients(lora, found)

        var optimiser = AdamW(learningRate: 5e-4, weightDecay: 1e-2)
        for step in 1...5 {
            optimiser.step(lora.variables, found)
            loss = DenoisingLoss.plain(prediction(), Variable(noise))
            if step == 1 { #expect(abs(loss.value.scalar - 1.28188682) < 1.3e-4) }
            found = step < 5 ? gradients(of: loss, for: lora.variables) : []
        }
        #expect(abs(loss.value.scalar - 1.09420526) < 1.1e-4)
    }

    private func expectGradients(_ lora: LoRA, _ gradients: [Tensor]) throws {
        let block = ".transformer_blocks.0."
        let expected: [(path: String, isUp: Bool, rms: Double, values: [Double])] = [
            (
                "transformer_in\(block)attn1.to_q", false, 0.0402318, [-0.0158023, -0.0248114, 0.0123463, -0.0428685]
            ),
            ("transformer_in\(block)attn1.to_q", true, 0.0104715, [0.0196142, -0.000968228, -0.00198668, 0.00911833]),
            (
                "down_blocks.0.temp_attentions.0\(block)attn2.to_out.0", false, 0.017664,
                [0.0046594, 0.0195238, 0.00299893, 0.0241503]
            ),
            (
                "down_blocks.0.temp_attentions.0\(block)attn2.to_out.0", true, 0.00589923,
                [0.00381081, 0.00619962, 0.00881634, 0.00025324]
            ),
            (
                "up_blocks.1.temp_attentions.1\(block)ff.net.0.proj", false, 0.0126447,
                [-0.00159471, 0.00977559, -0.00151601, -0.00256272]
            ),
            (
                "up_blocks.1.temp_attentions.1\(block)ff.net.0.proj", true, 0.0022431,
                [3.59867e-05, -0.000108927, -0.00113848, 0.000861189]
            ),
        ]
        for (path, isUp, rms, values) in expected {
            let index = try #require(lora.factors.firstIndex { $0.site.path == path })
            let gradient = gradients[2 * index + (isUp ? 1 : 0)].values.map(Double.init)
            let size = (gradient.reduce(0) { $0 + $1 * $1 } / Double(gradient.count)).squareRoot()
            #expect(abs(size - rms) <= 1e-3 * rms, "\(path): rms \(size), not \(rms)")
            for (found, value) in zip(gradient, values) {
                #expect(abs(found - value) <= 1e-3 * rms, "\(path): \(found), not \(value)")
            }
        }
    }

    @Test func `gradients reach the injector at zero, and the enhancer's second layer through the text`() throws {
        let unet = try ReferenceUNet.make()
        let injector = AppearanceInjector(sites: AppearanceInjector.Site.all(in: unet.weights), embedding: 20)
        #expect(injector.projections.count == 4)
        let enhancer = MotionEnhancer(video: 20, token: 24, hidden: 24, using: Generator(seed: 1))
        let noise = Latents.channelsLast(ReferenceFill.input("noise", [1, 4, 3, 8, 8]))
        let context = ReferenceFill.input("ctx", [1, 5, 24])
        let psi = ReferenceFill.input("img", [1, 20])
        let enhanced = enhancer.enhanced(context, video: psi.reshaped([20]), tokens: 1..<3)
        #expect(enhanced.context.value == context)
        func output(_ context: Variable, _ adapters: Adapters) -> Variable {
            unet(sample: Variable(noise), timestep: [500], context: context, adapters: adapters)
        }
        var adapters = Adapters.none
        injector.inject(psi, into: &adapters)
        let prediction = output(enhanced.context, adapters)
        let plain = output(Variable(context), .none).value
        #expect(zip(prediction.value.values, plain.values).allSatisfy { abs($0 - $1) < 1e-5 })
        let loss = DenoisingLoss.plain(prediction, Variable(noise))
        let leaves = injector.variables + enhancer.variables
        let found = gradients(of: loss, for: leaves)
        for (gradient, leaf) in zip(found, leaves) { #expect(gradient.shape == leaf.shape) }
        for gradient in found.prefix(4) { #expect(gradient.values.contains { $0 != 0 }) }
        // W₂ is 0, so W₁ has no gradient yet.
        #expect(found[4].values.allSatisfy { $0 == 0 })
        #expect(found[6].values.contains { $0 != 0 })
    }

    @Test func `the injector of the reference`() throws {
        let unet = try ReferenceUNet.make()
        let fill = ReferenceFill()
        let injector = AppearanceInjector(
            AppearanceInjector.Site.all(in: unet.weights).map { site in
                let name = "appearance_injector.\(site.path).weight"
                return (site, Variable(fill.tensor(name, shape: [site.channels, 20])))
            })
        var adapters = Adapters.none
        injector.inject(ReferenceFill.input("img", [1, 20]), into: &adapters)
        let output = unet(
            sample: Variable(Latents.channelsLast(ReferenceFill.input("sample", [1, 4, 3, 8, 8]))), timestep: [500],
            context: Variable(ReferenceFill.input("ctx", [1, 5, 24])), adapters: adapters)
        Golden(-0.173485, 0.594403, [0.491447, -0.131026, -0.399594, 0.137891, -0.815166, -0.3187])
            .expect(Latents.channelsFirst(output.value))
    }

    @Test func `an injector may see embeddings at length 1; the zeros of the negative prompt stay zeros`() throws {
        let site = AppearanceInjector.Site(path: "mid_block.temp_attentions.0", channels: 2)
        let weight = Variable(Tensor([2, 2], [1, 0, 0, 10]))
        func rows(normalised: Bool) -> [Float]? {
            var adapters = Adapters.none
            AppearanceInjector([(site, weight)], normalisesEmbedding: normalised)
                .inject(Tensor([2, 2], [0, 0, 3, 4]), into: &adapters)
            return adapters.injections[site.path]?.value.values
        }
        #expect(rows(normalised: false) == [0, 0, 3, 40])
        #expect(rows(normalised: true) == [0, 0, 0.6, 8])
    }

    @Test(arguments: AppearanceInjector.Point.allCases, Adapters.Fusion.allCases)
    func `every place and fusion of the injector: its gradients are the slopes of the loss, recomputed or not`(
        point: AppearanceInjector.Point, fusion: Adapters.Fusion
    ) throws {
        let unet = try ReferenceUNet.make()
        let fill = ReferenceFill()
        let sites = AppearanceInjector.Site.all(in: unet.weights)
        let weights = sites.map { site in
            let start = Kernels.scale(fill.tensor("w \(site.path)", shape: [site.channels, 20]), by: 0.3)
            return (site, Variable(start, requiresGradient: true))
        }
        let injector = AppearanceInjector(weights, point: point, fusion: fusion)
        let noise = Latents.channelsLast(ReferenceFill.input("noise", [1, 4, 2, 4, 4]))
        func loss(checkpointing: Bool = false) -> Variable {
            var adapters = Adapters.none
            injector.inject(ReferenceFill.input("img", [1, 20]), into: &adapters)
            let prediction = unet(
                sample: Variable(noise), timestep: [500], context: Variable(ReferenceFill.input("ctx", [1, 5, 24])),
                adapters: adapters, checkpointing: checkpointing)
            return DenoisingLoss.plain(prediction, Variable(noise))
        }
        let found = gradients(of: loss(), for: injector.variables)
        let recomputed = gradients(of: loss(checkpointing: true), for: injector.variables)
        for (one, two) in zip(found, recomputed) {
            for (a, b) in zip(one.values, two.values) { #expect(abs(a - b) <= 1e-5) }
        }
        for (index, variable) in injector.variables.enumerated() {
            // The slope along the gradient itself is its squared length.
            let start = variable.value
            let square = found[index].values.reduce(0.0) { $0 + Double($1) * Double($1) }
            let step = 2e-3 / square.squareRoot()
            func at(_ t: Double) -> Double {
                variable.assign(Kernels.add(start, Kernels.scale(found[index], by: Float(t))))
                return Double(loss().value.scalar)
            }
            let slope = (at(step) - at(-step)) / (2 * step)
            variable.assign(start)
            #expect(square > 0 && abs(slope - square) <= 0.02 * square, "\(sites[index].path): \(slope), not \(square)")
        }
    }
}
