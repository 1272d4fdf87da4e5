import Artifacts
import Foundation
import Lineage
import Pipelines
import StageKit
import Storage
import Synchronization
import Testing

@testable import Execution

/// Whole runs over a real store and database, with small stages.
@Suite("Running a plan")
struct RunTests {
    private let bench: Workbench

    init() throws { bench = try Workbench() }

    private func chain(_ text: String = "b") -> [PlannedStep] {
        [
            .step("a", text: "a"), .step("b", text: text, after: ["a"]), .step("c", text: "c", after: ["b"]),
            .step("d", text: "d", after: ["a"]),
        ]
    }

    @Test("every step runs once, in order, and gives what its inputs say")
    func firstRun() async throws {
        let (report, events) = try await bench.run(chain())
        #expect(report.outcome == .succeeded)
        #expect(report.summary == ["a: done", "b: done", "c: done", "d: done"])
        #expect(try bench.text(of: report.output("c")) == "\"a\"||\"b\"||\"c\"|")
        #expect(bench.takeRan() == ["\"a\"", "\"b\"", "\"c\"", "\"d\""])
        guard case .planned(let forecast)? = events.first, case .runEnded? = events.last else {
            Issue.record("the first event is the plan, the last the report")
            return
        }
        #expect(forecast.count(of: .run) == 1)
        #expect(forecast.count(of: .maybe) == 3)
        let record = try #require(try bench.lineage.read { try $0.runs() }.first)
        #expect(record.outcome == .succeeded)
        #expect(record.id == report.run)
    }

