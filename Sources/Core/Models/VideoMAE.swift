public import Autograd
public import Foundation
public import Layers
import Tensors

/// The video encoder of masked autoencoding: clips to one state per tubelet.
///
/// `VideoMAEModel` of transformers (diffusion.md section 9). Keys have no bias; biases of queries and values are read
/// from `q_bias` and `v_bias` or `query.bias` and `value.bias`. The decoder of pre-training files is ignored.
public struct VideoMAEModel: FolderModel {
    /// What its config.json says.
    public let configuration: VideoMAEConfiguration
    /// Every parameter, under its name in the reference file.
    public let weights: Weights

    private let patchWeight: Variable
    private let patchBias: Variable
    private let positions: Variable
    private let layers: [VideoMAELayer]
    private let norm: LayerNorm?

    /// Asks `weights` for every parameter.
    public init(unchecked configuration: VideoMAEConfiguration, _ weights: Weights) {
        self.configuration = configuration
        self.weights = weights
        let width = configuration.hiddenSize
        let inside = weights.module(
            "videomae", ifHolding: "embeddings.patch_embeddings.projection.bias", shape: [width])
        let patch = [
            configuration.channels, configuration.tubeletSize, configuration.patchSize, configuration.patchSize,
        ]
        let initial = InitialWeights.pytorchLinear(fanIn: patch.reduce(1, *))
        let name = "embeddings.patch_embeddings.projection"
        patchWeight = inside.parameter("\(name).weight", shape: [width] + patch, initial: initial)
        patchBias = inside.parameter("\(name).bias", shape: [width], initial: initial)
        positions = Variable(Self.sinusoids(count: configuration.tokens, width: width))
        layers = (0..<configuration.layers).map { VideoMAELayer(inside.at("encoder.layer.\($0)"), configuration) }
        norm =
            configuration.usesMeanPooling
            ? nil : LayerNorm(inside, "layernorm", channels: width, epsilon: Float(configuration.normEpsilon))
    }

    /// `last_hidden_state`, `[b, tokens, hidden_size]`, tokens in the order time, row, column.
    ///
    /// - Parameter pixels: `[b, num_frames, size, size, 3]`, normalised with ImageNet's mean and deviation.
    public func callAsFunction(_ pixels: Variable) -> Variable {
        let (size, frames, tubelet) = (configuration.imageSize, configuration.frames, configuration.tubeletSize)
        precondition(
            pixels.shape.count == 5 && Array(pixels.shape[1...]) == [frames, size, size, configuration.channels],
            "pixels \(pixels.shape) are not [b, \(frames), \(size), \(size), \(configuration.channels)]")
        let (batch, width) = (pixels.shape[0], configuration.hiddenSize)
        // The kernel is as large as its stride, so the convolution is a linear layer on each block of pixels, whose axes
        // come in the order of the kernel's: channel, time, row, column.
        let (patch, side, elements) = (configuration.patchSize, size / configuration.patchSize, patchWeight.value.count)
        let blocks =
            pixels
            .reshaped([batch * frames / tubelet, tubelet, side, patch, side, patch, configuration.channels])
            .permuted([0, 2, 4, 6, 1, 3, 5])
            .reshaped([batch * configuration.tokens, elements / width])
        let patches = linear(blocks, weight: patchWeight.reshaped([width, elements / width]), bias: patchBias)
        let x = patches.reshaped([1, batch, configuration.tokens * width]).addingBroadcast(
            positions.reshaped([1, configuration.tokens * width])
        )
        .reshaped([batch, configuration.tokens, 1, width])
        let y = layers.reduce(x) { $1($0) }
        return (norm.map { $0(y) } ?? y).reshaped([batch, configuration.tokens, width])
    }

    /// Position p, channel j: sin or cos (even, odd j) of p / 10000^(2⌊j/2⌋/width), in double.
    static func sinusoids(count: Int, width: Int) -> Tensor {
        let divisors = (0..<width).map { pow(10000, Double(2 * ($0 / 2)) / Double(width)) }
        var values: [Float] = []
        values.reserveCapacity(count * width)
        for position in 0..<count {
            for (channel, divisor) in divisors.enumerated() {
                let angle = Double(position) / divisor
                values.append(Float(channel % 2 == 0 ? sin(angle) : cos(angle)))
            }
        }
        return Tensor([count, width], values)
    }
}

