import Artifacts
import Foundation
import GRDB
import Glibc
import Logging
import Pipelines
import StageKit
import Storage
import Synchronization
import Testing

@testable import Execution
@testable import Lineage

/// What the disk, other processes and sudden deaths can do to a run.
@Suite("Faults")
struct FaultTests {
    private let bench: Workbench

    init() throws { bench = try Workbench() }

    private func steps(_ last: String) -> [PlannedStep] {
        [
            .step("a", text: "a"), .step("b", text: "b", after: ["a"]), .step("c", text: last, after: ["a", "b"]),
        ]
    }

    /// The object of the only file of a step's output.
    private func object(_ report: RunReport, _ step: String) throws -> Digest {
        try #require(try bench.store.manifest(of: report.output(step)).entries.first).digest
    }

    private func flipBit(in object: Digest) throws {
        let file = bench.file(of: object)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file.path)
        var bytes = try Data(contentsOf: file)
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: file)
    }

    @Test("an output that is gone from the store is made again, and nothing else")
    func missingObject() async throws {
        let (first, _) = try await bench.run(steps("c"))
        try bench.store.remove(object(first, "a"))
        #expect(
            try bench.forecast(steps("c")) == [
                "a: run, output out missing in the store", "b: maybe, input in may change: a runs",
                "c: maybe, input in may change: a runs",
            ])
        let (report, _) = try await bench.run(steps("c"))
        #expect(report.summary == ["a: done", "b: hit", "c: hit"])
        #expect(try report.output("a") == first.output("a"))
    }

    @Test("a damaged object never reaches a stage: what made it runs again, also further up")
    func damagedObjects() async throws {
        let (first, _) = try await bench.run(steps("c"))
        let before = try bench.text(of: first.output("b"))
        try flipBit(in: object(first, "a"))
        try flipBit(in: object(first, "b"))
        _ = bench.takeRan()
        let (report, events) = try await bench.run(steps("C"))
        #expect(report.outcome == .succeeded)
        #expect(report.summary == ["a: done", "b: done", "c: done"])
        #expect(try bench.text(of: report.output("b")) == before)
        #expect(bench.takeRan() == ["\"C\"", "\"a\"", "\"b\""])
        let recomputed = events.compactMap { event -> String? in
            if case .recomputing(let step, let port, let needer) = event {
                "\(step).\(port) for \(needer)"
            } else {
                nil
            }
        }
        #expect(Set(recomputed).isSuperset(of: ["a.out for c", "b.out for c"]))
        #expect(report.steps[0].cause == .outputDamaged(port: "out"))
        #expect(report.steps[2].cause?.description == "setting text changed from \"c\" to \"C\"")
        #expect(try bench.engine().verify(readData: true).isClean)
    }

    @Test("an object that vanishes between the plan and its use is made again")
    func vanishing() async throws {
        let (first, _) = try await bench.run(steps("c"))
        let object = try object(first, "a")
        let store = bench.store
        bench.setBody(of: "trim") { context, _ in
            try store.remove(object)
            try "t".write(to: context.output("out").file("t"), atomically: true, encoding: .utf8)
        }
        let more: [PlannedStep] = [
            .step("a", text: "a"), .step("thief", "trim"), .step("last", text: "l", after: ["thief", "a"]),
        ]
        let (report, _) = try await bench.run(more)
        #expect(report.summary == ["a: done", "thief: done", "last: done"])
        #expect(try bench.text(of: report.output("last")) == "t|\"a\"||\"l\"|")
    }

    @Test("when what is gone cannot be made again, the step that needs it is skipped and the run fails")
    func notRecomputable() async throws {
        let (first, _) = try await bench.run(steps("c"))
        try flipBit(in: object(first, "a"))
        bench.setBody(of: "join") { _, _ in throw Failure.asked }
        let (report, _) = try await bench.run(steps("C"))
        #expect(report.summary == ["a: failed, it was asked to fail", "b: hit", "c: skipped, a"])
    }

    @Test("a repetition that comes out different is used under its own key")
    func differentRepetition() async throws {
        let (first, _) = try await bench.run(steps("c"))
        try flipBit(in: object(first, "a"))
        bench.setBody(of: "join") { context, settings in
            let own = settings["text"] == .string("a") ? "other" : "\(settings)"
            let inputs = try (context.inputs["in"] ?? []).map(Workbench.text)
            try (inputs + [own]).joined(separator: "|")
                .write(to: context.output("out").file("x"), atomically: true, encoding: .utf8)
        }
        let (report, _) = try await bench.run(steps("C"))
        #expect(report.outcome == .succeeded)
        let text = try bench.text(of: report.output("c"))
        #expect(text.hasPrefix("other|"))
        // The key says what was read.
        let attempt = try #require(
            try bench.lineage.read { try $0.attempts(ofStep: "c", outcome: .succeeded) }.first)
        #expect(attempt.attempt.inputs.first { $0.position == 0 }?.artifact == (try report.output("a")))
        #expect(attempt.attempt.record["inputs.in.0"] == .string(try report.output("a").hex))
    }

    @Test("what a dead process left is closed and swept, and its log is kept")
    func crashLeftovers() async throws {
        let dead = ProcessIdentity(
            host: ProcessIdentity.current.host, boot: ProcessIdentity.current.boot,
            space: ProcessIdentity.current.space, pid: ProcessIdentity.current.pid, started: 1)
        let steps: [PlannedStep] = [.step("a", text: "a")]
        let key = try #require(try bench.engine().forecast(Workbench.plan(steps)).steps.first?.key)
        let run = try bench.lineage.begin(
            NewRun(
                pipeline: "test", file: "test.yaml", text: "", commandLine: [], toolVersion: "test", process: dead))
        var watch = LeaseWatch()
        _ = try bench.lineage.acquire(key.digest, owner: dead, watch: &watch)
        let attempt = try bench.lineage.begin(
            NewAttempt(
                run: run, step: "a", stage: "join", stageVersion: 1, record: key.record, cause: "new step"))
        let scratch = try bench.store.makeScratch(attempt.text, owner: dead)
        try "info: half way\n".write(
            to: scratch.appending(path: "attempt.log"), atomically: true, encoding: .utf8)
        try "half".write(to: scratch.appending(path: "out.txt"), atomically: true, encoding: .utf8)

        #expect(try bench.forecast(steps) == ["a: run, the last attempt never ended"])
        #expect(try bench.engine().verify(readData: true).findings.map(\.kind) == [.abandoned])
        let (report, _) = try await bench.run(steps)
        #expect(report.summary == ["a: done"])
        let closed = try #require(try bench.lineage.read { try $0.attempt(attempt) })
        #expect(closed.outcome == .abandoned)
        #expect(try bench.lineage.read { try $0.log(of: attempt) } == "info: half way\n")
        #expect(try bench.lineage.read { try $0.run(run) }?.outcome == .abandoned)
        #expect(try FileManager.default.contentsOfDirectory(atPath: bench.store.root.path + "/tmp").isEmpty)
        #expect(try bench.engine().verify(readData: true).findings.isEmpty)
    }

    @Test("two runs of one plan do each step once: the second waits and uses the result")
    func twoRunners() async throws {
        bench.setBody(of: "heavy") { context, _ in
            Thread.sleep(forTimeInterval: 0.3)
            try "x".write(to: context.output("out").file("x"), atomically: true, encoding: .utf8)
        }
        let steps: [PlannedStep] = [
            .step("a", "heavy", text: "a"), .step("b", text: "b", after: ["a"]),
        ]
        async let left = bench.run(steps)
        async let right = bench.run(steps)
        let (one, two) = try await (left, right)
        #expect(bench.takeRan() == ["\"a\"", "\"b\""])
        #expect(one.report.outcome == .succeeded)
        #expect(two.report.outcome == .succeeded)
        #expect(Set([one.report.summary[0], two.report.summary[0]]) == ["a: done", "a: hit"])
        #expect(try one.report.output("b") == two.report.output("b"))
        let waits = (one.events + two.events).count { if case .waiting = $0 { true } else { false } }
        #expect(waits >= 1)
        #expect(try bench.lineage.leases().isEmpty)
    }

    @Test("when the other run fails, the one that waits does the work itself")
    func waiterTakesOver() async throws {
        let calls = Mutex(0)
        bench.setBody(of: "heavy") { context, _ in
            let call = calls.withLock {
                $0 += 1; return $0
            }
            Thread.sleep(forTimeInterval: 0.2)
            guard call > 1 else { throw Failure.asked }
            try "x".write(to: context.output("out").file("x"), atomically: true, encoding: .utf8)
        }
        let steps: [PlannedStep] = [.step("a", "heavy", text: "a")]
        async let left = bench.run(steps)
        async let right = bench.run(steps)
        let outcomes = try await [left.report.outcome, right.report.outcome]
        #expect(Set(outcomes) == [.failed, .succeeded])
    }

    @Test("a lease that is lost while the work goes on: nothing of it counts, and the step is looked up again")
    func lostLease() async throws {
        let steps: [PlannedStep] = [.step("a", text: "a")]
        let key = try #require(try bench.engine().forecast(Workbench.plan(steps)).steps.first?.key).digest
        let here = ProcessIdentity.current
        let other = ProcessIdentity(host: "elsewhere", boot: here.boot, space: here.space, pid: 1, started: 1)
        let isFirst = Mutex(true)
        let lineage = bench.lineage
        bench.setBody(of: "join") { context, _ in
            let first = isFirst.withLock { flag in
                defer { flag = false }
                return flag
            }
            if first {
                var watch = LeaseWatch(patience: .zero)
                guard case .acquired(let lease, here) = try lineage.acquire(key, owner: other, watch: &watch) else {
                    throw Failure.asked
                }
                try lineage.release(lease)
            }
            try "x".write(to: context.output("out").file("x"), atomically: true, encoding: .utf8)
        }
        let (report, _) = try await bench.run(steps)
        #expect(report.summary == ["a: done"])
        #expect(bench.takeRan() == ["\"a\"", "\"a\""])
        let outcomes = try bench.lineage.read { try $0.attempts(ofStep: "a").map(\.outcome) }
        #expect(outcomes == [.succeeded, .abandoned])
        #expect(try bench.lineage.leases().isEmpty)
    }

    @Test("what becomes a hit while a run goes on is in use from then on: a collection beside it leaves it alone")
    func lateHits() async throws {
        let steps: [PlannedStep] = [
            .step("a", "heavy", text: "a"), .step("b", text: "b", after: ["a"]),
            .step("leaf", text: "leaf", after: ["a"]),
            .step("thief", "trim", text: "t", after: ["a"]), .step("last", text: "l", after: ["thief", "b"]),
        ]
        // The same bytes, whatever the setting: what depends on it is a hit, and known as one only when it has run.
        bench.setBody(of: "heavy") { context, _ in
            try "x".write(to: context.output("out").file("x"), atomically: true, encoding: .utf8)
        }
        let (first, _) = try await bench.run(steps)
        let engine = bench.engine()
        bench.setBody(of: "trim") { context, _ in
            try engine.collect(engine.planCollection(CollectionPolicy(keepRuns: 0)))
            try "t".write(to: context.output("out").file("t"), atomically: true, encoding: .utf8)
        }
        var changed = steps
        changed[0] = .step("a", "heavy", text: "A")
        changed[3] = .step("thief", "trim", text: "T", after: ["a"])
        let (report, events) = try await bench.run(changed)
        #expect(report.summary == ["a: done", "b: hit", "leaf: hit", "thief: done", "last: done"])
        #expect(!events.contains { if case .recomputing = $0 { true } else { false } })
        #expect(try bench.text(of: report.output("leaf")) == bench.text(of: first.output("leaf")))
    }

    @Test("a hit is told when it is spared already: a collection in the same moment leaves it alone")
    func hitOfTheMoment() async throws {
        let steps: [PlannedStep] = [
            .step("a", "heavy", text: "a"), .step("b", text: "b", after: ["a"]),
            .step("last", text: "l", after: ["b"]),
        ]
        bench.setBody(of: "heavy") { context, _ in
            try "x".write(to: context.output("out").file("x"), atomically: true, encoding: .utf8)
        }
        try await bench.run(steps)
        var changed = steps
        changed[0] = .step("a", "heavy", text: "A")
        changed[2] = .step("last", text: "L", after: ["b"])
        let events = Events()
        let engine = bench.engine()
        let report = try await engine.run(Workbench.plan(changed), RunRequest(jobs: 2)) { event in
            events.add(event)
            guard case .hit(let step, _, _) = event, step.name == "b" else { return }
            do {
                try engine.collect(engine.planCollection(CollectionPolicy(keepRuns: 0)))
            } catch {
                Issue.record(error)
            }
        }
        #expect(report.summary == ["a: done", "b: hit", "last: done"])
        #expect(!events.all.contains { if case .recomputing = $0 { true } else { false } })
    }

    @Test("a collection that was planned before a run began spares what that run has found since")
    func latePlan() async throws {
        try await bench.run(steps("c"))
        let engine = bench.engine()
        let plan = try engine.planCollection(CollectionPolicy(keepRuns: 0))
        #expect(plan.evicted.count == 3)
        bench.setBody(of: "trim") { context, _ in
            try engine.collect(plan)
            try "t".write(to: context.output("out").file("t"), atomically: true, encoding: .utf8)
        }
        let more = steps("c") + [.step("thief", "trim", text: "t")]
        #expect(try await bench.run(more).report.summary == ["a: hit", "b: hit", "c: hit", "thief: done"])
        #expect(try await bench.run(more).report.wasUpToDate)
        #expect(try bench.engine().verify(readData: true).findings.isEmpty)
    }

    @Test("what a collection takes between the forecast of a run and its beginning is made again")
    func goneBeforeItBegan() async throws {
        try await bench.run(steps("c"))
        let engine = bench.engine()
        let more = steps("c") + [.step("more", text: "m", after: ["c"])]
        let report = try await engine.run(Workbench.plan(more), RunRequest(jobs: 2)) { event in
            guard case .planned(let forecast) = event else { return }
            #expect(forecast.steps.map(\.decision) == [.hit, .hit, .hit, .run])
            do {
                try engine.collect(engine.planCollection(CollectionPolicy(keepRuns: 0)))
            } catch {
                Issue.record(error)
            }
        }
        #expect(report.summary == ["a: done", "b: done", "c: done", "more: done"])
        #expect(try await bench.run(more).report.wasUpToDate)
        #expect(try engine.verify(readData: true).findings.isEmpty)
    }

    @Test(
        "what another process gives between the forecast of a run and its beginning decides the keys of what it feeds")
    func givenBeforeItBegan() async throws {
        let known: [PlannedStep] = [
            .step("a", text: "a"), .step("b", text: "b", after: ["a"]), .step("other", text: "o"),
        ]
        let first = try await bench.run(known).report
        let other = try first.output("other")
        let more = known + [.step("more", text: "m", after: ["b"])]
        let bench = bench
        let report = try await bench.engine().run(Workbench.plan(more), RunRequest(jobs: 2)) { event in
            guard case .planned(let forecast) = event, let old = forecast.steps[0].attempt else { return }
            #expect(forecast.steps.map(\.decision) == [.hit, .hit, .hit, .run])
            do {
                // The same key once more, with other bytes.
                try bench.lineage.write("another process") { database in
                    let new = AttemptID(at: Date()).text
                    try database.execute(
                        sql: """
                            CREATE TEMP TABLE news AS SELECT * FROM attempts WHERE id = ?;
                            UPDATE news SET id = ?;
                            INSERT INTO attempts SELECT * FROM news;
                            INSERT INTO attempt_outputs (attempt, port, position, artifact, kind)
                                SELECT ?, port, position, ?, kind FROM attempt_outputs WHERE attempt = ?;
                            DROP TABLE news;
                            """, arguments: [old.text, new, new, other.hex, old.text])
                }
            } catch {
                Issue.record(error)
            }
        }
        #expect(report.summary == ["a: hit", "b: done", "other: hit", "more: done"])
        #expect(try report.output("a") == other)
    }

    @Test("nothing is recorded whose objects were not announced to collections before")
    func announced() async throws {
        // The database itself refuses.
        try bench.lineage.write("watch") { database in
            try database.execute(
                sql: """
                    CREATE TRIGGER unannounced BEFORE INSERT ON attempt_outputs WHEN NOT EXISTS
                        (SELECT 1 FROM announcements WHERE attempt = NEW.attempt AND digest = NEW.artifact)
                    BEGIN SELECT RAISE(ABORT, 'unannounced'); END;
                    CREATE TRIGGER unannounced_file BEFORE INSERT ON artifact_files WHEN NOT EXISTS
                        (SELECT 1 FROM announcements WHERE digest = NEW.digest)
                    BEGIN SELECT RAISE(ABORT, 'unannounced'); END;
                    """)
        }
        #expect(try await bench.run(steps("c")).report.outcome == .succeeded)
        let left = try bench.lineage.read { try Row.fetchAll($0.database, sql: "SELECT * FROM announcements") }
        #expect(left.isEmpty)
    }

    @Test("what is pinned after a collection was planned stays")
    func latePin() async throws {
        let (report, _) = try await bench.run(steps("c"))
        let engine = bench.engine()
        let plan = try engine.planCollection(CollectionPolicy(keepRuns: 0))
        #expect(plan.evicted.count == 3)
        try bench.lineage.pin(Pin(.artifact(report.output("b")), note: "mine"))
        try engine.collect(plan)
        #expect(try bench.text(of: report.output("b")).contains("b"))
        try bench.lineage.unpin(.artifact(report.output("b")))
        try bench.lineage.pin(Pin(.run(#require(report.run)), note: "mine"))
        try engine.collect(plan)
        #expect(try bench.text(of: report.output("b")).contains("b"))
    }

    @Test("what a collection has written down as gone, and not yet deleted, is no hit any more")
    func almostGone() async throws {
        try await bench.run(steps("c"))
        let plan = try bench.engine().planCollection(CollectionPolicy(keepRuns: 0))
        let gone = plan.objects.map { Eviction(digest: $0.digest, bytes: $0.bytes, reason: "gc", date: Date()) }
        #expect(try bench.lineage.record(gone, unlessUsedSince: Date() + 1).count == gone.count)
        #expect(try bench.forecast(steps("c"))[0] == "a: run, output out missing in the store")
        let (report, events) = try await bench.run(steps("c"))
        #expect(report.outcome == .succeeded && !report.wasUpToDate)
        #expect(!events.contains { if case .recomputing = $0 { true } else { false } })
        // Late as it is, the collection leaves alone what was published again.
        for object in gone { try bench.store.remove(object.digest, unlessPublishedSince: plan.date - 0.01) }
        #expect(try await bench.run(steps("c")).report.wasUpToDate)
    }

    @Test("collections in a loop beside runs: what a pinned run gave stays, and nothing is done twice in one run")
    func collectionLoop() async throws {
        let (pinned, _) = try await bench.run(steps("kept"))
        try bench.lineage.pin(Pin(.run(#require(pinned.run)), note: "kept"))
        let engine = bench.engine()
        let isDone = Atomic<Bool>(false)
        let rounds = Atomic<Int>(0)
        async let collector: Void = {
            while !isDone.load(ordering: .relaxed) {
                try engine.collect(engine.planCollection(CollectionPolicy(keepRuns: 0)))
                rounds.wrappingAdd(1, ordering: .relaxed)
                await Task.yield()
            }
        }()
        for round in 0..<12 {
            let (report, events) = try await bench.run(steps("\(round % 3)"))
            #expect(report.outcome == .succeeded)
            #expect(!events.contains { if case .recomputing = $0 { true } else { false } }, "round \(round)")
        }
        isDone.store(true, ordering: .relaxed)
        try await collector
        #expect(rounds.load(ordering: .relaxed) > 3)
        #expect(try bench.text(of: pinned.output("c")).hasSuffix("\"kept\"|"))
        #expect(try bench.engine().verify(readData: true).isClean)
    }

    /// Takes the lease from a process that has stopped itself.
    private func takeOver(_ key: Digest, from mark: URL) throws -> pid_t {
        var process: pid_t?
        while process == nil {
            usleep(5000)
            process = (try? String(contentsOf: mark, encoding: .utf8)).flatMap { pid_t($0) }
        }
        let pid = try #require(process)
        while (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8))?.contains(") T ") != true {
            usleep(5000)
        }
        do {
            // Sixty seconds of no heartbeat, in no time.
            var watch = LeaseWatch(patience: .zero)
            guard case .acquired(let lease, let holder) = try bench.lineage.acquire(key, watch: &watch) else {
                throw CancellationError()
            }
            #expect(holder?.pid == Int(pid))
            try bench.lineage.release(lease)
            return pid
        } catch {
            // Or the test would wait for it for ever.
            Glibc.kill(pid, SIGKILL)
            throw error
        }
    }

    @Test("a process that was stopped while another took its work over does not publish when it goes on")
    func stopped() async throws {
        let path = bench.folder.path
        let steps: [PlannedStep] = [.step("a", text: "a")]
        let key = try #require(try bench.engine().forecast(Workbench.plan(steps)).steps.first?.key).digest
        let mark = bench.folder.appending(path: "stopped")
        async let late: Void = {
            await #expect(processExitsWith: .success) { [path = path as String] in
                let bench = try Workbench(in: path)
                let isFirst = Atomic<Bool>(true)
                bench.setBody(of: "join") { context, _ in
                    try "late".write(to: context.output("out").file("x"), atomically: true, encoding: .utf8)
                    guard isFirst.exchange(false, ordering: .relaxed) else { return }
                    try "\(getpid())".write(toFile: "\(path)/stopped", atomically: true, encoding: .utf8)
                    // This thread at once: after `kill` it might go on for a while, into a transaction that then stands still.
                    raise(SIGSTOP)
                }
                let (report, _) = try await bench.run([.step("a", text: "a")])
                // It looks again, and finds what the other gave.
                guard report.summary == ["a: hit"] else { exit(1) }
            }
        }()
        // On threads of its own: whoever waits for the process sits on one of the few that all tests share.
        let report = try await withTaskExecutorPreference(ComputeExecutor(threads: 2)) {
            let process = try takeOver(key, from: mark)
            defer { Glibc.kill(process, SIGCONT) }
            let (report, _) = try await bench.run(steps)
            #expect(report.summary == ["a: done"])
            return report
        }
        await late
        #expect(try bench.text(of: report.output("a")) != "late")
        let outcomes = try bench.lineage.read { try $0.attempts(ofStep: "a").map(\.outcome) }
        #expect(outcomes == [.succeeded, .abandoned])
        #expect(try bench.engine().verify(readData: true).findings.isEmpty)
    }

    @Test("an error of several lines, with bytes that a terminal would obey, is kept as lines to read")
    func wildError() async throws {
        struct Words: Error, CustomStringConvertible { let description: String }
        bench.setBody(of: "join") { _, _ in throw Words(description: "it ended; its last lines:\n    \u{1B}[2Jred") }
        let (report, events) = try await bench.run([.step("a")])
        #expect(report.summary == ["a: failed, it ended; its last lines:\n    \u{FFFD}[2Jred"])
        let tails = events.compactMap { event -> [String]? in
            if case .failed(_, _, _, let tail) = event { tail } else { nil }
        }
        #expect(tails == [["error: it ended; its last lines:", "    \u{FFFD}[2Jred"]])
    }

    @Test("a run that is cancelled while files are hashed ends there, and writes down no run")
    func cancelledHashing() async throws {
        let source = try bench.source("in.txt", "bytes")
        let engine = bench.engine()
        let plan = Workbench.plan([.step("a", sources: [source])])
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await engine.run(plan)
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try bench.lineage.read { try $0.runs() }.isEmpty)
    }

    @Test("a cancelled run that waits for another ends at once")
    func cancelledWait() async throws {
        let steps: [PlannedStep] = [.step("a", text: "a")]
        let key = try #require(try bench.engine().forecast(Workbench.plan(steps)).steps.first?.key)
        var watch = LeaseWatch()
        guard case .acquired(let lease, _) = try bench.lineage.acquire(key.digest, watch: &watch) else {
            Issue.record("nobody else has the lease")
            return
        }
        let (waiting, signal) = AsyncStream.makeStream(of: Void.self)
        let engine = bench.engine()
        let task = Task {
            try await engine.run(Workbench.plan(steps)) { event in
                if case .waiting = event { signal.yield() }
            }
        }
        for await _ in waiting { break }
        task.cancel()
        let report = try await task.value
        #expect(report.summary == ["a: not started"])
        #expect(report.outcome == .cancelled)
        #expect(try bench.lineage.leases() == [lease])
    }

    @Test("a log of any size, with any bytes, is kept at both ends and harms nobody")
    func wildLog() async throws {
        bench.setBody(of: "join") { context, _ in
            context.log.info("first \u{1B}[31mred\u{07}")
            for number in 0..<20_000 { context.log.info("line \(number) \(String(repeating: "x", count: 60))") }
            context.log.warning("last")
            try "x".write(to: context.output("out").file("x"), atomically: true, encoding: .utf8)
        }
        try await bench.run([.step("a")])
        let attempt = try #require(try bench.lineage.read { try $0.attempts(ofStep: "a") }.first)
        let log = try #require(try bench.lineage.read { try $0.log(of: attempt.id) })
        #expect(log.hasPrefix("info: first \u{FFFD}[31mred\u{FFFD}\n"))
        #expect(log.hasSuffix("warning: last\n"))
        #expect(log.contains("lines were dropped here"))
        #expect(log.utf8.count < 600_000)
    }

    @Test(
        "killed at any moment, the next run completes, with nothing to clean and nothing damaged",
        arguments: [3, 8, 15, 25, 40, 60, 90, 140])
    func kill(afterMilliseconds delay: Int) async throws {
        let path = bench.folder.path
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, delay = delay as Int] in
            let bench = try Workbench(in: path)
            Thread.detachNewThread {
                Thread.sleep(forTimeInterval: Double(delay) / 1000)
                Glibc.kill(getpid(), SIGKILL)
            }
            while true { try await bench.run(FaultTests.manySteps, RunRequest(force: .all, jobs: 3)) }
        }
        let (report, _) = try await bench.run(Self.manySteps)
        #expect(report.outcome == .succeeded)
        #expect(try bench.engine().verify(readData: true).findings.isEmpty)
        let left = try FileManager.default.subpathsOfDirectory(atPath: bench.store.root.path + "/tmp").map { path in
            "\(path): \(try String(contentsOfFile: bench.store.root.path + "/tmp/" + path, encoding: .utf8))"
        }
        #expect(left == [])
        #expect(try bench.lineage.leases().isEmpty)
        #expect(try bench.lineage.read { try $0.runs() }.allSatisfy { $0.outcome != .running })
        #expect(try await bench.run(Self.manySteps).report.wasUpToDate)
    }

    private static var manySteps: [PlannedStep] {
        (0..<12).map { .step("s\($0)", text: "\($0)", after: $0 < 3 ? [] : ["s\($0 - 3)"]) }
    }
}
