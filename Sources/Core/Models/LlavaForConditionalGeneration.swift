public import Autograd
public import Layers
import Tensors

/// A model that answers in words about images: CLIP's image encoder, two layers that bring its patches into the space of
/// words, and a LLaMA decoder.
///
/// `LlavaForConditionalGeneration` of transformers (diffusion.md 10). Read in the hub's spelling
/// (`language_model.model.…`, `vision_tower.vision_model.…`), in the newer one (`model.language_model.…`, `lm_head`), and
/// without `vision_model.`.
public struct LlavaForConditionalGeneration: FolderModel {
    /// What its config.json says.
    public let configuration: LlavaConfiguration
    /// Every parameter, under its name in the reference file.
    public let weights: Weights
    private let vision: CLIPVisionModel
    private let projectionIn: Linear
    private let projectionOut: Linear
    let decoder: LlamaDecoder

    /// Asks `weights` for every parameter.
    public init(unchecked configuration: LlavaConfiguration, _ weights: Weights) {
        self.configuration = configuration
        self.weights = weights
        let (seen, width) = (configuration.vision.hiddenSize, configuration.text.hiddenSize)
        let tower = ["vision_tower", "model.vision_tower"].flatMap { [$0, "\($0).vision_model"] }
            .first { weights.contains("\($0).post_layernorm.weight", shape: [seen]) }
        vision = CLIPVisionModel(
            unchecked: configuration.vision,
            weights.at(tower?.hasPrefix("model.") == true ? "model.vision_tower" : "vision_tower"))
        let projector = weights.module(
            ["multi_modal_projector", "model.multi_modal_projector"], ifHolding: "linear_2.weight",
            shape: [width, width])
        let bias = configuration.projectorHasBias
        projectionIn = Linear(projector, "linear_1", in: seen, out: width, bias: bias)
        projectionOut = Linear(projector, "linear_2", in: width, out: width, bias: bias)
        let text = weights.module(
            ["language_model.model", "model.language_model"], ifHolding: "norm.weight", shape: [width])
        decoder = LlamaDecoder(
            configuration.text, text,
            head: text.path == "language_model.model" ? weights.at("language_model") : weights)
    }

    /// The projected image features, `[n, imageTokens, hidden_size]`, that stand in the place of image tokens.
    ///
    /// Pixels are `[n, size, size, 3]`, normalised with CLIP's mean and deviation; the states are not normalised.
    public func imageFeatures(_ pixels: Variable) -> Variable {
        let states = vision.hidden(pixels, layers: configuration.visionLayers)
        let (count, length, width) = (states.shape[0], states.shape[1], states.shape[2])
        let first = length - configuration.imageTokens
        let rows = (0..<count).flatMap { image in (first..<length).map { image * length + $0 } }
        let patches = states.reshaped([count * length, width]).gatheredRows(rows)
        return projectionOut(projectionIn(patches, activation: configuration.projectorActivation.epilogue))
            .reshaped([count, length - first, configuration.text.hiddenSize])
    }

    /// `logits`, `[b, L, vocab_size]`: the scores of the token after each position.
    ///
    /// - Parameters:
    ///   - ids: rows of equal length, in which an image is `imageTokens` image ids, one after the other.
    ///   - pixels: the images in the order in which the rows name them; nil where no row does.
    public func callAsFunction(_ ids: [[Int]], _ pixels: Variable?) -> Variable {
        decoder.logits(decoder(embeddings(ids, pixels)))
    }

    /// How well the model foretells the tokens that `labels` names: the mean cross-entropy, a scalar.
    ///
    /// - Parameters:
    ///   - ids: as for the model.
    ///   - labels: for each position of `ids` its id where it counts, nil where it does not (question, image, padding);
    ///     position p is foretold from those before it, as the reference shifts them, so the first never counts.
    ///   - pixels: as for the model.
    public func loss(_ ids: [[Int]], labels: [[Int?]], _ pixels: Variable?) -> Variable {
        precondition(
            ids.count == labels.count && zip(ids, labels).allSatisfy { $0.count == $1.count },
            "labels for other rows than the ids")
        let states = decoder(embeddings(ids, pixels))
        let (length, width) = (states.shape[1], states.shape[2])
        var (rows, targets) = ([Int](), [Int]())
        for (row, labels) in labels.enumerated() {
            for case (let place, .some(let id)) in labels.enumerated() where place > 0 {
                rows.append(row * length + place - 1)
                targets.append(id)
            }
        }
        // The head runs only where something is foretold.
        let counted = states.reshaped([ids.count * length, width]).gatheredRows(rows)
        return crossEntropy(decoder.logits(counted), targets: targets)
    }

    /// Token embeddings with image features in the place of image tokens, `[b, L, hidden_size]`.
    func embeddings(_ ids: [[Int]], _ pixels: Variable?) -> Variable {
        let length = ids.first?.count ?? 0
        precondition(length > 0 && ids.allSatisfy { $0.count == length }, "rows of ids of unequal length, or none")
        let (flat, width) = (ids.flatMap { $0 }, configuration.text.hiddenSize)
        // The embedding may be too short for the image id, whose row is not used.
        let tokens = decoder.embedding(flat.map { $0 == configuration.imageID ? 0 : $0 })
        var places = Array(0..<flat.count)
        var next = flat.count
        for (place, id) in flat.enumerated() where id == configuration.imageID {
            places[place] = next
            next += 1
        }
        let images = pixels?.shape[0] ?? 0
        precondition(
            next - flat.count == images * configuration.imageTokens,
            "\(next - flat.count) image tokens for \(images) images of \(configuration.imageTokens)")
        guard let pixels, images > 0 else { return tokens.reshaped([ids.count, length, width]) }
        return stacked([tokens, imageFeatures(pixels).reshaped([-1, width])]).gatheredRows(places)
            .reshaped([ids.count, length, width])
    }
}
