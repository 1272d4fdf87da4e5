import Foundation
import Testing

/// What programs do, and what is done to them, with the real binary.
@Suite("Programs that misbehave spoil nothing")
struct ProcessFaultTests {
    /// A pipeline of one step; `$1` is its output, `$2` the workspace.
    private func pipeline(_ workspace: borrowing Workspace, _ program: String, inputs: String = "") throws {
        try workspace.write(
            "p.yaml",
            """
            version: 1
            name: fault
            steps:
              a:
                stage: command
                inputs: {\(inputs)}
                run:
                  - sh
                  - -c
                  - |
                    \(program.replacing("\n", with: "\n        "))
                  - sh
                  - "{outputs.x}"
                  - \(workspace.folder.path)
                outputs: {x: file}

            """)
    }

    /// The step that waits, unless there is a file `go`; it says who it is in `pid`.
    private static let waiting = "echo $$ > \"$2/pid\"; [ -e \"$2/go\" ] || sleep 1000; echo x > \"$1\""

    private func pid(_ workspace: borrowing Workspace) throws -> pid_t {
        for _ in 0..<600 {
            if let text = try? workspace.read("pid"), text.hasSuffix("\n") {
                return try #require(pid_t(text.trimmingCharacters(in: .newlines)))
            }
            Thread.sleep(forTimeInterval: 0.02)
        }
        throw CocoaError(.fileReadNoSuchFile)
    }

    private func ends(_ pid: pid_t) -> Bool {
        for _ in 0..<200 where ProcessState.isAlive(pid) { Thread.sleep(forTimeInterval: 0.02) }
        return !ProcessState.isAlive(pid)
    }

