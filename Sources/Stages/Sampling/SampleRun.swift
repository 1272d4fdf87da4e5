import Artifacts
import Autograd
import Checkpoints
import Diffusion
import Foundation
import Formats
import Layers
import Logging
import Media
import Models
import StageKit
import Tensors
import Tracing

/// One run of the sampling stage.
struct SampleRun {
    let settings: SamplingSettings
    let subject: Subject
    let model: ModelSet
    let context: StageContext

    private struct Size {
        let width: Int
        let height: Int
        let frames: Int
        let fps: Double
    }

    func run() throws {
        let references = try context.optionalInput("frames").map { try ClipFrames.read($0) }
        if settings.noisePrior > 0, references == nil {
            throw SamplingError.needsInput(port: "frames", setting: "noise-prior")
        }
        let vae = try model.vae(precision: settings.precision)
        let given = try context.optionalInput("noise").map { try InitialNoise($0, seeds: settings.seeds) }
        let size = try size(references?.first, given, vae)
        let outline = try model.unetOutline()
        let motion = try context.optionalInput("motion").map { try MotionAdapter.read($0, network: outline) }
        let (conditions, empty) = try conditions(motion)
        let loras = try loras(motion, outline)
        var adapters = try adapters(motion)
        // Weights of 16 bits would round most of a LoRA away: there it stays beside them.
        let isMerged = settings.precision == .float32
        if !isMerged { adapters.loras = loras }
        var done = 0
        let priors = settings.seeds.map { prior(of: $0, references) }
        let clips = Set(priors.compactMap { $0 }).sorted()
        let total = clips.count * settings.inversionSteps + settings.seeds.count * settings.inferenceSteps
        func step(_ seeds: [Int] = []) throws {
            done += max(1, seeds.count)
            context.report(
                StageProgress(
                    done, of: total, unit: "step",
                    readings: seeds.count == 1 ? [.init("seed", Double(seeds[0]))] : []))
            try context.checkCancellation()
        }
        let inverted = try invert(clips, of: references ?? [], vae, empty, size) { try step() }
        let sampler = try sampler(merging: isMerged ? loras : [])
        var videos: [SampledVideo] = []
        var pictures: [Frames] = []
        for start in stride(from: 0, to: settings.seeds.count, by: settings.batch) {
            try context.checkCancellation()
            let batch = start..<min(start + settings.batch, settings.seeds.count)
            let seeds = Array(settings.seeds[batch])
            var generators = seeds.map { TorchGenerator(seed: UInt64($0)) }
            let noise = batch.map { index in
                if let given = given?[settings.seeds[index]] { return given }
                let drawn = Latents.noise(
                    frames: size.frames, height: size.height / vae.spatialFactor, width: size.width / vae.spatialFactor,
                    channels: sampler.network.configuration.inChannels, using: &generators[index - start])
                guard let inverted = priors[index].flatMap({ inverted[$0] }) else { return drawn }
                return Latents.mixed(inverted: inverted, noise: drawn, prior: Float(settings.noisePrior))
            }
            let latents = try sampler.sample(
                from: Kernels.concatenateRows(noise), conditions, guidance: Float(settings.guidance),
                rescale: Float(settings.guidanceRescale), steps: settings.inferenceSteps, eta: Float(settings.eta),
                adapters: adapters, using: &generators
            ) { _ in try step(seeds) }
            for (index, seed) in seeds.enumerated() {
                let one = Kernels.rows(latents, index..<index + 1)
                guard one.read({ $0.allSatisfy(\.isFinite) }) else {
                    throw SamplingError.notFinite(seed: seed, step: settings.inferenceSteps)
                }
                let (video, frames) = try write(one, seed, vae, fps: size.fps)
                videos.append(video)
                pictures.append(frames)
            }
        }
        SampledVideo.describe(videos, in: context.output("videos"))
        try ContactSheet.write(pictures, scale: settings.enlarge, to: context.output("sheet").file("sheet.png"))
        context.output("latents").attributes = .list(
            videos.map { .map(["file": .string("seed-\($0.seed).safetensors"), "seed": .int($0.seed)]) })
    }

