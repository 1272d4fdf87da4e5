import Autograd
import Layers

/// What every layer of one forward pass needs to know.
///
/// Videos that are denoised under several texts at once, as guidance does, are the same until they first look at a text:
/// up to there they go through the network once, `[b * f, …]`, then as copies one after the other, `[k * b * f, …]`.
struct UNetPass {
    let batch: Int
    let frames: Int
    /// Texts for each video, k.
    let conditions: Int
    /// SiLU of the time embedding, `[b, e]`: every resnet begins with it.
    let timeEmbedding: Variable
    /// The texts.
    let text: Text
    let adapters: Adapters
    let runsTemporal: Bool
    let checkpointing: Bool
    let observer: UNet3DConditionModel.Observer?

    /// What spatial transformers look at beside the picture.
    enum Text {
        /// The texts themselves, `[m, L, D]`; gradients reach them.
        case states(Variable)
        /// Their keys and values.
        case conditioning(UNet3DConditionModel.Conditioning)
    }

    /// Runs a spatial transformer on `[b * f, h, w, c]`, or on `[k * b * f, h, w, c]` once there are copies.
    func spatial(_ transformer: SpatialTransformer, _ x: Variable) -> Variable {
        let copies = copies(of: x)
        let run = { (x: Variable, text: AttentionContext) in
            transformer(x, text: text, adapters) { copied($0, times: copies) }
        }
        switch text {
        case .states(let states): return saving([x, states]) { run($0[0], .states($0[1])) }
        case .conditioning(let conditioning):
            let known = conditioning[transformer]
            return saving([x, known.keys, known.values]) {
                run($0[0], .known(KeysAndValues(keys: $0[1], values: $0[2])))
            }
        }
    }

    /// Runs a temporal transformer on `[b * f, h, w, c]`, the injector's rows added to its input (diffusion.md 8.2).
    ///
    /// The rows are added outside the checkpoint: they may themselves depend on parameters.
    func temporal(_ transformer: TemporalTransformer, _ x: Variable) -> Variable {
        saving([adapters.injecting(x, at: transformer.path)]) { transformer($0[0], batch: videos(in: x), adapters) }
    }

    /// How many videos there are in `[n, h, w, c]`.
    func videos(in x: Variable) -> Int { x.shape[0] / frames }

    /// How many copies of `x` there will be once it has looked at the texts.
    func copies(of x: Variable) -> Int { conditions * batch / videos(in: x) }

    /// One copy of each video, or of its time embedding, for each text.
    func copied(_ x: Variable, times: Int) -> Variable {
        times == 1 ? x : stacked(Array(repeating: x, count: times))
    }

    /// Runs a piece of the network, keeping only its inputs when the pass asks for that.
    func saving(_ inputs: [Variable], _ body: @escaping ([Variable]) -> Variable) -> Variable {
        checkpointing ? checkpoint(inputs, body) : body(inputs)
    }
}

/// One layer of a block: resnet, temporal convolution, and where the block has them spatial and temporal transformer.
struct UNetLayer {
    let path: String
    let index: Int
    let resnet: ResnetBlock
    let temporalConvolution: TemporalConvolution
    let attention: SpatialTransformer?
    let temporalAttention: TemporalTransformer?

    /// Builds the layers of a block kind by kind, as the reference registers them.
    ///
    /// - Parameters:
    ///   - widths: channels in and out of each layer.
    ///   - attentions: how many of the layers, from the first, have transformers.
    static func build(
        _ weights: Weights, _ configuration: UNet3DConditionModel.Configuration, widths: [(in: Int, out: Int)],
        attentions: Int, headDimension: Int, scale: Double = 1
    ) -> [UNetLayer] {
        let groups = configuration.groups
        let embedding = 4 * configuration.blockOutChannels[0]
        let resnets = widths.enumerated().map { index, width in
            ResnetBlock(
                weights.at("resnets.\(index)"), in: width.in, out: width.out, timeEmbedding: embedding, groups: groups,
                epsilon: configuration.normEpsilon, scale: scale)
        }
        let convolutions = widths.enumerated().map { index, width in
            TemporalConvolution(weights.at("temp_convs.\(index)"), channels: width.out, groups: groups)
        }
        let spatial = widths.prefix(attentions).enumerated().map { index, width in
            SpatialTransformer(
                weights.at("attentions.\(index)"), channels: width.out, heads: width.out / headDimension,
                headDimension: headDimension, contextDimension: configuration.crossAttentionDimension, groups: groups)
        }
        let temporal = widths.prefix(attentions).enumerated().map { index, width in
            TemporalTransformer(
                weights.at("temp_attentions.\(index)"), channels: width.out, heads: width.out / headDimension,
                headDimension: headDimension, groups: groups)
        }
        return widths.indices.map { index in
            UNetLayer(
                path: weights.path, index: index, resnet: resnets[index], temporalConvolution: convolutions[index],
                attention: index < attentions ? spatial[index] : nil,
                temporalAttention: index < attentions ? temporal[index] : nil)
        }
    }

