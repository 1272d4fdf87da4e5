import Tensors

extension ModelFolder.Class {
    /// The inputs that `forward` looks at.
    var inputNames: [String] {
        switch self {
        case .unet3DConditionModel: ["sample", "timestep", "encoder_hidden_states"]
        case .autoencoderKL: ["pixel_values", "latents"]
        case .clipTextModel, .clipTextModelWithProjection: ["input_ids", "attention_mask"]
        case .clipVisionModel, .clipVisionModelWithProjection: ["pixel_values"]
        case .clipModel: ["input_ids", "attention_mask", "pixel_values"]
        case .videoMAEModel, .videoMAEForPreTraining, .videoMAEForVideoClassification:
            ["pixel_values", "bool_masked_pos"]
        case .llava: ["input_ids", "attention_mask", "pixel_values"]
        }
    }

    /// The inputs of which `forward` needs all.
    fileprivate var neededInputs: [String] {
        switch self {
        case .unet3DConditionModel: ["sample", "timestep", "encoder_hidden_states"]
        case .autoencoderKL, .clipModel: []
        case .clipTextModel, .clipTextModelWithProjection, .llava: ["input_ids"]
        case .clipVisionModel, .clipVisionModelWithProjection: ["pixel_values"]
        case .videoMAEModel, .videoMAEForPreTraining, .videoMAEForVideoClassification: ["pixel_values"]
        }
    }

    /// The inputs of which `forward` needs one at least.
    fileprivate var alternativeInputs: [String] {
        switch self {
        case .autoencoderKL: ["pixel_values", "latents"]
        case .clipModel: ["pixel_values", "input_ids"]
        default: []
        }
    }
}

/// What `forward` was given, and the errors that it earns.
struct ForwardInputs {
    /// Masks of the reference classes, with the value that masks nothing.
    private static let masks: [(name: String, neutral: Float)] = [("attention_mask", 1), ("bool_masked_pos", 0)]

    private let modelClass: ModelFolder.Class
    private let values: [String: NumericArray]

    init(_ modelClass: ModelFolder.Class, _ values: [String: NumericArray]) {
        self.modelClass = modelClass
        self.values = values
    }

    private var model: String { modelClass.rawValue }

    /// Throws when a tensor is missing, or a mask masks something.
    func check() throws {
        for (name, neutral) in Self.masks where modelClass.inputNames.contains(name) {
            try refuse(name, unlessAll: neutral)
        }
        for name in modelClass.neededInputs where !has(name) { throw missing(name) }
        let alternatives = modelClass.alternativeInputs
        if let first = alternatives.first, !alternatives.contains(where: has) { throw missing(first) }
    }

    func has(_ name: String) -> Bool { values[name] != nil }

    private func missing(_ name: String) -> ModelsError {
        .missingInput(name: name, model: model, given: values.keys.sorted())
    }

    func bad(_ name: String, _ expected: String, _ shape: [Int]) -> ModelsError {
        .badInput(name: name, model: model, expected: expected, found: "\(shape)")
    }

    /// A tensor of the given lengths; nil stands for any.
    func tensor(_ name: String, _ lengths: [Int?]) throws -> Tensor {
        guard let value = values[name] else { throw missing(name) }
        let shape = value.shape
        let fits = shape.count == lengths.count && zip(shape, lengths).allSatisfy { $1 == nil || $0 == $1 }
        guard fits, !shape.contains(0) else {
            let wanted = lengths.map { $0.map(String.init) ?? "any" }.joined(separator: ", ")
            throw bad(name, "of shape [\(wanted)], not empty", shape)
        }
        return value.tensor
    }

    func integers(_ name: String) throws -> (values: [Int], shape: [Int]) {
        guard let value = values[name] else { throw missing(name) }
        guard let numbers = value.wholeNumbers, !numbers.isEmpty else {
            throw ModelsError.badInput(name: name, model: model, expected: "whole numbers", found: "others")
        }
        return (numbers, value.shape)
    }

    /// Throws when a mask is given that masks something.
    private func refuse(_ name: String, unlessAll neutral: Float) throws {
        guard let value = values[name], value.tensor.values.contains(where: { $0 != neutral }) else { return }
        throw ModelsError.badInput(
            name: name, model: model, expected: "left out or all \(Int(neutral)), as masks are not supported",
            found: "a mask")
    }

    /// Rows of token ids that the model knows.
    ///
    /// - Parameter extra: an id that may be beyond the vocabulary.
    func ids(_ name: String, vocabularySize: Int, maximumPositions: Int, extra: Int? = nil) throws -> [[Int]] {
        let (numbers, shape) = try integers(name)
        guard let length = shape.last, shape.count <= 2, length <= maximumPositions else {
            throw bad(name, "[b, L] with L at most \(maximumPositions)", shape)
        }
        if let wrong = numbers.first(where: { ($0 < 0 || $0 >= vocabularySize) && $0 != extra }) {
            throw ModelsError.badInput(
                name: name, model: model, expected: "ids from 0 to \(vocabularySize - 1)", found: "one of \(wrong)")
        }
        return stride(from: 0, to: numbers.count, by: length).map { Array(numbers[$0..<$0 + length]) }
    }
}
