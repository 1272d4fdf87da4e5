import Autograd
import Formats
import Media
import Models
import StageKit
import Tensors

/// The captioner of a model set: a LLaVA that answers a question about a picture, always the same.
///
/// Knows nothing of clips and captions.
struct FolderCaptioner {
    private static let (image, question) = ("<image>", "{question}")

    private let model: LlavaForConditionalGeneration
    private let tokenizer: LanguageTokenizer
    private let preprocessing: ImagePreprocessing
    private let chat: String
    private let maximumTokens: Int

    /// Reads the model into memory.
    ///
    /// Throws when the set has no captioner, or it cannot be read.
    init(_ set: ModelSet, _ settings: RecaptionStage.Settings) throws {
        if let error = FolderCaptioner.problem(settings.chat) { throw error }
        tokenizer = try set.captionerTokenizer()
        model = try set.captioner(precision: settings.precision)
        preprocessing = .llava(size: model.configuration.vision.imageSize, pads: settings.picture == .whole)
        (chat, maximumTokens) = (settings.chat, settings.maximumTokens)
    }

    /// What is wrong with a chat.
    ///
    /// It need not have a question: a captioner may be one that is always told the same.
    static func problem(_ chat: String) -> RecaptionError? {
        if chat.ranges(of: image).count != 1 { return .noPlace(for: image) }
        return chat.ranges(of: question).count > 1 ? .noPlace(for: question) : nil
    }

    /// Asks about a picture; greedy, so equal pictures and questions have equal answers.
    func ask(
        _ question: String, about picture: Frames, checkCancellation: @Sendable () throws -> Void
    ) throws -> Endpoint.Answer {
        let configuration = model.configuration
        // The question may come from a user's prompt: no part of it is a picture.
        let text = chat.replacing(
            FolderCaptioner.question, with: question.replacing(FolderCaptioner.image, with: "image"))
        let ids = tokenizer.encode(text).flatMap {
            Array(repeating: $0, count: $0 == configuration.imageID ? configuration.imageTokens : 1)
        }
        guard ids.count(where: { $0 == configuration.imageID }) == configuration.imageTokens else {
            throw RecaptionError.noPlace(for: FolderCaptioner.image)
        }
        let length = ids.count + maximumTokens
        guard length <= configuration.text.maximumPositions else {
            throw RecaptionError.tooLong(tokens: length, limit: configuration.text.maximumPositions)
        }
        try checkCancellation()
        let pixels = Variable(preprocessing(picture))
        let answer = try model.generate(ids, pixels, maximumTokens: maximumTokens) { _ in try checkCancellation() }
        return Endpoint.Answer(text: tokenizer.decode(answer.ids), isCutOff: !answer.isComplete, model: nil)
    }
}
