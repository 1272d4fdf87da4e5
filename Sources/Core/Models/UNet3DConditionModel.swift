public import Autograd
public import Layers
public import Tensors

/// The denoising network of text-to-video models of ModelScope's family, ZeroScope among them.
///
/// `UNet3DConditionModel` of diffusers (diffusion.md section 2): a 2-D UNet whose every layer is followed by temporal
/// ones. Activations are channels-last; images and tokens of one video lie frame after frame, so temporal layers look
/// at the same memory as `[b, f, h * w, c]`. Immutable: what training adds comes as adapters with each call.
public struct UNet3DConditionModel: FolderModel {
    /// Receives the value at a named point of a forward pass, for comparison with the reference.
    public typealias Observer = (_ point: String, _ value: Tensor) -> Void

    /// What its config.json says.
    public let configuration: Configuration
    /// Every parameter, under its name in the reference file.
    public let weights: Weights

    private let convIn: Convolution2D
    private let timeEmbedding: TimestepEmbedding
    private let transformerIn: TemporalTransformer
    let downBlocks: [UNetDownBlock]
    let midBlock: UNetMidBlock
    let upBlocks: [UNetUpBlock]
    private let convNormOut: GroupNorm
    private let convOut: Convolution2D

    /// Builds the layers in the order in which the reference registers them.
    public init(unchecked configuration: Configuration, _ weights: Weights) {
        self.configuration = configuration
        self.weights = weights
        let channels = configuration.blockOutChannels
        let first = channels[0]
        convIn = Convolution2D(weights, "conv_in", in: configuration.inChannels, out: first, kernel: 3, padding: 1)
        timeEmbedding = TimestepEmbedding(weights.at("time_embedding"), channels: first)
        // The reference gives this one 8 heads of the config's head width, whatever the channels: inner 512 for 320.
        transformerIn = TemporalTransformer(
            weights.at("transformer_in"), channels: first, heads: 8, headDimension: configuration.headDimensions[0],
            groups: configuration.groups)
        let last = channels.count - 1
        downBlocks = channels.indices.map { level in
            UNetDownBlock(
                weights.at("down_blocks.\(level)"), configuration, level: level,
                in: level == 0 ? first : channels[level - 1], samples: level < last)
        }
        upBlocks = channels.indices.map { step in
            UNetUpBlock(
                weights.at("up_blocks.\(step)"), configuration, step: step,
                previous: channels[min(last, last - step + 1)], skip: channels[max(last - step - 1, 0)],
                samples: step < last)
        }
        midBlock = UNetMidBlock(weights.at("mid_block"), configuration)
        convNormOut = GroupNorm(
            weights, "conv_norm_out", groups: configuration.groups, channels: first,
            epsilon: Float(configuration.normEpsilon))
        convOut = Convolution2D(weights, "conv_out", in: first, out: configuration.outChannels, kernel: 3, padding: 1)
    }

    /// Predicts the noise (or the velocity) in noisy latents.
    ///
    /// - Parameters:
    ///   - sample: `[b, f, h, w, in_channels]`.
    ///   - timestep: one for each of the batch, or one for all.
    ///   - context: text `[b, L, D]`, `[1, L, D]` for all videos, or `[b * f, L, D]` to give each frame its own. Its keys
    ///     and values are computed once per pass; frames share them.
    ///   - conditions: how many texts each video is denoised under, k; then context is `[k * b, L, D]`, the texts of all
    ///     videos one condition after the other, or `[k, L, D]`. What does not depend on the text is computed once.
    ///   - adapters: LoRAs, and rows `[k * b, c]` or `[k, c]` that an appearance injector adds to the input of temporal
    ///     transformers.
    ///   - skipsTemporalWhenSingleFrame: with one frame, leave out every temporal layer as MotionDirector does; diffusers
    ///     runs them (diffusion.md 2.8).
    ///   - checkpointing: keep only the inputs of layers for the backward pass and compute the rest again.
    ///   - observer: receives values on the way, under the module paths of the reference.
    /// - Returns: `[k * b, f, h, w, out_channels]`.
    public func callAsFunction(
        sample: Variable, timestep: [Int], context: Variable, conditions: Int = 1, adapters: Adapters = .none,
        skipsTemporalWhenSingleFrame: Bool = false, checkpointing: Bool = false, observer: Observer? = nil
    ) -> Variable {
        check(context)
        return run(
            sample, timestep, .states(context), texts: context.shape[0], conditions: conditions,
            adapters: adapters, skipsTemporalWhenSingleFrame: skipsTemporalWhenSingleFrame,
            checkpointing: checkpointing, observer: observer)
    }

    /// As the other, under texts whose keys and values are known: they are not computed again.
    ///
    /// - Parameters:
    ///   - conditioning: made by this network's ``conditioned(on:adapters:)``, of as many texts as a context has.
    ///   - adapters: those that made it.
    public func callAsFunction(
        sample: Variable, timestep: [Int], conditioning: Conditioning, conditions: Int = 1, adapters: Adapters = .none,
        observer: Observer? = nil
    ) -> Variable {
        run(
            sample, timestep, .conditioning(conditioning), texts: conditioning.texts, conditions: conditions,
            adapters: adapters, skipsTemporalWhenSingleFrame: false, checkpointing: false, observer: observer)
    }

    private func run(
        _ sample: Variable, _ timestep: [Int], _ text: UNetPass.Text, texts: Int, conditions: Int, adapters: Adapters,
        skipsTemporalWhenSingleFrame: Bool, checkpointing: Bool, observer: Observer?
    ) -> Variable {
        let shape = sample.shape
        precondition(
            shape.count == 5 && shape[4] == configuration.inChannels,
            "sample \(shape) is not [b, f, h, w, \(configuration.inChannels)]")
        let (batch, frames, height, width) = (shape[0], shape[1], shape[2], shape[3])
        precondition(
            timestep.count == batch || timestep.count == 1, "\(timestep.count) timesteps for a batch of \(batch)")
        let videos = conditions * batch
        precondition(
            texts == conditions || (texts > 0 && texts % videos == 0 && (videos * frames) % texts == 0),
            "\(texts) texts for \(batch) videos under \(conditions) conditions")
        let steps = timestep.count == batch ? timestep : Array(repeating: timestep[0], count: batch)
        let embedding = timeEmbedding(steps, adapters)
        observer?("time_embedding", embedding.value)
        let pass = UNetPass(
            batch: batch, frames: frames, conditions: conditions, timeEmbedding: embedding.silu(), text: text,
            adapters: adapters, runsTemporal: !(skipsTemporalWhenSingleFrame && frames == 1),
            checkpointing: checkpointing, observer: observer)

        var x = convIn(sample.reshaped([batch * frames, height, width, configuration.inChannels]))
        observer?("conv_in", x.value)
        if pass.runsTemporal { x = pass.temporal(transformerIn, x) }
        observer?("transformer_in", x.value)
        var skips = [x]
        for (level, block) in downBlocks.enumerated() {
            x = block(x, pass, &skips)
            observer?("down_blocks.\(level)", x.value)
        }
        x = midBlock(x, pass)
        observer?("mid_block", x.value)
        for (step, block) in upBlocks.enumerated() {
            x = block(x, pass, &skips)
            observer?("up_blocks.\(step)", x.value)
        }
        // What the reference calls conv_norm_out is before the activation, which we otherwise take in one pass.
        observer?("conv_norm_out", convNormOut(x).value)
        let y = convOut(convNormOut(x, activation: .silu))
        observer?("conv_out", y.value)
        return y.reshaped([videos, frames, height, width, configuration.outChannels])
    }
}
