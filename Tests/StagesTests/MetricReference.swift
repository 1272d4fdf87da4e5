import Autograd
import Formats
import Media
import Models
import StageKit
import Tensors

/// The metrics of one video by their formulas, one frame at a time (diffusion.md 8.9).
struct Reference {
    private let model: CLIPModel
    private let tokenizer: CLIPTokenizer
    private let images: [[Float]]

    init(_ set: ModelSet, frames: Frames) throws {
        let model = try set.imageEncoder()
        self.model = model
        tokenizer = try set.tokenizer()
        let preprocessing = ImagePreprocessing.clip(
            size: model.configuration.vision.imageSize, rounding: .halfToEven)
        images = (0..<frames.count).map { index in
            Reference.unit(model.imageEmbeddings(Variable(preprocessing(frames[index]))).value.values)
        }
    }

    func similarity(to text: String) throws -> Double {
        let words = Reference.unit(model.textEmbeddings([tokenizer.encode(text)]).value.values)
        return images.reduce(0) { $0 + dot($1, words) } / Double(images.count)
    }

    var consistency: Double {
        zip(images, images.dropFirst()).reduce(0) { $0 + dot($1.0, $1.1) } / Double(images.count - 1)
    }

    private static func unit(_ row: [Float]) -> [Float] {
        let norm = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return row.map { $0 / norm }
    }

    private func dot(_ a: [Float], _ b: [Float]) -> Double { Double(zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }) }
}
