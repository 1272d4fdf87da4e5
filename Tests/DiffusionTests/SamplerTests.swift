import Autograd
import Diffusion
import Layers
import Models
import Tensors
import Testing

/// The loops of diffusion.md 12.4 over UNet A.
@Suite struct SamplerTests {
    private struct Stop: Error {}

    @Test func `four guided steps`() throws {
        let sampler = GuidedSampler(network: try ReferenceUNet.make(), scheduler: DDIMScheduler(.zeroScope))
        var generator = Generator(seed: 0)
        var steps: [Int] = []
        let latents = try sampler.sample(
            from: Latents.channelsLast(ReferenceFill.input("noise", [1, 4, 3, 8, 8])),
            GuidedSampler.Conditions(
                prompt: ReferenceFill.input("ctx", [1, 5, 24]), negative: ReferenceFill.input("uncond", [1, 5, 24])),
            guidance: 12, steps: 4, using: &generator
        ) { steps.append($0) }
        #expect(steps == [1, 2, 3, 4])
        Golden(3.00877, 11.1714, [-9.51166, -6.45897, -10.1745, -4.05078, 18.4462, -0.291159])
            .expect(Latents.channelsFirst(latents))
    }

    /// Computed with diffusers 0.42.1: its pipeline's loop with a generator of seed 42, frames as samples of their own.
    @Test(arguments: [
        (
            false,
            Golden(
                1.33837092, 5.83171988, [-4.30522203, -0.508179486, -2.67171788, -5.77959204, 10.0755749, 2.93785024])
        ),
        (
            true,
            Golden(
                0.0684639066, 0.449176848,
                [0.374076992, -0.345607817, -0.443742037, -0.69583863, 0.00754892081, 0.363502055])
        ),
    ])
    func `noise in each step, and thresholds, frame by frame as the pipeline has them`(
        thresholds: Bool, golden: Golden
    ) throws {
        var config = SchedulerConfig.zeroScope
        config.thresholds = thresholds
        config.thresholdMaximum = 2
        let sampler = GuidedSampler(network: try ReferenceUNet.make(), scheduler: DDIMScheduler(config))
        var generator = TorchGenerator(seed: 42)
        let latents = try sampler.sample(
            from: Latents.channelsLast(ReferenceFill.input("noise", [1, 4, 3, 8, 8])),
            GuidedSampler.Conditions(
                prompt: ReferenceFill.input("ctx", [1, 5, 24]), negative: ReferenceFill.input("uncond", [1, 5, 24])),
            guidance: 3, steps: 4, eta: 0.7, using: &generator
        ) { _ in }
        golden.expect(Latents.channelsFirst(latents))
    }

    @Test func `four steps of inversion`() throws {
        let sampler = GuidedSampler(network: try ReferenceUNet.make(), scheduler: DDIMScheduler(.zeroScope))
        let clean = Kernels.scale(ReferenceFill.input("lat0", [1, 4, 3, 8, 8]), by: 0.5)
        let noise = try sampler.invert(
            Latents.channelsLast(clean), context: ReferenceFill.input("uncond", [1, 5, 24]), steps: 4
        ) { _ in }
        Golden(-0.152903, 0.497669, [0.295986, -0.557426, -0.326636, -0.310006, -0.59912, -0.297104])
            .expect(Latents.channelsFirst(noise))
    }

