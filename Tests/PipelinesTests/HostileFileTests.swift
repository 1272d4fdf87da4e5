import Foundation
import Pipelines
import Testing

@Suite struct HostileFileTests {
    private static let time = Duration.seconds(5)

    /// What is said about bytes that no pipeline file should have; in bounded time.
    private func firstLine(_ data: Data) throws -> String {
        let work = try Workplace()
        let start = ContinuousClock().now
        let errors = work.errors(data)
        #expect(ContinuousClock().now - start < Self.time)
        return errors.split(separator: "\n").first.map(String.init) ?? ""
    }

    @Test("nesting of 10,000 levels is an error", arguments: ["[", "{a: ", "- ", "{", "? "])
    func nesting(opening: String) throws {
        let line = try firstLine(Data(("a: " + String(repeating: opening, count: 10_000)).utf8))
        #expect(line.hasPrefix("p.yaml:1:"))
    }

    @Test("nesting by indentation is an error too")
    func indentation() throws {
        let text = (0..<1200).map { String(repeating: " ", count: $0) + "a:" }.joined(separator: "\n")
        let line = try firstLine(Data(text.utf8))
        #expect(line.contains(": error: nested"))
    }

    @Test("a thousand million laughs are an error, as values and as keys")
    func aliasBombs() throws {
        var values = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        var keys = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for index in 1..<12 {
            let nine = (0..<9).map { _ in "*a\(index - 1)" }.joined(separator: ", ")
            values += "a\(index): &a\(index) [\(nine)]\n"
            keys += "a\(index): &a\(index) {[\(nine)]: 1}\n"
        }
        #expect(try firstLine(Data(values.utf8)).contains("the file has more than 200000 values"))
        #expect(try firstLine(Data(keys.utf8)).contains("aliases (`*name`) inside keys are not supported"))
        for key in ["? *a11\n: 1\n", "{*a11 : 1}\n", "? [*a11]\n: 1\n", "{ ? *a11 : 1 }\n", "*a11 : 1\n"] {
            #expect(try firstLine(Data((values + key).utf8)).hasPrefix("p.yaml:"))
        }
    }

