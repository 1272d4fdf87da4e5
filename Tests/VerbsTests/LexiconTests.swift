import Testing

@testable import Verbs

/// The embedded lexicon: sorted, so that the search finds what is in it, and right where the rules lean on it.
@Suite struct LexiconTests {
    @Test func `every line is found by its word`() {
        let lines = Lexicon.text.split(separator: UInt8(ascii: "\n"))
        #expect(lines.count > 15_000)
        #expect(Lexicon.text.last == UInt8(ascii: "\n"))
        let words = lines.map { $0.prefix { $0 != UInt8(ascii: "\t") } }
        #expect(zip(words, words.dropFirst()).allSatisfy { $0.lexicographicallyPrecedes($1) })
        let lost = words.filter { Lexicon.facts(String(decoding: $0, as: UTF8.self)).isEmpty }
        #expect(lost.isEmpty)
    }

    @Test(
        arguments: [
            ("run", [.verb, .intransitive]), ("wave", [.verb, .noun]), ("leaves", [.noun]), ("building", [.noun]),
            ("golden", [.adjective]), ("panda", [.being]), ("cutting board", [.compound]), ("ran", [.past]),
            ("ridden", [.participle]), ("shot", [.noun, .past]), ("zigzagging", []), ("", []), ("zzz", []), ("a", []),
        ] as [(String, Facts)])
    func `facts of a word`(word: String, facts: Facts) {
        #expect(Lexicon.facts(word) == facts)
    }

    @Test(
        arguments: [
            ("running", .ing, "run"), ("riding", .ing, "ride"), ("dying", .ing, "die"), ("flies", .s, "fly"),
            ("passes", .s, "pass"), ("dances", .s, "dance"), ("carried", .ed, "carry"), ("hopped", .ed, "hop"),
            ("zigzagging", .ing, "zigzag"),
        ] as [(String, Lexicon.Ending, String)])
    func `verbs of a form`(form: String, ending: Lexicon.Ending, verb: String) {
        #expect(Lexicon.verbs(form, ending: ending).contains(verb))
    }
}
