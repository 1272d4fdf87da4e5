import Foundation

/// What makes an answer of a captioner a caption (diffusion.md 8.13, data.md section 5).
struct CaptionRules {
    /// Why an answer is no caption.
    enum Refusal: Error, Hashable, CustomStringConvertible {
        case empty
        case cutOff
        case unchanged
        case tooLong(words: Int, limit: Int)
        case tooManyTokens

        var description: String {
            switch self {
            case .empty: "is empty"
            case .cutOff: "was cut off before its end"
            case .unchanged: "only repeats the prompt"
            case .tooLong(let words, let limit): "has \(words) words, \(limit) are allowed"
            case .tooManyTokens: "is longer than the text encoder reads, and has no comma to end it at"
            }
        }
    }

    let maximumWords: Int
    /// Whether the end of a text is beyond what the text encoder reads.
    let isCutOff: (String) -> Bool

    /// The caption in an answer: one line, without quotation marks, within what the text encoder reads.
    func caption(from answer: Endpoint.Answer, prompt: String) throws(Refusal) -> String {
        if answer.isCutOff { throw .cutOff }
        var caption = CaptionRules.tidied(answer.text)
        if caption.isEmpty { throw .empty }
        if CaptionRules.bare(caption) == CaptionRules.bare(prompt) { throw .unchanged }
        let words = caption.split(separator: " ").count
        if words > maximumWords { throw .tooLong(words: words, limit: maximumWords) }
        // What does not fit goes from the end, a part between commas at a time.
        while isCutOff(caption) {
            guard let comma = caption.lastIndex(of: ",") else { throw .tooManyTokens }
            caption = String(caption[..<comma]).trimmingCharacters(in: .whitespaces)
            if caption.isEmpty { throw .tooManyTokens }
        }
        if CaptionRules.bare(caption) == CaptionRules.bare(prompt) { throw .unchanged }
        return caption
    }

    /// A text on one line, single spaces, without the quotation marks around it.
    static func tidied(_ text: String) -> String {
        var line = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        let pairs: [(Character, Character)] = [
            ("\"", "\""), ("'", "'"), ("“", "”"), ("‘", "’"), ("«", "»"), ("`", "`"),
        ]
        while line.count >= 2, pairs.contains(where: { line.first == $0 && line.last == $1 }) {
            line = String(line.dropFirst().dropLast()).trimmingCharacters(in: .whitespaces)
        }
        return line
    }

    /// The words of the prompt that carry meaning and are not in the caption.
    static func lostWords(of prompt: String, in caption: String) -> [String] {
        let small: Set<String> = [
            "a", "an", "the", "is", "are", "was", "were", "be", "being", "in", "on", "at", "of", "to", "from", "with",
            "by", "for", "and", "or", "his", "her", "their", "its", "some", "into", "over", "under", "through",
        ]
        let kept = Set(bare(caption).split(separator: " "))
        return bare(prompt).split(separator: " ").filter { !small.contains(String($0)) && !kept.contains($0) }
            .map(String.init)
    }

    /// A text as it compares: lower case, letters and digits only, single spaces.
    private static func bare(_ text: String) -> String {
        String(text.lowercased().map { $0.isLetter || $0.isNumber ? $0 : " " })
            .split(separator: " ").joined(separator: " ")
    }
}