    @Test("an anchor cannot contain itself")
    func anchorCycle() throws {
        #expect(
            try firstLine(Data("version: &a [1, *a]\n".utf8))
                == "p.yaml:1:17: error: this alias stands for nothing: no `&name` before it")
    }

    @Test(
        "bytes that are no text are named with their place",
        arguments: [
            ([0x61, 0x3A, 0x20, 0xFF, 0x0A], "p.yaml:1:4: error: the file is not UTF-8 text here"),
            ([0x61, 0x3A, 0x0A, 0x20, 0xC3], "p.yaml:2:2: error: the file is not UTF-8 text here"),
            ([0xFF, 0xFE, 0x61, 0x00], "p.yaml:1:1: error: the file is not UTF-8 text here"),
            ([0x61, 0x3A, 0x20, 0x00, 0x0A], "p.yaml:1:4: error: the file has a control character here (U+0000)"),
            ([0x61, 0x3A, 0x0A, 0x1B, 0x5B], "p.yaml:2:1: error: the file has a control character here (U+001B)"),
            (
                [0x61, 0x3A, 0x20, 0xEF, 0xBB, 0xBF],
                "p.yaml:1:4: error: the file has a control character here (U+FEFF)"
            ),
        ] as [([UInt8], String)])
    func bytes(bytes: [UInt8], message: String) throws { #expect(try firstLine(Data(bytes)) == message) }

    @Test("a huge file is refused, whatever is in it")
    func huge() throws {
        #expect(
            try firstLine(Data(repeating: 0x61, count: 3_000_000))
                == "p.yaml: error: the file is larger than 1 MiB: this is no pipeline file")
        let work = try Workplace()
        try work.write("huge.yaml", Data(repeating: 0x20, count: 5_000_000))
        #expect(throws: PipelineError.self) { try work.reader().read(work.root.appending(path: "huge.yaml")) }
    }

    @Test("a megabyte of keys, of quotes and of brackets is read in bounded time")
    func large() throws {
        let keys = (0..<60_000).map { "k\($0): 1" }.joined(separator: "\n")
        #expect(try firstLine(Data(keys.utf8)) != "")
        #expect(try firstLine(Data(("a: \"" + String(repeating: "\\x41", count: 200_000)).utf8)) != "")
        #expect(try firstLine(Data(("a: [" + String(repeating: "[], ", count: 200_000)).utf8)) != "")
    }

    @Test("ten thousand equal prompts have names of their own, in bounded time")
    func equalPrompts() throws {
        let work = try Workplace()
        let start = ContinuousClock().now
        let prompts = String(repeating: "- A robot is zigzagging\n", count: 10_000)
        let plan = try work.plan(
            "version: 1\nmodel: tiny\nmotion: zigzagging\nprompts:\n" + prompts
                + "steps:\n  s: {stage: sampling, for-each: \"${prompts}\"}\n")
        #expect(ContinuousClock().now - start < Self.time)
        let names = plan.steps.map(\.id.description)
        #expect(Set(names).count == 10_000)
        #expect(names.first == "s[a-robot-is-zigzagging]")
    }

    @Test("a name of one letter that is not there is told like any other")
    func oneLetter() throws {
        let work = try Workplace()
        try work.write("b", "b")
        let step =
            "steps:\n  s: {stage: command, inputs: {i: {file: a}}, run: [p, \"{outputs.o}\"], outputs: {o: file}}\n"
        let errors = work.errors(Data("version: 1\n\(step)".utf8))
        #expect(errors.hasPrefix("p.yaml:3:42: error: there is no file `a`"), "\(errors)")
        #expect(errors.contains("did you mean `b`?"), "\(errors)")
    }

    @Test("files that are not there, are folders or cannot be read are told apart")
    func unreadable() throws {
        let work = try Workplace()
        func error(_ path: String) -> String {
            do {
                _ = try work.reader().read(work.root.appending(path: path), named: path)
                return ""
            } catch { return "\(error)" }
        }
        #expect(error("none.yaml") == "none.yaml: error: there is no such file")
        #expect(error("clips") == "clips: error: this is a folder, not a file")
    }

    @Test("no damage to a good file makes the reader crash or hang", arguments: 0..<40 as Range<UInt64>)
    func damage(seed: UInt64) throws {
        var generator = SplitMix(state: seed)
        let work = try Workplace()
        let text =
            zigzag
            + "matrix: {motion.rank: [8, 16]}\nsteps:\n  small:\n    stage: command\n    for-each: \"${samples}\"\n"
            + "    inputs: {v: \"${item}\", s: {file: shrink.txt}}\n    run: [p, \"{inputs.v}\"]\n    outputs: {o: file}\n"
        let pieces = [
            "${", "}", "\"", "'", "*a", "&a ", ": ", "\n  ", "\n", "- ", "[", "]", "{", "}", "!!str ", "#", "|", "? ",
            "\t", "~", "../", "é", "\u{0}", "${item}", "${motion.x}", "1e999", "<<: ",
        ]
        for _ in 0..<25 {
            var bytes = Array(text.utf8)
            for _ in 0..<Int(1 + generator.next() % 4) {
                let place = Int(generator.next() % UInt64(bytes.count))
                switch generator.next() % 4 {
                case 0: bytes[place] = UInt8(truncatingIfNeeded: generator.next())
                case 1: bytes.removeSubrange(place..<min(bytes.count, place + Int(generator.next() % 30)))
                case 2: bytes.insert(contentsOf: pieces[Int(generator.next() % UInt64(pieces.count))].utf8, at: place)
                default:
                    let other = Int(generator.next() % UInt64(bytes.count))
                    let range = min(place, other)..<min(bytes.count, min(place, other) + 40)
                    bytes.insert(contentsOf: bytes[range], at: max(place, other))
                }
                if bytes.isEmpty { bytes = [0x61] }
            }
            let start = ContinuousClock().now
            let errors = work.errors(Data(bytes))
            #expect(ContinuousClock().now - start < Self.time)
            // Every diagnostic begins with a place, a file or a flag.
            for line in errors.split(separator: "\n") where line.contains(": error: ") && !line.hasPrefix(" ") {
                #expect(line.contains("p.yaml") || line.contains("model.yaml") || line.contains("metadata"), "\(line)")
            }
        }
    }

    private struct SplitMix: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }
}