    /// `[b * f, h, w, in]` to `[b * f, h, w, out]`; the skip, when given, is concatenated behind the channels.
    func callAsFunction(_ x: Variable, skip: Variable? = nil, _ pass: UNetPass) -> Variable {
        let time = pass.copied(pass.timeEmbedding, times: pass.videos(in: x) / pass.batch)
        let skip = skip.map { pass.copied($0, times: x.shape[0] / $0.shape[0]) }
        var y = pass.saving([x, time] + (skip.map { [$0] } ?? [])) { inputs in
            let joined = inputs.count == 3 ? concatenatedChannels([inputs[0], inputs[2]]) : inputs[0]
            return resnet(joined, timeEmbedding: inputs[1], pass.adapters)
        }
        pass.observer?("\(path).resnets.\(index)", y.value)
        if pass.runsTemporal {
            y = pass.saving([y]) { temporalConvolution($0[0], batch: pass.videos(in: $0[0])) }
            pass.observer?("\(path).temp_convs.\(index)", y.value)
        }
        if let attention {
            y = pass.spatial(attention, y)
            pass.observer?("\(path).attentions.\(index)", y.value)
        }
        if pass.runsTemporal, let temporalAttention {
            y = pass.temporal(temporalAttention, y)
            pass.observer?("\(path).temp_attentions.\(index)", y.value)
        }
        return y
    }
}

/// `CrossAttnDownBlock3D` or `DownBlock3D` of the reference: layers, then a stride-2 convolution unless it is the last.
struct UNetDownBlock {
    let layers: [UNetLayer]
    private let downsampler: Convolution2D?

    init(
        _ weights: Weights, _ configuration: UNet3DConditionModel.Configuration, level: Int, in channels: Int,
        samples: Bool
    ) {
        let out = configuration.blockOutChannels[level]
        let count = configuration.layersPerBlock
        layers = UNetLayer.build(
            weights, configuration, widths: (0..<count).map { (in: $0 == 0 ? channels : out, out: out) },
            attentions: configuration.downBlocksHaveAttention[level] ? count : 0,
            headDimension: configuration.headDimensions[level])
        downsampler =
            samples
            ? Convolution2D(weights, "downsamplers.0.conv", in: out, out: out, kernel: 3, stride: 2, padding: 1) : nil
    }

    /// Appends the output of each layer, and the downsampled one, to the skips.
    func callAsFunction(_ x: Variable, _ pass: UNetPass, _ skips: inout [Variable]) -> Variable {
        var x = x
        for layer in layers {
            x = layer(x, pass)
            skips.append(x)
        }
        guard let downsampler else { return x }
        x = downsampler(x)
        skips.append(x)
        return x
    }
}

/// `UNetMidBlock3DCrossAttn` of the reference: two layers, the first with transformers.
struct UNetMidBlock {
    let layers: [UNetLayer]

    init(_ weights: Weights, _ configuration: UNet3DConditionModel.Configuration) {
        let last = configuration.blockOutChannels.count - 1
        let channels = configuration.blockOutChannels[last]
        layers = UNetLayer.build(
            weights, configuration, widths: [(channels, channels), (channels, channels)], attentions: 1,
            headDimension: configuration.headDimensions[last], scale: configuration.midBlockScaleFactor)
    }

    func callAsFunction(_ x: Variable, _ pass: UNetPass) -> Variable { layers.reduce(x) { $1($0, pass) } }
}

/// `CrossAttnUpBlock3D` or `UpBlock3D` of the reference: layers that each take a skip, then a doubling of the size.
struct UNetUpBlock {
    let layers: [UNetLayer]
    private let upsampler: Convolution2D?

    /// - Parameters:
    ///   - previous: channels that come from the block before.
    ///   - skip: channels of the last skip, which comes from the level above.
    init(
        _ weights: Weights, _ configuration: UNet3DConditionModel.Configuration, step: Int, previous: Int, skip: Int,
        samples: Bool
    ) {
        let level = configuration.blockOutChannels.count - 1 - step
        let out = configuration.blockOutChannels[level]
        let count = configuration.layersPerBlock + 1
        layers = UNetLayer.build(
            weights, configuration,
            widths: (0..<count).map { index in
                (in: (index == 0 ? previous : out) + (index == count - 1 ? skip : out), out: out)
            },
            attentions: configuration.upBlocksHaveAttention[step] ? count : 0,
            headDimension: configuration.headDimensions[level])
        upsampler =
            samples ? Convolution2D(weights, "upsamplers.0.conv", in: out, out: out, kernel: 3, padding: 1) : nil
    }

    /// Takes its skips from the end of the list.
    ///
    /// The upsampled size is that of the skip that is used next, which is twice its own except where a size was odd on
    /// the way down (diffusion.md 2.1).
    func callAsFunction(_ x: Variable, _ pass: UNetPass, _ skips: inout [Variable]) -> Variable {
        var x = x
        for layer in layers { x = layer(x, skip: skips.removeLast(), pass) }
        guard let upsampler, let next = skips.last else { return x }
        return upsampler(x.upsampledNearest(to: (next.shape[1], next.shape[2])))
    }
}
