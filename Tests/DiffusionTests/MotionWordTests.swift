import Diffusion
import Testing

@Suite struct MotionWordTests {
    @Test(arguments: [
        ("A red ball is zigzagging on the grass", nil, "zigzagging"),
        ("A red ball is zigzagging on the grass", "ZigZagging", "zigzagging"),
        ("Jumping, a cat is sleeping", "jumping", "Jumping"),
        ("A man is slowly walking his dog", nil, "walking"),
        ("A man is rock climbing", nil, "climbing"),
        ("Two kids are hula-hooping in the park.", nil, "hula-hooping"),
        ("A woman is in the living room, she is dancing", nil, "dancing"),
        ("A king is being a spring; it was tumbling", nil, "tumbling"),
        ("A boy is lifting weights", "lifting weights", "lifting"),
        ("A boy is lifting a box", "lifting weights", "lifting"),
        ("A panda plays golf in the desert", nil, "plays"),
    ])
    func `the word is found`(prompt: String, motion: String?, word: String) throws {
        #expect(try MotionWord(in: prompt, motion: motion).text == word)
    }

    @Test func `a phrase can count as a whole`() throws {
        let word = try MotionWord(in: "A boy is lifting  weights now", motion: "lifting weights", span: .phrase)
        #expect(word.text == "lifting  weights" && word.before == "A boy is ")
    }

    @Test(arguments: [
        "a panda", "golf swing, side view", "A cat is in the living room", "The evening is something", "",
    ])
    func `no verb is an error that asks for the motion`(prompt: String) {
        let error = #expect(throws: DiffusionError.self) { try MotionWord(in: prompt, motion: nil) }
        #expect(error.map { "\($0)" }?.contains("name it with the setting `motion`") == true)
    }

    @Test func `a motion that is not in the prompt is named`() {
        let error = #expect(throws: DiffusionError.self) { try MotionWord(in: "a panda", motion: "zigzagging") }
        #expect(error.map { "\($0)" }?.contains("\"zigzagging\"") == true)
        // A part of a word is not the word.
        #expect(throws: DiffusionError.self) { try MotionWord(in: "outrunning", motion: "running") }
        // Another verb is not the motion that was named.
        #expect(throws: DiffusionError.self) { try MotionWord(in: "A cat is sleeping", motion: "zigzagging") }
    }

    @Test func `tokens count from the begin of the text, and the last position is the end's`() throws {
        // One token per letter shows positions without a vocabulary.
        let count: (String) -> Int = { $0.filter(\.isLetter).count }
        let word = try MotionWord(in: "it is hopping", motion: nil)
        #expect(try word.tokenRange(positions: 77, contentTokens: count) == 5..<12)
        #expect(try word.tokenRange(positions: 13, contentTokens: count) == 5..<12)
        #expect(throws: DiffusionError.motionWordCutOff(prompt: "it is hopping", word: "hopping", limit: 10)) {
            try word.tokenRange(positions: 12, contentTokens: count)
        }
    }
}