    @Test("a second run finds every step, and writes nothing at all")
    func nothingToDo() async throws {
        try await bench.run(chain() + [.step("e", sources: [try bench.source("e.txt", "hello")])])
        // A file that was hashed within two seconds of being written is read once more: it may have been written again.
        try await Task.sleep(for: .milliseconds(2100))
        try await bench.run(chain() + [.step("e", sources: [try #require(sourceInput("e.txt"))])])
        _ = bench.takeRan()
        let before = try bench.contents()
        let (report, events) = try await bench.run(
            chain() + [.step("e", sources: [try #require(sourceInput("e.txt"))])])
        #expect(report.wasUpToDate)
        #expect(report.run == nil)
        #expect(report.summary == ["a: hit", "b: hit", "c: hit", "d: hit", "e: hit"])
        #expect(bench.takeRan() == [])
        #expect(try bench.contents() == before)
        #expect(events.count == 7)
        #expect(try bench.lineage.read { try $0.runs() }.count == 1)
    }

    private func sourceInput(_ name: String) -> PlannedInput? {
        .source(
            SourceInput(
                kind: .file, files: [SourceInput.File(path: "0.txt", url: bench.folder.appending(path: name))]))
    }

    @Test("a changed setting runs the step and what it feeds, nothing else")
    func changedSetting() async throws {
        try await bench.run(chain())
        _ = bench.takeRan()
        let (report, _) = try await bench.run(chain("B"))
        #expect(report.summary == ["a: hit", "b: done", "c: done", "d: hit"])
        #expect(bench.takeRan() == ["\"B\"", "\"c\""])
        let (back, _) = try await bench.run(chain("b"))
        #expect(back.wasUpToDate)
    }

    @Test("an equal output stops the wave: what is downstream is a hit")
    func earlyCutoff() async throws {
        func plan(_ text: String) throws -> [PlannedStep] {
            [
                .step("read", sources: [try bench.source("in.txt", text)]),
                .step("trimmed", "trim", text: "t", after: ["read"]), .step("last", after: ["trimmed"]),
            ]
        }
        try await bench.run(try plan("a b"))
        #expect(
            try bench.forecast(try plan("a  b")) == [
                "read: run, input in changed", "trimmed: maybe, input in may change: read runs",
                "last: maybe, input in may change: trimmed runs",
            ])
        let (report, _) = try await bench.run(try plan("a  b"))
        #expect(report.summary == ["read: done", "trimmed: done", "last: hit"])
    }

    @Test("a renamed source file with equal content is a hit")
    func renamedSource() async throws {
        try await bench.run([.step("a", sources: [try bench.source("one.txt", "same")])])
        let (report, _) = try await bench.run([.step("a", sources: [try bench.source("two.txt", "same")])])
        #expect(report.wasUpToDate)
    }

    @Test("of a for-each, only the element that changed runs, and what takes them all")
    func elements() async throws {
        func plan(_ prompts: [String]) -> [PlannedStep] {
            prompts.enumerated().map { index, prompt in
                .step("samples", after: [], element: prompt, part: "\(index + 1)")
            } + [.step("scores", text: "s", after: prompts.indices.map { "samples[\($0 + 1)]" })]
        }
        try await bench.run(plan(["a cat", "a dog", "a fox"]))
        _ = bench.takeRan()
        #expect(
            try bench.forecast(plan(["a cat", "a hen", "a fox"])).filter { !$0.hasSuffix("hit") } == [
                "samples[2]: run, prompt changed from \"a dog\" to \"a hen\"",
                "scores: maybe, input in may change: samples[2] runs",
            ])
        let (report, _) = try await bench.run(plan(["a cat", "a hen", "a fox"]))
        #expect(report.summary == ["samples[1]: hit", "samples[2]: done", "samples[3]: hit", "scores: done"])
        let (swapped, _) = try await bench.run(plan(["a hen", "a cat", "a fox"]))
        #expect(swapped.summary == ["samples[1]: hit", "samples[2]: hit", "samples[3]: hit", "scores: done"])
    }

    @Test("two steps with the same work do it once")
    func sameWorkTwice() async throws {
        let (report, _) = try await bench.run([
            .step("a", text: "same"), .step("b", text: "same"), .step("c", after: ["a", "b"]),
        ])
        #expect(report.outcome == .succeeded)
        #expect(Set(report.summary.prefix(2)) == ["a: done", "b: hit"])
        #expect(bench.takeRan() == ["\"\"", "\"same\""])
    }

    @Test("a failed step stops the run, and its error and log are kept")
    func failure() async throws {
        let steps: [PlannedStep] = [
            .step("a", text: "a"), .step("bad", "fail", text: "x", after: ["a"]), .step("c", after: ["bad"]),
            .step("d", text: "d", after: ["a"]),
        ]
        let (report, _) = try await bench.run(steps, RunRequest(jobs: 1))
        #expect(report.outcome == .failed)
        #expect(
            report.summary == ["a: done", "bad: failed, it was asked to fail", "c: skipped, bad", "d: not started"])
        let attempt = try #require(
            try bench.lineage.read { try $0.attempts(ofStep: "bad", pipeline: "test") }.first)
        #expect(attempt.outcome == .failed)
        #expect(attempt.error == "it was asked to fail")
        let log = try #require(try bench.lineage.read { try $0.log(of: attempt.id) })
        #expect(log == "info: fail \"x\"\nerror: it was asked to fail\n")
        let run = try #require(try bench.lineage.read { try $0.runs() }.first)
        #expect(run.outcome == .failed)
        let decisions = try bench.lineage.read { try $0.steps(of: run.id) }
        #expect(decisions.first { $0.step == "c" }?.decision == .skipped)
        // Nothing of the failed try can be taken for a result.
        #expect(
            try bench.forecast(steps) == [
                "a: hit", "bad: run, the last attempt failed", "c: maybe, new step", "d: run, new step",
            ])
    }

    @Test("with keep-going all that does not depend on the failure runs")
    func keepGoing() async throws {
        let (report, events) = try await bench.run(
            [
                .step("a", text: "a"), .step("bad", "fail", text: "x", after: ["a"]), .step("c", after: ["bad"]),
                .step("d", text: "d", after: ["a"]), .step("e", after: ["c", "d"]),
            ], RunRequest(jobs: 1, keepsGoing: true))
        #expect(
            report.summary == [
                "a: done", "bad: failed, it was asked to fail", "c: skipped, bad", "d: done", "e: skipped, bad",
            ])
        let tails = events.compactMap { event -> [String]? in
            if case .failed(_, _, _, let tail) = event { tail } else { nil }
        }
        #expect(tails == [["info: fail \"x\"", "error: it was asked to fail"]])
    }

    @Test("a stage that gives nothing, or only empty files, fails and nothing is kept", arguments: [true, false])
    func emptyOutput(writesFile: Bool) async throws {
        bench.setBody(of: "join") { context, _ in
            if writesFile { try Data().write(to: context.output("out").file("empty")) }
        }
        let (report, _) = try await bench.run([.step("a")])
        #expect(
            report.summary == [
                "a: failed, a ended without writing anything, or only empty files, to its output out; nothing was kept"
            ])
        #expect(try bench.store.allObjects().isEmpty)
    }

    @Test("a source that changes while a step reads it is told of, and nothing is kept")
    func sourceChanges() async throws {
        let steps: [PlannedStep] = [.step("a", sources: [try bench.source("in.txt", "before")])]
        let file = bench.folder.appending(path: "in.txt")
        bench.setBody(of: "join") { context, _ in
            try "after!".write(to: file, atomically: false, encoding: .utf8)
            try "x".write(to: context.output("out").file("x"), atomically: true, encoding: .utf8)
        }
        let (report, _) = try await bench.run(steps)
        #expect(
            report.summary == [
                "a: failed, \(file.path) changed while a was reading it, so the result was not kept; run again when it is "
                    + "complete"
            ])
    }

