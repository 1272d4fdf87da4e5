import CLexicon

/// What the lexicon says of a word as it is spelled (Sources/Core/CLexicon/make-lexicon.py lists the letters).
struct Facts: OptionSet {
    let rawValue: UInt16

    static let verb = Facts(rawValue: 1 << 0)
    /// The first sense of the verb takes no object.
    static let intransitive = Facts(rawValue: 1 << 1)
    /// A noun more often than a verb.
    static let noun = Facts(rawValue: 1 << 2)
    static let adjective = Facts(rawValue: 1 << 3)
    /// A person or an animal.
    static let being = Facts(rawValue: 1 << 4)
    static let compound = Facts(rawValue: 1 << 5)
    static let past = Facts(rawValue: 1 << 6)
    static let participle = Facts(rawValue: 1 << 7)

    fileprivate static let letters: [(UInt8, Facts)] = [
        (UInt8(ascii: "v"), .verb), (UInt8(ascii: "i"), .intransitive), (UInt8(ascii: "n"), .noun),
        (UInt8(ascii: "a"), .adjective), (UInt8(ascii: "b"), .being), (UInt8(ascii: "c"), .compound),
        (UInt8(ascii: "p"), .past), (UInt8(ascii: "q"), .participle),
    ]
}

/// WordNet 3.0, cut to what the rules ask.
///
/// Embedded as sorted text and searched in place by halves: nothing is parsed or kept.
enum Lexicon {
    /// The facts about a word or a compound in lower case, and the lemma if it is an irregular form.
    static func entry(_ word: String) -> (facts: Facts, lemma: String?) {
        let key = Array(word.utf8)
        let text = text
        var low = 0
        var high = text.count
        while low < high {
            var start = (low + high) / 2
            while start > low, text[start - 1] != newline { start -= 1 }
            var end = start
            while text[end] != newline { end += 1 }
            let line = text[start..<end]
            let word = line.prefix { $0 != tab }
            if word.elementsEqual(key) { return parse(line) }
            if word.lexicographicallyPrecedes(key) { low = end + 1 } else { high = start }
        }
        return ([], nil)
    }

    /// The bytes of lexicon.txt, which live as long as the process.
    static var text: UnsafeBufferPointer<UInt8> { .init(start: lexicon_text(), count: lexicon_length()) }

    static func facts(_ word: String) -> Facts { entry(word).facts }

    /// The verbs of which a word is the form with this ending, by the rules of English spelling.
    static func verbs(_ word: String, ending: Ending) -> [String] {
        stems(word, ending).filter { facts($0).contains(.verb) }
    }

    enum Ending {
        case s, ed, ing
    }

    /// What the ending can have been added to, the likeliest first.
    private static func stems(_ word: String, _ ending: Ending) -> [String] {
        switch ending {
        case .s:
            if word.hasSuffix("ies") { return [word.dropLast(3) + "y", String(word.dropLast(1))] }
            return [String(word.dropLast(1))] + (word.hasSuffix("es") ? [String(word.dropLast(2))] : [])
        case .ed:
            if word.hasSuffix("ied") { return [word.dropLast(3) + "y", String(word.dropLast(1))] }
            return bare(word.dropLast(2))
        case .ing:
            if word.hasSuffix("ying") { return [word.dropLast(4) + "ie"] + bare(word.dropLast(3)) }
            return bare(word.dropLast(3))
        }
    }

    /// A stem as it is, with the e that the ending took, without the letter that it doubled.
    private static func bare(_ stem: Substring) -> [String] {
        let last = stem.suffix(2)
        let doubled = stem.count > 2 && last.first == last.last
        return [String(stem), stem + "e"] + (doubled ? [String(stem.dropLast())] : [])
    }

    private static func parse(_ line: Slice<UnsafeBufferPointer<UInt8>>) -> (facts: Facts, lemma: String?) {
        let fields = line.split(separator: tab)
        let facts = Facts(Facts.letters.filter { fields[1].contains($0.0) }.map(\.1))
        return (facts, fields.count > 2 ? String(decoding: fields[2], as: UTF8.self) : nil)
    }

    private static let newline = UInt8(ascii: "\n")
    private static let tab = UInt8(ascii: "\t")
}
