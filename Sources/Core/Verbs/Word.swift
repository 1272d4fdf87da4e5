/// A word of a prompt: where it stands, what grammar makes of it, what the lexicon says.
struct Word {
    let range: Range<String.Index>
    /// In lower case, with straight apostrophes.
    let text: String
    let isCapital: Bool
    /// What stands between it and the word before.
    let gap: Gap
    let role: Role
    let facts: Facts
    /// The lemma of an irregular form.
    let lemma: String?

    enum Gap: Comparable {
        case none, comma, sentence
    }

    /// Runs of letters, digits, hyphens and apostrophes, without hyphens and apostrophes at their ends; and `&`.
    static func words(of prompt: String) -> [Word] {
        var words: [Word] = []
        var end = prompt.startIndex
        var start = prompt.startIndex
        while start < prompt.endIndex {
            guard isPart(prompt[start]) else {
                prompt.formIndex(after: &start)
                continue
            }
            let run = prompt[start...].prefix(while: isPart)
            start = run.endIndex
            var kept = run.drop(while: isMark)
            while let last = kept.last, isMark(last) { kept.removeLast() }
            guard !kept.isEmpty else { continue }
            let between = prompt[end..<kept.startIndex]
            words.append(Word(kept, after: words.isEmpty ? .sentence : gap(between)))
            end = kept.endIndex
        }
        return words
    }

    private init(_ spelled: Substring, after gap: Gap) {
        range = spelled.startIndex..<spelled.endIndex
        text = String(spelled.lowercased().map { $0 == "’" ? "'" : $0 })
        isCapital = spelled.first?.isUppercase == true
        self.gap = gap
        role = Role(text)
        (facts, lemma) = Lexicon.entry(text)
    }

    private static func isPart(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || isMark(character) || character == "&"
    }

    private static func isMark(_ character: Character) -> Bool {
        character == "-" || character == "'" || character == "’"
    }

    /// A point inside a number is no end of a sentence, and quotes and slashes part nothing.
    private static func gap(_ between: Substring) -> Gap {
        let isOpen = between.contains(where: \.isWhitespace)
        if between.contains(where: { "!?;:\n…。".contains($0) }) || isOpen && between.contains(".") { return .sentence }
        return between.contains { ",()[]{}|–—-，、".contains($0) } ? .comma : .none
    }
}
