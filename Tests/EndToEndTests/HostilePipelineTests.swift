import Foundation
import Testing

/// Files that nobody writes by accident, from outside the binary: an answer, with its place, in little memory.
@Suite("Hostile pipeline files are answered", .enabled(if: ProcessState.isReadable))
struct HostilePipelineTests {
    /// A file and the beginning of what is said.
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let says: String
        let make: @Sendable () -> String
        var testDescription: String { name }

        init(_ name: String, says: String, _ make: @escaping @Sendable () -> String) {
            (self.name, self.says, self.make) = (name, says, make)
        }
    }

    static let cases = [
        Case("a thousand million laughs", says: "p.yaml:1:26: error: the file has more than 200000 values") {
            "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
                + (1..<12).map { level in
                    "a\(level): &a\(level) [" + (0..<9).map { _ in "*a\(level - 1)" }.joined(separator: ",") + "]\n"
                }.joined()
        },
        Case("an anchor in itself", says: "p.yaml:1:11: error: this alias stands for nothing") { "a: &a {b: *a}\n" },
        Case("a million brackets", says: "p.yaml:1:1: error: ") { String(repeating: "[", count: 1_000_000) },
        Case("a hundred thousand maps", says: "p.yaml:1:") { String(repeating: "{a: ", count: 100_000) },
        Case("a hundred thousand dashes", says: "p.yaml:1:") { String(repeating: "- ", count: 100_000) },
        Case("a hundred thousand times the same key", says: "p.yaml:2:1: error: the key `k` is there twice") {
            String(repeating: "k: 1\n", count: 100_000)
        },
        Case("a megabyte of lines", says: "p.yaml:1:1: error: the file has more than 150000 lines") {
            String(repeating: "\n", count: 1_000_000)
        },
        Case("a megabyte of items", says: "p.yaml:1:1: error: the file has more than 150000 lines") {
            "a: [" + String(repeating: "1,", count: 500_000) + "]\n"
        },
        Case("a key of half a megabyte", says: "p.yaml:") {
            "version: 1\n" + String(repeating: "k", count: 500_000) + ": 1\n"
        },
        Case("a megabyte of combining characters", says: "p.yaml:1:1: error: ") {
            "a: \"" + String(repeating: "\u{301}", count: 500_000) + "\"\n"
        },
        Case("a NUL", says: "p.yaml:2:7: error: the file has a control character here (U+0000)") {
            "version: 1\nname: \0\n"
        },
        Case(
            "a matrix whose number of cells is no number",
            says: "p.yaml:3:9: error: the matrix has more than 10000 cells"
        ) {
            // 16 to the power of 16 is 2 to the power of 64, which is 0 in as many bits.
            let values = (1...16).map(String.init).joined(separator: ",")
            return "version: 1\nname: p\nmatrix: {"
                + (0..<16).map { "s\($0).run: [\((1...16).map { "[a\($0)]" }.joined(separator: ","))]" }.joined(
                    separator: ", ")
                + "}\n# \(values)\nsteps:\n"
                + (0..<16).map { "  s\($0): {stage: command, run: [sh, \"{outputs.x}\"], outputs: {x: file}}\n" }
                .joined()
        },
        Case("four thousand times an unknown stage", says: "p.yaml:4:14: error: there is no stage `comand`") {
            "version: 1\nname: p\nsteps:\n" + (0..<4000).map { " s\($0): {stage: comand}\n" }.joined()
        },
    ]

    /// What a file may take beyond what the smallest takes.
    private static let room = 100 << 20

    @Test("an answer that says where, in less than 100 MB of its own", arguments: cases)
    func answered(file: Case) throws {
        let workspace = try Workspace()
        try workspace.write("small.yaml", "version: 1\n")
        try workspace.write("p.yaml", file.make())
        let (least, small) = try workspace.peak("validate", "small.yaml")
        #expect(small.status == 2)
        let (most, outcome) = try workspace.peak("validate", "p.yaml")
        #expect(outcome.status == 2)
        #expect(outcome.errors.hasPrefix(file.says), "\(outcome.errors.prefix(500))")
        #expect(outcome.errors.utf8.count < 200_000)
        #expect(least > 0 && most - least < Self.room, "\((most - least) >> 20) MiB")
    }

    @Test("a file of 100 MB is not read")
    func huge() throws {
        let workspace = try Workspace()
        try workspace.write("small.yaml", "version: 1\n")
        try workspace.write("p.yaml", "version: 1\n")
        truncate(workspace.folder.appending(path: "p.yaml").path, 100_000_000)
        let (least, _) = try workspace.peak("validate", "small.yaml")
        let (most, outcome) = try workspace.peak("validate", "p.yaml")
        #expect(outcome.status == 2)
        #expect(outcome.errors.hasPrefix("p.yaml: error: the file is larger than 1 MiB: this is no pipeline file"))
        #expect(most - least < 20 << 20, "\((most - least) >> 20) MiB")
    }
}
