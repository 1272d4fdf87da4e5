import Autograd
import Layers
import Tensors
import Testing

@testable import Models

/// The networks A and B of diffusion.md 12.2 and 12.3.
@Suite struct UNetGoldenTests {
    private let sample = Variable(
        Kernels.permute(ReferenceFill.input("sample", [1, 4, 3, 8, 8]), [0, 2, 3, 4, 1]))
    private let context = Variable(ReferenceFill.input("ctx", [1, 5, 24]))

    /// The temporal transformers that follow a spatial one, with their channels.
    private func injectionSites(of network: UNet3DConditionModel) -> [(path: String, channels: Int)] {
        network.weights.linears.filter { $0.path.contains("temp_attentions") && $0.path.hasSuffix(".proj_in") }
            .map { (String($0.path.dropLast(".proj_in".count)), $0.inputs) }
    }

    private func output(_ y: Variable) -> Tensor { Kernels.permute(y.value, [0, 4, 1, 2, 3]) }

    @Test func `network A and every stage inside match the reference`() throws {
        let network = try networkA()
        #expect(network.weights.parameterCount == 1_326_340)
        var points: [String: Tensor] = [:]
        let y = network(sample: sample, timestep: [500], context: context) { points[$0] = $1 }
        Golden(768, -0.171732, 0.620189, 0.481087, -0.319232, -0.918071, -0.135726, -0.511584, -0.296202)
            .expect(output(y))
        let embedding = try #require(points["time_embedding"])
        Golden(128, -0.00363524, 0.343542, 0.192391, 0.0110967, -0.0879846, 0.391135, -0.0175598, -0.12882)
            .expect(embedding, "time_embedding")
        for (name, golden) in Self.stages {
            golden.expect(channelsFirst(try #require(points[name], "\(name)")), name)
        }
    }

    private static let stages: [(String, Golden)] = [
        ("conv_in", Golden(6144, -0.01809, 0.961528, 1.10303, -0.118843, -1.43029, 0.517656, 1.12563, -0.579215)),
        (
            "transformer_in",
            Golden(6144, 0.00687564, 1.74916, -0.475863, 1.60602, -2.19627, 1.03221, -2.74173, -0.11648)
        ),
        (
            "down_blocks.0.resnets.0",
            Golden(6144, 0.0175771, 1.85287, -0.168345, 1.28356, -2.19448, 1.11527, -2.49457, 0.131215)
        ),
        (
            "down_blocks.0.temp_convs.0",
            Golden(6144, 0.0149254, 1.92645, 0.187036, 1.38271, -2.23473, 0.940092, -2.91516, -0.891253)
        ),
        (
            "down_blocks.0.attentions.0",
            Golden(6144, -0.00704687, 2.37665, -1.44133, 2.23944, -0.514425, 0.126924, -5.45025, -2.01367)
        ),
        (
            "down_blocks.0.temp_attentions.0",
            Golden(6144, -0.0178969, 2.79206, -0.310209, 3.35467, -1.37136, -2.26565, -6.48772, -3.63387)
        ),
        (
            "down_blocks.0",
            Golden(1536, 0.0856636, 2.59234, -0.755927, -1.01844, -1.82317, -0.678644, -1.21504, -0.52691)
        ),
        (
            "down_blocks.1",
            Golden(3072, -0.0359819, 2.75979, -0.444316, -0.262047, 0.727629, -4.13762, 1.3182, 1.09511)
        ),
        ("mid_block", Golden(3072, 0.227987, 3.68377, -0.911597, -6.46673, -0.856423, -3.18301, 3.94696, 1.61782)),
        ("up_blocks.0", Golden(12288, 0.151734, 2.87127, -2.08934, -3.16165, -2.12744, 1.41508, -0.928501, 2.43525)),
        ("up_blocks.1", Golden(6144, 0.0692815, 3.60447, -2.33881, 2.00341, 1.2668, 8.19617, -2.73403, 0.18296)),
        (
            "conv_norm_out",
            Golden(6144, -0.0281194, 1.01836, -1.17297, 0.133656, -0.0879982, 1.99713, -0.793625, -0.310586)
        ),
        (
            "conv_out",
            Golden(768, -0.171732, 0.620189, 0.481087, -0.319232, -0.918071, -0.135726, -0.0543703, -0.296202)
        ),
    ]

    @Test func `one frame runs the temporal layers as diffusers does, or skips them as MotionDirector does`() throws {
        let network = try networkA()
        let frame = Variable(Kernels.rows(sample.value.reshaped([3, 8, 8, 4]), 0..<1).reshaped([1, 1, 8, 8, 4]))
        Golden(256, -0.171976, 0.575197, 0.369208, -0.46036, -0.728404, 0.124521, -0.433059, 0.477895)
            .expect(output(network(sample: frame, timestep: [500], context: context)))
        Golden(256, -0.194588, 0.623228, 0.0855314, -0.832618, -1.04181, 0.325619, -1.07792, -0.450701)
            .expect(
                output(
                    network(sample: frame, timestep: [500], context: context, skipsTemporalWhenSingleFrame: true)))
    }

    @Test func `skipping is for single frames only`() throws {
        let network = try networkA()
        let y = network(sample: sample, timestep: [500], context: context)
        let z = network(sample: sample, timestep: [500], context: context, skipsTemporalWhenSingleFrame: true)
        #expect(y.value == z.value)
    }

    @Test func `gradients reach LoRAs and texts through known keys and values, too`() throws {
        let network = try networkA()
        let targets = network.weights.linears.filter { $0.path.contains(".attentions.0") && $0.path.contains("attn2") }
        let lora = try LoRA(targets: targets, rank: 2, from: ReferenceFill(), trainable: true)
        let adapters = Adapters(lora)
        let text = Variable(context.value, requiresGradient: true)
        let leaves = lora.variables + [text]
        let present = network(sample: sample, timestep: [500], context: text, adapters: adapters)
        let expected = gradients(of: present.sumOfSquares(), for: leaves)
        let known = network(
            sample: sample, timestep: [500], conditioning: network.conditioned(on: text, adapters: adapters),
            adapters: adapters)
        #expect(known.value == present.value)
        for (one, other) in zip(gradients(of: known.sumOfSquares(), for: leaves), expected) {
            #expect(relativeError(one.values, other.values) < 1e-5)
        }
    }

    @Test func `LoRAs reach just their layers and match the reference`() throws {
        let network = try networkA()
        let temporal = LoRATargets.temporal.choose(network.weights.linears)
        let spatial = LoRATargets.spatial.choose(network.weights.linears)
        #expect(temporal.count == 50)
        #expect(spatial.count == 24)
        let adapters = try Adapters(LoRA(targets: temporal, rank: 4, from: ReferenceFill()))
        Golden(768, -0.224439, 0.574269, 0.350906, -1.08889, -0.992844, -0.279975, 0.0854338, 0.228495)
            .expect(output(network(sample: sample, timestep: [500], context: context, adapters: adapters)))
        let others = try Adapters(LoRA(targets: spatial, rank: 4, from: ReferenceFill()))
        Golden(768, -0.219194, 0.584643, 0.413348, -0.762043, -0.846559, 0.150622, -0.605259, -0.50609)
            .expect(output(network(sample: sample, timestep: [500], context: context, adapters: others)))
    }

    @Test func `LoRAs of ZeroScope's network have as many layers and numbers as MotionDirector's`() throws {
        let weights = Weights(RandomWeights(seed: 0), readsValues: false)
        _ = try UNet3DConditionModel(UNet3DConditionModel.Configuration(), weights)
        for (targets, layers, numbers) in [
            (LoRATargets.spatial, 96, 8_785_920), (.temporal, 170, 12_472_320),
            (.temporalWithoutInput, 160, 11_980_800),
        ] {
            let sites = targets.choose(weights.linears)
            #expect(sites.count == layers)
            #expect(sites.reduce(0) { $0 + 32 * ($1.inputs + $1.outputs) } == numbers)
        }
        let temporal = LoRATargets.temporal.choose(weights.linears).map(\.path)
        #expect(temporal.first == "transformer_in.transformer_blocks.0.attn1.to_q")
        #expect(temporal.last == "mid_block.temp_attentions.0.transformer_blocks.0.ff.net.2")
    }

    @Test func `linear layers come in the order of the reference, up blocks before the middle one`() throws {
        let linears = try networkA().weights.linears.map(\.path)
        let temporal = linears.filter { $0.contains("temp_attentions") && $0.hasSuffix("attn1.to_q") }
        #expect(
            temporal.map { String($0.prefix { $0 != "t" }) }
                == ["down_blocks.0.", "up_blocks.1.", "up_blocks.1.", "mid_block."])
        #expect(linears.first == "time_embedding.linear_1")
        let block = linears.filter { $0.hasPrefix("transformer_in.transformer_blocks.0.") }.map { $0.dropFirst(36) }
        #expect(
            block == [
                "attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.to_out.0", "attn2.to_q", "attn2.to_k", "attn2.to_v",
                "attn2.to_out.0", "ff.net.0.proj", "ff.net.2",
            ])
    }

