public import StageKit

/// What a pipeline file may set of the training of a CLIP.
public struct CLIPTrainingSettings: StageSettings {
    @Setting("seed of weights and draws") var seed = 0
    @Setting("optimiser steps", in: 1...10_000_000) var steps = 2400
    @Setting("pairs of image and caption in a step", in: 1...4096) var batch = 64
    @Setting("share of the steps, the first ones, that see a window around the subject and nothing else", in: 0...1)
    var windowShare = 0.5
    @Setting("width and height of that window in patches", in: 1...8) var window = 5
    @Setting("pairs in such a step", in: 1...4096) var windowBatch = 128
    @Setting("pairs that are drawn together, alike in colour and place, or in subject and place", in: 1...4096)
    var group = 16
    @Setting("share of the groups alike in colour and place, once it has risen to that", in: 0...1) var hardShare = 0.6
    @Setting("share of the groups alike in subject and place", in: 0...1) var sameSubjectShare = 0.15
    @Setting("share of the images that are enlarged around the subject at first; it falls to 0", in: 0...1)
    var zoom = 0.5
    @Setting("weight of naming the word at every position of a caption", in: 0...1000) var tokenWeight = 1.0
    @Setting("weight of naming the subject by the image embedding", in: 0...1000) var subjectWeight = 1.0
    @Setting("weight of naming colour and place by the image embedding", in: 0...1000) var attributeWeight = 0.3
    @Setting("weight of naming what each patch shows; less than a third of it after 70 % of the steps", in: 0...1000)
    var patchWeight = 2.0
    @Setting("the highest learning rate", in: 0...1) var learningRate = 1.5e-3
    @Setting("steps in which it rises to that", in: 0...1_000_000) var warmUp = 50
    @Setting("AdamW's weight decay of matrices", in: 0...1) var weightDecay = 0.05
    @Setting("how slowly the average of the weights moves", in: 0...1) var averageDecay = 0.995
    @Setting("videos kept out of training, to measure on", in: 1...100_000) var heldOutVideos = 500
    @Setting("steps between measurements, 0 for one in the end", in: 0...10_000_000) var measureEvery = 400

    /// The defaults.
    public init() {}
}