    @Test("a missing source file stops the run before anything is written")
    func missingSource() async throws {
        let source = try #require(sourceInput("nowhere.txt"))
        await #expect(throws: LineageError.self) { try await bench.run([.step("a", sources: [source])]) }
        #expect(try bench.lineage.read { try $0.runs() }.isEmpty)
    }

    @Test("named steps run with what feeds them, and names that are none are told")
    func selection() async throws {
        let (report, _) = try await bench.run(chain(), RunRequest(steps: ["b"], jobs: 1))
        #expect(report.summary == ["a: done", "b: done"])
        await #expect(
            throws: ExecutionError.unknownStep("bb", known: ["a", "b", "c", "d"])
        ) { try await bench.run(chain(), RunRequest(steps: ["bb"])) }
        #expect(throws: ExecutionError.self) {
            try RunRequest(steps: ["bb"]).check(against: Workbench.plan(chain()))
        }
        try RunRequest(steps: ["b", "c"]).check(against: Workbench.plan(chain()))
    }

    @Test("forced steps run though they are known, and equal outputs cut off what follows")
    func force() async throws {
        try await bench.run(chain())
        _ = bench.takeRan()
        #expect(
            try bench.forecast(chain(), RunRequest(steps: ["b"], force: .named)) == ["a: hit", "b: run, forced"])
        let (named, _) = try await bench.run(chain(), RunRequest(steps: ["b"], force: .named))
        #expect(named.summary == ["a: hit", "b: done"])
        let (all, _) = try await bench.run(chain(), RunRequest(force: .all))
        #expect(all.summary == ["a: done", "b: done", "c: done", "d: done"])
    }

    @Test("a volatile step runs each time, and equal outputs cut off what follows")
    func volatile() async throws {
        let steps: [PlannedStep] = [.step("v", volatile: true), .step("w", text: "w", after: ["v"])]
        try await bench.run(steps)
        #expect(
            try bench.forecast(steps) == ["v: run, volatile", "w: maybe, input in may change: v runs"])
        let (report, _) = try await bench.run(steps)
        #expect(report.summary == ["v: done", "w: hit"])
    }

    @Test("a stage with ports of its own: what it declares is part of its key")
    func ownPorts() async throws {
        func plan(_ kind: ArtifactKind) -> [PlannedStep] {
            [
                .step("a", text: "a"),
                .step(
                    "small", "command", after: ["a"], outputs: [OutputPort("small", kind, help: "")],
                    settings: ["run": .list([.string("shrink"), .string("{inputs.in}")])]),
            ]
        }
        let (report, _) = try await bench.run(plan(.video))
        let artifact = try #require(report.steps.last?.outputs["small"])
        #expect(try bench.store.manifest(of: artifact).kind == .video)
        #expect(try bench.text(of: artifact) == "\"a\"|||")
        #expect(
            try bench.forecast(plan(.files)).last == "small: run, output small changed from \"video\" to \"files\"")
    }

    @Test("steps of the light pool run at the same time, those of the compute pool one by one")
    func pools() async throws {
        let counts = Mutex<(light: Int, heavy: Int, mostLight: Int, mostHeavy: Int)>((0, 0, 0, 0))
        bench.setBody(of: "join") { context, _ in
            counts.withLock {
                $0.light += 1; $0.mostLight = max($0.mostLight, $0.light)
            }
            Thread.sleep(forTimeInterval: 0.1)
            counts.withLock { $0.light -= 1 }
            try "x".write(to: context.output("out").file("x"), atomically: true, encoding: .utf8)
        }
        bench.setBody(of: "heavy") { context, _ in
            counts.withLock {
                $0.heavy += 1; $0.mostHeavy = max($0.mostHeavy, $0.heavy)
            }
            Thread.sleep(forTimeInterval: 0.05)
            counts.withLock { $0.heavy -= 1 }
            try "x".write(to: context.output("out").file("x"), atomically: true, encoding: .utf8)
        }
        try await bench.run(
            ["1", "2", "3", "4"].map { .step("l\($0)", text: $0) }
                + ["5", "6"].map { .step("h\($0)", "heavy", text: $0) },
            RunRequest(jobs: 2))
        #expect(counts.withLock { $0.mostLight } == 2)
        #expect(counts.withLock { $0.mostHeavy } == 1)
    }

    @Test("a cancelled run ends in order: the attempt is cancelled, nothing new starts, the next run completes")
    func cancellation() async throws {
        let (started, signal) = AsyncStream.makeStream(of: Void.self)
        bench.setBody(of: "heavy") { context, _ in
            signal.yield()
            while true {
                try context.checkCancellation()
                Thread.sleep(forTimeInterval: 0.005)
            }
        }
        let steps: [PlannedStep] = [
            .step("a", text: "a"), .step("slow", "heavy", text: "s", after: ["a"]), .step("last", after: ["slow"]),
        ]
        let task = Task { [bench] in try await bench.run(steps).report }
        for await _ in started { break }
        task.cancel()
        let report = try await task.value
        #expect(report.outcome == .cancelled)
        #expect(report.summary == ["a: done", "slow: cancelled", "last: not started"])
        let run = try #require(try bench.lineage.read { try $0.runs() }.first)
        #expect(run.outcome == .cancelled)
        let attempt = try #require(try bench.lineage.read { try $0.attempts(ofStep: "slow") }.first)
        #expect(attempt.outcome == .cancelled)
        #expect(try bench.lineage.leases().isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: bench.store.root.path + "/tmp").isEmpty)
        #expect(try bench.forecast(steps)[1] == "slow: run, the last attempt was cancelled")
        bench.setBody(of: "heavy") { context, _ in
            try "x".write(to: context.output("out").file("x"), atomically: true, encoding: .utf8)
        }
        let (again, _) = try await bench.run(steps)
        #expect(again.summary == ["a: hit", "slow: done", "last: done"])
    }

    @Test("wall time, processor time, memory and the facts of the machine are recorded")
    func usage() async throws {
        bench.setBody(of: "join") { context, _ in
            let end = ContinuousClock.now + .milliseconds(60)
            var count = 0
            while ContinuousClock.now < end { count += 1 }
            try "\(count)".write(to: context.output("out").file("x"), atomically: true, encoding: .utf8)
        }
        try await bench.run([.step("a")])
        let usage = try #require(try bench.lineage.read { try $0.attempts(ofStep: "a") }.first).usage
        #expect(usage.wallSeconds >= 0.06)
        #expect(usage.cpuSeconds > 0)
        #expect(usage.peakMemory > 1 << 20)
        #expect(usage.kernels == "none")
        #expect(usage.threads == 2)
    }

    @Test("a model part is known by its configuration and weights, wherever it lies, and by nothing else")
    func models() async throws {
        func model(_ name: String, weights: String, card: String = "") throws -> ModelSet {
            let folder = bench.folder.appending(path: name)
            try FileManager.default.createDirectory(
                at: folder.appending(path: "onnx"), withIntermediateDirectories: true)
            for (file, text) in [
                "config.json": "{}", "weights.safetensors": weights, "README.md": card, "onnx/model.bin": card,
            ] { try text.write(to: folder.appending(path: file), atomically: true, encoding: .utf8) }
            return ModelSet(name: name, folders: [.unet: folder])
        }
        try await bench.run([.step("a", model: try model("one", weights: "w"))])
        let same = try await bench.run([.step("a", model: try model("two", weights: "w", card: "hello"))]).report
        #expect(same.wasUpToDate)
        // A stage sees the parts that the key names, and no others.
        let seen = Mutex<[ModelPart]>([])
        bench.setBody(of: "trim") { context, _ in
            seen.withLock { $0 = (context.model?.folders.keys).map(Array.init) ?? [] }
            try "x".write(to: context.output("out").file("x"), atomically: true, encoding: .utf8)
        }
        var whole = try model("one", weights: "w")
        whole = ModelSet(name: "whole", folders: whole.folders.merging([.vae: bench.folder]) { own, _ in own })
        try await bench.run([.step("b", "trim", model: whole)])
        #expect(seen.withLock { $0 } == [.unet])
        let other = try model("one", weights: "W")
        #expect(try bench.forecast([.step("a", model: other)]) == ["a: run, model part unet changed"])
        let weights = try #require(other.folders[.unet]).appending(path: "weights.safetensors")
        bench.setBody(of: "join") { context, _ in
            try "changed".write(to: weights, atomically: true, encoding: .utf8)
            try "x".write(to: context.output("out").file("x"), atomically: true, encoding: .utf8)
        }
        let (report, _) = try await bench.run([.step("a", model: other)])
        #expect(report.outcome == .failed)
        #expect(try #require(report.summary.first).contains("weights.safetensors changed while a was reading it"))
        let empty = ModelSet(name: "none", folders: [:])
        await #expect(throws: ExecutionError.modelPartMissing(model: "none", part: "unet", folder: nil)) {
            try await bench.run([.step("a", model: empty)])
        }
    }

    @Test(
        "of two volatile steps with one key, the first runs each time and the second takes what it gave",
        .timeLimit(.minutes(2)))
    func volatileTwins() async throws {
        let steps: [PlannedStep] = [
            .step("a", text: "t", volatile: true), .step("b", text: "t", volatile: true),
            .step("c", text: "c", after: ["a", "b"]),
        ]
        #expect(try await bench.run(steps).report.summary == ["a: done", "b: hit", "c: done"])
        #expect(try await bench.run(steps).report.summary == ["a: done", "b: hit", "c: hit"])
        // Whoever looks for the results finds those of the latest run.
        #expect(try bench.forecast(steps).first == "a: run, volatile")
        #expect(try bench.forecast(steps, RunRequest(force: .never)) == ["a: hit", "b: hit", "c: hit"])
    }

    @Test("a stage body has a deep stack and leaves the cooperative pool alone")
    func ownThreads() async throws {
        @Sendable func depth(_ level: Int) -> Int {
            withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 16) { buffer in
                buffer[0] = UInt8(truncatingIfNeeded: level)
                return level == 0 ? 0 : depth(level - 1) + (buffer[0] == UInt8(truncatingIfNeeded: level) ? 1 : 0)
            }
        }
        bench.setBody(of: "heavy") { context, _ in
            try "\(depth(5000))".write(to: context.output("out").file("x"), atomically: true, encoding: .utf8)
        }
        let (report, _) = try await bench.run([.step("a", "heavy")])
        #expect(try bench.text(of: report.output("a")) == "5000")
        // More bodies block than there are cores, and the tasks of others still run.
        let gate = DispatchSemaphore(value: 0)
        bench.setBody(of: "join") { context, _ in
            gate.wait()
            try "x".write(to: context.output("out").file("x"), atomically: true, encoding: .utf8)
        }
        let steps = (0..<8).map { PlannedStep.step("l\($0)", text: "\($0)") }
        async let blocked = bench.run(steps, RunRequest(jobs: 8)).report
        try await Task.sleep(for: .milliseconds(100))
        for _ in 0..<8 { gate.signal() }
        #expect(try await blocked.outcome == .succeeded)
    }
}