    @Test func `an appearance injector adds to the input of temporal transformers and matches the reference`() throws {
        let network = try networkA()
        let embedding = ReferenceFill.input("img", [1, 20])
        var injections: [String: Variable] = [:]
        for (path, channels) in injectionSites(of: network) {
            let weight = ReferenceFill().tensor("appearance_injector.\(path).weight", shape: [channels, 20])
            injections[path] = Variable(Kernels.linear(embedding, weight))
        }
        #expect(injections.count == 4)
        let y = network(
            sample: sample, timestep: [500], context: context, adapters: Adapters(injections: injections))
        Golden(768, -0.173485, 0.594403, 0.491447, -0.131026, -0.399594, 0.137891, -0.815166, -0.3187)
            .expect(output(y))
    }

    @Test func `network B, sizes that do not halve evenly, two clips and two timesteps match the reference`() throws {
        var configuration = UNet3DConditionModel.Configuration()
        configuration.blockOutChannels = [32, 64, 96, 96]
        configuration.crossAttentionDimension = 40
        configuration.headDimensions = [16, 16, 16, 16]
        configuration.groups = 16
        let network = try UNet3DConditionModel(configuration, referenceWeights())
        #expect(network.weights.parameterCount == 9_267_236)
        #expect(network.weights.parameters.count == 1480)
        let x = Kernels.permute(ReferenceFill.input("sample", [2, 4, 3, 6, 10]), [0, 2, 3, 4, 1])
        let y = network(
            sample: Variable(x), timestep: [10, 999], context: Variable(ReferenceFill.input("ctx", [2, 7, 40])))
        Golden(1440, -0.154525, 0.545977, -0.0631905, 0.193195, 0.268173, -0.513357, -0.0845999, -0.745405)
            .expect(output(y))
    }