    /// The next run, with nothing cleaned by hand, completes and gives `x`.
    private func completes(_ workspace: borrowing Workspace) throws {
        try workspace.write("go", "")
        let again = try workspace.motrans("run", "p.yaml")
        #expect(again.status == 0, "\(again.errors)")
        #expect(try workspace.motrans("get", "a", "--to", "got", "--replace").status == 0)
        #expect(try workspace.read("got/x") == "x\n")
        #expect(try workspace.motrans("verify", "--read-data").status == 0)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: workspace.folder.appending(path: "cache/tmp").path)
                == [])
    }

    @Test(
        "a signal ends the run in order, and its program",
        arguments: [(SIGINT, 130), (SIGTERM, 143), (SIGHUP, 129)] as [(Int32, Int32)])
    func signals(number: Int32, status: Int32) throws {
        let workspace = try Workspace()
        try pipeline(workspace, Self.waiting)
        let run = try workspace.start(Workspace.binary, ["run", "p.yaml"])
        let program = try pid(workspace)
        kill(run.processIdentifier, number)
        run.waitUntilExit()
        #expect(run.terminationReason == .exit)
        #expect(run.terminationStatus == status)
        #expect(ends(program))
        #expect(try workspace.motrans("show", "--json").document()["outcome"] as? String == "cancelled")
        try completes(workspace)
    }

    @Test("a second signal ends the run at once, though its program does not want to")
    func secondSignal() throws {
        let workspace = try Workspace()
        try pipeline(
            workspace, "trap '' INT TERM\n" + Self.waiting.replacing("sleep 1000", with: "while :; do sleep 1; done"))
        let run = try workspace.start(Workspace.binary, ["run", "p.yaml"])
        let program = try pid(workspace)
        kill(run.processIdentifier, SIGINT)
        while run.isRunning, try !workspace.read(".stderr").contains("stopping") {
            Thread.sleep(forTimeInterval: 0.005)
        }
        kill(run.processIdentifier, SIGINT)
        run.waitUntilExit()
        #expect(run.terminationStatus == 130)
        #expect(ends(program))
        try completes(workspace)
    }

    @Test("a terminal that is closed ends the run in order")
    func closedTerminal() throws {
        let workspace = try Workspace()
        try pipeline(workspace, Self.waiting)
        // `script` holds the terminal of the run; when it dies, the terminal is gone.
        let terminal = try workspace.start(
            URL(filePath: "/usr/bin/script"), ["-q", "-c", "exec '\(Workspace.binary.path)' run p.yaml", "/dev/null"])
        let program = try pid(workspace)
        kill(terminal.processIdentifier, SIGKILL)
        terminal.waitUntilExit()
        func outcome() throws -> String? {
            try workspace.motrans("show", "--json").document()["outcome"] as? String
        }
        for _ in 0..<100 where try outcome() == nil { Thread.sleep(forTimeInterval: 0.05) }
        #expect(ends(program))
        #expect(try outcome() == "cancelled")
        try completes(workspace)
    }

    @Test("kill -9: the program ends too, and a daemon of its writes into nothing that anybody reads")
    func killed() throws {
        let workspace = try Workspace()
        try pipeline(
            workspace,
            """
            [ -e "$2/go" ] || setsid sh -c 'echo $$ > "$1/daemon"; while [ -e "$1" ]; do echo late >> "$0"; sleep 0.01; done' "$1" "$2" &
            while ! [ -s "$2/daemon" ]; do sleep 0.01; done
            \(Self.waiting)
            """)
        let run = try workspace.start(Workspace.binary, ["run", "p.yaml"])
        let program = try pid(workspace)
        kill(run.processIdentifier, SIGKILL)
        // Foundation takes a process for alive as long as anybody has a descriptor that it had.
        #expect(ends(run.processIdentifier))
        #expect(ends(program))
        let daemon = try #require(pid_t(try workspace.read("daemon").trimmingCharacters(in: .newlines)))
        #expect(ProcessState.isAlive(daemon), "then this test tests nothing")
        defer { kill(daemon, SIGKILL) }
        try completes(workspace)
    }

    /// Each has left the group and its parents before the program ends; `$3` is how one goes on.
    @Test(
        "daemons end with their step, before anybody reads what it wrote",
        arguments: [
            // Known by its environment alone.
            "cd / && OUT=\"$1\" PID=\"$2/pid\" setsid sh -c \"$3\" late >&- 2>&- <&- &",
            // Known by its arguments.
            "cd / && env -i PATH=\"$PATH\" setsid sh -c \"$3\" late \"$1\" \"$2/pid\" >&- 2>&- <&- &",
            // Known by its folder, with a child of its own, which is adopted when it dies.
            "env -i PATH=\"$PATH\" setsid sh -c 'setsid sleep 1000 & echo $$ > pid; while :; do sleep 1; done' "
                + "& while ! [ -s pid ]; do sleep 0.01; done; cp pid \"$2/pid\"",
            // Known by an open file.
            "cd / && env -i PATH=\"$PATH\" setsid sh -c 'echo $$ >&3; while :; do echo late >&4; sleep 0.01; done' "
                + "3> \"$2/pid\" 4>> \"$1\" >&- 2>&- <&- &",
        ])
    func daemons(program: String) throws {
        let workspace = try Workspace()
        let late = #"[ "$2" ] || set -- "$OUT" "$PID"; echo $$ > "$2"; while :; do echo late >> "$1"; sleep 0.01; done"#
        try pipeline(
            workspace,
            "set -- \"$1\" \"$2\" '\(late)'\n\(program)\nwhile ! [ -s \"$2/pid\" ]; do sleep 0.01; done; echo x > \"$1\""
        )
        // What comes after reads the output, and holds the run open until somebody looked.
        try workspace.write(
            "p.yaml",
            workspace.read("p.yaml") + """
                  b:
                    stage: command
                    inputs: {x: "${a}"}
                    run: [sh, -c, 'while ! [ -e "$2/go" ]; do sleep 0.01; done; cp "$0" "$1"', "{inputs.x}", "{outputs.x}", \(workspace.folder.path)]
                    outputs: {x: file}

                """)
        let run = try workspace.start(Workspace.binary, ["run", "p.yaml"])
        while run.isRunning, try !workspace.read(".stderr").contains("▸ b") { Thread.sleep(forTimeInterval: 0.01) }
        #expect(try !ProcessState.isAlive(pid(workspace)), "the daemon lives on")
        try workspace.write("go", "")
        run.waitUntilExit()
        #expect(run.terminationStatus == 0)
        #expect(try workspace.motrans("verify", "--read-data").status == 0)
    }

    @Test("a daemon of a step that still runs is left alone when another ends")
    func otherDaemon() throws {
        let workspace = try Workspace()
        try pipeline(
            workspace,
            """
            setsid sh -c 'while ! [ -e "$0/go" ]; do sleep 0.01; done; echo x > "$1"' "$2" "$1" >&- 2>&- <&- &
            while ! [ -s "$1" ]; do sleep 0.01; done
            """)
        try workspace.write(
            "p.yaml",
            workspace.read("p.yaml")
                + "  b: {stage: command, run: [sh, -c, 'echo x > \"$0\"', \"{outputs.x}\"], outputs: {x: file}}\n")
        let run = try workspace.start(Workspace.binary, ["run", "p.yaml", "--jobs", "2"])
        while run.isRunning, try !workspace.read(".stderr").contains("✓ b") { Thread.sleep(forTimeInterval: 0.01) }
        try workspace.write("go", "")
        run.waitUntilExit()
        #expect(run.terminationStatus == 0)
        #expect(try workspace.motrans("get", "a", "--to", "got").status == 0)
        #expect(try workspace.read("got/x") == "x\n")
    }

    @Test(
        "a program that ends well and did not do its work has failed, and nothing is kept",
        arguments: [
            ("true", "the program ended well but did not write its output `x`"),
            ("touch \"$1\"", "a ended without writing anything, or only empty files, to its output x"),
            (
                "echo x > \"$1\"; echo y > \"$1.log\"",
                "the program wrote x, x.log; declare it as `files` to keep them all"
            ),
            ("ln -s /etc/hostname \"$1\"", "it is a symbolic link; only files and folders are stored"),
            ("mkfifo \"$1\"", "it is a pipe; only files and folders are stored"),
        ])
    func noWork(program: String, told: String) throws {
        let workspace = try Workspace()
        try pipeline(workspace, "if [ -e \"$2/go\" ]; then echo x > \"$1\"; else \(program); fi")
        let failed = try workspace.motrans("run", "p.yaml")
        #expect(failed.status == 1)
        #expect(failed.errors.contains(told), "\(failed.errors)")
        #expect(try workspace.motrans("status", "p.yaml").output.contains("the last attempt failed"))
        try completes(workspace)
    }

    @Test("an input of the user's that changes meanwhile fails the step and is named, whoever changed it")
    func changedInput() throws {
        let workspace = try Workspace()
        try workspace.write("in.txt", "x\n")
        try pipeline(
            workspace, "[ -e \"$2/go\" ] || echo more >> \"$2/in.txt\"; head -n 1 \"$2/in.txt\" > \"$1\"",
            inputs: "i: {file: in.txt}")
        let failed = try workspace.motrans("run", "p.yaml")
        #expect(failed.status == 1)
        #expect(failed.errors.contains("in.txt"), "\(failed.errors)")
        #expect(failed.errors.contains("changed"), "\(failed.errors)")
        try completes(workspace)
    }

    @Test("an input that another step made is a copy: what a program does to it reaches nobody else")
    func changedCopy() throws {
        let workspace = try Workspace()
        try workspace.write(
            "p.yaml",
            """
            version: 1
            name: copies
            steps:
              a: {stage: command, run: [sh, -c, 'echo x > "$0"', "{outputs.x}"], outputs: {x: file}}
              b:
                stage: command
                inputs: {i: "${a}"}
                run: [sh, -c, 'chmod u+w "$0"; echo spoiled > "$0"; echo b > "$1"', "{inputs.i}", "{outputs.x}"]
                outputs: {x: file}
              c: {stage: command, inputs: {i: "${a}", after: "${b}"}, run: [cp, "{inputs.i}", "{outputs.x}"], outputs: {x: file}}

            """)
        let run = try workspace.motrans("run", "p.yaml")
        #expect(run.status == 0, "\(run.errors)")
        #expect(try workspace.motrans("get", "c", "--to", "got").status == 0)
        #expect(try workspace.read("got/x") == "x\n")
        try completes(workspace)
    }

    @Test("what a program says is kept, up to a limit, and no terminal obeys it")
    func words() throws {
        let workspace = try Workspace()
        try pipeline(
            workspace,
            """
            printf 'a\\377b \\033[2J\\007\\b \\342\\200\\256evil\\n\\000nul\\n'
            yes | head -c 20000000
            yes | tr -d '\\n' | head -c 20000000
            printf '\\nno end' >&2
            exit 3
            """)
        let failed = try workspace.motrans("run", "p.yaml")
        #expect(failed.status == 1)
        for text in [failed.output, failed.errors, try workspace.motrans("logs", "a").output] {
            #expect(text.utf8.allSatisfy { $0 >= 32 || $0 == 10 || $0 == 9 })
            #expect(!text.unicodeScalars.contains("\u{202E}"))
            #expect(text.utf8.count < 2_000_000)
        }
        #expect(
            try workspace.motrans("logs", "a").output.contains("a\u{FFFD}b \u{FFFD}[2J\u{FFFD}\u{FFFD} \u{FFFD}evil"))
        #expect(failed.errors.contains("\n    no end"))
        let events = try workspace.motrans("run", "p.yaml", "--json")
        #expect(try events.documents().last?["outcome"] as? String == "failed")
    }

    @Test("a program that never stops talking takes no memory", .enabled(if: ProcessState.isReadable))
    func endlessLog() throws {
        let workspace = try Workspace()
        try pipeline(workspace, "yes 'a line of a log that goes on and on' | head -c 50000000; echo x > \"$1\"")
        let (quiet, _) = try workspace.peak("doctor")
        let (peak, outcome) = try workspace.peak("run", "p.yaml", "--quiet")
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(peak - quiet < 60 << 20, "\(peak >> 20) MiB")
        #expect(try workspace.motrans("logs", "a").output.contains("more lines are not in this log"))
        try completes(workspace)
    }

    @Test("too few files for a program: an error that says so, and the next run completes", arguments: [10, 14, 18])
    func fewFiles(limit: Int) throws {
        let workspace = try Workspace()
        try pipeline(workspace, "echo x > \"$1\"")
        let run = try workspace.run(
            URL(filePath: "/bin/sh"),
            ["-c", "ulimit -n \(limit); exec \"$0\" run p.yaml --quiet", Workspace.binary.path])
        #expect([0, 1, 5].contains(run.status), "\(run.status) \(run.errors)")
        if run.status != 0 {
            #expect(
                run.errors.contains("Too many open files") || run.errors.contains("unable to open"), "\(run.errors)")
        }
        try completes(workspace)
    }

    @Test("no process or thread for this user: an error, no hang", .enabled(if: getuid() == 0, "needs another user"))
    func fewProcesses() throws {
        let workspace = try Workspace()
        try pipeline(workspace, "echo x > \"$1\"")
        chmod(workspace.folder.path, 0o777)
        let run = try workspace.run(
            URL(filePath: "/bin/sh"),
            [
                "-c",
                "exec setpriv --reuid=4242 --clear-groups prlimit --nproc=4 timeout -s KILL 60 \"$0\" run p.yaml --quiet",
                Workspace.binary.path,
            ])
        #expect([1, 5].contains(run.status), "\(run.status) \(run.errors)")
        #expect(run.errors.contains("Resource temporarily unavailable"), "\(run.errors)")
    }
}
