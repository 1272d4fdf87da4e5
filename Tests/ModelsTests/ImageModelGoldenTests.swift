import Autograd
import Layers
import Tensors
import Testing

@testable import Models

/// The autoencoder, CLIP and VideoMAE of diffusion.md 12.6 to 12.8.
@Suite struct ImageModelGoldenTests {
    @Test func `the autoencoder matches the reference both ways`() throws {
        var configuration = AutoencoderKL.Configuration()
        configuration.blockOutChannels = [16, 32, 32]
        configuration.groups = 8
        let model = try AutoencoderKL(configuration, referenceWeights())
        #expect(model.weights.parameterCount == 242_327)
        #expect(model.spatialFactor == 4)
        let image = Kernels.scale(channelsLast(ReferenceFill.input("image", [2, 3, 16, 24])), by: 0.5)
        let (mean, variance) = model.encode(Variable(image))
        Golden(192, -0.0344452, 0.627167, 0.659419, -0.164425, 0.170574, -0.11194, 0.393973, 0.0452154)
            .expect(channelsFirst(mean.value), "mean")
        Golden(192, -0.0786125, 0.474858, -0.878175, 0.264256, 0.61263, 0.0390793, 0.928474, -0.725996)
            .expect(channelsFirst(variance.value), "logvar")
        let latents = Variable(channelsLast(ReferenceFill.input("z", [2, 4, 4, 6])))
        Golden(2304, -0.387275, 0.746805, -0.0321406, 0.140939, 0.0344183, 0.0382163, -0.176807, 0.098415)
            .expect(channelsFirst(model.decode(latents).value), "sample")
    }

    private func text(layers: Int) -> CLIPTextConfiguration {
        var text = CLIPTextConfiguration()
        text.hiddenSize = 32
        text.intermediateSize = 128
        text.heads = 4
        text.layers = layers
        text.vocabularySize = 100
        text.maximumPositions = 16
        text.projectionDimension = 24
        text.endID = 2
        text.activation = .gelu
        return text
    }

    private let ids = [[98, 5, 17, 42, 99, 0, 0, 0]]

    @Test func `CLIP's text encoder matches the reference`() throws {
        let model = try CLIPTextModel(text(layers: 2), referenceWeights())
        let hidden = model(ids)
        Golden(256, -0.0170067, 1.00755, -2.13161, -0.316223, 0.922421, 0.407304, 0.16084, 0.0250634)
            .expect(hidden.value)
        Golden(32, 0.00336928, 1.03292, 0.16084, -0.158549, 0.667462, 0.375056, 2.06012, 0.436196)
            .expect(model.pooled(hidden, ids).value)
    }

    @Test func `both towers of CLIP match the reference`() throws {
        var configuration = CLIPModel.Configuration()
        configuration.text = text(layers: 3)
        configuration.projectionDimension = 24
        configuration.vision.hiddenSize = 40
        configuration.vision.intermediateSize = 160
        configuration.vision.heads = 5
        configuration.vision.layers = 2
        configuration.vision.imageSize = 28
        configuration.vision.patchSize = 14
        configuration.vision.activation = .gelu
        configuration.vision.projectionDimension = 24
        let model = try CLIPModel(configuration, referenceWeights())
        let pixels = Variable(channelsLast(ReferenceFill.input("pixels", [2, 3, 28, 28])))
        let images = model.imageEmbeddings(pixels).value
        let texts = model.textEmbeddings(ids).value
        Golden(48, -0.164643, 0.934662, 0.727418, -0.506593, -0.513368, 0.793237, 1.7855, 0.751696).expect(images)
        Golden(24, -0.187813, 1.17187, -0.704208, -1.24196, -1.061, 0.544069, -0.646242, -0.651252).expect(texts)
        Golden(400, 0.123926, 1.76342, 1.99766, 0.438749, -1.702, -1.31532, 2.8797, -2.23476)
            .expect(model.vision(pixels).value)
        for (row, expected) in [0.19963905, 0.19511849].enumerated() {
            let (a, b) = (images.values[row * 24..<row * 24 + 24], texts.values)
            let dot = zip(a, b).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
            let lengths = [Array(a), b].map { $0.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot() }
            #expect(abs(dot / (lengths[0] * lengths[1]) - expected) < 1e-5)
        }
        #expect(abs(model.logitFactor - 14.284856) < 1e-4)
        // The image tower alone has the same names, so it gives the same.
        let alone = try CLIPVisionModelWithProjection(configuration.vision, referenceWeights())
        #expect(alone.imageEmbeddings(pixels).value == images)
        let words = try CLIPTextModelWithProjection(configuration.text, referenceWeights())
        #expect(words.textEmbeddings(ids).value == texts)
    }

    private func videoConfiguration() -> VideoMAEConfiguration {
        var configuration = VideoMAEConfiguration()
        configuration.hiddenSize = 32
        configuration.intermediateSize = 64
        configuration.layers = 2
        configuration.heads = 4
        configuration.imageSize = 32
        configuration.patchSize = 16
        configuration.frames = 4
        configuration.labels = 5
        return configuration
    }

    private let video = Variable(
        Kernels.permute(ReferenceFill.input("video", [1, 4, 3, 32, 32]), [0, 1, 3, 4, 2]))

    @Test func `VideoMAE with its classifier matches the reference`() throws {
        let model = try VideoMAEForVideoClassification(videoConfiguration(), referenceWeights())
        let hidden = model.videomae(video)
        Golden(256, 0.925875, 2.10225, 1.3444, 1.82122, -1.26727, 1.0019, -0.761428, 3.5392).expect(hidden.value)
        Golden(32, 0.925875, 1.6339, 0.509423, -0.311235, -1.04709, -0.911255, 1.5867, 2.27228)
            .expect(hidden.reshaped([8, 32]).mean(groups: 1).value)
        Golden(32, 0.0169447, 0.990732, -0.287147, -1.16034, -1.4136, -1.41995, 0.406689, 1.17069)
            .expect(model.embeddings(video).value)
        let logits = model.logits(video).value.values
        for (found, expected) in zip(logits, [0.41466, -0.977712, -1.25529, -0.0695672, -0.220172] as [Float]) {
            #expect(abs(found - expected) < 1e-4)
        }
        #expect(logits.count == 5)
    }

    @Test func `VideoMAE that does not pool ends with a normalisation and matches the reference`() throws {
        var configuration = videoConfiguration()
        configuration.usesMeanPooling = false
        let model = try VideoMAEModel(configuration, referenceWeights())
        Golden(256, -0.00677617, 1.00968, 0.265557, 0.469039, -1.25732, 0.00415309, -0.672601, 1.36345)
            .expect(model(video).value)
    }

    @Test func `positions of VideoMAE are the reference's sines and cosines`() {
        let table = VideoMAEModel.sinusoids(count: 1568, width: 768).values
        let expected: [(Int, Int, Float)] = [
            (1, 0, 0.841471), (1, 1, 0.540302), (100, 2, -0.238322), (100, 3, -0.971186), (1567, 766, 0.159816),
            (1567, 767, 0.987147),
        ]
        for (position, channel, value) in expected { #expect(abs(table[position * 768 + channel] - value) < 2e-6) }
    }
}
