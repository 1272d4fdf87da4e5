/// The words of a prompt, cut into clauses, and what can be asked of a place among them.
///
/// Knows no rule about which verb is the one.
struct Sentence {
    let words: [Word]
    /// The first word of the clause that each word stands in.
    private(set) var clause: [Int] = []
    /// Whether that clause comes after a comma that is no part of the main clause.
    private(set) var isLater: [Bool] = []
    /// Whether a word belongs to a who, which or that clause.
    private(set) var isRelative: [Bool] = []
    /// The last form of be, or other auxiliary, of a main clause up to each word; -1 before the first.
    private var auxiliary: [Int] = []

    init(_ prompt: String) {
        words = Word.words(of: prompt)
        cutClauses()
        markRelatives()
    }

    /// A comma ends a clause, unless only a place ("In the park,") or adjectives ("A big,") have been said.
    private mutating func cutClauses() {
        var start = 0
        var later = false
        var hasSubject = false
        for (index, word) in words.enumerated() {
            if word.gap == .sentence {
                (start, later, hasSubject) = (index, false, false)
            } else if word.gap == .comma {
                if hasSubject || words[start].role.isPreposition { start = index }
                later = later || hasSubject
            } else if word.role == .subordinator {
                start = index
            }
            let isPlace = words[start].role.isPreposition
            if !isPlace, word.role == .open, !isOnlyAdjective(index) { hasSubject = true }
            if word.role.isSubjectPronoun || word.role == .be { hasSubject = true }
            clause.append(start)
            isLater.append(later)
        }
    }

    /// A relative clause ends at a comma or before the second finite form of be.
    private mutating func markRelatives() {
        var inside = false
        var hasVerb = false
        for (index, word) in words.enumerated() {
            if word.gap != .none || word.role == .subordinator { inside = false }
            let that = word.text == "that" || word.text == "that's"
            let opens = word.role == .relative || word.text == "who's" || that
            if opens, index > 0, word.gap == .none, isNounLike(index - 1) {
                (inside, hasVerb) = (true, word.role == .be)
            } else if inside, word.role.isAuxiliary {
                // "who has been running" is one form.
                if hasVerb, !words[index - 1].role.isAuxiliary { inside = false }
                hasVerb = true
            } else if inside, word.role == .open, opensRelative(index - 1) {
                hasVerb = true
            }
            isRelative.append(inside)
            auxiliary.append(word.role.isAuxiliary && !inside ? index : auxiliary.last ?? -1)
        }
    }

    /// Whether a word leads to the verb of a relative clause; a later verb belongs to the main clause.
    func opensRelative(_ index: Int) -> Bool {
        [.relative, .modal, .have].contains(words[index].role) || words[index].text == "that"
    }

    /// Whether an auxiliary of a main clause stands between two words.
    func hasAuxiliary(between first: Int, _ last: Int) -> Bool { auxiliary[last - 1] > first }

    // MARK: - Neighbours

    /// The word after this one, unless something parts them.
    func next(_ index: Int) -> Word? {
        index + 1 < words.count && words[index + 1].gap == .none ? words[index + 1] : nil
    }

    /// The nearest place before this one that is no adverb, unless something parts them.
    func previous(_ index: Int) -> Int? {
        var index = index
        while index > 0, words[index].gap == .none {
            index -= 1
            if words[index].role != .adverb && words[index].role != .negation { return index }
        }
        return nil
    }

    /// Whether a noun without a determiner comes next: "playing golf", "flying eagle".
    func hasBareNounNext(_ index: Int) -> Bool {
        guard let next = next(index), next.role == .open else { return false }
        return !isDoing(index + 1)
    }

    func isOnlyAdjective(_ index: Int) -> Bool {
        let word = words[index]
        if word.role != .open || word.facts.contains(.being) || word.facts.contains(.verb) { return false }
        if word.facts.contains(.adjective) { return true }
        return word.facts.isEmpty
            && ["ful", "ous", "istic", "less", "able", "ible"].contains(where: word.text.hasSuffix)
    }

    /// Whether a verb can follow this word as its subject's.
    func isNounLike(_ index: Int) -> Bool {
        let word = words[index]
        if word.role == .open { return !isOnlyAdjective(index) }
        if word.role.isSubjectPronoun || word.role == .objectPronoun { return true }
        return ["another", "other", "one", "each", "all", "both"].contains(word.text)
    }

    // MARK: - Words in -ing

    /// Whether the word can be the -ing form of a verb, known or not: a vowel before -ing, and not always a noun.
    func isDoing(_ index: Int) -> Bool {
        let word = words[index]
        guard word.role == .open, word.text.hasSuffix("ing"), !WordLists.neverDoing.contains(word.text) else {
            return false
        }
        let stem = word.text.dropLast(3)
        guard stem.count > 1, stem.contains(where: "aeiouyáéíóúêö".contains) else { return false }
        return !word.facts.contains(.noun) && !word.facts.contains(.being) || !lemmas(index).isEmpty
    }

    /// The verbs that a word in -ing can come from; of a compound like belly-dancing, of its last part.
    func lemmas(_ index: Int) -> [String] {
        let text = words[index].text
        let found = Lexicon.verbs(text, ending: .ing)
        guard found.isEmpty, let last = text.split(separator: "-").last, last.count < text.count else { return found }
        return Lexicon.verbs(String(last), ending: .ing)
    }

    /// Whether WordNet has the word and the next one, singular or plural, as a compound: boxing ring.
    func isCompound(_ index: Int) -> Bool {
        guard index >= 0, let next = next(index) else { return false }
        let both = words[index].text + " " + next.text
        return Lexicon.facts(both).contains(.compound)
            || both.hasSuffix("s") && Lexicon.facts(String(both.dropLast())).contains(.compound)
    }
}