/// The video encoder with the classifier that it was fine-tuned with; its embedding is what MoFid compares.
///
/// `VideoMAEForVideoClassification` of transformers (diffusion.md 9.1).
public struct VideoMAEForVideoClassification: FolderModel {
    /// What its config.json says.
    public let configuration: VideoMAEConfiguration
    /// Every parameter, under its name in the reference file.
    public let weights: Weights
    /// The encoder before the classifier.
    public let videomae: VideoMAEModel
    private let norm: LayerNorm?
    private let classifier: Linear

    /// Asks `weights` for every parameter.
    public init(unchecked configuration: VideoMAEConfiguration, _ weights: Weights) {
        self.configuration = configuration
        self.weights = weights
        videomae = VideoMAEModel(unchecked: configuration, weights)
        // PyTorch's default epsilon, unlike the encoder's 1e-12.
        norm =
            configuration.usesMeanPooling
            ? LayerNorm(weights, "fc_norm", channels: configuration.hiddenSize, epsilon: 1e-5) : nil
        classifier = Linear(
            weights, "classifier", in: configuration.hiddenSize, out: configuration.labels, bias: true)
    }

    /// One vector per clip, `[b, hidden_size]`: the normalised mean over all tokens, which the classifier sees.
    ///
    /// (The first token where the config does not pool, as the reference has it.)
    ///
    /// - Parameter pixels: `[b, num_frames, size, size, 3]`, normalised with ImageNet's mean and deviation.
    public func embeddings(_ pixels: Variable) -> Variable { pooled(videomae(pixels)) }

    /// Scores of the classes, `[b, labels]`.
    public func logits(_ pixels: Variable) -> Variable { classifier(embeddings(pixels)) }

    /// The vectors that the classifier sees, from `last_hidden_state`.
    public func pooled(_ hidden: Variable) -> Variable {
        let (batch, tokens, width) = (hidden.shape[0], hidden.shape[1], hidden.shape[2])
        let rows = hidden.reshaped([batch * tokens, width])
        guard let norm else { return rows.gatheredRows((0..<batch).map { $0 * tokens }) }
        return norm(rows.mean(groups: batch))
    }

    /// The classes' scores, from the vectors.
    public func classified(_ pooled: Variable) -> Variable { classifier(pooled) }
}

/// x += dense(attention(norm x)); x += dense₂(gelu(dense₁(norm x))).
private struct VideoMAELayer {
    private let normBefore: LayerNorm
    private let query: (weight: WeightMatrix, bias: Variable?)
    private let key: Linear
    private let value: (weight: WeightMatrix, bias: Variable?)
    private let out: Linear
    private let normAfter: LayerNorm
    private let inner: Linear
    private let outer: Linear
    private let heads: Int
    private let activation: FeedForwardActivation

    init(_ weights: Weights, _ configuration: VideoMAEConfiguration) {
        let (width, hidden) = (configuration.hiddenSize, configuration.intermediateSize)
        let bias = configuration.hasQueryValueBias
        let inside = weights.at("attention.attention")
        let initial = InitialWeights.pytorchLinear(fanIn: width)
        // Published files keep these biases beside the layers; transformers 5 has them inside in memory.
        query = (
            inside.matrix(names: ["query.weight"], shape: [width, width], initial: initial, layout: .asIs),
            bias ? inside.parameter(names: ["q_bias", "query.bias"], shape: [width], initial: initial) : nil
        )
        key = Linear(inside, "key", in: width, out: width, bias: false)
        value = (
            inside.matrix(names: ["value.weight"], shape: [width, width], initial: initial, layout: .asIs),
            bias ? inside.parameter(names: ["v_bias", "value.bias"], shape: [width], initial: initial) : nil
        )
        out = Linear(weights, "attention.output.dense", in: width, out: width, bias: true)
        inner = Linear(weights, "intermediate.dense", in: width, out: hidden, bias: true)
        outer = Linear(weights, "output.dense", in: hidden, out: width, bias: true)
        normBefore = LayerNorm(weights, "layernorm_before", channels: width, epsilon: Float(configuration.normEpsilon))
        normAfter = LayerNorm(weights, "layernorm_after", channels: width, epsilon: Float(configuration.normEpsilon))
        heads = configuration.heads
        activation = configuration.activation
    }

