import Artifacts
import Foundation
import Logging
import StageKit
import Synchronization
import Testing

@testable import Command

/// A folder of its own for one test, with what a stage is handed.
private struct Bench: ~Copyable {
    let root: URL

    init() throws {
        root = FileManager.default.temporaryDirectory.appending(path: "command-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: root) }

    func artifact(_ files: [String: String], kind: ArtifactKind = .file) throws -> InputArtifact {
        let folder = root.appending(path: UUID().uuidString)
        var urls: [String: URL] = [:]
        for (path, text) in files {
            let url = folder.appending(path: path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: url)
            urls[path] = url
        }
        let digest = try #require(Digest(hex: String(repeating: "0", count: 64)))
        return InputArtifact(digest: digest, kind: kind, files: urls, folder: folder, attributes: .null)
    }

    /// Runs a command and returns what it wrote, by path inside the output port.
    func run(
        _ run: [String], inputs: [String: [InputArtifact]] = [:], outputs: [String: String] = ["out": "file"],
        environment: [String: String] = [:], log: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
        checkCancellation: @escaping @Sendable () throws -> Void = {}
    ) throws -> [String: [String: String]] {
        let scratch = root.appending(path: "scratch")
        var folders: [String: OutputFolder] = [:]
        for port in outputs.keys {
            let folder = root.appending(path: "outputs/\(port)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            folders[port] = OutputFolder(folder)
        }
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        let context = StageContext(
            inputs: inputs, element: nil, model: nil, outputs: folders, scratch: scratch, log: log, report: { _ in },
            checkCancellation: checkCancellation)
        var settings = CommandStage.Settings()
        settings.run = run
        settings.inputs = inputs.keys.sorted()
        settings.outputs = outputs
        settings.environment = environment
        try CommandStage().run(settings, context)
        return try folders.mapValues { folder in
            var texts: [String: String] = [:]
            for name in try FileManager.default.subpathsOfDirectory(atPath: folder.url.path(percentEncoded: false)) {
                texts[name] = try? String(contentsOf: folder.file(name), encoding: .utf8)
            }
            return texts
        }
    }
}

@Suite struct CommandTests {
    @Test("an argument is one argument, whatever is in it: no shell looks at it")
    func noShell() throws {
        let bench = try Bench()
        let text = "a b; $HOME `id` *\n\"'"
        let out = try bench.run(
            ["sh", "-c", "printf %s \"$1\" > \"$0\"", "{outputs.out}", text])
        #expect(out["out"] == ["out": text])
    }

    @Test("an input of one file is that file, under a plain name with its extension")
    func oneFile() throws {
        let bench = try Bench()
        let out = try bench.run(
            ["sh", "-c", "cat \"$1\" > \"$0\"; basename \"$1\" >> \"$0\"", "{outputs.out}", "{inputs.text}"],
            inputs: ["text": [try bench.artifact(["0.txt": "hello\n"])]])
        #expect(out["out"] == ["out": "hello\n0.txt\n"])
    }

    @Test("an input of several files is their folder; several artifacts are numbered folders")
    func folders() throws {
        let bench = try Bench()
        let many = try (0..<11).map { try bench.artifact(["seed-1.mp4": "\($0)"], kind: .videos) }
        let out = try bench.run(
            [
                "sh", "-c", "cd \"$1\" && ls > \"$0\"; cd \"$2\" && ls >> \"$0\"; cat 10/* >> \"$0\"", "{outputs.out}",
                "{inputs.some}", "{inputs.many}",
            ],
            inputs: ["some": [try bench.artifact(["a": "1", "b/c": "2"], kind: .files)], "many": many])
        let numbers = (0..<11).map { $0 < 10 ? "0\($0)" : "\($0)" }
        #expect(out["out"]?["out"] == (["a", "b"] + numbers + ["10"]).joined(separator: "\n"))
    }

    @Test("a video has the extension mp4, a file that of the argument, other kinds are folders")
    func outputs() throws {
        let bench = try Bench()
        let out = try bench.run(
            [
                "sh", "-c", "echo v > \"$0\"; echo t > \"$1\"; mkdir \"$2/d\"; echo f > \"$2/d/f\"", "{outputs.small}",
                "{outputs.table}.csv", "{outputs.rest}",
            ],
            outputs: ["small": "video", "table": "file", "rest": "files"])
        #expect(out["small"] == ["small.mp4": "v\n"])
        #expect(out["table"] == ["table.csv": "t\n"])
        #expect(out["rest"]?["d/f"] == "f\n")
    }

    @Test("a program sees PATH, HOME, LANG, TMPDIR and what the step sets, and runs in an empty folder")
    func environment() throws {
        let bench = try Bench()
        let out = try bench.run(
            [
                "sh", "-c", "env | cut -d= -f1 | sort > \"$0\"; ls -A | wc -l >> \"$0\"; test -d \"$TMPDIR\"",
                "{outputs.out}",
            ],
            environment: ["CUDA": "0"])
        let names = Set((out["out"]?["out"] ?? "").split(separator: "\n").map(String.init))
        // A shell adds PWD (and some `_`, SHLVL, OLDPWD) by itself.
        #expect(
            names.subtracting(["PWD", "_", "SHLVL", "OLDPWD"]).subtracting(["HOME"]) == [
                "PATH", "LANG", "TMPDIR", "CUDA", "0",
            ])
    }

    @Test("an exit code that is not zero is an error with the last lines")
    func exitCode() throws {
        let bench = try Bench()
        let error = #expect(throws: CommandError.self) {
            try bench.run(["sh", "-c", "echo one; echo two >&2; exit 3", "{outputs.out}"])
        }
        #expect(error?.description == "`sh` ended with exit code 3; its last lines:\n    one\n    two")
    }

    @Test(
        "a signal is named",
        arguments: [
            (SIGKILL, "`sh` was ended by signal 9 (killed; out of memory?); it wrote nothing"),
            (SIGSEGV, "`sh` was ended by signal 11 (segmentation fault); it wrote nothing"),
            (SIGABRT, "`sh` was ended by signal 6 (abort); it wrote nothing"),
        ])
    func signal(number: Int32, told: String) throws {
        let bench = try Bench()
        let error = #expect(throws: CommandError.self) { try bench.run(["sh", "-c", "kill -\(number) $$"]) }
        #expect(error?.description == told)
    }

    @Test("a program that gets no more memory says so, and no half of its output is taken")
    func memoryLimit() throws {
        let bench = try Bench()
        let error = #expect(throws: CommandError.self) {
            try bench.run(["prlimit", "--as=100000000", "dd", "if=/dev/zero", "of={outputs.out}", "bs=500M", "count=1"])
        }
        guard case .failed(program: "prlimit", code: 1, let lines)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(lines.last?.contains("memory") == true, "\(lines)")
    }