    @Test func `without guidance the negative prompt does not matter, and what the caller throws stops the loop`()
        throws
    {
        let sampler = GuidedSampler(network: try ReferenceUNet.make(), scheduler: DDIMScheduler(.zeroScope))
        let noise = Latents.channelsLast(ReferenceFill.input("noise", [1, 4, 1, 4, 4]))
        let prompt = ReferenceFill.input("ctx", [1, 5, 24])
        var generator = Generator(seed: 0)
        func run(_ negative: Tensor) throws -> Tensor {
            try sampler.sample(
                from: noise, GuidedSampler.Conditions(prompt: prompt, negative: negative), guidance: 1, steps: 1,
                using: &generator
            ) { _ in }
        }
        #expect(try run(prompt) == run(ReferenceFill.input("uncond", [1, 5, 24])))
        var done = 0
        #expect(throws: Stop.self) {
            try sampler.sample(
                from: noise, GuidedSampler.Conditions(prompt: prompt, negative: prompt), guidance: 1, steps: 3,
                using: &generator
            ) {
                done = $0
                throw Stop()
            }
        }
        #expect(done == 1)
    }

    @Test func `two videos under two texts at once are four videos under a text each`() throws {
        let unet = try ReferenceUNet.make()
        let videos = ReferenceFill.input("videos", [2, 2, 6, 4, 4])
        let contexts = ReferenceFill.input("contexts", [4, 5, 24])
        var adapters = try Adapters(
            LoRA(
                targets: LoRATargets.temporal.choose(unet.weights.linears), rank: 2, from: ReferenceFill()))
        let sites = AppearanceInjector.Site.all(in: unet.weights)
        AppearanceInjector(sites.map { ($0, Variable(ReferenceFill.input($0.path, [$0.channels, 20]))) })
            .inject(ReferenceFill.input("images", [4, 20]), into: &adapters)
        let shared = unet(
            sample: Variable(videos), timestep: [500, 20], context: Variable(contexts), conditions: 2,
            adapters: adapters)
        let single = unet(
            sample: stacked([Variable(videos), Variable(videos)]), timestep: [500, 20, 500, 20],
            context: Variable(contexts), adapters: adapters)
        #expect(shared.shape == [4, 2, 6, 4, 4])
        for (one, other) in zip(shared.value.values, single.value.values) { #expect(abs(one - other) < 1e-5) }
    }

    @Test func `merged LoRAs, keys and values known: every step gives what adapters and the texts give`() throws {
        let unet = try ReferenceUNet.make()
        let linears = unet.weights.linears
        // Those that training chooses, and all that a foreign LoRA may have: both attentions, projections, embeddings.
        let motion = try LoRA(targets: LoRATargets.temporal.choose(linears), rank: 2, from: ReferenceFill())
        let foreign = try LoRA(targets: linears, rank: 3, from: ReferenceFill())
        let loras = [(lora: motion, scale: Float(0.5)), (foreign, 0.25)]
        let sites = AppearanceInjector.Site.all(in: unet.weights)
        let merged = try ReferenceUNet.make(MergedWeights(ReferenceFill(), loras))
        let sample = Variable(Latents.channelsLast(ReferenceFill.input("sample", [1, 4, 3, 8, 8])))
        let context = Variable(ReferenceFill.input("contexts", [2, 5, 24]))
        for point in AppearanceInjector.Point.allCases {
            var rows = Adapters()
            AppearanceInjector(
                sites.map { ($0, Variable(ReferenceFill.input($0.path, [$0.channels, 20]))) }, point: point
            ).inject(ReferenceFill.input("images", [2, 20]), into: &rows)
            var adapters = rows
            adapters.loras = loras
            func output(_ network: UNet3DConditionModel, _ adapters: Adapters) -> Tensor {
                network(
                    sample: sample, timestep: [500], context: context, conditions: 2, adapters: adapters
                ).value
            }
            let expected = output(unet, adapters)
            #expect(relativeError(output(merged, rows), expected) < 1e-5)
            #expect(relativeError(output(unet, rows), expected) > 0.01)
            // Of equal weights and sizes, known keys and values are the same bits.
            for (network, adapters) in [(unet, adapters), (merged, rows)] {
                let conditioning = network.conditioned(on: context, adapters: adapters)
                #expect(conditioning.texts == 2)
                let known = network(
                    sample: sample, timestep: [500], conditioning: conditioning, conditions: 2, adapters: adapters)
                #expect(known.value == output(network, adapters))
            }
        }
    }

    /// Four videos at once: tolerances are those of sums that are cut in other ways.
    @Test(arguments: [1, 3] as [Float])
    func `a batch of videos is what each is alone: noise, prompts, rows and draws`(guidance: Float) throws {
        let unet = try ReferenceUNet.make()
        let sampler = GuidedSampler(network: unet, scheduler: DDIMScheduler(.zeroScope))
        let injector = AppearanceInjector(
            AppearanceInjector.Site.all(in: unet.weights).map {
                ($0, Variable(ReferenceFill.input($0.path, [$0.channels, 20])))
            })
        let texts = guidance > 1 ? 2 : 1
        var shared = Adapters()
        injector.inject(ReferenceFill.input("images", [texts, 20]), into: &shared)
        func one(_ tensor: Tensor, _ index: Int) -> Tensor { Kernels.rows(tensor, index..<index + 1) }
        let noise = Latents.channelsLast(ReferenceFill.input("noise", [4, 4, 3, 8, 8]))
        let prompts = ReferenceFill.input("prompts", [4, 5, 24])
        let negatives = ReferenceFill.input("negatives", [4, 5, 24])
        for (count, adapters) in [(4, .none), (1, shared)] as [(Int, Adapters)] {
            func run(_ noise: Tensor, _ texts: Range<Int>, seeds: [UInt64]) throws -> Tensor {
                var generators = seeds.map { TorchGenerator(seed: $0) }
                let conditions = GuidedSampler.Conditions(
                    prompt: Kernels.rows(prompts, texts), negative: Kernels.rows(negatives, texts))
                return try sampler.sample(
                    from: noise, conditions, guidance: guidance, steps: 2, eta: 0.5, adapters: adapters,
                    using: &generators
                ) { _ in }
            }
            let together = try run(noise, 0..<count, seeds: [1, 2, 3, 4])
            #expect(together.shape == noise.shape)
            for index in 0..<4 {
                let text = count == 1 ? 0 : index
                let alone = try run(one(noise, index), text..<text + 1, seeds: [UInt64(index + 1)])
                #expect(relativeError(one(together, index), alone) < 1e-4)
            }
        }
        let inverted = try sampler.invert(noise, context: one(negatives, 0), steps: 2) { _ in }
        let alone = try sampler.invert(one(noise, 3), context: one(negatives, 0), steps: 2) { _ in }
        #expect(relativeError(one(inverted, 3), alone) < 1e-4)
    }

    /// σ(prompt's) / σ(guided), mixed with 1, by plain sums.
    private func rescaled(_ guided: [Float], _ prompted: [Float], by rescale: Double) -> [Double] {
        func deviation(_ values: [Float]) -> Double {
            let mean = values.reduce(0.0) { $0 + Double($1) } / Double(values.count)
            let squares = values.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
            return (squares / Double(values.count - 1)).squareRoot()
        }
        let factor = rescale * deviation(prompted) / deviation(guided) + (1 - rescale)
        return guided.map { Double($0) * factor }
    }

    @Test(arguments: [0.7, 1])
    func `guidance is brought back to the contrast of the prompt's estimate, video by video`(rescale: Double) throws {
        let unet = try ReferenceUNet.make()
        let scheduler = DDIMScheduler(.zeroScope)
        let noise = Latents.channelsLast(ReferenceFill.input("noise", [2, 4, 3, 8, 8]))
        let prompt = ReferenceFill.input("ctx", [1, 5, 24])
        let negative = ReferenceFill.input("uncond", [1, 5, 24])
        let images = [6, 8, 8, 4]
        var expected = noise
        for timestep in try scheduler.timesteps(3) {
            func estimate(_ context: Tensor) -> [Float] {
                unet(sample: Variable(expected), timestep: [timestep], context: Variable(context)).value.values
            }
            let (prompted, plain) = (estimate(prompt), estimate(negative))
            let guided = zip(plain, prompted).map { $0 + 7 * ($1 - $0) }
            let size = guided.count / 2
            let output = [0..<size, size..<2 * size].flatMap { video in
                rescaled(Array(guided[video]), Array(prompted[video]), by: rescale).map { Float($0) }
            }
            expected = scheduler.step(
                expected.reshaped(images), output: Tensor(images, output), at: timestep, steps: 3, eta: 0, noise: nil
            ).reshaped(noise.shape)
        }
        let sampler = GuidedSampler(network: unet, scheduler: scheduler)
        func sample(rescale: Float, guidance: Float) throws -> Tensor {
            var generator = Generator(seed: 0)
            return try sampler.sample(
                from: noise, .init(prompt: prompt, negative: negative), guidance: guidance, rescale: rescale, steps: 3,
                using: &generator
            ) { _ in }
        }
        let found = try sample(rescale: Float(rescale), guidance: 7)
        #expect(relativeError(found, expected) < 1e-4)
        #expect(try relativeError(found, sample(rescale: 0, guidance: 7)) > 1e-3)
        // Where nothing is guided there is nothing to bring back.
        #expect(try sample(rescale: Float(rescale), guidance: 1) == sample(rescale: 0, guidance: 1))
    }

    @Test func `latents are drawn in the order of the file's axes`() {
        var one = TorchGenerator(seed: 42)
        var two = TorchGenerator(seed: 42)
        let drawn = Latents.noise(frames: 2, height: 3, width: 5, channels: 4, using: &one)
        #expect(drawn.shape == [1, 2, 3, 5, 4])
        #expect(Latents.channelsFirst(drawn) == two.normal([1, 4, 2, 3, 5]))
        #expect(abs(Latents.channelsFirst(drawn).values[0] - 1.92691529) < 1e-5)
    }

    @Test func `the noise prior mixes by square roots, after a bilinear resize`() {
        let inverted = Tensor([1, 1, 1, 2, 1], [0, 4])
        #expect(Latents.resized(inverted, height: 1, width: 4).values == [0, 1, 3, 4])
        #expect(Latents.resized(inverted, height: 2, width: 1).values == [2, 2])
        let mixed = Latents.mixed(inverted: inverted, noise: Tensor([1, 1, 1, 2, 1], [1, 1]), prior: 0.36)
        #expect(abs(mixed.values[0] - 0.8) < 1e-6 && abs(mixed.values[1] - 3.2) < 1e-6)
    }
}
