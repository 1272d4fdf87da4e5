import Autograd
import Foundation
public import Models
public import Tensors
import Tracing

/// Clips as the denoising network sees them, encoded once.
public enum ClipLatents {
    /// The scaled latents of a clip, `[1, f, h, w, c]`, one frame of the autoencoder at a time.
    ///
    /// Of sizes that are no multiple of the autoencoder's factor it drops the rest, as the reference does.
    /// - Parameters:
    ///   - generator: drawn from for `LatentSetting.sample` only, in order of frames.
    ///   - beforeFrame: called before each frame; throws to stop.
    /// Throws `FormatError.malformed` when the clip is smaller than one latent.
    public static func encode(
        _ clip: ClipFrames, with vae: AutoencoderKL, _ setting: LatentSetting, using generator: inout Generator,
        beforeFrame: () throws -> Void
    ) throws -> Tensor {
        let factor = vae.spatialFactor
        guard clip.width >= factor, clip.height >= factor else {
            throw FormatError.malformed(
                file: "the frames of \"\(clip.prompt)\"",
                why: "\(clip.width) x \(clip.height) is smaller than the \(factor) x \(factor) pixels of one latent; "
                    + "set another size where the frames are taken")
        }
        let (height, width) = (clip.height / factor, clip.width / factor)
        let channels = vae.configuration.latentChannels
        var values: [Float] = []
        values.reserveCapacity(clip.frames * height * width * channels)
        for frame in 0..<clip.frames {
            try beforeFrame()
            let span = Trace.unit("frame encoding")
            defer { span.end() }
            let (mean, logVariance) = withoutRecording {
                let posterior = vae.encode(Variable(clip.normalised(frame..<frame + 1)))
                return (posterior.mean.value, posterior.logarithmicVariance.value)
            }
            let noise = setting == .sample ? generator.normal(mean.shape) : Tensor(zeros: mean.shape)
            let scale = Float(vae.configuration.scalingFactor)
            mean.read { mean in
                logVariance.read { logVariance in
                    noise.read { noise in
                        for i in mean.indices {
                            values.append(scale * (mean[i] + exp(0.5 * logVariance[i]) * noise[i]))
                        }
                    }
                }
            }
        }
        return Tensor([1, clip.frames, height, width, channels], values)
    }
}