    @Test("a program that is not there cannot be started")
    func missingProgram() throws {
        let bench = try Bench()
        let error = #expect(throws: CommandError.self) { try bench.run(["no-such-program"]) }
        #expect(error == .notStarted(program: "no-such-program", why: "No such file or directory"))
    }

    @Test("an output that was not written is an error, and so are two files for one")
    func badOutputs() throws {
        let bench = try Bench()
        let missing = #expect(throws: CommandError.self) { try bench.run(["true", "{outputs.out}"]) }
        guard case .missingOutput(port: "out", _)? = missing else {
            Issue.record("\(String(describing: missing))")
            return
        }
        let several = #expect(throws: CommandError.self) {
            try bench.run(["touch", "{outputs.out}.a", "{outputs.out}.b"])
        }
        #expect(several == .severalFiles(port: "out", kind: "file", names: ["out.a", "out.b"]))
    }

    @Test("an attributes.json beside videos becomes the attributes and no file")
    func attributes() throws {
        let bench = try Bench()
        let out = try bench.run(
            [
                "sh", "-c", "echo '[{\"seed\": 1}]' > \"$0/attributes.json\"; echo x > \"$0/seed-1.mp4\"",
                "{outputs.out}",
            ],
            outputs: ["out": "videos"])
        #expect(out["out"] == ["seed-1.mp4": "x\n"])
    }

    @Test("cancellation ends the program and all that it started")
    func cancellation() throws {
        let bench = try Bench()
        let mark = bench.root.appending(path: "alive").path(percentEncoded: false)
        let started = ContinuousClock().now
        // The grandchild touches the mark again and again; both ignore SIGTERM.
        #expect(throws: CancellationError.self) {
            try bench.run(
                ["sh", "-c", "trap '' TERM; (while :; do touch \"$0\"; sleep 0.02; done) & wait", mark],
                checkCancellation: {
                    if FileManager.default.fileExists(atPath: mark) { throw CancellationError() }
                })
        }
        #expect(ContinuousClock().now - started < .seconds(8))
        try? FileManager.default.removeItem(atPath: mark)
        Thread.sleep(forTimeInterval: 0.2)
        #expect(!FileManager.default.fileExists(atPath: mark))
    }

    @Test("what a program leaves running ends with it")
    func leftovers() throws {
        let bench = try Bench()
        let mark = bench.root.appending(path: "alive").path(percentEncoded: false)
        _ = try bench.run(
            ["sh", "-c", "(while :; do touch \"$1\"; sleep 0.02; done) & echo done > \"$0\"", "{outputs.out}", mark])
        Thread.sleep(forTimeInterval: 0.05)
        try? FileManager.default.removeItem(atPath: mark)
        Thread.sleep(forTimeInterval: 0.2)
        #expect(!FileManager.default.fileExists(atPath: mark))
    }

    @Test("a program does not outlive this process, however that ends")
    func deathOfParent() async throws {
        let bench = try Bench()
        let root = bench.root.path(percentEncoded: false)
        let mark = "\(root)/alive"
        await #expect(processExitsWith: .signal(SIGKILL)) { [mark = mark as String] in
            _ = try Bench().run(
                ["sh", "-c", "trap '' TERM HUP; (while :; do touch \"$0\"; sleep 0.02; done) & wait", mark],
                checkCancellation: { if FileManager.default.fileExists(atPath: mark) { kill(getpid(), SIGKILL) } })
        }
        try await Task.sleep(for: .milliseconds(100))
        try FileManager.default.removeItem(atPath: mark)
        try await Task.sleep(for: .milliseconds(200))
        #expect(!FileManager.default.fileExists(atPath: mark))
    }

    @Test("output goes to the log line by line, up to a limit")
    func log() throws {
        let bench = try Bench()
        let lines = Lines()
        _ = try bench.run(
            [
                "sh", "-c", "echo first; yes 0123456789012345678901234567890123456789 | head -60000; echo x > \"$0\"",
                "{outputs.out}",
            ], log: Logger(label: "test") { _ in lines })
        let found = lines.all
        #expect(found.dropFirst().first == "first")
        #expect(found.count < 30_000)
        #expect(found.last?.hasSuffix("more lines are not in this log") == true)
    }

    @Test("past the limit of the log lines are counted, and the last ones are still told")
    func longLog() throws {
        let bench = try Bench()
        let lines = Lines()
        let error = #expect(throws: CommandError.self) {
            try bench.run(
                [
                    "sh", "-c",
                    "yes 0123456789 | head -400000; for i in 1 2 3; do echo last $i; done; printf end; exit 1",
                ],
                log: Logger(label: "test") { _ in lines })
        }
        guard case .failed(_, _, let last)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(last.count == 12)
        #expect(last.suffix(5) == ["0123456789", "last 1", "last 2", "last 3", "end"])
        let kept = lines.all.count { $0 == "0123456789" }
        #expect(lines.all.last == "\(400_004 - kept) more lines are not in this log")
    }

    @Test("a line without end is cut, and bytes that are no text are replaced")
    func oddLines() throws {
        let bench = try Bench()
        let lines = Lines()
        _ = try bench.run(
            [
                "sh", "-c",
                "yes | tr -d '\\n' | head -c 5000000; printf '\\n\\r\\na\\377b\\r50 %%\\rno end'; echo x > \"$0\"",
                "{outputs.out}",
            ], log: Logger(label: "test") { _ in lines })
        #expect(lines.all.dropFirst() == [String(repeating: "y", count: 2000), "a\u{FFFD}b", "50 %", "no end"])
    }

    @Test(
        "checks find arguments that stand for nothing and programs that are not there",
        arguments: [
            ([], "the step has no program to run"),
            (["true", "{inputs.x}", "{outputs.out}"], "the step has no input `x`, but an argument is `{inputs.x}`"),
            (["true", "{outputs.y}", "{outputs.out}"], "the step has no output `y`, but an argument is `{outputs.y}`"),
            (["true"], "no argument is `{outputs.out}`: the program cannot know where to write it"),
            (["no-such-program", "{outputs.out}"], "there is no program `no-such-program` in the PATH"),
            (["/no/such", "{outputs.out}"], "there is no program `/no/such`"),
            (
                ["./tool.sh", "{outputs.out}"],
                "the program `./tool.sh` is a relative path, and the step runs in a folder of its own"
            ),
        ] as [([String], String)])
    func checks(run: [String], message: String) {
        var settings = CommandStage.Settings()
        settings.run = run
        settings.inputs = ["video"]
        settings.outputs = ["out": "file"]
        let problems = CommandStage().check(settings, StageRequest(sources: [:], element: nil, model: nil))
        #expect(problems.map(\.message) == [message])
    }
}

/// Keeps what is logged.
private struct Lines: LogHandler {
    private let kept = Kept()
    var all: [String] { kept.lines.withLock { $0 } }
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { kept.lines.withLock { $0.append("\(event.message)") } }

    private final class Kept: Sendable {
        let lines = Mutex<[String]>([])
    }
}
