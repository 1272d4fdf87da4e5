/// What can go wrong while captioning, the endpoint itself aside.
enum RecaptionError: Error, CustomStringConvertible {
    /// Captions by hand that cannot be told to which clip they belong.
    case wrongNumber(captions: Int, clips: Int)
    /// An answer that is no caption.
    case refused(clip: Int, why: CaptionRules.Refusal, answer: String)
    /// A chat in which the picture or the question has no place.
    case noPlace(for: String)
    /// A question that leaves no room for an answer.
    case tooLong(tokens: Int, limit: Int)

    var description: String {
        switch self {
        case .wrongNumber(let captions, let clips):
            "there are \(captions) captions for \(clips) clips: give one for each, in order"
        case .refused(let clip, let why, let answer):
            "the captioner's answer for clip \(clip) \(why) ('\(answer.prefix(200))'): "
                + "try another model or instruction, or write `captions:` by hand"
        case .noPlace(let what): "the captioner's chat should have one \(what) in it"
        case .tooLong(let tokens, let limit):
            "picture, question and answer take up to \(tokens) tokens, the captioner reads \(limit): "
                + "shorten instruction or maximum-tokens"
        }
    }
}
