import Foundation
import Testing

/// What a person does with a cache: pin, collect, repair, rebuild, revoke, prove.
@Suite("Care of the store, from outside")
struct StoreCareTests {
    /// `a` reads a file; `b` and `c` are made of what it gives.
    private func prepare(_ workspace: borrowing Workspace) throws {
        try workspace.write("in.txt", "hello\n")
        try workspace.write("other.txt", "elsewhere\n")
        try workspace.write(
            "p.yaml",
            """
            version: 1
            name: care
            steps:
              a:
                stage: command
                inputs: {x: {file: in.txt}}
                run: [sh, -c, 'echo ran >> "$0"; cat "$1" > "$2"; echo a >> "$2"', "\(workspace.folder.path)/notes", "{inputs.x}", "{outputs.y}"]
                outputs: {y: file}
              b:
                stage: command
                inputs: {x: "${a}"}
                run: [sh, -c, 'cat "$0" > "$1"; echo b >> "$1"', "{inputs.x}", "{outputs.y}"]
                outputs: {y: file}
              c:
                stage: command
                inputs: {x: {file: other.txt}}
                run: [sh, -c, 'cat "$0" > "$1"; echo c >> "$1"', "{inputs.x}", "{outputs.y}"]
                outputs: {y: file}

            """)
        let outcome = try workspace.motrans("run", "p.yaml")
        #expect(outcome.status == 0, "\(outcome.errors)")
    }

    private func objects(_ workspace: borrowing Workspace) throws -> [String] {
        try workspace.snapshot("cache/objects").keys.filter { $0.hasSuffix(".zst") }.sorted()
    }

    @Test("gc only says what would go until it is told to; what is pinned stays")
    func gc() throws {
        let workspace = try Workspace()
        try prepare(workspace)
        let before = try objects(workspace)
        let said = try workspace.motrans("gc", "--keep-runs", "0")
        #expect(said.status == 0 && said.output.contains("goes  no run needs it"))
        #expect(said.errors == "nothing was deleted: `--yes` does it\n")
        #expect(try objects(workspace) == before)
        #expect(try workspace.motrans("gc", "--yes", "--dry-run").status == 2)
        let pinned = try workspace.motrans("pin", "b", "--note", "the good one").output
        #expect(pinned.hasPrefix("pinned artifact "))
        let gone = try workspace.motrans("gc", "--keep-runs", "0", "--yes")
        #expect(gone.status == 0 && gone.output.contains("stays  pinned"), "\(gone.output)")
        #expect(try workspace.motrans("get", "\(pinned.suffix(65).dropLast())", "--to", "out").status == 0)
        #expect(try workspace.read("out/y") == "hello\na\nb\n")
        #expect(try workspace.motrans("run", "p.yaml", "-n").output.contains("c     run "))
        let pins = try workspace.motrans("pin")
        #expect(pins.output.contains("the good one"))
        #expect(try workspace.motrans("unpin", "b").status == 0)
        #expect(try workspace.motrans("unpin", "b").status == 3)
        #expect(try workspace.motrans("pin").output == "nothing is pinned\n")
        #expect(try workspace.motrans("verify", "--chain").status == 0)
    }

