import Diffusion
import Formats
import Foundation
import Layers
public import StageKit
import Tensors

/// What a pipeline file may set on the motion stage: MoTrans as the paper has it, and each part of it off or otherwise.
///
/// Fine-tuning is `injector: false, enhancer: false` without a spatial LoRA; MotionDirector is that with a spatial LoRA,
/// `debiased-weight: 1` and `spatial-masking: 0.2`.
public struct MotionTrainingSettings: StageSettings {
    @Setting("the word that names the motion; without it the verb of each prompt")
    var motion: String? = nil
    @Setting("seed of every random draw") var seed = 0
    @Setting("optimiser steps", in: 1...10_000_000) var steps = 600
    @Setting("rank of the temporal LoRA", in: 1...4096) var rank = 32
    @Setting("AdamW's learning rate", in: 0...1) var learningRate = 5e-4
    @Setting("the learning rate over the steps: constant, or let down to 0 along a cosine") var schedule =
        Schedule.constant
    @Setting("the learning rate of the appearance injector; without it as the others", in: 0...1)
    var injectorLearningRate: Double? = nil
    @Setting("AdamW's weight decay; without it 1e-2 for one clip, 1e-4 for several", in: 0...1)
    var weightDecay: Double? = nil
    @Setting("AdamW's two betas", in: 0...1) var betas = [0.9, 0.999]
    @Setting("AdamW's epsilon", in: 0...1) var epsilon = 1e-8
    @Setting("largest norm of the gradients, 0 for any", in: 0...1_000_000) var gradientClip = 0.0

    @Setting("train the temporal LoRA") var temporalLora = true
    @Setting("the temporal LoRA adapts transformer_in too, as MotionDirector's") var transformerIn = true
    @Setting("probability of dropout behind the LoRA", in: 0...0.99) var loraDropout = 0.0
    @Setting("add projected frame embeddings before the temporal transformers (Eq. 2)") var injector = true
    @Setting("the injector's rows go into the temporal transformer's input, or behind its norm and projection")
    var injectPoint = InjectPoint.input
    @Setting("hidden states plus the rows, or times 1 + the rows (for ablation)") var fusion = Fusion.add
    @Setting("which frame's embedding the injector sees in a step") var injectorFrame = InjectorFrame.random
    @Setting("scale frame embeddings to length 1 before the injector, here and in sampling")
    var normalizeImageEmbedding = false
    @Setting("probability that the injector sees a zero embedding in a step", in: 0...1) var imageDropout = 0.0
    @Setting("strengthen the motion's word in the text's embedding (Eq. 3)") var enhancer = true
    @Setting("width inside the enhancer; without it that of the text's embedding", in: 1...65_536)
    var enhancerHidden: Int? = nil
    @Setting("of a motion that is a phrase, strengthen the verb or all of it") var enhanceSpan = EnhancedSpan.verb
    @Setting("weight of the enhancer's norm in the loss (Eq. 7)", in: 0...1_000_000) var residualWeight = 1e-4
    @Setting("how much the spatial LoRA acts while the motion is learned, 0 for not at all", in: 0...10)
    var spatialScale = 1.0
    @Setting("probability that a step leaves the spatial LoRA out", in: 0...1) var spatialMasking = 0.0

    @Setting("weight of mean((ε̂ - ε)²) in the loss", in: 0...1_000_000) var plainWeight = 1.0
    @Setting("weight of MotionDirector's appearance-debiased loss", in: 0...1_000_000) var debiasedWeight = 0.0
    @Setting("β of the appearance-debiased loss", in: 0...1000) var debiasedBeta = 1.0
    @Setting("share of the steps whose timestep is drawn high, where a motion is decided", in: 0...1) var highNoise =
        0.0
    @Setting("the lowest of those timesteps", in: 0...999) var highNoiseFrom = 700
    @Setting("probability that a step sees the empty prompt", in: 0...1) var textDropout = 0.0
    @Setting("how much noise common to a channel is added to the noise", in: 0...1) var offsetNoise = 0.0
    @Setting("latents: a draw from the autoencoder's posterior, once, or its mean") var latents = LatentSetting.sample
    @Setting("how matrices of the frozen networks are kept and multiplied; what is trained is float32 always")
    var precision = Precision.float32
    @Setting("recompute activations in the backward pass: less memory, more time, the same but for rounding")
    var checkpointing = false

    /// The defaults: the paper's.
    public init() {}

    /// How the learning rate goes over the steps.
    public enum Schedule: String, SettingChoice {
        case constant
        case cosine

        /// The share of the learning rate that a step has, counted from 0.
        func share(at step: Int, of steps: Int) -> Double {
            self == .constant ? 1 : 0.5 * (1 + cos(Double.pi * Double(step) / Double(max(1, steps))))
        }
    }

    /// Where the injector's rows go in.
    public enum InjectPoint: String, SettingChoice {
        case input
        case inner

        var point: AppearanceInjector.Point { self == .input ? .input : .inner }
    }

    /// How the injector's rows meet the hidden states.
    public enum Fusion: String, SettingChoice {
        case add
        case multiply

        var fusion: Adapters.Fusion { self == .add ? .add : .multiply }
    }

    /// Which frame's embedding the injector sees.
    public enum InjectorFrame: String, SettingChoice {
        case random
        case first
        case middle
    }

    /// How much of a phrase is strengthened.
    public enum EnhancedSpan: String, SettingChoice {
        case verb
        case phrase

        var span: MotionWord.Span { self == .verb ? .verb : .phrase }
    }
}
