import Foundation
import Layers
public import Models
public import Tensors

/// How much memory a denoising network takes: an estimate, for people who choose a size.
///
/// What weights take is counted. What activations take was measured (`motrans bench`, peak resident memory) on
/// ZeroScope's network and on one of a fifth of its widths, at 768 to 69,120 latents, and is a straight line in the number of
/// latents; between and around those widths it is interpolated. Small networks take less than this says.
public struct MemoryNeed: Sendable, Hashable {
    /// Bytes for sampling one video under guidance, the autoencoder with it.
    public let sampling: Int
    /// Bytes for training a temporal LoRA on one clip with recomputed activations.
    public let training: Int

    /// What a network needs for a video of `frames`, `height` and `width` in pixels.
    ///
    /// - Parameters:
    ///   - unet: the network's configuration.
    ///   - autoencoder: the autoencoder's.
    ///   - precision: how frozen matrices are kept.
    ///   - rank: of the LoRA.
    public init(
        unet: UNet3DConditionModel.Configuration, autoencoder: AutoencoderKL.Configuration, precision: Precision,
        frames: Int, height: Int, width: Int, rank: Int
    ) {
        let network = Weights(RandomWeights(seed: 0), readsValues: false)
        _ = UNet3DConditionModel(unchecked: unet, network)
        let codec = Weights(RandomWeights(seed: 0), readsValues: false)
        _ = AutoencoderKL(unchecked: autoencoder, codec)
        let bytes = precision == .float32 ? 4.0 : 2.0
        let factor = 1 << (autoencoder.blockOutChannels.count - 1)
        let latents = Double(frames * ((height + factor - 1) / factor) * ((width + factor - 1) / factor))
        let widest = Double(unet.blockOutChannels.max() ?? 0)
        // Two 3 x 3 kernels of the widest level, skips and all, as Winograd transforms them: 36 numbers for 9.
        let transformed = 2 * 36 * 4 * (2 * widest) * widest
        let standing = Self.rest + Double(network.parameterCount) * bytes + transformed
        // Channels of all levels by how many latents see them.
        let channels = unet.blockOutChannels.enumerated().reduce(0.0) {
            $0 + Double($1.element) / pow(4, Double($1.offset))
        }
        let share = channels / Self.measuredChannels
        let decoding = Double(height * width) * Self.decodedPixel
        let denoising = latents * Self.sampledLatent * pow(share, 0.5)
        sampling = Int(standing + Double(codec.parameterCount) * bytes + max(denoising, decoding))
        // Factors, their gradients, and AdamW's two moments.
        let factors = LoRATargets.temporal.choose(network.linears).reduce(0) {
            $0 + min(rank, $1.inputs, $1.outputs) * ($1.inputs + $1.outputs)
        }
        training = Int(standing + Double(factors) * 16 + latents * Self.trainedLatent * pow(share, 0.3))
    }

    /// The program, its libraries, and buffers between uses.
    private static let rest = 0.4e9
    /// ZeroScope's channels by how many latents see them: 320 + 640/4 + 1280/16 + 1280/64.
    private static let measuredChannels = 580.0
    /// Bytes for each latent of ZeroScope's network under two texts.
    private static let sampledLatent = 110e3
    /// Bytes for each latent of a training step of it.
    private static let trainedLatent = 160e3
    /// Bytes for each pixel that the autoencoder decodes.
    private static let decodedPixel = 8.7e3
}
