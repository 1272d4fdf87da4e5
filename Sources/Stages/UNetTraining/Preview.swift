import Autograd
import Diffusion
import Formats
import Media
import Models
import Pretraining
import StageKit
import Tensors
import World

/// What a network in training makes of a few fixed prompts.
struct Preview {
    private let settings: UNetTrainingSettings
    private let sampler: GuidedSampler
    private let autoencoder: AutoencoderKL

    init(
        _ settings: UNetTrainingSettings, network: UNet3DConditionModel, scheduler: DDIMScheduler,
        autoencoder: AutoencoderKL
    ) {
        self.settings = settings
        self.autoencoder = autoencoder
        sampler = GuidedSampler(network: network, scheduler: scheduler)
    }

    /// Two videos of each of five motions, one for each row and column of a sheet; single frames in the image phase.
    func videos(
        _ text: CaptionEncoder, shape: [Int], draws: TrainingDraws, _ context: StageContext
    ) throws -> [Frames] {
        let motions = ["sliding left", "sliding right", "rising", "falling", "bouncing"].compactMap(Motion.init(named:))
        var generator = draws.generator("preview prompts")
        let scenes = (0..<10).map { Scene.random(motions: [motions[$0 / 2]], using: &generator) }
        let frames = settings.phase == .image ? 1 : Scene.frames
        var noises = draws.generator("preview noise")
        let noise = noises.normal([scenes.count, frames] + shape.dropFirst(2))
        let prompt = text.encode(scenes.map(\.caption))
        let negative = text.encode(scenes.map { _ in "" })
        let latents = try sampler.sample(
            from: noise, .init(prompt: prompt, negative: negative), guidance: Float(settings.previewGuidance),
            steps: settings.previewSteps, using: &noises
        ) { _ in try context.checkCancellation() }
        let scale = Float(1 / autoencoder.configuration.scalingFactor)
        return scenes.indices.map { index in
            let one = Kernels.scale(Kernels.rows(latents, index..<index + 1), by: scale)
            let pixels = withoutRecording {
                autoencoder.decode(Variable(one.reshaped([frames] + shape.dropFirst(2)))).value
            }
            return Frames(normalised: pixels)
        }
    }
}