    @Test("verify --repair does the steps again whose results were damaged, and nothing else")
    func repair() throws {
        let workspace = try Workspace()
        try prepare(workspace)
        for object in try objects(workspace) {
            let url = workspace.folder.appending(path: "cache/objects/\(object)")
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: url.path)
            var data = try Data(contentsOf: url)
            data[data.count / 2] ^= 0x55
            try data.write(to: url)
        }
        #expect(try workspace.motrans("verify", "--read-data").status == 4)
        let repaired = try workspace.motrans("verify", "--repair")
        #expect(repaired.status == 0, "\(repaired.errors)")
        #expect(repaired.output.hasSuffix("every byte read: clean\n"))
        #expect(try workspace.read("notes") == "ran\nran\n")
        #expect(try workspace.motrans("get", "b", "--to", "out").status == 0)
        #expect(try workspace.read("out/y") == "hello\na\nb\n")
        #expect(try workspace.motrans("verify", "--repair").status == 0)
        #expect(try workspace.read("notes") == "ran\nran\n")
    }

    @Test("a database that is lost is told, made again of the records, and everything is a hit")
    func rebuild() throws {
        let workspace = try Workspace()
        try prepare(workspace)
        let runs = try workspace.motrans("runs", "--json").output
        for suffix in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(at: workspace.folder.appending(path: "cache/lineage.sqlite\(suffix)"))
        }
        for command in [["status", "p.yaml"], ["run", "p.yaml"], ["runs"]] {
            let told = try workspace.run(Workspace.binary, command)
            #expect(told.status == 5 && told.output == "")
            #expect(told.errors.contains("`motrans db rebuild`"), "\(told.errors)")
        }
        let rebuilt = try workspace.motrans("db", "rebuild")
        #expect(rebuilt.status == 0)
        #expect(rebuilt.output == "rebuilt of 8 records: 1 runs, 3 attempts\n")
        #expect(try workspace.motrans("runs", "--json").output == runs)
        #expect(
            try workspace.motrans("run", "p.yaml", "--quiet").output == """
                step  done  why
                ────  ────  ───
                a     hit
                b     hit
                c     hit

                """)
        #expect(try workspace.motrans("verify", "--chain").status == 0)
    }

    @Test("a record that somebody edits is named, with 4")
    func edited() throws {
        let workspace = try Workspace()
        try prepare(workspace)
        let whole = try workspace.motrans("verify", "--chain")
        #expect(whole.status == 0 && whole.output.hasPrefix("8 records in the chain: whole\nhead "))
        let run = try #require(
            try FileManager.default.contentsOfDirectory(
                atPath: workspace.folder.appending(path: "cache/records").path
            ).first { $0.hasPrefix("2") })
        try workspace.edit("cache/records/\(run)", #""outcome":"succeeded""#, #""outcome":"failed""#)
        let told = try workspace.motrans("verify", "--chain")
        #expect(told.status == 4 && told.output.contains("differs: attempt "), "\(told.output)")
    }

    @Test("nothing is made of what was revoked: it is refused, no hit, deleted with all that comes from it")
    func revoke() throws {
        let workspace = try Workspace()
        try prepare(workspace)
        #expect(try workspace.motrans("revoke", "in.txt").status == 2)
        try FileManager.default.copyItem(
            at: workspace.folder.appending(path: "in.txt"), to: workspace.folder.appending(path: "copy.txt"))
        let proof = try workspace.motrans("prove", "--absent", "copy.txt", "b")
        #expect(proof.status == 4)
        #expect(proof.output.contains("present: b comes from copy.txt"), "\(proof.output)")
        #expect(proof.output.hasSuffix("in.txt → a → b → b\n"), "\(proof.output)")
        let absent = try workspace.motrans("prove", "--absent", "in.txt", "c")
        #expect(absent.status == 0)
        #expect(absent.output.hasPrefix("absent: in.txt (SHA-256 "))
        #expect(absent.output.contains("looked at: 1 attempts, 2 artifacts, 0 model parts, 1 source files:"))

        let revoked = try workspace.motrans("revoke", "copy.txt", "--reason", "consent withdrawn")
        #expect(revoked.status == 0)
        // The user's own artifact and what a and b gave.
        #expect(revoked.output.split(separator: "\n").count { $0.hasSuffix("yes") } == 2, "\(revoked.output)")
        let refused = try workspace.motrans("run", "p.yaml")
        #expect(refused.status == 4)
        #expect(refused.errors.contains("it was revoked (consent withdrawn)"), "\(refused.errors)")
        let shown = try workspace.motrans("show", "--json").document()
        for attempt in try #require(shown["attempts"] as? [[String: Any]]) {
            let outputs = try #require(attempt["outputs"] as? [[String: Any]])
            let digest = try #require(outputs.first?["artifact"] as? String)
            let got = try workspace.motrans("get", digest, "--to", "got", "--replace")
            let isFree = attempt["step"] as? String == "c"
            #expect(got.status == (isFree ? 0 : 4), "\(got.errors)")
            #expect(isFree || got.errors.contains("comes from something that was revoked (consent withdrawn)"))
        }
        #expect(try workspace.motrans("export", "--format", "ro-crate", "--to", "crate").status == 4)
        #expect(try workspace.motrans("export", "--format", "prov").errors.hasPrefix("warning: results of this run"))
        // Without the file, what it led to is no hit either.
        try workspace.write("in.txt", "other words\n")
        let again = try workspace.motrans("run", "p.yaml", "--quiet")
        #expect(again.output.contains("a     ran") && again.output.contains("c     hit"))
        try workspace.write("in.txt", "hello\n")
        #expect(try workspace.motrans("run", "p.yaml").status == 4)

        let gone = try workspace.motrans("gc", "--revoked", "--yes", "--json").document()
        #expect((gone["evicted"] as? [[String: Any]])?.count == 2)
        #expect(try workspace.motrans("run", "p.yaml", "c").status == 0)
        let listed = try workspace.motrans("revoke")
        #expect(listed.output.contains("consent withdrawn"))
        #expect(try workspace.motrans("revoke", "copy.txt", "--withdraw").status == 0)
        let back = try workspace.motrans("run", "p.yaml", "--quiet")
        #expect(back.status == 0 && back.output.contains("a     ran   output y missing in the store"), "\(back.output)")
        #expect(try workspace.motrans("verify", "--chain").status == 0)
    }

    @Test("a file that was handed out and comes back is known for what it is")
    func handedOut() throws {
        let workspace = try Workspace()
        try prepare(workspace)
        #expect(try workspace.motrans("get", "b", "--to", "lent").status == 0)
        try workspace.write(
            "q.yaml",
            """
            version: 1
            name: again
            steps:
              z:
                stage: command
                inputs: {x: {file: lent/y}}
                run: [cp, "{inputs.x}", "{outputs.y}"]
                outputs: {y: file}

            """)
        try workspace.edit("q.yaml", "[cp, ", "[sh, -c, 'cat \"$0\" > \"$1\"; echo z >> \"$1\"', ")
        #expect(try workspace.motrans("run", "q.yaml").status == 0)
        let proof = try workspace.motrans("prove", "--absent", "in.txt", "z")
        #expect(proof.status == 4 && proof.output.hasPrefix("present: z comes from in.txt"), "\(proof.output)")
    }

    @Test("of a revoked clip nothing is kept, and a video that was handed out stands for the store's")
    func revokedVideo() throws {
        let workspace = try Workspace(copyOf: TurnBox.done)
        #expect(try workspace.motrans("get", TurnBox.robot, "--pipeline", "p.yaml", "--to", "old").status == 0)
        #expect(try workspace.motrans("prove", "--absent", "clip.mp4", "old/seed-1.mp4").status == 4)
        let one = try workspace.motrans("revoke", "old/seed-1.mp4", "--reason", "not that one")
        #expect(one.output.contains("scores") && !one.output.contains("lora"), "\(one.output)")
        #expect(try workspace.motrans("get", TurnBox.robot, "--pipeline", "p.yaml", "--to", "more").status != 0)
        #expect(try workspace.motrans("revoke", "old/seed-1.mp4", "--withdraw").status == 0)
        #expect(try workspace.motrans("revoke", "clip.mp4", "--reason", "consent").status == 0)
        #expect(try workspace.motrans("gc", "--revoked", "--yes").status == 0)
        let page = try workspace.motrans("lineage", "old/seed-1.mp4", "--format", "html").output
        #expect(page.contains("not in the store any more") && !page.contains("this was kept"))
        let tree = try workspace.motrans("lineage", "old/seed-1.mp4").output
        #expect(tree.contains("(revoked: consent)") && tree.contains("recomputable: no: it was revoked"), "\(tree)")
    }

    @Test("a video that gc took leaves what it was, a picture, and whether it can be made again")
    func evicted() throws {
        let workspace = try Workspace(copyOf: TurnBox.done)
        #expect(try workspace.motrans("get", TurnBox.robot, "--pipeline", "p.yaml", "--to", "old").status == 0)
        try workspace.edit("p.yaml", "A robot is turning a box in the snow", "A robot is turning a box in the city")
        #expect(try workspace.stepsThatRan().count == 2)
        #expect(try workspace.motrans("gc", "--keep-runs", "1", "--yes").status == 0)
        let told = try workspace.motrans("lineage", "old/seed-1.mp4").output
        #expect(told.contains("bytes: evicted 2") && told.contains("(gc)"), "\(told)")
        #expect(told.contains("recomputable: yes, in some "), "\(told)")
        #expect(told.contains("seed-1.mp4: codec \"h264\", fps "), "\(told)")
        let page = try workspace.motrans("lineage", "old/seed-1.mp4", "--format", "html").output
        #expect(page.contains("evicted; this was kept") && page.contains("data:image/png;base64,"))
        try FileManager.default.removeItem(at: workspace.folder.appending(path: "clip.mp4"))
        try FileManager.default.removeItem(at: workspace.folder.appending(path: "cache/objects"))
        let gone = try workspace.motrans("lineage", "old/seed-1.mp4").output
        #expect(gone.contains("clip.mp4 is not there any more"), "\(gone)")
    }

    @Test("two steps, or two attempts, are compared with the places of both values")
    func explain() throws {
        let workspace = try Workspace()
        try prepare(workspace)
        let told = try workspace.motrans("explain", "c", "b")
        #expect(told.status == 0)
        #expect(told.output.contains("compared with b in run "))
        #expect(told.output.contains("(p.yaml:12:10)") && told.output.contains("(p.yaml:17:10)"), "\(told.output)")
        #expect(
            told.output.contains("given in p.yaml:11:17") && told.output.contains("given in p.yaml:16:17"),
            "\(told.output)")
        #expect(try workspace.motrans("explain", "c", "nothing").status == 3)
    }

    @Test("a dry run says what steps took before, and a program that asks for it is tried again")
    func limits() throws {
        let workspace = try Workspace()
        try workspace.write(
            "p.yaml",
            """
            version: 1
            name: limits
            profiles:
              small: {memory: 1GB, limits: {command: 1}}
            steps:
              flaky:
                stage: command
                run: [sh, -c, 'test -e "$0" && echo x > "$1" || { touch "$0"; exit 75; }', "\(workspace.folder.path)/tried", "{outputs.y}"]
                outputs: {y: file}
              slow:
                stage: command
                run: [sh, -c, 'sleep 60; echo x > "$0"', "{outputs.y}"]
                outputs: {y: file}
                timeout: 0.2s
                memory: 18GB

            """)
        let outcome = try workspace.motrans("run", "p.yaml", "--keep-going", "--profile", "small")
        #expect(outcome.status == 1)
        #expect(
            outcome.output.hasSuffix(
                """
                flaky  ran     new step
                slow   failed  slow was ended after 0.2 s, which is all it may take; raise `timeout:` or `--timeout`

                """))
        #expect(
            outcome.errors.contains(
                "flaky  `sh` ended with exit code 75; it wrote nothing; tried again in 1.0 s (1 of 2)"))
        let planned = try workspace.motrans("run", "p.yaml", "flaky", "--force", "--dry-run")
        #expect(planned.output.contains(" of work and 2 B, as before\n1 step: 1 run\n"), "\(planned.output)")
        try workspace.edit("p.yaml", "0.2s", "soon")
        let refused = try workspace.motrans("validate", "p.yaml")
        #expect(refused.status == 2)
        #expect(refused.errors.contains("`timeout` must be a time such as 90s, 10m or 2h"), "\(refused.errors)")
    }
}