    /// The reference's size without what does not fill a latent; that of the settings was checked.
    ///
    /// Noise that is given has a size of its own.
    private func size(_ reference: ClipFrames?, _ noise: InitialNoise?, _ vae: AutoencoderKL) throws -> Size {
        let multiple = sizeMultiple(factor: vae.spatialFactor)
        var size = Size(width: settings.width, height: settings.height, frames: settings.frames, fps: settings.fps)
        if let noise {
            let channels = vae.configuration.latentChannels
            guard noise.channels == channels else {
                throw SamplingError.noiseChannels(found: noise.channels, expected: channels)
            }
            size = Size(
                width: noise.width * vae.spatialFactor, height: noise.height * vae.spatialFactor, frames: noise.frames,
                fps: settings.fps)
        } else if let reference, settings.sizedBy == .reference {
            size = Size(
                width: reference.width / multiple * multiple, height: reference.height / multiple * multiple,
                frames: reference.frames, fps: reference.fps)
            if (size.width, size.height) != (reference.width, reference.height) {
                context.log.notice(
                    "videos are \(size.width) x \(size.height): the next below the reference that is a multiple of \(multiple)"
                )
            }
        }
        guard size.width > 0, size.height > 0, size.width % multiple == 0, size.height % multiple == 0 else {
            throw SamplingError.badSize(width: size.width, height: size.height, multiple: multiple)
        }
        guard max(size.width, size.height) * settings.enlarge <= SamplingError.longestSide else {
            throw SamplingError.tooLarge(
                width: size.width * settings.enlarge, height: size.height * settings.enlarge)
        }
        return size
    }

    /// The contexts of prompt and negative prompt, the prompt's with E_r; and that of the empty text.
    private func conditions(_ motion: MotionAdapter?) throws -> (GuidedSampler.Conditions, empty: Tensor) {
        let encoder = try PromptEncoder(model, precision: settings.precision)
        if encoder.isCutOff(subject.prompt) {
            context.log.warning("the end of the prompt is beyond what the text encoder reads: \(subject.prompt)")
        }
        let negative = encoder.encode(settings.negativePrompt)
        var prompt = encoder.encode(subject.prompt)
        if let motion { prompt = try enhanced(prompt, motion, encoder) }
        let empty = settings.negativePrompt.isEmpty ? negative : encoder.encode("")
        return (GuidedSampler.Conditions(prompt: prompt, negative: negative), empty)
    }

    /// Equation 4 at inference (diffusion.md 8.8).
    private func enhanced(_ prompt: Tensor, _ motion: MotionAdapter, _ encoder: PromptEncoder) throws -> Tensor {
        guard settings.residual != .off, let enhancer = motion.enhancer, let video = motion.videoEmbedding else {
            return prompt
        }
        guard enhancer.tokenWidth == encoder.width, enhancer.videoWidth == video.count else {
            throw SamplingError.foreignAdapter(
                part: "motion enhancer", width: enhancer.tokenWidth, expected: encoder.width)
        }
        let word: Range<Int>
        do {
            word = try encoder.motionTokens(
                of: subject.prompt, motion: settings.motion ?? motion.facts.motion, span: motion.facts.span)
        } catch let error as DiffusionError where settings.missingWord == .skip {
            context.log.warning("sampled without the motion's residual: \(error)")
            return prompt
        }
        return try withoutRecording {
            guard settings.residual == .fixed else {
                return enhancer.enhanced(prompt, video: video, tokens: word).context.value
            }
            guard let fixed = motion.residualEmbedding, fixed.count == encoder.width else {
                throw SamplingError.foreignAdapter(
                    part: "residual embedding", width: motion.residualEmbedding?.count ?? 0, expected: encoder.width)
            }
            let rows = Tensor(
                [word.count, fixed.count], Array(repeating: fixed.values, count: word.count).flatMap { $0 })
            return Variable(prompt).scatterAdding(Variable(rows), at: Array(word)).value
        }
    }

    /// The network with LoRAs in its weights, and the scheduler.
    private func sampler(merging loras: [(lora: LoRA, scale: Float)] = []) throws -> GuidedSampler {
        GuidedSampler(
            network: try model.unet(precision: settings.precision, merging: loras), scheduler: try model.scheduler())
    }

    /// The motion's LoRA and a subject's, as far as they are there.
    private func loras(_ motion: MotionAdapter?, _ network: Weights) throws -> [(lora: LoRA, scale: Float)] {
        var loras: [(lora: LoRA, scale: Float)] = []
        if let lora = motion?.temporalLoRA { loras.append((lora, Float(settings.motionScale))) }
        for artifact in context.inputs["appearance"] ?? [] {
            let spatial = try SpatialLoRAs.read(artifact, network: network)
            if spatial.loras.count > 1 {
                context.log.warning("there are \(spatial.loras.count) spatial LoRAs; the first acts")
            }
            loras.append((spatial.loras[0], Float(settings.appearanceScale)))
        }
        return loras
    }

