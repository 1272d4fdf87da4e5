import Autograd
import Foundation
import Layers
import Models
import Objectives
import Pretraining
import Tensors
import World

/// What is trained beside CLIP, and goes when CLIP is trained.
struct AuxiliaryHeads {
    let weights: Weights
    /// What a patch shows: a subject, or anything else.
    let patch: Linear
    let subject: Linear
    let colour: Linear
    let place: Linear
    /// Which word stands at a position.
    let token: Linear

    init(_ configuration: CLIPModel.Configuration, tokens: Int, seed: UInt64) {
        weights = Weights(RandomWeights(seed: seed), trainable: true)
        let common = configuration.projectionDimension
        patch = Linear(weights, "patch", in: configuration.vision.hiddenSize, out: Attributes.subjects.count + 1)
        subject = Linear(weights, "subject", in: common, out: Attributes.subjects.count)
        colour = Linear(weights, "colour", in: common, out: Attributes.colours.count)
        place = Linear(weights, "place", in: common, out: Attributes.places.count)
        token = Linear(weights, "token", in: configuration.text.hiddenSize, out: tokens)
    }
}

/// How CLIP is trained.
struct CLIPRecipe {
    /// Logits are at most 100 times cosines, as in the paper.
    private static let largestScale: Float = 4.6

    let heads: AuxiliaryHeads
    private let settings: CLIPTrainingSettings
    private let model: CLIPModel
    private let tokens: WorldTokens

    init(_ settings: CLIPTrainingSettings, model: CLIPModel, tokens: WorldTokens, seed: UInt64) {
        self.settings = settings
        self.model = model
        self.tokens = tokens
        heads = AuxiliaryHeads(model.configuration, tokens: tokens.known.count, seed: seed)
    }

    var pretraining: Pretraining.Recipe {
        Pretraining.Recipe(
            steps: settings.steps, learningRate: settings.learningRate, warmUp: settings.warmUp, floor: 0.02,
            weightDecay: settings.weightDecay, betas: [0.9, 0.98], averageDecay: settings.averageDecay)
    }

    /// The loss of a batch.
    ///
    /// Readings: by how much the contrastive loss is above what its soft targets allow, the losses of words, and the
    /// shares of subjects and of patches on subjects that are named rightly.
    func objective(_ batch: PairBatch, at progress: Double) -> Pretraining.Objective {
        let scale = model.logitScale
        if scale.value.scalar > Self.largestScale { scale.assign(Tensor(Self.largestScale)) }
        let count = batch.views.count

        let seen = model.vision(Variable(batch.pixels), patches: batch.patches)
        let images = model.projectedImages(model.vision.pooled(seen)).normalisedRows()
        let ids = tokens.encode(batch.captions.map(\.text))
        let read = model.text(ids)
        let texts = model.projectedTexts(model.text.pooled(read, ids)).normalisedRows()
        let contrast = contrastiveLoss(
            images: images, texts: texts, logarithmicScale: scale, matches: batch.matches)

        let states = read.reshaped([-1, read.shape[2]])
        let words = crossEntropy(heads.token(states), classes: tokens.classes(ids))

        let scenes = batch.views.map(\.scene)
        // A head needs more than the unit sphere to be sure of something.
        let large = images.scaled(by: 8)
        let (subjects, subjectClasses) = (heads.subject(large), scenes.map { Attributes.index($0.subject) })
        let subject = crossEntropy(subjects, classes: subjectClasses)
        let colour = crossEntropy(heads.colour(large), classes: scenes.map { Attributes.index($0.colour) })
        let place = crossEntropy(heads.place(large), classes: scenes.map { Attributes.index($0.place) })

        let length = seen.shape[1]
        let patches = seen.gatheredRows((0..<count * length).filter { $0 % length != 0 })
        let named = heads.patch(patches)
        let patch = crossEntropy(
            named, classes: batch.patchClasses, weights: Self.balanced(batch.patchClasses))
        let patchWeight = settings.patchWeight * (progress < 0.7 ? 1 : 0.3)

        let loss =
            contrast + words.scaled(by: Float(settings.tokenWeight))
            + subject.scaled(by: Float(settings.subjectWeight))
            + (colour + place).scaled(by: Float(settings.attributeWeight)) + patch.scaled(by: Float(patchWeight))
        let background = Attributes.subjects.count
        return (
            loss,
            [
                ("contrast", Double(contrast.value.scalar) - Self.entropy(batch.matches)),
                ("words", Double(words.value.scalar)),
                ("subject", Self.accuracy(subjects.value, subjectClasses) { _ in true }),
                ("patches", Self.accuracy(named.value, batch.patchClasses) { $0 != background }),
            ]
        )
    }

    /// Weights by which patches on subjects and all others count half each.
    static func balanced(_ classes: [Int]) -> [Float] {
        let background = Attributes.subjects.count
        let others = classes.count { $0 == background }
        return classes.map { 0.5 / Float($0 == background ? others : classes.count - others) }
    }

    /// What a contrastive loss is at least, since several captions may fit an image.
    static func entropy(_ matches: Tensor) -> Double {
        let count = matches.shape[0]
        var (rows, columns) = ([Float](repeating: 0, count: count), [Float](repeating: 0, count: count))
        matches.read { m in
            for i in 0..<count {
                for j in 0..<count {
                    rows[i] += m[i * count + j]
                    columns[j] += m[i * count + j]
                }
            }
        }
        return (rows + columns).reduce(0) { $0 + log(Double($1)) } / Double(2 * count)
    }

    /// The share of the rows, of those whose class is asked for, whose largest logit is that of their class.
    private static func accuracy(_ logits: Tensor, _ classes: [Int], where isAsked: (Int) -> Bool) -> Double {
        let width = logits.shape[1]
        var (right, all) = (0, 0)
        logits.read { values in
            for (row, expected) in classes.enumerated() where isAsked(expected) {
                all += 1
                var best = 0
                for i in 0..<width where values[row * width + i] > values[row * width + best] { best = i }
                right += best == expected ? 1 : 0
            }
        }
        return Double(right) / Double(max(1, all))
    }
}
