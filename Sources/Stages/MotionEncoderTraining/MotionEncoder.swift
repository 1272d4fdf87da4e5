import Autograd
import Layers
import Models
import Objectives
import Pretraining
import Tensors
import World

/// What the video encoder of the tiny model family is made of.
enum MotionEncoder {
    static let width = 96
    static let patch = 8
    static let tubelet = 2

    /// Its config.json.
    static func configuration(side: Int) -> String {
        """
        {
          "architectures": ["VideoMAEModel"],
          "hidden_act": "gelu",
          "hidden_size": \(width),
          "image_size": \(side),
          "initializer_range": 0.08,
          "intermediate_size": \(4 * width),
          "layer_norm_eps": 1e-12,
          "model_type": "videomae",
          "num_attention_heads": 4,
          "num_channels": 3,
          "num_frames": \(Scene.frames),
          "num_hidden_layers": 3,
          "patch_size": \(patch),
          "qkv_bias": true,
          "tubelet_size": \(tubelet),
          "use_mean_pooling": false
        }

        """
    }
}

/// Its weights before training: normal numbers of deviation 0.08, biases 0; of the filters of the patches, the first half
/// are differences between the two frames.
///
/// transformers' own 0.02 learns nothing in a network this small.
struct InitialMotionEncoder: WeightSource {
    private let base: RandomWeights

    init(_ base: RandomWeights) { self.base = base }

    func tensor(_ name: String, shape: [Int], initial: InitialWeights) -> Tensor {
        if name.hasSuffix("bias") { return Tensor(zeros: shape) }
        if shape.count == 5 {
            // 0.05 for pixels in [-1, 1], of which ImageNet's statistics make larger numbers.
            return differences(base.tensor(name, shape: shape, initial: .normal(deviation: 0.05 * 2 * 0.226)))
        }
        return base.tensor(name, shape: shape, initial: shape.count == 2 ? .normal(deviation: 0.08) : initial)
    }

    /// Filters [out, channel, time, row, column]: in the first half of them what the second frame has is taken from the
    /// first, twice as strongly.
    private func differences(_ random: Tensor) -> Tensor {
        let (filters, channels, times) = (random.shape[0], random.shape[1], random.shape[2])
        let area = random.shape[3] * random.shape[4]
        precondition(times == 2, "filters \(random.shape) of \(times) frames")
        var weights = random
        weights.write { w in
            for block in 0..<filters / 2 * channels {
                for i in 2 * block * area..<(2 * block + 1) * area {
                    w[i] *= 2
                    w[i + area] = -w[i]
                }
            }
        }
        return weights
    }
}

/// What is trained beside the encoder, and goes when it is trained.
struct MotionHeads {
    let weights: Weights
    /// Of a token, the share of the subject in each of its cells.
    let coverage: Linear
    /// Of the mean over two frames' tokens, centre and size in each of them.
    let position: Linear
    /// Of the mean over all tokens, the trajectory.
    let trajectory: Linear

    init(cellsOfToken: Int, seed: UInt64) {
        weights = Weights(RandomWeights(seed: seed), trainable: true)
        let width = MotionEncoder.width
        coverage = Linear(weights, "coverage", in: width, out: cellsOfToken)
        position = Linear(weights, "position", in: width, out: 3 * MotionEncoder.tubelet)
        trajectory = Linear(weights, "trajectory", in: width, out: SubjectCourse.trajectoryLength)
    }
}

/// How the encoder is trained.
struct MotionEncoderRecipe {
    let heads: MotionHeads
    private let settings: MotionEncoderTrainingStage.Settings
    private let model: VideoMAEModel

    init(_ settings: MotionEncoderTrainingStage.Settings, model: VideoMAEModel, seed: UInt64) {
        self.settings = settings
        self.model = model
        let patches = model.configuration.imageSize / model.configuration.patchSize
        heads = MotionHeads(cellsOfToken: SubjectCourse.cellsOfToken(patches: patches), seed: seed)
    }

    var pretraining: Pretraining.Recipe {
        Pretraining.Recipe(
            steps: settings.steps, learningRate: settings.learningRate, warmUp: settings.warmUp, floor: 0.02,
            weightDecay: settings.weightDecay, betas: [0.9, 0.95], averageDecay: settings.averageDecay)
    }

    /// The loss of a batch; readings are its parts, each without its weight.
    ///
    /// They fall one after another: coverage, positions, trajectories; likeness at once when it is switched on.
    func objective(_ batch: MotionBatch, at progress: Double) -> Pretraining.Objective {
        let hidden = model(Variable(batch.pixels))
        let (count, width) = (hidden.shape[0], hidden.shape[2])
        let tokens = hidden.reshaped([-1, width])
        let times = Scene.frames / MotionEncoder.tubelet

        let coverage = binaryCrossEntropy(heads.coverage(tokens), targets: batch.coverage)
        let position = smoothL1(
            heads.position(tokens.mean(groups: count * times)), batch.positions, beta: 0.3)
        let embeddings = tokens.mean(groups: count)
        let trajectory = smoothL1(heads.trajectory(embeddings), batch.trajectories, beta: 0.3)
        let normalised = embeddings.normalisedRows()
        let likeness = kernelAlignment(
            matmul(normalised, normalised, transposeB: true), kernel: SubjectCourse.likeness(batch.trajectories))

        var loss =
            coverage.scaled(by: Float(settings.coverageWeight)) + position.scaled(by: Float(settings.positionWeight))
            + trajectory.scaled(by: Float(settings.trajectoryWeight))
        if progress > settings.likenessFrom { loss = loss + likeness.scaled(by: Float(settings.likenessWeight)) }
        return (
            loss,
            [
                ("coverage", Double(coverage.value.scalar)), ("position", Double(position.value.scalar)),
                ("trajectory", Double(trajectory.value.scalar)), ("likeness", Double(likeness.value.scalar)),
            ]
        )
    }
}