    /// W_p·ψ where it is asked for: zeros go with the negative prompt, as in DreamVideo.
    private func adapters(_ motion: MotionAdapter?) throws -> Adapters {
        var adapters = Adapters()
        guard settings.injector else { return adapters }
        guard let injector = motion?.injector else {
            throw SamplingError.needsInput(port: "motion", setting: "injector")
        }
        guard let psi = try context.optionalInput("embeddings").flatMap({ try ClipEmbeddings.read($0).first?.mean })
        else {
            throw SamplingError.needsInput(port: "embeddings", setting: "injector")
        }
        guard psi.count == injector.embeddingWidth else {
            throw SamplingError.foreignAdapter(
                part: "appearance injector", width: injector.embeddingWidth, expected: psi.count)
        }
        let rows = settings.guidance > 1 ? Array(repeating: 0, count: psi.count) + psi.values : psi.values
        withoutRecording {
            injector.inject(Tensor([rows.count / psi.count, psi.count], rows), into: &adapters)
        }
        return adapters
    }

    /// The clip whose inverted noise a seed begins with, nil without a noise prior.
    private func prior(of seed: Int, _ references: [ClipFrames]?) -> Int? {
        guard settings.noisePrior > 0, let references else { return nil }
        if let index = settings.noisePriorClip { return index }
        var generator = Generator(seed: UInt64(seed)).split("noise prior")
        return generator.integer(below: references.count)
    }

    /// The noise of each of some clips.
    ///
    /// By the network without LoRAs, which is gone before the one with them is read.
    private func invert(
        _ clips: [Int], of references: [ClipFrames], _ vae: AutoencoderKL, _ empty: Tensor, _ size: Size,
        step: () throws -> Void
    ) throws -> [Int: Tensor] {
        guard !clips.isEmpty else { return [:] }
        let sampler = try sampler()
        return try Dictionary(
            uniqueKeysWithValues: clips.map {
                ($0, try invert(references, $0, sampler, vae, empty, size, step: step))
            })
    }

    private func invert(
        _ references: [ClipFrames], _ clip: Int, _ sampler: GuidedSampler, _ vae: AutoencoderKL, _ empty: Tensor,
        _ size: Size, step: () throws -> Void
    ) throws -> Tensor {
        guard references.indices.contains(clip) else {
            throw SamplingError.noSuchClip(index: clip, count: references.count)
        }
        guard references[clip].frames == size.frames else {
            throw SamplingError.frameCount(reference: references[clip].frames, video: size.frames)
        }
        var unused = Generator(seed: 0)
        let latents = try ClipLatents.encode(
            references[clip], with: vae, .mode, using: &unused, beforeFrame: context.checkCancellation)
        let inverted = try sampler.invert(latents, context: empty, steps: settings.inversionSteps) { _ in try step() }
        return Latents.resized(
            inverted, height: size.height / vae.spatialFactor, width: size.width / vae.spatialFactor)
    }

    /// Decodes frame by frame and writes mp4 and latents.
    private func write(
        _ latents: Tensor, _ seed: Int, _ vae: AutoencoderKL, fps: Double
    ) throws -> (SampledVideo, Frames) {
        let shape = latents.shape
        let size = latents.count / shape[1]
        var bytes: [UInt8] = []
        var decoded = (height: 0, width: 0)
        for frame in 0..<shape[1] {
            try context.checkCancellation()
            let span = Trace.unit("frame decoding")
            defer { span.end() }
            let scale = Float(1 / vae.configuration.scalingFactor)
            let one = Tensor(
                [1] + shape.dropFirst(2), latents.read { $0[frame * size..<(frame + 1) * size].map { $0 * scale } })
            let pixels = withoutRecording { vae.decode(Variable(one)).value }
            decoded = (pixels.shape[1], pixels.shape[2])
            guard pixels.read({ $0.allSatisfy(\.isFinite) }) else {
                throw SamplingError.notFinite(seed: seed, step: settings.inferenceSteps)
            }
            pixels.read { for value in $0 { bytes.append(byte(value)) } }
        }
        let file = "seed-\(seed).mp4"
        let frames = Frames(count: shape[1], height: decoded.height, width: decoded.width, bytes: bytes)
        try VideoWriter.write(
            frames.enlarged(settings.enlarge), framesPerSecond: fps, to: context.output("videos").file(file))
        try SafetensorsFile.write(
            ["latents": Latents.channelsFirst(latents)], to: context.output("latents").file("seed-\(seed).safetensors"))
        return (SampledVideo(file: file, prompt: subject.prompt, entity: subject.entity, seed: seed), frames)
    }

    /// v / 2 + 1/2, clamped, times 255.
    private func byte(_ value: Float) -> UInt8 {
        let scaled = min(max(value * 0.5 + 0.5, 0), 1) * 255
        return UInt8(settings.pixels == .round ? scaled.rounded(.toNearestOrEven) : scaled.rounded(.down))
    }
}
