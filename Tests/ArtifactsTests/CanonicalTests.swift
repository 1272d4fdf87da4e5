import Artifacts
import Testing

@Suite struct CanonicalTests {
    @Test(
        "a value has one text",
        arguments: [
            (Value.null, "null"), (.bool(true), "true"), (.int(1), "1"), (.double(1), "1.0"),
            (.int(.min), "\(Int.min)"),
            (.double(5e-4), "0.0005"), (.double(0.1 + 0.2), "0.30000000000000004"), (.double(1e16), "1e+16"),
            (.double(.leastNonzeroMagnitude), "5e-324"), (.double(0), "0.0"),
            (.string("a\"b\\c\n\u{1}\u{7f}é"), #""a\"b\\c\n\u0001"# + "\u{7f}é\""),
            (.list([.int(1), .list([])]), "[1,[]]"),
            (.map(["b": .int(1), "a": .int(2), "é": .null, "Z": .map([:])]), #"{"Z":{},"a":2,"b":1,"é":null}"#),
        ])
    func texts(value: Value, text: String) throws {
        #expect(try value.canonicalText() == text)
    }

    @Test("keys are ordered by code point, not as a locale or UTF-16 would")
    func keyOrder() throws {
        let value = Value.map(["\u{1F600}": .int(3), "\u{FB01}": .int(2), "z": .int(1), "10": .int(0), "9": .int(0)])
        let text = try value.canonicalText()
        #expect(text == "{\"10\":0,\"9\":0,\"z\":1,\"\u{FB01}\":2,\"\u{1F600}\":3}")
    }

    @Test("strings are written in normal form C")
    func normalForm() throws {
        let decomposed = try Value.string("e\u{301}").canonicalText()
        #expect(Array(decomposed.utf8) == Array("\"\u{E9}\"".utf8))
        let key = try Value.map(["e\u{301}": .null]).canonicalText()
        #expect(Array(key.utf8) == Array("{\"\u{E9}\":null}".utf8))
    }

    @Test(
        "numbers without a canonical form are refused, with their place",
        arguments: [
            (Double.nan, "nan"), (.infinity, "inf"), (-.infinity, "-inf"), (-0.0, "-0.0"),
        ])
    func refusedNumbers(number: Double, text: String) {
        let value = Value.map(["a": .list([.int(0), .double(number)])])
        #expect(throws: ArtifactError.number(text, path: "a[1]")) { try value.canonicalText() }
        let deep = Value.list([.map(["b": .map(["c": value])])])
        #expect(throws: ArtifactError.number(text, path: "[0].b.c.a[1]")) { try deep.canonicalText() }
    }

    @Test(
        "what is written reads back as the same value, and is written the same again",
        arguments: 0..<64 as Range<UInt64>)
    func roundTrip(seed: UInt64) throws {
        var generator = SeededGenerator(seed)
        for _ in 0..<20 {
            let value = generator.value()
            let text = try value.canonicalText()
            let back = try Value(canonicalText: text)
            #expect(back == value)
            #expect(Array(try back.canonicalText().utf8) == Array(text.utf8))
        }
    }

    @Test(
        "other JSON is read too",
        arguments: [
            (
                " { \"a\" : [ 1 , -0 , 2.50, 1E3 ] }\n",
                Value.map(["a": .list([.int(1), .int(0), .double(2.5), .double(1000)])])
            ),
            (#""\u00e9\ud83d\ude00\/""#, .string("é😀/")),
        ])
    func lenient(text: String, value: Value) throws {
        #expect(try Value(canonicalText: text) == value)
    }

    @Test(
        "what is not JSON is refused, with the byte",
        arguments: [
            ("", 0), ("nul", 0), ("[1,]", 3), ("{\"a\":1,\"a\":2}", 10), ("{\"a\" 1}", 5), ("01", 1), ("1.", 2),
            ("1e", 2), ("\"a", 2),
            ("\"\\x\"", 2), ("\"\\ud800\"", 7), ("\"\n\"", 1), ("[1", 2), ("1 2", 2), ("9223372036854775808", 19),
            ("1e999", 5),
            ("-", 0), ("+1", 0), ("NaN", 0), ("{a:1}", 1),
        ])
    func refused(text: String, offset: Int) {
        #expect {
            try Value(canonicalText: text)
        } throws: { error in
            guard case .syntax(_, let found)? = error as? ArtifactError else { return false }
            // A number is judged after it was read, so only its end is known.
            return found == offset || (text.hasPrefix("0") && found <= 2)
        }
    }

    @Test("nesting without end is refused and not followed")
    func nesting() {
        let text = String(repeating: "[", count: 100_000)
        #expect(throws: ArtifactError.syntax("more than 256 levels", offset: 256)) { try Value(canonicalText: text) }
    }
}
