/// Rule 4: a verb without -ing, after a subject with which it agrees.
extension Sentence {
    /// All that may be verbs, in order.
    func finites() -> [Candidate] { words.indices.compactMap { finite($0) } }

    /// The word as a finite verb, or as the base form after an auxiliary.
    /// - Parameter joined: whether it may be joined by and to an earlier one.
    func finite(_ index: Int, joined: Bool = true) -> Candidate? {
        guard words[index].role == .open, let before = previous(index) else { return nil }
        let isNegated = (before..<index).contains { words[$0].role == .negation || words[$0].text.hasSuffix("n't") }
        guard var candidate = led(by: before, index) ?? agreeing(before, index, joined) else { return nil }
        candidate.isNegated = isNegated
        candidate.isRelative = isRelative[index] && opensRelative(before)
        return candidate
    }

    /// "can jump", "has jumped".
    private func led(by before: Int, _ index: Int) -> Candidate? {
        let word = words[index]
        if words[before].role == .modal || ["do", "does", "did"].contains(words[before].text) {
            return base(index).map { Candidate(index: index, lemmas: $0, form: .base) }
        }
        guard words[before].role == .have else { return nil }
        let lemmas = word.lemma.map { [$0] } ?? (word.text.hasSuffix("ed") ? Lexicon.verbs(word.text, ending: .ed) : [])
        return lemmas.isEmpty ? nil : Candidate(index: index, lemmas: lemmas, form: .past)
    }

    private func agreeing(_ before: Int, _ index: Int, _ joined: Bool) -> Candidate? {
        let follower = follower(of: index)
        guard follower != .verb else { return nil }
        if isAuxiliary(index) { return nil }
        if words[before].role == .conjunction { return joined ? self.joined(before, index, follower) : nil }
        guard isNounLike(before) || isRelative[index] && opensRelative(before),
            let subject = subject(before: index), !hasAuxiliary(between: subject.head, index)
        else { return nil }
        return third(index, subject, before, follower) ?? base(index, subject, before, follower)
            ?? past(index, follower)
    }

    /// "does not walk", "did jump".
    private func isAuxiliary(_ index: Int) -> Bool {
        guard ["do", "does", "did"].contains(words[index].text), let next = next(index) else { return false }
        return next.role == .negation || base(index + 1) != nil && !next.facts.contains(.noun)
    }

    /// "stands on a rock and waves": the subject of the verb before.
    private func joined(_ before: Int, _ index: Int, _ follower: Follower) -> Candidate? {
        guard let subject = subject(before: before),
            let first = (clause[index]..<before).suffix(12).lazy.compactMap({ finite($0, joined: false) }).first
        else { return nil }
        let isState = !first.isMotion
        guard follower == .object || follower == .adverb || isState else { return nil }
        let said = Subject(
            head: subject.head, isSingular: subject.isSingular, isPlural: subject.isPlural, isSaid: isState)
        let found = third(index, said, subject.head, follower) ?? base(index, said, subject.head, follower)
        return found?.form == first.form ? found : nil
    }

    // MARK: - Forms

    /// "A dog runs": of an unknown word only where a or one says that it can be no plural.
    private func third(_ index: Int, _ subject: Subject, _ before: Int, _ follower: Follower) -> Candidate? {
        let word = words[index]
        guard subject.isSingular, word.text.hasSuffix("s"), !["ss", "us", "is"].contains(where: word.text.hasSuffix)
        else { return nil }
        let lemmas = Lexicon.verbs(word.text, ending: .s)
        let isAlone = before == subject.head
        if lemmas.isEmpty {
            let fits = subject.isSaid && isAlone && !word.isCapital && word.facts.isEmpty && follower != .noun
            return fits && word.text.count > 4 ? Candidate(index: index, lemmas: [], form: .third) : nil
        }
        let isNoun = word.facts.contains(.noun) || Lexicon.facts(lemmas[0]).contains(.noun)
        var candidate = Candidate(index: index, lemmas: lemmas, form: .third)
        candidate.isSure = !isNoun
        if !isNoun { return candidate }
        switch follower {
        case .object: return candidate
        case .adverb, .place, .end:
            return isAlone && !word.facts.contains(.noun) && (subject.isSaid || isBeing(subject.head)) ? candidate : nil
        case .noun, .verb: return nil
        }
    }

    /// "Dogs run", "two people shake hands".
    private func base(_ index: Int, _ subject: Subject, _ before: Int, _ follower: Follower) -> Candidate? {
        let word = words[index]
        guard subject.isPlural, word.facts.contains(.verb), !isPluralNoun(word.text) else { return nil }
        let isAlone = before == subject.head
        let isNear = isAlone || isPluralNoun(words[before].text) || words[before].role != .open
        var candidate = Candidate(index: index, lemmas: [word.text], form: .base)
        candidate.isSure = !word.facts.contains(.noun)
        if candidate.isSure { return isNear || follower != .noun ? candidate : nil }
        guard isNear, follower != .noun, follower != .verb else { return nil }
        return follower == .object || subject.isSaid || isAlone && isBeing(subject.head) ? candidate : nil
    }

    /// "The athlete ran"; -ed only where it cannot be "a car parked in front".
    private func past(_ index: Int, _ follower: Follower) -> Candidate? {
        let word = words[index]
        if word.facts.contains(.past), let lemma = word.lemma {
            let isOther = !word.facts.isDisjoint(with: [.noun, .adjective, .verb])
            guard follower == .object || !isOther && follower != .noun else { return nil }
            return Candidate(index: index, lemmas: [lemma], form: .past)
        }
        guard word.text.hasSuffix("ed"), !word.facts.contains(.verb) else { return nil }
        let lemmas = Lexicon.verbs(word.text, ending: .ed)
        guard let lemma = lemmas.first, !WordLists.stative.contains(lemma), next(index)?.text != "by" else {
            return nil
        }
        let hasNoObject = Lexicon.facts(lemma).contains(.intransitive)
        return follower == .object || hasNoObject && follower != .noun
            ? Candidate(index: index, lemmas: lemmas, form: .past) : nil
    }

    // MARK: - What comes next

    private enum Follower {
        case object, adverb, place, end, noun
        /// Another verb, or of: this was the subject.
        case verb
    }

    private func follower(of index: Int) -> Follower {
        guard let next = next(index) else { return .end }
        switch next.role {
        case .be, .notBe, .modal, .have, .relative: return .verb
        case .preposition, .particle: return next.text == "of" ? .verb : .place
        case .conjunction, .subordinator: return .end
        case .adverb, .negation: return .adverb
        case .open:
            let isVerb = next.facts.contains(.verb) && !next.facts.contains(.noun) && isPluralNoun(words[index].text)
            return isDoing(index + 1) ? .end : isVerb && !isAspectual(index) ? .verb : .noun
        default: return .object
        }
    }

    private func isAspectual(_ index: Int) -> Bool {
        Lexicon.verbs(words[index].text, ending: .s).contains(where: WordLists.aspectual.contains)
    }
}
