import Foundation
import Testing

/// Pipelines of small programs: what the engine promises, with the real binary, in no time.
@Suite("Pipelines of programs")
struct CommandPipelineTests {
    /// A step that notes in a file of the test's that it ran.
    private func slow(_ workspace: borrowing Workspace) throws {
        try workspace.write(
            "p.yaml",
            """
            version: 1
            name: programs
            steps:
              slow:
                stage: command
                run: [sh, -c, 'echo ran >> "$1"; sleep 1; echo result > "$2"', sh, "\(workspace.folder.path)/notes", "{outputs.x}"]
                outputs: {x: file}
              after:
                stage: command
                inputs: {x: "${slow}"}
                run: [cp, "{inputs.x}", "{outputs.y}"]
                outputs: {y: file}

            """)
    }

    @Test("a program gets its arguments as they are written: no shell reads them")
    func noShell() throws {
        let workspace = try Workspace()
        try workspace.write(
            "p.yaml",
            """
            version: 1
            name: words
            steps:
              words:
                stage: command
                run: [sh, -c, 'printf %s "$1" > "$2"', sh, "a  b; $(touch pwned) `touch pwned` * > pwned", "{outputs.x}"]
                outputs: {x: file}

            """)
        let outcome = try workspace.motrans("run", "p.yaml")
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(
            outcome.output == """
                step   done  why
                ─────  ────  ────────
                words  ran   new step

                """)
        #expect(try workspace.motrans("get", "words", "--to", "out").output == "out/x\n")
        #expect(try workspace.read("out/x") == "a  b; $(touch pwned) `touch pwned` * > pwned")
        #expect(try workspace.names() == ["cache", "out", "p.yaml"])
    }

    @Test("two processes on one cache do the work once: one waits and uses the result")
    func twoProcesses() throws {
        let workspace = try Workspace()
        try slow(workspace)
        // Each in a script, so that each has files of its own for its words.
        let script = #""$0" run p.yaml --json > left 2> left.errors & "$0" run p.yaml --json > right 2> right.errors; "#
        let both = try workspace.run(
            URL(filePath: "/bin/sh"),
            ["-c", script + "code=$?; wait $! && exit $code", Workspace.binary.path])
        #expect(both.status == 0, "\(both.errors)")
        #expect(try workspace.read("notes") == "ran\n")
        let ends = try ["left", "right"].map { name in
            let lines = try workspace.read(name).split(separator: "\n")
            #expect(lines.allSatisfy { $0.hasPrefix("{\"schema_version\":1,") })
            let last = try #require(lines.last)
            return try #require(try JSONSerialization.jsonObject(with: Data(last.utf8)) as? [String: Any])
        }
        #expect(ends.allSatisfy { $0["outcome"] as? String == "succeeded" })
        let slow = ends.compactMap { ($0["steps"] as? [[String: Any]])?.first?["outcome"] as? String }
        #expect(slow.sorted() == ["hit", "ran"])
        #expect(try (workspace.read("left") + workspace.read("right")).contains("\"event\":\"waiting\""))
        #expect(try workspace.motrans("verify", "--read-data").status == 0)
    }

    @Test("however the run is ended, its program ends too, and the next run completes", arguments: [SIGTERM, SIGKILL])
    func ended(signal: Int32) throws {
        let workspace = try Workspace()
        try workspace.write(
            "p.yaml",
            """
            version: 1
            name: sleeper
            steps:
              sleeper:
                stage: command
                run: [sh, -c, 'echo $$ > "$1"; [ -e "$2" ] || sleep 1000; echo x > "$3"', sh, "\(workspace.folder.path)/pid", "\(workspace.folder.path)/go", "{outputs.x}"]
                outputs: {x: file}

            """)
        let process = try workspace.start(Workspace.binary, ["run", "p.yaml"])
        var pid: pid_t?
        for _ in 0..<300 where pid == nil {
            pid = (try? workspace.read("pid")).flatMap { pid_t($0.trimmingCharacters(in: .newlines)) }
            Thread.sleep(forTimeInterval: 0.05)
        }
        let program = try #require(pid)
        kill(process.processIdentifier, signal)
        process.waitUntilExit()
        #expect(process.terminationStatus == (signal == SIGTERM ? 143 : SIGKILL))
        for _ in 0..<100 where ProcessState.isAlive(program) { Thread.sleep(forTimeInterval: 0.05) }
        #expect(!ProcessState.isAlive(program), "the program outlived the run")
        try workspace.write("go", "")
        let again = try workspace.motrans("run", "p.yaml")
        #expect(again.status == 0, "\(again.errors)")
        let why = signal == SIGTERM ? "the last attempt was cancelled" : "the last attempt never ended"
        #expect(again.output.hasSuffix("sleeper  ran   \(why)\n"), "\(again.output)")
    }

    @Test("a reader that goes away does not end the run")
    func closedPipe() throws {
        let workspace = try Workspace()
        try slow(workspace)
        let outcome = try workspace.run(
            URL(filePath: "/bin/sh"), ["-c", "\"$0\" run p.yaml --json | head -n 1", Workspace.binary.path])
        #expect(outcome.output.hasPrefix("{\"schema_version\":1,\"event\":\"planned\""))
        #expect(try workspace.motrans("show", "--json").document()["outcome"] as? String == "succeeded")
    }

