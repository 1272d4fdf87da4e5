import Testing
import Verbs

/// What the text looks like must not matter, and its length only in proportion.
@Suite struct TextTests {
    @Test(
        arguments: [
            ("She's running", ["running"]),
            ("She’s running", ["running"]),
            ("They're rowing", ["rowing"]),
            ("It's snowing", ["snowing"]),
            ("I'm flying a kite", ["flying"]),
            ("He isn't running, he's hopping", ["hopping"]),
            ("The dog's running", ["running"]),
            ("The dog's running shoes", []),
            ("A dog's tail", []),
            ("There's a cat climbing a curtain", ["climbing"]),
            ("A CAT IS JUMPING", ["JUMPING"]),
            ("a cat is \"jumping\"", ["jumping"]),
            ("a cat is 'jumping'", ["jumping"]),
            ("A cat... is it jumping?", ["jumping"]),
            ("¡A ñandú is running!", ["running"]),
            ("Ein Hund läuft", []),
            ("一只猫在跳舞", []),
            ("A dog 🐕 is running 🏃", ["running"]),
            ("A café owner is grilling fish", ["grilling"]),
            ("3 dogs running", ["running"]),
            ("1 dog runs", ["runs"]),
            ("2 dogs run", ["run"]),
            ("...", []),
            ("'-'", []),
        ] as [(String, [String])])
    func `contractions, quotes, capitals, scripts`(prompt: String, words: [String]) {
        #expect(found(prompt) == words)
    }

    @Test(arguments: ["", " ", "\n", "...", "'", "-", "&", "a", "ing", "'s", "and and and", "\u{301}", "\0"])
    func `nothing is found in next to nothing`(prompt: String) {
        #expect(found(prompt).isEmpty)
    }

    @Test func `ranges are those of the prompt`() throws {
        let prompt = "🐼 Zoë’s panda isn’t walking — it’s *dancing* and “singing” 🎶"
        let verb = try #require(MotionVerb.find(in: prompt))
        #expect(verb.words.map { String(prompt[$0]) } == ["dancing", "singing"])
        #expect(prompt[verb.words[0].upperBound...].hasPrefix("* and"))
    }

    /// Some of these are the worst that a rule which looks around can meet.
    @Test(arguments: [
        "a dog and a cat ", "who is ", "man runs and ", "very ", "dogs that jump ", "walking ", "boxing ring ", "of ",
        "the big red ", "runs ", "is being ", "is walking and ", "start to ", "a man, ", "It rains. ", "walked ", "'s ",
    ])
    func `ten thousand words take no time`(part: String) {
        let prompt = String(repeating: part, count: 10_000 / part.split(separator: " ").count)
        let time = ContinuousClock().measure { _ = MotionVerb.find(in: prompt + "a dog is running") }
        #expect(time < .seconds(2))
    }

    /// No sequence of words that the rules know may trap.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func `any order of words is read`(seed: UInt64) {
        let parts =
            "a the two dog dogs who that is being been not to about and , . while can has does run runs ran walked "
            + "walking painting pool swimming of in up another 's it he slowly happy start begins seen & … ’s"
        let vocabulary = parts.split(separator: " ")
        var state = seed &+ 1
        let words = (0..<40).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return vocabulary[Int(state >> 33) % vocabulary.count]
        }
        let prompt = words.joined(separator: " ")
        for word in MotionVerb.find(in: prompt)?.words ?? [] {
            #expect(!prompt[word].isEmpty)
        }
    }
}

/// The words that are found, as the prompt has them.
func found(_ prompt: String) -> [String] {
    MotionVerb.find(in: prompt).map { $0.words.map { String(prompt[$0]) } } ?? []
}
