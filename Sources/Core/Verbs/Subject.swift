/// The noun phrase that a clause begins with: what a finite verb has to agree with.
struct Subject {
    /// The last word of its first noun.
    let head: Int
    let isSingular: Bool
    let isPlural: Bool
    /// Whether a determiner or a pronoun says the number, not only the ending of the noun.
    let isSaid: Bool
}

extension Sentence {
    /// No subject is longer; the time for a text without commas must not grow with the square of its length.
    private static let longest = 24

    /// The subject of the clause that a place stands in, if one has begun before it.
    func subject(before index: Int) -> Subject? {
        var place = clause[index]
        while place < index, skipsToSubject(place) { place += 1 }
        if place < index, words[place].role.isPreposition { place = afterPlace(place, index) }
        var parts: [Subject] = []
        while place < index, parts.count < 8, let (part, end) = nounPhrase(from: place, to: index) {
            parts.append(part)
            place = end
            guard place < index - 1, words[place].text == "and" || words[place].text == "&" else { break }
            place += 1
        }
        guard let first = parts.first, let last = parts.last else { return nil }
        if parts.count == 1 { return first }
        return Subject(head: last.head, isSingular: false, isPlural: true, isSaid: true)
    }

    private func skipsToSubject(_ place: Int) -> Bool {
        [.conjunction, .subordinator, .adverb, .negation, .relative].contains(words[place].role)
    }

    /// "At night a dog runs": the first determiner or pronoun after the noun of the place.
    private func afterPlace(_ start: Int, _ end: Int) -> Int {
        (start + 1..<max(end, start + 1)).prefix(Self.longest).first { place in
            words[place].role.beginsNounPhrase && words[place - 1].role == .open
        } ?? end
    }

    private func nounPhrase(from start: Int, to end: Int) -> (Subject, end: Int)? {
        var place = start
        var said: Role?
        var head: Int?
        var number: Role?
        while place < end {
            if place == start + Self.longest { return nil }
            let word = words[place]
            if word.role.isSubjectPronoun, head == nil {
                let isOne = word.role == .singularPronoun
                return (Subject(head: place, isSingular: isOne, isPlural: !isOne, isSaid: true), place + 1)
            }
            if word.role.isDeterminer {
                // A second phrase has begun, unless it is "the man's dog" or "another".
                if head != nil, !word.text.hasSuffix("'s") { break }
                if said == nil || said == .determiner { said = word.role }
                if isNounLike(place) { number = word.role }
                if word.text.hasSuffix("'s") { (head, said) = (nil, .determiner) }
            } else if word.role == .open, !isDoing(place) {
                head = place
            } else if word.role != .adverb, head != nil || said == nil || !isDoing(place) {
                // "A towering cloud" goes on.
                break
            }
            place += 1
        }
        guard let head = head ?? (number == nil ? nil : place - 1) else { return nil }
        let isCollective =
            WordLists.collectives.contains(words[head].text) && next(head)?.text == "of"
            || WordLists.eitherNumber.contains(words[head].text)
            || WordLists.unchanged.contains(words[head].text) && said != .singularDeterminer
        let plural = said == .pluralDeterminer || said != .singularDeterminer && isPluralNoun(words[head].text)
        return (
            Subject(
                head: head, isSingular: !plural || isCollective, isPlural: plural || isCollective,
                isSaid: said == .singularDeterminer || said == .pluralDeterminer), place
        )
    }

    /// Whether the word, or its singular, is a person or an animal.
    func isBeing(_ index: Int) -> Bool {
        let text = words[index].text
        if WordLists.plurals.contains(text) { return true }
        let singulars =
            [text]
            + [("s", ""), ("es", ""), ("ies", "y"), ("ves", "f")].compactMap { ending, instead in
                text.hasSuffix(ending) ? text.dropLast(ending.count) + instead : nil
            }
        return singulars.contains { Lexicon.facts($0).contains(.being) }
    }

    func isPluralNoun(_ text: String) -> Bool {
        if WordLists.plurals.contains(text) { return true }
        return text.hasSuffix("s") && !WordLists.singulars.contains(text)
            && !["ss", "us", "is"].contains(where: text.hasSuffix)
    }
}
