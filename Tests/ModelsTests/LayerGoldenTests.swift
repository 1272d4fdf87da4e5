import Autograd
import Layers
import Tensors
import Testing

@testable import Models

/// The single layers of diffusion.md 12.1: made under their local names.
@Suite struct LayerGoldenTests {
    private let x = Variable(channelsLast(ReferenceFill.input("x", [6, 16, 5, 4])))

    @Test func `a timestep becomes cosines and sines`() {
        let embedding = TimestepEmbedding.sinusoids([500], width: 32)
        let expected: [(Int, Double)] = [
            (0, -0.883849), (1, -0.001888), (15, 0.99605), (16, -0.467772), (17, -0.999998), (31, 0.088797),
        ]
        for (place, value) in expected { #expect(abs(Double(embedding.values[place]) - value) < 1e-5) }
    }

    @Test func `a temporal convolution matches the reference`() {
        let layer = TemporalConvolution(referenceWeights(), channels: 16, groups: 4)
        Golden(1920, -0.00950715, 1.16356, 1.61639, -0.0937259, -0.0291709, -1.53207, 1.25969, 1.55442)
            .expect(channelsFirst(layer(x, batch: 2).value))
    }

    @Test func `a temporal transformer matches the reference`() {
        let layer = TemporalTransformer(referenceWeights(), channels: 16, heads: 2, headDimension: 8, groups: 4)
        Golden(1920, -0.0257994, 2.02452, 1.06056, 0.0488373, 0.818764, -1.30884, 1.83839, 2.27132)
            .expect(channelsFirst(layer(x, batch: 2, .none).value))
    }

    @Test func `a spatial transformer matches the reference`() {
        let layer = SpatialTransformer(
            referenceWeights(), channels: 16, heads: 2, headDimension: 8, contextDimension: 24, groups: 4)
        let context = Variable(ReferenceFill.input("ctx", [6, 7, 24]))
        Golden(1920, -0.145797, 1.76302, 0.672975, 0.455916, 0.540555, -3.71476, 1.0884, 0.176987)
            .expect(channelsFirst(layer(x, text: .states(context), .none).value))
    }

    @Test func `a resnet block matches the reference`() {
        let layer = ResnetBlock(referenceWeights(), in: 16, out: 32, timeEmbedding: 64, groups: 4, epsilon: 1e-5)
        let embedding = Variable(ReferenceFill.input("temb", [6, 64])).silu()
        Golden(3840, -0.0754562, 1.17135, 0.00455937, -1.51237, 0.875212, 1.28258, -0.782554, -0.227943)
            .expect(channelsFirst(layer(x, timeEmbedding: embedding).value))
    }

    @Test func `text given once for all frames is the same as text repeated for each`() {
        let layer = SpatialTransformer(
            referenceWeights(), channels: 16, heads: 2, headDimension: 8, contextDimension: 24, groups: 4)
        let words = ReferenceFill.input("ctx", [2, 7, 24])
        let once = layer(x, text: .states(Variable(words)), .none).value
        let each = layer(x, text: .states(Variable(Kernels.repeatRows(words, times: 3))), .none).value
        #expect(relativeError(once.values, each.values) < 1e-6)
    }
}
