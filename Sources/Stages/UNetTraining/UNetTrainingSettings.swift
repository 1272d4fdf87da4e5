public import StageKit

/// What a pipeline file may set of the training of a denoising network.
public struct UNetTrainingSettings: StageSettings {
    @Setting("seed of weights and draws") var seed = 0
    @Setting("image: frames one by one, temporal layers left out; video: everything") var phase = Phase.video
    @Setting("optimiser steps", in: 1...10_000_000) var steps = 4000
    @Setting("videos in a step; frames in the image phase", in: 2...4096) var batch = 8
    @Setting("channels of each level; each but the first halves the size", in: 1...4096) var channels = [32, 64]
    @Setting("width of an attention head", in: 1...1024) var headWidth = 8
    @Setting("groups of every group normalisation", in: 1...1024) var groups = 16
    @Setting("the highest learning rate", in: 0...1) var learningRate = 2e-3
    @Setting("steps in which it rises to that", in: 0...1_000_000) var warmUp = 100
    @Setting("AdamW's weight decay of matrices", in: 0...1) var weightDecay = 1e-3
    @Setting("how slowly the average of the weights moves", in: 0...1) var averageDecay = 0.998
    @Setting(
        "last β of the scaled linear schedule; ZeroScope's 0.012 leaves the motion readable in the last step",
        in: 0.00085...0.999)
    var betaEnd = 0.025
    @Setting("how much more an error counts where the subject is: most of a picture is background", in: 0...1000)
    var subjectWeight = 4.0
    @Setting("share of the steps of the video phase whose timesteps are drawn high", in: 0...1) var highNoise = 0.5
    @Setting("the lowest of those timesteps", in: 0...999) var highNoiseFrom = 750
    @Setting("share of the timesteps of single frames that are drawn from where shapes are decided", in: 0...1)
    var shapeNoise = 0.5
    @Setting("the lowest of those timesteps", in: 0...999) var shapeNoiseFrom = 150
    @Setting("one above the highest of those timesteps", in: 1...1000) var shapeNoiseTo = 650
    @Setting("probability of the empty caption", in: 0...1) var textDropout = 0.1
    @Setting("share of the steps of the video phase that see single frames", in: 0...1) var frameShare = 0.2
    @Setting("frames in such a step", in: 1...4096) var frameBatch = 48
    @Setting("show each video reversed in time beside itself, where its caption can say so") var reversals = true
    @Setting("steps between sheets of samples, 0 for one in the end", in: 0...10_000_000) var previewEvery = 1000
    @Setting("samples that are judged each time", in: 1...10_000) var previewCount = 40
    @Setting("guidance of those samples", in: 1...100) var previewGuidance = 2.0
    @Setting("of that guidance, how much the deviation is brought back", in: 0...1) var previewRescale = 0.7
    @Setting("denoising steps of those samples", in: 1...1000) var previewSteps = 12

    /// The defaults.
    public init() {}

    /// Which layers learn what.
    public enum Phase: String, SettingChoice {
        case image
        case video
    }
}
