import Formats
import Models

/// Pictures and captions as the decoder reads them: start, chat with the picture, then the caption and an end.
///
/// As the recaption stage asks at use; every picture is asked the same.
struct CaptionDialogue {
    static let image = "<image>"

    /// Ids up to the answer, an image id for each of the image's tokens.
    let prompt: [Int]
    private let tokenizer: LanguageTokenizer
    private let padID: Int

    init(
        _ settings: CaptionerTrainingSettings, tokenizer: LanguageTokenizer, _ configuration: LlavaConfiguration,
        padID: Int
    ) {
        (self.tokenizer, self.padID) = (tokenizer, padID)
        prompt = tokenizer.encode(settings.chat).flatMap {
            Array(repeating: $0, count: $0 == configuration.imageID ? configuration.imageTokens : 1)
        }
    }

    /// The words of the chat, that the tokenizer is to know.
    static func words(_ settings: CaptionerTrainingSettings) -> [String] {
        settings.chat.replacing(image, with: " ").split(whereSeparator: \.isWhitespace).map(String.init)
    }

    /// Rows of equal length, and of each the ids that are to be foretold: those of the caption and its end.
    func rows(_ captions: [String]) -> (ids: [[Int]], labels: [[Int?]]) {
        let answers = captions.map {
            tokenizer.encode($0, addsSpecialTokens: false) + [CaptionerTokenizer.endID]
        }
        let longest = answers.reduce(0) { max($0, $1.count) }
        let silence = prompt.map { _ in Int?.none }
        // What follows the end changes nothing before it: attention is causal.
        let ids = answers.map { prompt + $0 + Array(repeating: padID, count: longest - $0.count) }
        let labels = answers.map { answer in
            silence + answer.map(Optional.some) + Array(repeating: nil, count: longest - answer.count)
        }
        return (ids, labels)
    }

    /// The text of an answer.
    func text(_ ids: [Int]) -> String { tokenizer.decode(ids) }
}