    @Test func `checkpointing changes neither the output nor any gradient`() throws {
        let network = try networkA()
        let targets = LoRATargets.temporal.choose(network.weights.linears)
        let sites = injectionSites(of: network)
        let context = Variable(context.value, requiresGradient: true)
        let embedding = Variable(ReferenceFill.input("img", [1, 20]))
        func gradients(checkpointing: Bool) throws -> (Tensor, [Tensor]) {
            let lora = try LoRA(targets: targets, rank: 4, from: ReferenceFill(), trainable: true)
            // The injector's rows come from a parameter of their own, outside the network.
            let projections = sites.map { path, channels in
                Variable(
                    ReferenceFill().tensor("appearance_injector.\(path).weight", shape: [channels, 20]),
                    requiresGradient: true)
            }
            var adapters = Adapters(lora)
            for (site, projection) in zip(sites, projections) {
                adapters.injections[site.path] = linear(embedding, weight: projection)
            }
            let y = network(
                sample: sample, timestep: [500], context: context, adapters: adapters, checkpointing: checkpointing)
            let loss = y.sumOfSquares()
            return (y.value, Autograd.gradients(of: loss, for: lora.variables + projections + [context]))
        }
        let (plain, expected) = try gradients(checkpointing: false)
        let (again, found) = try gradients(checkpointing: true)
        #expect(plain == again)
        #expect(expected.count == 105)
        for (a, b) in zip(found, expected) {
            #expect(b.values.contains { $0 != 0 })
            // Added up in another order.
            #expect(relativeError(a.values, b.values) < 5e-6)
        }
    }
}
