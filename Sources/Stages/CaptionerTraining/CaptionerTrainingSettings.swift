public import StageKit

/// What a pipeline file may set of the training of a captioner.
public struct CaptionerTrainingSettings: StageSettings {
    @Setting("seed of weights and draws") var seed = 0
    @Setting("optimiser steps", in: 1...10_000_000) var steps = 1600
    @Setting("frames in a step", in: 1...4096) var batch = 32
    @Setting("what it reads before it answers, of every picture the same; the picture stands at <image>")
    var chat = "<image> describe"
    @Setting("width of the decoder's states", in: 8...8192) var width = 96
    @Setting("layers of the decoder", in: 1...256) var layers = 3
    @Setting("attention heads of the decoder", in: 1...256) var heads = 4
    @Setting("width inside its feed-forward", in: 8...65_536) var innerWidth = 256
    @Setting("share of the frames that are mirrored", in: 0...1) var mirror = 0.5
    @Setting("share of the frames that are softened, as pictures that were enlarged and reduced are", in: 0...1)
    var soften = 0.3
    @Setting("the highest learning rate", in: 0...1) var learningRate = 2e-3
    @Setting("the image encoder's share of it", in: 0...1) var imageRate = 0.3
    @Setting("steps in which it rises to that", in: 0...1_000_000) var warmUp = 50
    @Setting("AdamW's weight decay of matrices", in: 0...1) var weightDecay = 0.05
    @Setting("how slowly the average of the weights moves", in: 0...1) var averageDecay = 0.995
    @Setting("videos kept out of training, to measure on", in: 1...100_000) var heldOutVideos = 500
    @Setting("steps between measurements, 0 for one in the end", in: 0...10_000_000) var measureEvery = 400

    /// The defaults.
    public init() {}
}
