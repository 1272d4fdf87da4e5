/// The word of a prompt that names the motion, found without being told: by rules over a cut-down WordNet.
///
/// ```swift
/// MotionVerb.find(in: "A red ball is zigzagging on the grass")   // zigzagging
/// MotionVerb.find(in: "A robot is dancing and singing")          // dancing, singing
/// MotionVerb.find(in: "golf swing, side view")                   // nil
/// ```
///
/// Knows neither what a pipeline file says the motion is, nor tokens.
public struct MotionVerb: Hashable, Sendable {
    /// Where the verb stands in the prompt; of "X-ing and Y-ing" both, the first one first.
    public let words: [Range<String.Index>]

    /// The verb, or nil where no rule finds one: a guess would teach a model the wrong word.
    public static func find(in prompt: String) -> MotionVerb? {
        let sentence = Sentence(prompt)
        guard let verb = sentence.primary() else { return nil }
        return MotionVerb(words: sentence.coordinated(verb).map { sentence.words[$0].range })
    }
}

/// Rule 5: which of the verbs is the one.
extension Sentence {
    func primary() -> Candidate? {
        let doing = participles().filter { !$0.isAny(of: WordLists.never) }
        let done = finites().filter { !$0.isAny(of: WordLists.never) }
        let main = doing.filter { $0.isMotion && !$0.isRelative && !$0.isLater }
        let finite = done.first { $0.isMotion && !$0.isRelative }
        let found =
            earlier(finite, than: ofMainClause(main)) ?? ofMainClause(main) ?? finite
            ?? doing.first { $0.isMotion && !$0.isRelative } ?? (doing + done).first { $0.isMotion }
            ?? (doing + done).first { !$0.isRelative }
        return found.map(handedOver)
    }

    /// The earliest; but "a dog running in the park is chasing a ball" is about chasing.
    private func ofMainClause(_ main: [Candidate]) -> Candidate? {
        guard let first = main.first, first.form == .participle else { return main.first }
        return main.first { $0.form == .progressive && clause[$0.index] == clause[first.index] } ?? first
    }

    /// "A dog runs while a cat is sleeping": a finite verb wins when a clause has ended after it.
    private func earlier(_ finite: Candidate?, than doing: Candidate?) -> Candidate? {
        guard let finite, let doing, finite.isSure, clause[finite.index] < clause[doing.index] else { return nil }
        return finite.index < doing.index ? finite : nil
    }

    /// "starts sprinting", "begins to climb", "keeps on dancing", "is going to fall": the verb after it.
    private func handedOver(_ verb: Candidate) -> Candidate {
        guard verb.isAny(of: WordLists.aspectual) else { return verb }
        for index in words.indices.dropFirst(verb.index + 1).prefix(4) {
            let word = words[index]
            if word.gap != .none { break }
            if isDoing(index) {
                return handedOver(Candidate(index: index, lemmas: lemmas(index), form: .participle))
            }
            // "Going to bed" goes to a place, "going to fall" to nothing.
            let isGoal = verb.isAny(of: ["go", "come"]) && word.facts.contains(.noun)
            if words[index - 1].text == "to", let lemmas = base(index), !isGoal {
                return handedOver(Candidate(index: index, lemmas: lemmas, form: .base))
            }
            guard word.role == .adverb || word.role == .particle || ["to", "on"].contains(word.text) else { break }
        }
        return verb
    }

    /// The places of a verb and of those that and, or, or commas before an and, join to it in the same form.
    func coordinated(_ verb: Candidate) -> [Int] {
        var found = [verb.index]
        var waiting: [Int] = []
        var index = verb.index + 1
        while index < words.count, words[index].gap != .sentence {
            let isJoined = words[index].role == .conjunction && words[index].text != "but"
            while index < words.count, words[index].role == .conjunction || words[index].role == .adverb { index += 1 }
            let isListed = index < words.count && words[index].gap == .comma
            guard index < words.count, isJoined || isListed, joins(index, verb) else { break }
            waiting.append(index)
            if isJoined {
                found += waiting
                waiting = []
            }
            index += 1
        }
        return found
    }

    private func joins(_ index: Int, _ verb: Candidate) -> Bool {
        switch verb.form {
        case .progressive where !isDoing(verb.index): false
        case .progressive, .participle: isDoing(index) && !lemmas(index).contains(where: WordLists.stative.contains)
        case .third, .base, .past:
            words[index].role == .open && formMatches(index, verb.form)
        }
    }

    private func formMatches(_ index: Int, _ form: Candidate.Form) -> Bool {
        let word = words[index]
        return switch form {
        case .third: isVerbRather(Lexicon.verbs(word.text, ending: .s))
        case .base: isVerbRather(base(index) ?? [])
        default: word.facts.contains(.past) || !Lexicon.verbs(word.text, ending: .ed).isEmpty
        }
    }

    private func isVerbRather(_ lemmas: [String]) -> Bool {
        lemmas.first.map { !Lexicon.facts($0).contains(.noun) && !WordLists.stative.contains($0) } == true
    }
}
