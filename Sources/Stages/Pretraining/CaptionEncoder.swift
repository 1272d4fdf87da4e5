import Autograd
public import Foundation
import Models
public import Tensors

/// The text tower of a CLIP folder with its tokenizer: captions to what a denoising network attends to.
///
/// Captions repeat, so what they became is kept.
public final class CaptionEncoder {
    private let model: CLIPModel
    private let tokenizer: CLIPTokenizer
    private var known: [String: Tensor] = [:]

    /// Opens the folder.
    ///
    /// Throws when a file is missing or a tensor misshapen.
    public init(folder: URL) throws {
        model = try CLIPModel(folder: folder)
        tokenizer = try CLIPTokenizer(folder: folder)
    }

    /// Width of an embedding.
    public var width: Int { model.configuration.text.hiddenSize }

    /// The last hidden states of some captions, `[n, positions, width]`.
    public func encode(_ captions: [String]) -> Tensor {
        let new = Array(Set(captions.filter { known[$0] == nil })).sorted()
        if !new.isEmpty {
            let states = withoutRecording { model.text(new.map(tokenizer.encode)).value }
            for (row, caption) in new.enumerated() { known[caption] = Kernels.rows(states, row..<row + 1) }
        }
        return Kernels.concatenateRows(captions.map { known[$0] ?? Tensor(zeros: []) })
    }
}
