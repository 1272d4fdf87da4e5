import Foundation
import Testing

/// Names that the file system allows: they work, or are refused in words, and no shell ever reads them.
@Suite("Odd names")
struct OddNameTests {
    static let names = [
        "two words", "line\nbreak", "quo\"te's", "ünïcode-日本🐼", "e\u{301}", "-n", "$(touch pwned);`touch pwned`",
        "%d-%s",
        "a:b", "back\\slash", "end ", "{inputs.x}", "#hash?q=1&r=%41", "*", "~", "\u{202E}evil", "tab\t",
        // With its extension 255 bytes.
        String(repeating: "n", count: 251),
    ]

    /// YAML's quotes are JSON's.
    private static func quoted(_ name: String) throws -> String {
        String(decoding: try JSONEncoder().encode(name), as: UTF8.self)
    }

    /// A clip and a file of such a name, in a folder of such a name, with everything on the way to their bytes.
    @Test("of clips, files and folders", arguments: names)
    func works(name: String) throws {
        let workspace = try Workspace()
        let folder = workspace.folder.appending(path: name, directoryHint: .isDirectory)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try FileManager.default.copyItem(at: Workspace.clip, to: folder.appending(path: "\(name).mp4"))
        try Data("x".utf8).write(to: folder.appending(path: "\(name).txt"))
        try workspace.write(
            "\(name)/p.yaml",
            """
            version: 1
            name: odd
            clips: [{file: \(Self.quoted("\(name).mp4")), prompt: A person is turning a box}]
            settings: {frames: {frames: 2, size: [16, 16]}}
            steps:
              frames: {stage: frame-extraction, inputs: {clips: "${clips}"}}
              copy:
                stage: command
                inputs: {x: {file: \(Self.quoted("\(name).txt"))}}
                run: [cp, "{inputs.x}", "{outputs.x}"]
                outputs: {x: file}

            """)
        let file = "./\(name)/p.yaml"
        let run = try workspace.motrans("run", file, "--cache", "./\(name)/cache", "--quiet")
        #expect(run.status == 0, "\(run.errors)")
        let got = try workspace.motrans(
            "get", "copy", "--pipeline", file, "--cache", "./\(name)/cache", "--to", "./\(name)/got")
        #expect(got.status == 0, "\(got.errors)")
        #expect(try workspace.read("\(name)/got/x") == "x")
        let lineage = try workspace.motrans(
            "lineage", "./\(name)/got/x", "--cache", "./\(name)/cache", "--format", "json")
        #expect(lineage.status == 0, "\(lineage.errors)")
        #expect(!FileManager.default.fileExists(atPath: workspace.folder.appending(path: "pwned").path))
        #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "pwned").path))
    }

    @Test(
        "that are no text are refused in words",
        arguments: ["cd \"$1\"; \"$0\" validate p.yaml", "\"$0\" validate \"$1/p.yaml\""])
    func noText(script: String) throws {
        let workspace = try Workspace()
        let outcome = try workspace.run(
            URL(filePath: "/bin/sh"),
            [
                "-c",
                "folder=$(printf 'a\\377b'); mkdir \"$folder\"; echo 'version: 1' > \"$folder/p.yaml\"; set -- \"$folder\"; \(script)",
                Workspace.binary.path,
            ])
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains("is not UTF-8 text"), "\(outcome.errors)")
        #expect(outcome.errors.contains("= help: rename"), "\(outcome.errors)")
    }

    @Test(
        "that lead nowhere or round and round are told with their place",
        arguments: [
            ("{file: a}", "p.yaml:4:42: error: there is no file `a`"),
            ("{files: a}", "p.yaml:4:43: error: there is no folder `a`"),
            ("{files: bad}", "p.yaml:4:43: error: the folder `bad` has a file whose name is not UTF-8 text: \u{FFFD}"),
            ("{file: /dev/zero}", "/dev/zero: it is not a file"),
            ("{files: loops}", ""),
        ])
    func loops(input: String, told: String) throws {
        let workspace = try Workspace()
        let made = try workspace.run(
            URL(filePath: "/bin/sh"),
            [
                "-c",
                "ln -s b a; ln -s a b; mkdir bad loops; ln -s .. loops/up; echo x > loops/x; : > \"$(printf 'bad/\\377')\"",
            ])
        #expect(made.status == 0, "\(made.errors)")
        try workspace.write(
            "p.yaml",
            """
            version: 1
            name: odd
            steps:
              c: {stage: command, inputs: {x: \(input)}, run: [sh, -c, 'echo x > "$0"', "{outputs.y}"], outputs: {y: file}}

            """)
        let run = try workspace.motrans("run", "p.yaml")
        #expect(run.status == (told.isEmpty ? 0 : 2), "\(run.errors)")
        #expect(run.errors.contains(told) || told.isEmpty, "\(run.errors)")
    }
}
