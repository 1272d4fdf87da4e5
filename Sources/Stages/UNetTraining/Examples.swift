import Formats
import Pretraining
import Tensors
import World

/// One step's worth of latents, captions and timesteps.
struct Batch {
    /// `[b, f, h, w, c]`.
    let latents: Tensor
    /// The noise that is added, of the same shape.
    let noise: Tensor
    /// How much an error counts, of the same shape.
    let weights: Tensor
    let captions: [String]
    let timesteps: [Int]
}

extension SceneLatents {
    /// Single frames with captions of every length, the temporal layers' business left out.
    func frames(_ count: Int, _ settings: UNetTrainingSettings, using generator: inout Generator) -> Batch {
        var parts: [Tensor] = []
        var weights: [Tensor] = []
        var captions: [String] = []
        var timesteps: [Int] = []
        for _ in 0..<count {
            let index = generator.integer(below: self.count)
            let frame = generator.integer(below: Scene.frames)
            parts.append(Kernels.rows(video(index), frame..<frame + 1))
            weights.append(self.weights(of: index, [frame], settings))
            captions.append(scenes.scenes[index].frameCaption(frame, settings, using: &generator))
            let range =
                generator.chance(settings.shapeNoise)
                ? settings.shapeNoiseFrom..<settings.shapeNoiseTo : 0..<1000
            timesteps.append(range.lowerBound + generator.integer(below: range.count))
        }
        let latents = stacked(parts)
        return Batch(
            latents: latents, noise: generator.normal(latents.shape), weights: stacked(weights), captions: captions,
            timesteps: timesteps)
    }

    /// Videos, each of them followed by itself reversed in time where a caption can tell, with the same noise.
    ///
    /// Nothing but the text then says which of the two is asked for.
    func videos(_ count: Int, _ settings: UNetTrainingSettings, using generator: inout Generator) -> Batch {
        var parts: [Tensor] = []
        var noise: [Tensor] = []
        var weights: [Tensor] = []
        var captions: [String] = []
        var timesteps: [Int] = []
        while parts.count < count {
            let index = generator.integer(below: self.count)
            let scene = scenes.scenes[index]
            let latents = video(index)
            let drawn = generator.normal(latents.shape)
            let isHigh = Double(generator.uniform([1]).scalar) < settings.highNoise
            let low = isHigh ? settings.highNoiseFrom : 0
            let timestep = low + generator.integer(below: 1000 - low)
            let text = CaptionStyle.drawn(settings, using: &generator)
            let counts = self.weights(of: index, Array(0..<Scene.frames), settings)
            parts.append(latents)
            weights.append(counts)
            captions.append(text.caption(of: scene))
            noise.append(drawn)
            timesteps.append(timestep)
            guard settings.reversals, parts.count < count, let reversed = scene.motion.reversed else { continue }
            parts.append(Kernels.framesReversed(latents))
            weights.append(Kernels.framesReversed(counts))
            captions.append(text.caption(of: scene, motion: reversed))
            noise.append(drawn)
            timesteps.append(timestep)
        }
        return Batch(
            latents: stacked(parts), noise: stacked(noise), weights: stacked(weights), captions: captions,
            timesteps: timesteps)
    }

    /// 1, and up to `subject-weight` more where the subject is: `[frames, h, w, c]`.
    private func weights(of video: Int, _ frames: [Int], _ settings: UNetTrainingSettings) -> Tensor {
        let (height, width, channels) = (values.shape[2], values.shape[3], values.shape[4])
        let poses = scenes.scenes[video].poses
        return Tensor([frames.count, height, width, channels]) { weights in
            for (index, frame) in frames.enumerated() {
                let pose = poses[frame]
                for y in 0..<height {
                    for x in 0..<width {
                        let (dx, dy) = (
                            (Float(x) + 0.5) / Float(width) - pose.x, (Float(y) + 0.5) / Float(height) - pose.y
                        )
                        // Soft over a third of a cell, out to where a latent still sees the subject.
                        let inside = (pose.size + 0.06 - (dx * dx + dy * dy).squareRoot()) * Float(width) * 3
                        let weight = 1 + Float(settings.subjectWeight) * min(max(0.5 + inside, 0), 1)
                        for c in 0..<channels { weights[((index * height + y) * width + x) * channels + c] = weight }
                    }
                }
            }
        }
    }

    private func stacked(_ parts: [Tensor]) -> Tensor {
        let shape = parts.first?.shape ?? []
        return Kernels.concatenateRows(parts.map { $0.reshaped([1] + shape) })
    }
}

extension Kernels {
    /// `[f, ..]` from its last row to its first.
    static func framesReversed(_ x: Tensor) -> Tensor {
        gatherRows(x.reshaped([x.shape[0], -1]), Array((0..<x.shape[0]).reversed())).reshaped(x.shape)
    }
}

/// How much of a scene a caption tells.
enum CaptionStyle {
    case nothing
    case withoutColour
    case everything

    static func drawn(_ settings: UNetTrainingSettings, using generator: inout Generator) -> CaptionStyle {
        let chance = Double(generator.uniform([1]).scalar)
        if chance < settings.textDropout { return .nothing }
        return chance < settings.textDropout + 0.07 ? .withoutColour : .everything
    }

    func caption(of scene: Scene, motion: Motion? = nil) -> String {
        let told = motion.map {
            Scene(subject: scene.subject, colour: scene.colour, place: scene.place, motion: $0, seed: scene.seed)
        }
        return switch self {
        case .nothing: ""
        case .withoutColour: (told ?? scene).caption(colour: false, motion: true, place: true)
        case .everything: (told ?? scene).caption
        }
    }
}

extension Scene {
    /// A caption for one frame: dense, plain, without the motion, the subject alone, or empty.
    fileprivate func frameCaption(
        _ frame: Int, _ settings: UNetTrainingSettings, using generator: inout Generator
    ) -> String {
        let chance = Double(generator.uniform([1]).scalar)
        if chance < settings.textDropout { return "" }
        return switch (chance - settings.textDropout) / (1 - settings.textDropout) {
        case ..<0.34: denseCaption(frame: frame)
        case ..<0.72: caption
        case ..<0.89: caption(colour: true, motion: false, place: true)
        default: caption(colour: true, motion: false, place: false)
        }
    }
}

extension Motion {
    /// What a video of this motion shows when it runs backwards; nil where no motion of the base is that.
    fileprivate var reversed: Motion? {
        let opposite = [
            "sliding left": "sliding right", "sliding right": "sliding left", "rising": "falling", "falling": "rising",
            "growing": "shrinking", "shrinking": "growing", "bouncing": "bouncing", "resting": "resting",
        ]
        return opposite[name].flatMap(Motion.init(named:))
    }
}
