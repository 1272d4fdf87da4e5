/// Rules 1 to 3: words in -ing, and what stands before and after them.
extension Sentence {
    /// All that may be verbs, in order.
    func participles() -> [Candidate] {
        var found: [Candidate] = []
        for index in words.indices {
            if let candidate = progressive(index) ?? participle(index, after: found.last) { found.append(candidate) }
        }
        return found
    }

    // MARK: - Rule 1: after a form of be

    /// "is walking", "is slowly walking", "is rock climbing", "is about to jump", "is being turned"; "a cup being filled".
    private func progressive(_ index: Int) -> Candidate? {
        guard words[index].role == .open else { return nil }
        let isPassive = previous(index).map { words[$0].text == "being" } == true
        let isAbout = index > 1 && words[index - 1].text == "to" && words[index - 2].text == "about"
        let lemmas = isPassive ? passive(index) : isAbout ? base(index) : isDoing(index) ? self.lemmas(index) : nil
        guard let lemmas else { return nil }
        guard let form = formOfBe(before: isAbout ? index - 2 : index, leadingTo: index) else {
            guard isPassive else { return nil }
            return Candidate(index: index, lemmas: lemmas, form: .participle, isRelative: isRelative[index])
        }
        let isNegated = words[form].role == .notBe || words[form..<index].contains { $0.role == .negation }
        return Candidate(
            index: index, lemmas: lemmas, form: .progressive, isNegated: isNegated, isRelative: isRelative[index])
    }

    /// The form of be before a place: adverbs, being and one noun may stand between.
    private func formOfBe(before place: Int, leadingTo verb: Int) -> Int? {
        var nouns = 0
        var place = place
        while place > 0, words[place].gap == .none {
            place -= 1
            let word = words[place]
            switch word.role {
            case .be, .notBe: return place
            case .adverb, .negation: continue
            case .conjunction where place > 0 && words[place - 1].role == .adverb: continue
            case .determiner where word.text.hasSuffix("'s"):
                // "The dog's running"; "the dog's running shoes" are the dog's.
                return nouns == 0 && !hasBareNounNext(verb) ? place : nil
            case .open where word.text == "being": continue
            case .open where nouns == 0 && !isDoing(place): nouns += 1
            default: return nil
            }
        }
        return nil
    }

    private func passive(_ index: Int) -> [String]? {
        let word = words[index]
        guard word.role == .open else { return nil }
        if let lemma = word.lemma { return [lemma] }
        if word.text.hasSuffix("ed") { return Lexicon.verbs(word.text, ending: .ed) }
        return word.facts.contains(.verb) && !word.facts.contains(.noun) ? [word.text] : nil
    }

    /// The word as a verb in its base form.
    func base(_ index: Int) -> [String]? {
        words[index].role == .open && words[index].facts.contains(.verb) ? [words[index].text] : nil
    }

    // MARK: - Rules 2 and 3: without be

    private func participle(_ index: Int, after last: Candidate?) -> Candidate? {
        guard isDoing(index) else { return nil }
        let lemmas = self.lemmas(index)
        var candidate = Candidate(index: index, lemmas: lemmas, form: .participle)
        candidate.isRelative = isRelative[index]
        candidate.isLater = isLater[index]
        candidate.isNegated = index > 0 && words[index].gap == .none && words[index - 1].role == .negation
        // "Painting of a cat" and "opening of a door" are things; one can think of something.
        if next(index)?.text == "of", !candidate.isAny(of: WordLists.takesOf) { return nil }
        if candidate.isLater, clauseHasStyle(index) { return nil }
        guard let before = previous(index) else { return begins(index, lemmas) ? candidate : nil }
        return follows(before, index, lemmas, last) ? candidate : nil
    }

    /// Whether -ing at the start is a verb: "Jumping over a fence"; not "Swimming pool", "Rotating planet".
    private func begins(_ index: Int, _ lemmas: [String]) -> Bool {
        if isCompound(index) { return false }
        if words[index].facts.contains(.noun) { return next(index)?.role.beginsNounPhrase == true }
        return !hasBareNounNext(index) || lemmas.contains { !isIntransitive($0) }
    }

    private func follows(_ before: Int, _ index: Int, _ lemmas: [String], _ last: Candidate?) -> Bool {
        let word = words[before]
        switch word.role {
        case .subordinator, .objectPronoun, .singularPronoun, .pluralPronoun, .relative:
            return true
        case .particle:
            // "Standing up waving", "walks around singing"; not "around moving cars".
            return !hasBareNounNext(index)
        case .conjunction:
            let goesOn = last.map { clause[$0.index] == clause[before] || $0.index == before - 1 } == true
            return goesOn || hasFiniteVerb(before) && !hasBareNounNext(index)
        case .be, .notBe, .open:
            return isDoing(before) || isNounLike(before) || !isModified(before)
                ? followsNoun(before, index, lemmas) : followsAdjective(index)
        case .singularDeterminer, .pluralDeterminer, .determiner:
            return isNounLike(before) && !hasBareNounNext(index)
        case .preposition, .modal, .have, .negation, .adverb:
            return false
        }
    }

    private func followsNoun(_ before: Int, _ index: Int, _ lemmas: [String]) -> Bool {
        let facts = words[index].facts
        // "An artist brush painting": the being may stand before the noun.
        let nouns = words[max(0, before - 1)...before]
        let isBeing = nouns.indices.contains(where: isBeing)
        if isCompound(index), lemmas.allSatisfy(isIntransitive) { return false }
        if isCompound(index), isDoing(before) { return false }
        if isCompound(before) { return false }
        // "Warm glowing neon": what is an adjective rather, though a verb too.
        if words[before].facts.contains(.adjective), !isBeing, hasBareNounNext(index) { return false }
        // A brick building; but a woman building in the sand.
        if facts.contains(.noun) { return next(index)?.role.beginsNounPhrase == true || isBeing }
        return true
    }

    /// "Heavy raining city" and "old sewing machine" have no verb, "wild running through a field" has.
    private func followsAdjective(_ index: Int) -> Bool {
        !hasBareNounNext(index) && !words[index].facts.contains(.noun) && !isCompound(index)
    }

    /// Whether an adjective stands before its noun, not after one: "a happy", not "a door open".
    private func isModified(_ index: Int) -> Bool {
        guard isOnlyAdjective(index) else { return false }
        guard words[index].gap == .none, index > 0 else { return true }
        return !(words[index - 1].role == .open && isNounLike(index - 1))
    }

    private func isIntransitive(_ lemma: String) -> Bool { Lexicon.facts(lemma).contains(.intransitive) }

    /// Whether a word of style stands in the same part between commas.
    private func clauseHasStyle(_ index: Int) -> Bool {
        words[clause[index]...].prefix(12).enumerated().prefix { $0.offset == 0 || $0.element.gap == .none }
            .contains { WordLists.style.contains($0.element.text) }
    }

    private func hasFiniteVerb(_ before: Int) -> Bool {
        (clause[before]..<before).suffix(12).contains { finite($0, joined: false) != nil }
    }
}