    func callAsFunction(_ x: Variable) -> Variable {
        let n = normBefore(x)
        let attended = attention(
            query: linear(n, weight: query.weight, bias: query.bias), key: key(n),
            value: linear(n, weight: value.weight, bias: value.bias), heads: heads)
        let y = out(attended, adding: x)
        return outer(inner(normAfter(y), activation: activation.epilogue), adding: y)
    }
}

/// What the config of a VideoMAE says; a missing key takes the default of the reference class.
public struct VideoMAEConfiguration: ModelConfiguration, Hashable, Sendable {
    /// Rows and columns of frames.
    public var imageSize = 224
    /// Rows and columns of a patch.
    public var patchSize = 16
    /// Channels of frames.
    public var channels = 3
    /// Frames of a clip.
    public var frames = 16
    /// Frames that one token covers.
    public var tubeletSize = 2
    /// Width of every state.
    public var hiddenSize = 768
    /// Layers.
    public var layers = 12
    /// Attention heads.
    public var heads = 12
    /// Width inside the feed-forward.
    public var intermediateSize = 3072
    /// The epsilon of the encoder's LayerNorms.
    public var normEpsilon = 1e-12
    /// Whether queries and values have biases.
    public var hasQueryValueBias = true
    /// Whether the mean over tokens is used: then there is no last LayerNorm in the encoder.
    public var usesMeanPooling = true
    /// Classes of the classifier.
    public var labels = 2
    var activation = FeedForwardActivation.gelu

    /// Tokens of a clip.
    public var tokens: Int { frames / tubeletSize * (imageSize / patchSize) * (imageSize / patchSize) }

    /// The defaults of the reference class.
    public init() {}

    /// Reads `config.json`.
    ///
    /// Throws `ModelsError` when it cannot be read or asks for what we do not have.
    public init(file: URL) throws { try self.init(ConfigurationFile(url: file)) }

    init(_ file: ConfigurationFile) throws {
        imageSize = try file.side("image_size", imageSize)
        patchSize = try file.side("patch_size", patchSize)
        channels = try file.int("num_channels", channels)
        frames = try file.int("num_frames", frames)
        tubeletSize = try file.int("tubelet_size", tubeletSize)
        hiddenSize = try file.int("hidden_size", hiddenSize)
        layers = try file.int("num_hidden_layers", layers)
        heads = try file.int("num_attention_heads", heads)
        intermediateSize = try file.int("intermediate_size", intermediateSize)
        normEpsilon = try file.double("layer_norm_eps", normEpsilon)
        // The reference class calls it qv_bias; the published files say qkv_bias, and key never has one.
        hasQueryValueBias = try file.bool("qv_bias", try file.bool("qkv_bias", true))
        usesMeanPooling = try file.bool("use_mean_pooling", true)
        labels = try file.entryCount("id2label") ?? file.int("num_labels", labels)
        activation = try FeedForwardActivation(file, standard: .gelu)
        guard heads > 0, hiddenSize % heads == 0 else {
            throw file.wrong("num_attention_heads", "\(heads)", "a divisor of hidden_size \(hiddenSize)")
        }
        guard patchSize > 0, imageSize % patchSize == 0 else {
            throw file.wrong("patch_size", "\(patchSize)", "a divisor of image_size \(imageSize)")
        }
        guard tubeletSize > 0, frames % tubeletSize == 0 else {
            throw file.wrong("tubelet_size", "\(tubeletSize)", "a divisor of num_frames \(frames)")
        }
        // The table of positions is made, not read: no file's size holds it in bounds.
        guard tokens > 0, tokens <= (1 << 28) / max(1, hiddenSize) else {
            throw file.wrong(
                "num_frames", "\(frames)", "from \(tubeletSize) up to what fits into memory: \(tokens) tokens")
        }
    }
}