    @Test("a failed program: its last words, exit code 1, and what does not depend on it with --keep-going")
    func failed() throws {
        let workspace = try Workspace()
        try workspace.write(
            "p.yaml",
            """
            version: 1
            name: failing
            steps:
              bad: {stage: command, run: [sh, -c, "echo first; echo last; exit 7", "{outputs.x}"], outputs: {x: file}}
              after: {stage: command, inputs: {x: "${bad}"}, run: [cp, "{inputs.x}", "{outputs.y}"], outputs: {y: file}}
              good: {stage: command, run: [sh, -c, 'echo x > "$0"', "{outputs.x}"], outputs: {x: file}}

            """)
        let outcome = try workspace.motrans("run", "p.yaml", "--keep-going")
        #expect(outcome.status == 1)
        #expect(
            outcome.output == """
                step   done     why
                ─────  ───────  ────────────────────────────────────────────
                bad    failed   `sh` ended with exit code 7; its last lines:
                after  skipped  bad failed
                good   ran      new step

                """)
        #expect(outcome.errors.contains("✗ bad  `sh` ended with exit code 7; its last lines:\n    first\n    last"))
        #expect(!outcome.errors.contains("\u{FFFD}"))
        #expect(try workspace.motrans("logs", "bad").output.contains("info: first\ninfo: last\n"))
        #expect(try workspace.motrans("status", "p.yaml").output.contains("the last attempt failed"))
    }

    @Test("a profile changes how many threads work, the environment what is done, and both are written down")
    func surroundings() throws {
        let workspace = try Workspace()
        try workspace.write(
            "p.yaml",
            """
            version: 1
            name: surroundings
            env: [WORD]
            profiles: {small: {jobs: 1, threads: 1}}
            steps:
              a: {stage: command, run: [sh, -c, 'echo "$1" > "$0"', "{outputs.x}", "${env.WORD}"], outputs: {x: file}}

            """)
        let first = try workspace.motrans("run", "p.yaml", "--profile", "small", environment: ["WORD": "one"])
        #expect(first.status == 0, "\(first.errors)")
        let shown = try workspace.motrans("show", "--json").document()
        #expect(shown["environment"] as? [String: String] == ["WORD": "one"])
        #expect((shown["attempts"] as? [[String: Any]])?.first?["threads"] as? Int == 1)
        #expect(try workspace.motrans("show").output.contains("variable  WORD=one\n"))
        // Resources are no part of the key, and the environment is where the file reads it.
        let same = try workspace.motrans("run", "p.yaml", "-n", environment: ["WORD": "one", "OTHER": "x"])
        #expect(same.output.hasSuffix("1 step: 1 hit\n"))
        let other = try workspace.motrans("run", "p.yaml", "-n", environment: ["WORD": "two"])
        #expect(other.output.hasSuffix("1 step: 1 run\n"))
    }

    @Test("a full disk fails the step, says what to do, and spoils nothing", .enabled(if: SmallDisk.isAvailable))
    func fullDisk() throws {
        let workspace = try Workspace()
        try workspace.write(
            "p.yaml",
            """
            version: 1
            name: large
            steps:
              large: {stage: command, run: [sh, -c, 'head -c 3000000 /dev/urandom > "$0"', "{outputs.x}"], outputs: {x: file}}

            """)
        let disk = try SmallDisk(at: workspace.folder.appending(path: "cache"), megabytes: 5)
        let full = try workspace.motrans("run", "p.yaml")
        #expect(full.status == 1)
        #expect(full.errors.contains("No space left on device; free some space (`motrans gc`)"), "\(full.errors)")
        #expect(try workspace.motrans("verify", "--read-data").status == 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: disk.folder.appending(path: "tmp").path) == [])
        try disk.grow(to: 64)
        let again = try workspace.motrans("run", "p.yaml")
        #expect(again.status == 0, "\(again.errors)")
        #expect(try workspace.motrans("verify", "--read-data").status == 0)
    }
}

/// A file system of a few megabytes in memory, for root on a machine that lets it mount one.
struct SmallDisk: ~Copyable {
    let folder: URL

    init(at folder: URL, megabytes: Int, inodes: Int = 0) throws {
        self.folder = folder
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        guard mount("tmpfs", folder.path, "tmpfs", 0, "size=\(megabytes)m,nr_inodes=\(inodes)") == 0 else {
            throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EPERM)
        }
    }

    deinit { umount2(folder.path, Int32(MNT_DETACH)) }

    /// Inodes: 0 for as many as are wanted; one that was limited stays so.
    func grow(to megabytes: Int, inodes: Int = 0) throws {
        let size = "size=\(megabytes)m,nr_inodes=\(inodes)"
        guard mount("tmpfs", folder.path, "tmpfs", UInt(MS_REMOUNT), size) == 0 else {
            throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EPERM)
        }
    }

    static let comment: Comment = "wants root, on a machine that lets it mount"

    static var isAvailable: Bool {
        let folder = FileManager.default.temporaryDirectory.appending(path: "motrans-disk-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        return (try? SmallDisk(at: folder, megabytes: 1)) != nil
    }
}
