import Autograd
public import Diffusion
public import Models
public import StageKit
public import Tensors

/// Turns prompts into what the denoising network attends to: tokenizer and text encoder of a model set.
public struct PromptEncoder {
    private let tokenizer: CLIPTokenizer
    private let model: CLIPTextModel

    /// Opens both parts; the text encoder multiplies in `precision`.
    ///
    /// Throws when the set lacks one, a tensor is missing or misshapen, or they do not belong together.
    public init(_ set: ModelSet, precision: Precision = .float32) throws {
        tokenizer = try set.tokenizer()
        model = try set.textEncoder(precision: precision)
        if let why = tokenizer.disagreement(with: model.configuration) {
            throw FormatError.malformed(file: "the tokenizer of model set \(set.name)", why: why)
        }
    }

    /// The text encoder's last hidden state, `[1, positions, d]`; all positions, padding among them.
    public func encode(_ prompt: String) -> Tensor { withoutRecording { model([tokenizer.encode(prompt)]).value } }

    /// Width of an embedding.
    public var width: Int { model.configuration.hiddenSize }

    /// Whether the end of a prompt is beyond what the text encoder reads.
    public func isCutOff(_ prompt: String) -> Bool { tokenizer.encoding(prompt).isTruncated }

    /// Where the tokens of the motion's word stand.
    ///
    /// Throws `DiffusionError` when there is none or it is cut off.
    public func motionTokens(of prompt: String, motion: String?, span: MotionWord.Span) throws -> Range<Int> {
        try tokenizer.motionTokens(of: prompt, motion: motion, span: span)
    }
}

extension CLIPTokenizer {
    /// Why a text encoder cannot take this tokenizer's ids; nil when it can.
    public func disagreement(with encoder: CLIPTextConfiguration) -> String? {
        guard maximumLength > encoder.maximumPositions || vocabularySize > encoder.vocabularySize else { return nil }
        return "it makes up to \(maximumLength) ids of \(vocabularySize), the text encoder takes "
            + "\(encoder.maximumPositions) of \(encoder.vocabularySize)"
    }

    /// Where the tokens of the motion's word stand in the ids.
    ///
    /// Throws `DiffusionError` when there is none or it is cut off.
    public func motionTokens(of prompt: String, motion: String?, span: MotionWord.Span) throws -> Range<Int> {
        try MotionWord(in: prompt, motion: motion, span: span)
            .tokenRange(positions: maximumLength) { encoding($0).contentCount }
    }
}

extension StageRequest {
    /// Why the motion's word cannot be strengthened in a prompt: it has none, or with a model, reads none of it.
    public func motionWordProblem(in prompt: String, motion: String?, span: MotionWord.Span) -> String? {
        do {
            if let tokenizer {
                _ = try tokenizer.motionTokens(of: prompt, motion: motion, span: span)
            } else {
                _ = try MotionWord(in: prompt, motion: motion, span: span)
            }
            return nil
        } catch { return "\(error)" }
    }
}
