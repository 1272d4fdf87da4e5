import Autograd
import Layers
import Tensors

/// Every normalisation of the autoencoder has this epsilon.
private let epsilon: Double = 1e-6

/// `Encoder` of the reference: pixels `[n, H, W, 3]` to moments `[n, h, w, 2 * latents]`.
struct VAEEncoder {
    private let convIn: Convolution2D
    private let levels: [(resnets: [ResnetBlock], downsampler: Convolution2D?)]
    private let middle: VAEMiddle
    private let normOut: GroupNorm
    private let convOut: Convolution2D

    init(_ weights: Weights, _ configuration: AutoencoderKL.Configuration) {
        let channels = configuration.blockOutChannels
        let (last, groups) = (channels.count - 1, configuration.groups)
        convIn = Convolution2D(
            weights, "conv_in", in: configuration.inChannels, out: channels[0], kernel: 3, padding: 1)
        levels = channels.indices.map { level in
            let inside = weights.at("down_blocks.\(level)")
            let (from, to) = (level == 0 ? channels[0] : channels[level - 1], channels[level])
            let resnets = (0..<configuration.layersPerBlock).map { index in
                ResnetBlock(
                    inside.at("resnets.\(index)"), in: index == 0 ? from : to, out: to, groups: groups,
                    epsilon: epsilon)
            }
            guard level < last else { return (resnets, nil) }
            // Zeros to the right and below only, unlike the denoising network.
            let downsampler = Convolution2D(
                inside, "downsamplers.0.conv", in: to, out: to, kernel: 3, stride: 2,
                padding: Kernels.Padding(bottom: 1, right: 1))
            return (resnets, downsampler)
        }
        middle = VAEMiddle(weights.at("mid_block"), channels: channels[last], configuration)
        normOut = GroupNorm(weights, "conv_norm_out", groups: groups, channels: channels[last], epsilon: Float(epsilon))
        convOut = Convolution2D(
            weights, "conv_out", in: channels[last], out: 2 * configuration.latentChannels, kernel: 3, padding: 1)
    }

    func callAsFunction(_ pixels: Variable) -> Variable {
        var x = convIn(pixels)
        for (resnets, downsampler) in levels {
            for resnet in resnets { x = resnet(x) }
            if let downsampler { x = downsampler(x) }
        }
        return convOut(normOut(middle(x), activation: .silu))
    }
}

/// `Decoder` of the reference: latents `[n, h, w, latents]` to pixels `[n, H, W, 3]`.
struct VAEDecoder {
    private let convIn: Convolution2D
    private let middle: VAEMiddle
    private let levels: [(resnets: [ResnetBlock], upsampler: Convolution2D?)]
    private let normOut: GroupNorm
    private let convOut: Convolution2D

    init(_ weights: Weights, _ configuration: AutoencoderKL.Configuration) {
        let channels = Array(configuration.blockOutChannels.reversed())
        let (last, groups) = (channels.count - 1, configuration.groups)
        convIn = Convolution2D(
            weights, "conv_in", in: configuration.latentChannels, out: channels[0], kernel: 3, padding: 1)
        middle = VAEMiddle(weights.at("mid_block"), channels: channels[0], configuration)
        levels = channels.indices.map { step in
            let inside = weights.at("up_blocks.\(step)")
            let (from, to) = (step == 0 ? channels[0] : channels[step - 1], channels[step])
            let resnets = (0...configuration.layersPerBlock).map { index in
                ResnetBlock(
                    inside.at("resnets.\(index)"), in: index == 0 ? from : to, out: to, groups: groups,
                    epsilon: epsilon)
            }
            guard step < last else { return (resnets, nil) }
            return (resnets, Convolution2D(inside, "upsamplers.0.conv", in: to, out: to, kernel: 3, padding: 1))
        }
        normOut = GroupNorm(weights, "conv_norm_out", groups: groups, channels: channels[last], epsilon: Float(epsilon))
        convOut = Convolution2D(
            weights, "conv_out", in: channels[last], out: configuration.outChannels, kernel: 3, padding: 1)
    }

    func callAsFunction(_ latents: Variable) -> Variable {
        var x = middle(convIn(latents))
        for (resnets, upsampler) in levels {
            for resnet in resnets { x = resnet(x) }
            if let upsampler { x = upsampler(x.upsampledNearest(to: (2 * x.shape[1], 2 * x.shape[2]))) }
        }
        return convOut(normOut(x, activation: .silu))
    }
}

/// `UNetMidBlock2D` of the reference: resnet, attention over all positions with a single head, resnet.
private struct VAEMiddle {
    private let first: ResnetBlock
    private let attention: VAEAttention?
    private let second: ResnetBlock

    init(_ weights: Weights, channels: Int, _ configuration: AutoencoderKL.Configuration) {
        let groups = configuration.groups
        attention =
            configuration.middleHasAttention
            ? VAEAttention(weights.at("attentions.0"), channels: channels, groups: groups) : nil
        first = ResnetBlock(weights.at("resnets.0"), in: channels, out: channels, groups: groups, epsilon: epsilon)
        second = ResnetBlock(weights.at("resnets.1"), in: channels, out: channels, groups: groups, epsilon: epsilon)
    }

    func callAsFunction(_ x: Variable) -> Variable {
        let y = first(x)
        return second(attention.map { $0(y) } ?? y)
    }
}

/// `Attention` of the reference as the autoencoder uses it: one head as wide as the channels, biases everywhere.
///
/// Old files have it under the names of an older class, some as 1×1 convolutions.
private struct VAEAttention {
    private let norm: GroupNorm
    private let query: Linear
    private let key: Linear
    private let value: Linear
    private let out: Linear

    init(_ weights: Weights, channels: Int, groups: Int) {
        norm = GroupNorm(weights, "group_norm", groups: groups, channels: channels, epsilon: Float(epsilon))
        query = Linear(weights, "to_q", legacy: ["query"], in: channels, out: channels, bias: true)
        key = Linear(weights, "to_k", legacy: ["key"], in: channels, out: channels, bias: true)
        value = Linear(weights, "to_v", legacy: ["value"], in: channels, out: channels, bias: true)
        out = Linear(weights, "to_out.0", legacy: ["proj_attn"], in: channels, out: channels, bias: true)
    }

    func callAsFunction(_ x: Variable) -> Variable {
        let shape = x.shape
        let tokens = norm(x).reshaped([shape[0], shape[1] * shape[2], 1, shape[3]])
        let attended = attention(query: query(tokens), key: key(tokens), value: value(tokens), heads: 1)
        return out(attended, adding: x).reshaped(shape)
    }
}
