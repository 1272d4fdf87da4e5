public import StageKit
import Tensors

/// What a pipeline file may set on sampling.
public struct SamplingSettings: StageSettings {
    @Setting(
        "what the video shows, for a step without for-each; `{motion}` stands for the setting `motion`, else for the motion of the first of `frames`"
    )
    var prompt: String? = nil
    @Setting("what CLIP-E asks for, for a step without for-each, such as \"a panda\"") var entity: String? = nil
    @Setting("what the video should not show") var negativePrompt = ""
    @Setting(
        "the word that names the motion; without it the motion adapter's own, else the prompt's verb"
    )
    var motion: String? = nil
    @Setting("one video for each of these; the numbers that torch draws for the seed", in: 0...4_294_967_295)
    var seeds = [1]
    /// Part of the key like any setting: kernels cut their sums by size, so that the last bits of a video depend on how
    /// many go through the network at once.
    @Setting("seeds that go through the network at once, for as many times the memory", in: 1...64) var batch = 1
    @Setting("how far to go from the negative prompt towards the prompt; 1 or less for the prompt alone", in: 0...1000)
    var guidance = 12.0
    @Setting(
        "how far guidance is brought back to the prompt's own contrast; helps with schedules that end in pure noise",
        in: 0...1)
    var guidanceRescale = 0.0
    @Setting("denoising steps", in: 1...1000) var inferenceSteps = 30
    @Setting("0 for DDIM, 1 for as much noise in each step as DDPM has", in: 0...1) var eta = 0.0

    @Setting("columns of the video", in: 2...8192) var width = 576
    @Setting("rows of the video", in: 2...8192) var height = 320
    @Setting("frames of the video", in: 1...1000) var frames = 24
    @Setting("frames per second", in: 0.1...240) var fps = 8.0
    @Setting("write every pixel of the video as a square of so many: for eyes, where a model is small", in: 1...64)
    var enlarge = 1
    @Setting(
        "where size, count and rate come from when the input `frames` is connected: its first clip, or the settings")
    var sizedBy = SizeSource.reference

    @Setting("how much the temporal LoRA acts", in: 0...10) var motionScale = 1.0
    @Setting("how much spatial LoRAs act that are connected as `appearance`", in: 0...10) var appearanceScale = 1.0
    @Setting("E_r of the motion enhancer: from the new prompt's word, as the training prompts had it, or left out")
    var residual = ResidualMode.recompute
    @Setting("a prompt without the motion's word: an error, or sampled without E_r") var missingWord = MissingWord.error
    @Setting("keep the appearance injector and show it the mean of `embeddings`; zeros go with the negative prompt")
    var injector = false

    @Setting("share of inverted reference noise in the initial noise (MotionDirector); needs `frames`", in: 0...1)
    var noisePrior = 0.0
    @Setting("steps of the inversion", in: 1...1000) var inversionSteps = 50
    @Setting("which clip is inverted, counted from 0; without it one drawn by the seed", in: 0...100_000)
    var noisePriorClip: Int? = nil
    @Setting("how matrices of the networks are kept and multiplied") var precision = Precision.float32
    @Setting("pixels to bytes: cut off as the era of MotionDirector did, or rounded") var pixels = PixelRounding
        .truncate

    /// The defaults: the paper's.
    public init() {}

    /// Where the size comes from.
    public enum SizeSource: String, SettingChoice {
        case reference
        case settings
    }

    /// What becomes of E_r (diffusion.md 8.8).
    public enum ResidualMode: String, SettingChoice {
        case recompute
        case fixed
        case off
    }

    /// What becomes of a prompt without the motion's word.
    public enum MissingWord: String, SettingChoice {
        case error
        case skip
    }

    /// How pixels become bytes (diffusion.md section 3).
    public enum PixelRounding: String, SettingChoice {
        case truncate
        case round
    }
}
