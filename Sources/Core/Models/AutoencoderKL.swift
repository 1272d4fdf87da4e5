public import Autograd
public import Foundation
public import Layers
import Tensors

/// The image autoencoder of latent diffusion models: pixels to latents an eighth as wide and high, and back.
///
/// `AutoencoderKL` of diffusers (diffusion.md section 3). Works on single frames: `n` images in, `n` out. Memory grows with
/// n; whoever has many large frames gives a few at a time, which changes nothing.
public struct AutoencoderKL: FolderModel {
    /// What its config.json says.
    public let configuration: Configuration
    /// Every parameter, under its name in the reference file.
    public let weights: Weights

    private let encoder: VAEEncoder
    private let decoder: VAEDecoder
    private let quantConvolution: Convolution2D?
    private let postQuantConvolution: Convolution2D?

    /// Asks `weights` for every parameter.
    public init(unchecked configuration: Configuration, _ weights: Weights) {
        self.configuration = configuration
        self.weights = weights
        let latents = configuration.latentChannels
        encoder = VAEEncoder(weights.at("encoder"), configuration)
        decoder = VAEDecoder(weights.at("decoder"), configuration)
        quantConvolution =
            configuration.hasQuantConvolution
            ? Convolution2D(weights, "quant_conv", in: 2 * latents, out: 2 * latents, kernel: 1) : nil
        postQuantConvolution =
            configuration.hasPostQuantConvolution
            ? Convolution2D(weights, "post_quant_conv", in: latents, out: latents, kernel: 1) : nil
    }

    /// By how much latents are narrower and lower than pixels.
    public var spatialFactor: Int { 1 << (configuration.blockOutChannels.count - 1) }

    /// The distribution of latents for images.
    ///
    /// The latent that the network works on is `scalingFactor` times a sample (or the mean).
    /// - Parameter pixels: `[n, H, W, in_channels]` in [-1, 1].
    /// - Returns: mean and log variance (held to [-30, 20]), each `[n, h, w, latent_channels]`, not scaled. No
    ///   gradient goes through the variance.
    public func encode(_ pixels: Variable) -> (mean: Variable, logarithmicVariance: Variable) {
        let latents = configuration.latentChannels
        let channels = moments(pixels).permuted([3, 0, 1, 2])
        let mean = channels[rows: 0..<latents].permuted([1, 2, 3, 0])
        var variance = channels[rows: latents..<2 * latents].permuted([1, 2, 3, 0]).value
        variance.write { for i in $0.indices { $0[i] = min(max($0[i], -30), 20) } }
        return (mean, Variable(variance))
    }

    /// Means and logarithmic variances as the encoder gives them, side by side: `[n, h, w, 2 * latent_channels]`.
    ///
    /// - Parameter pixels: `[n, H, W, in_channels]` in [-1, 1].
    public func moments(_ pixels: Variable) -> Variable {
        precondition(
            pixels.shape.count == 4 && pixels.shape[3] == configuration.inChannels,
            "pixels \(pixels.shape) are not [n, H, W, \(configuration.inChannels)]")
        let moments = encoder(pixels)
        return quantConvolution.map { $0(moments) } ?? moments
    }

    /// Images for latents.
    ///
    /// - Parameter latents: `[n, h, w, latent_channels]`, already divided by `scalingFactor`.
    /// - Returns: `[n, H, W, out_channels]`, about in [-1, 1], not clamped.
    public func decode(_ latents: Variable) -> Variable {
        precondition(
            latents.shape.count == 4 && latents.shape[3] == configuration.latentChannels,
            "latents \(latents.shape) are not [n, h, w, \(configuration.latentChannels)]")
        return decoder(postQuantConvolution.map { $0(latents) } ?? latents)
    }
}

extension AutoencoderKL {
    /// What `vae/config.json` says; a missing key takes the default of the reference class.
    public struct Configuration: ModelConfiguration, Hashable, Sendable {
        /// Channels of images going in.
        public var inChannels = 3
        /// Channels of images coming out.
        public var outChannels = 3
        /// Channels of each level, from full resolution down.
        public var blockOutChannels = [64]
        /// Resnets of each level of the encoder; one more in the decoder.
        public var layersPerBlock = 1
        /// Channels of latents.
        public var latentChannels = 4
        /// Groups of every group normalisation.
        public var groups = 32
        /// Latents of the network = this times latents of the autoencoder.
        public var scalingFactor = 0.18215
        /// Whether a 1×1 convolution ends the encoder.
        public var hasQuantConvolution = true
        /// Whether a 1×1 convolution begins the decoder.
        public var hasPostQuantConvolution = true
        /// Whether the middle blocks have attention.
        public var middleHasAttention = true

        /// The defaults of the reference class.
        public init() {}

        /// Reads `config.json`.
        ///
        /// Throws `ModelsError` when it cannot be read or asks for what we do not have.
        public init(file: URL) throws { try self.init(ConfigurationFile(url: file)) }

        init(_ file: ConfigurationFile) throws {
            let downs = try file.strings("down_block_types", ["DownEncoderBlock2D"])
            let ups = try file.strings("up_block_types", ["UpDecoderBlock2D"])
            if let other = downs.first(where: { $0 != "DownEncoderBlock2D" }) {
                throw file.wrong("down_block_types", other, "DownEncoderBlock2D")
            }
            if let other = ups.first(where: { $0 != "UpDecoderBlock2D" }) {
                throw file.wrong("up_block_types", other, "UpDecoderBlock2D")
            }
            if let activation = file.string("act_fn"), !["silu", "swish"].contains(activation) {
                throw file.wrong("act_fn", activation, "silu")
            }
            for key in ["shift_factor", "latents_mean", "latents_std"] { try file.refuse(key, supported: "null") }
            inChannels = try file.int("in_channels", inChannels)
            outChannels = try file.int("out_channels", outChannels)
            blockOutChannels = try file.ints("block_out_channels", blockOutChannels)
            layersPerBlock = try file.int("layers_per_block", layersPerBlock)
            latentChannels = try file.int("latent_channels", latentChannels)
            groups = try file.int("norm_num_groups", groups)
            scalingFactor = try file.double("scaling_factor", scalingFactor)
            hasQuantConvolution = try file.bool("use_quant_conv", true)
            hasPostQuantConvolution = try file.bool("use_post_quant_conv", true)
            middleHasAttention = try file.bool("mid_block_add_attention", true)
            guard blockOutChannels.count == downs.count, blockOutChannels.count == ups.count, !downs.isEmpty else {
                throw file.wrong(
                    "block_out_channels", "\(blockOutChannels)",
                    "one number for each of \(downs.count) down_block_types and \(ups.count) up_block_types")
            }
            guard groups > 0, blockOutChannels.allSatisfy({ $0 % groups == 0 }) else {
                throw file.wrong("norm_num_groups", "\(groups)", "a divisor of all of \(blockOutChannels)")
            }
            guard layersPerBlock > 0 else { throw file.wrong("layers_per_block", "\(layersPerBlock)", "at least 1") }
            guard scalingFactor > 0 else { throw file.wrong("scaling_factor", "\(scalingFactor)", "a number above 0") }
        }
    }
}
