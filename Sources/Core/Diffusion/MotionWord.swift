import Verbs

/// The word of a prompt that carries the motion: what the motion enhancer strengthens (diffusion.md 8.7).
///
/// ```swift
/// try MotionWord(in: "A red ball is zigzagging on the grass", motion: nil).text   // "zigzagging"
/// ```
public struct MotionWord: Hashable, Sendable {
    /// How much of a motion of several words counts.
    public enum Span: String, Sendable, CaseIterable {
        /// The first word: `playing` of `playing golf`.
        case verb
        /// All of them.
        case phrase
    }

    /// As the prompt has it.
    public let text: String
    /// The prompt before it.
    public let before: String
    /// The whole prompt.
    public let prompt: String

    /// Finds the word: `motion`, which the prompt must have; without one the verb that the rules of ``MotionVerb`` find.
    ///
    /// Case does not matter. Of a motion that is a phrase, the first word will do when the rest is not in the prompt.
    /// Throws `DiffusionError.noMotionWord`.
    public init(in prompt: String, motion: String?, span: Span = .verb) throws {
        let words = MotionWord.words(of: prompt)
        let wanted = MotionWord.words(of: motion ?? "").map { $0.lowercased() }
        let lowered = words.map { $0.lowercased() }
        let place: Range<String.Index>?
        if let name = wanted.first {
            let whole = MotionWord.position(of: wanted, in: lowered).map { start in
                words[start].startIndex..<words[start + (span == .phrase ? wanted.count : 1) - 1].endIndex
            }
            place = whole ?? lowered.firstIndex(of: name).map { words[$0].startIndex..<words[$0].endIndex }
        } else {
            place = MotionVerb.find(in: prompt)?.words.first
        }
        guard let place else { throw DiffusionError.noMotionWord(prompt: prompt, motion: motion) }
        text = String(prompt[place])
        before = String(prompt[..<place.lowerBound])
        self.prompt = prompt
    }

    /// Where its tokens stand in the text encoder's input: begin-of-text is position 0.
    ///
    /// Words are tokenised one by one, so the tokens before it are those of the text before it.
    /// - Parameters:
    ///   - positions: how many positions the text encoder has, 77 for CLIP.
    ///   - contentTokens: the number of tokens of a text, without the markers at its ends.
    /// Throws `DiffusionError.motionWordCutOff` when it is not wholly in front of the end-of-text marker.
    public func tokenRange(positions: Int, contentTokens: (String) -> Int) throws -> Range<Int> {
        let start = 1 + contentTokens(before)
        let end = start + contentTokens(text)
        guard end <= positions - 1 else {
            throw DiffusionError.motionWordCutOff(prompt: prompt, word: text, limit: positions - 2)
        }
        return start..<end
    }

    /// Runs of letters, digits, hyphens and apostrophes.
    private static func words(of text: String) -> [Substring] {
        text.split { !($0.isLetter || $0.isNumber || "-'’".contains($0)) }
    }

    private static func position(of wanted: [String], in words: [String]) -> Int? {
        guard !wanted.isEmpty, words.count >= wanted.count else { return nil }
        return (0...words.count - wanted.count).first { Array(words[$0..<$0 + wanted.count]) == wanted }
    }
}
