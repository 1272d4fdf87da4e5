import Formats
import Tensors

/// What chance decides in one training step.
struct StepChoices {
    /// The clip, by index.
    let clip: Int
    let timestep: Int
    /// ε, of the latents' shape.
    let noise: Tensor
    /// The anchor frame of the debiased loss.
    let anchor: Int
    /// Whether the step sees the prompt, or the empty one.
    let seesText: Bool
    /// Whether the spatial LoRA acts.
    let seesSpatial: Bool
    /// The frame whose embedding the injector sees, nil without an injector.
    let frame: Int?
    /// Whether it sees it, or zeros.
    let seesImage: Bool
    /// Draws the elements that dropout leaves out.
    let dropout: Generator
}

extension StepChoices {
    /// Draws everything, in an order that is part of the stage's version.
    ///
    /// - Parameters:
    ///   - shape: of the clip's latents, `[1, f, h, w, c]`.
    ///   - frames: how many embeddings the injector may choose from, nil without an injector.
    ///   - schedule: how many timesteps there are.
    init(
        clip: Int, shape: [Int], frames: Int?, hasSpatial: Bool, schedule: Int, settings: MotionTrainingSettings,
        using generator: inout Generator
    ) {
        self.clip = clip
        timestep = Self.timestep(of: schedule, settings, using: &generator)
        noise = generator.latentNoise(shape, offset: settings.offsetNoise)
        anchor = generator.integer(below: shape[1])
        seesText = !generator.chance(settings.textDropout)
        dropout = generator.split("dropout")
        seesSpatial = hasSpatial && !generator.chance(settings.spatialMasking)
        frame = frames.map { count in
            switch settings.injectorFrame {
            case .random: generator.integer(below: count)
            case .first: 0
            case .middle: count / 2
            }
        }
        seesImage = frames == nil || !generator.chance(settings.imageDropout)
    }

    /// Uniform over the schedule, or over its noisy end.
    private static func timestep(
        of schedule: Int, _ settings: MotionTrainingSettings, using generator: inout Generator
    ) -> Int {
        guard settings.highNoise > 0, generator.chance(settings.highNoise) else {
            return generator.integer(below: schedule)
        }
        let low = min(settings.highNoiseFrom, schedule - 1)
        return low + generator.integer(below: schedule - low)
    }
}
