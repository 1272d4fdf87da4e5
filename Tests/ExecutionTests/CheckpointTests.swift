import Artifacts
import Foundation
import Lineage
import Pipelines
import StageKit
import Storage
import Synchronization
import Testing

@testable import Execution

/// Long work that is written down now and then, and goes on there.
@Suite("Checkpoints")
struct CheckpointTests {
    private let bench: Workbench

    init() throws { bench = try Workbench() }

    /// Units that were done in the last run, and where it went on.
    private final class Diary: Sendable {
        let state = Mutex((began: 0, done: 0))
    }

    /// Work that counts to the number in its setting, keeps every unit, and dies after some of them.
    private func count(dyingAfter limit: Int = .max) -> Diary {
        let diary = Diary()
        bench.setBody(of: "grow") { context, settings in
            guard case .string(let text)? = settings["text"], let total = Int(text) else { throw Failure.asked }
            let known = try context.checkpoints.latest("count", total)
            let began = try known.map {
                try #require(Int(String(contentsOf: $0.folder.appending(path: "count"), encoding: .utf8)))
            }
            #expect(began == known?.done)
            diary.state.withLock { $0 = (began ?? 0, began ?? 0) }
            for unit in (began ?? 0) + 1..<max((began ?? 0) + 1, total + 1) {
                guard unit <= limit else { throw Failure.asked }
                diary.state.withLock { $0.done = unit }
                guard context.checkpoints.isDue() else { continue }
                try context.checkpoints.keep("count", unit) {
                    try "\(unit)".write(to: $0.appending(path: "count"), atomically: true, encoding: .utf8)
                }
            }
            try text.write(to: context.output("out").file("out.txt"), atomically: true, encoding: .utf8)
        }
        return diary
    }

    private let request = RunRequest(jobs: 2, checkpointInterval: 0)

    private func records() throws -> [CheckpointRecord] { try bench.lineage.read { try $0.checkpoints() } }

    @Test("work goes on after its furthest checkpoint; two are kept, and lineage knows whose they are")
    func goesOn() async throws {
        let first = count(dyingAfter: 5)
        let (failed, _) = try await bench.run([.step("a", "grow", text: "8")], request)
        #expect(failed.outcome == .failed && first.state.withLock { $0 } == (0, 5))
        let kept = try records()
        #expect(kept.map(\.done) == [4, 5])
        // What the older ones were made of is gone: two checkpoints of a file each, and nothing else of this work.
        #expect(try bench.store.allObjects().count == 4)
        let second = count()
        let (done, events) = try await bench.run([.step("a", "grow", text: "8")], request)
        #expect(done.outcome == .succeeded && second.state.withLock { $0 } == (5, 8))
        let notes = events.compactMap { if case .log(_, _, let line) = $0 { line } else { String?.none } }
        #expect(notes == ["goes on after 5, from a checkpoint of attempt \(kept[1].attempt)"])
        let attempt = try #require(try bench.lineage.read { try $0.attempts(ofStep: "a", outcome: .succeeded) }.first)
        let continuations = try bench.lineage.read { try $0.continuations(of: attempt.id) }
        #expect(continuations.map(\.done) == [5] && continuations.map(\.from) == [kept[1].attempt])
        // Further along the same way, and not another way.
        let third = count()
        #expect(try await bench.run([.step("a", "grow", text: "11")], request).report.outcome == .succeeded)
        #expect(third.state.withLock { $0 } == (8, 11))
        #expect(try records().map(\.done) == [11], "of finished work the last is kept")
        let shorter = count(dyingAfter: 7)
        _ = try await bench.run([.step("a", "grow", text: "9")], request)
        #expect(shorter.state.withLock { $0 } == (0, 7), "what is kept is beyond it")
        let resumed = count()
        #expect(try await bench.run([.step("a", "grow", text: "9")], request).report.outcome == .succeeded)
        #expect(resumed.state.withLock { $0 } == (7, 9))
        // Checkpoints, outputs and their manifests: nothing else is left of all this.
        let outputs = try bench.lineage.read { try $0.artifacts() }.count { $0.manifest.kind == .file }
        let objects = try bench.lineage.read { try $0.artifacts() }.flatMap {
            [$0.digest] + $0.manifest.entries.map(\.digest)
        }
        #expect(outputs == 3)
        #expect(try Set(bench.store.allObjects().map(\.digest)) == Set(objects))
        let other = count()
        let source = try bench.source("x", "x")
        _ = try await bench.run([.step("a", "grow", text: "3", sources: [source])], request)
        #expect(other.state.withLock { $0 } == (0, 3))
    }

    @Test("what was made of a file that changed meanwhile is not kept, and is not gone on from")
    func changedSource() async throws {
        let source = try bench.source("x", "before")
        let file = bench.folder.appending(path: "x")
        bench.setBody(of: "grow") { context, _ in
            #expect(try context.checkpoints.latest("count", 9) == nil)
            // Another text, long enough after the first that the change shows.
            try "after it".write(to: file, atomically: true, encoding: .utf8)
            try context.checkpoints.keep("count", 5) {
                try "5".write(to: $0.appending(path: "count"), atomically: true, encoding: .utf8)
            }
            Issue.record("kept")
        }
        let (report, _) = try await bench.run([.step("a", "grow", text: "8", sources: [source])], request)
        #expect(report.outcome == .failed)
        #expect(try records().isEmpty)
    }

    @Test("work on other kernels does not go on from these")
    func otherKernels() async throws {
        _ = count(dyingAfter: 5)
        _ = try await bench.run([.step("a", "grow", text: "8")], request)
        let diary = count()
        let other = Engine(
            stages: bench.engine().stages, store: bench.store, lineage: bench.lineage, version: "test",
            facts: ["kernels": "others"])
        let report = try await other.run(Workbench.plan([.step("a", "grow", text: "8")]), request) { _ in }
        #expect(report.outcome == .succeeded && diary.state.withLock { $0 } == (0, 8))
    }

    @Test("what is not due is not kept, and a stage without progress settings keeps nothing")
    func notDue() async throws {
        let diary = count(dyingAfter: 5)
        _ = try await bench.run([.step("a", "grow", text: "8")], RunRequest(checkpointInterval: 3600))
        #expect(diary.state.withLock { $0.done } == 5)
        #expect(try records().isEmpty)
        bench.setBody(of: "join") { context, _ in
            #expect(!context.checkpoints.isDue())
            try context.checkpoints.keep("x", 1) { _ in Issue.record("kept") }
            #expect(try context.checkpoints.latest("x", 9) == nil)
            try "x".write(to: context.output("out").file("out.txt"), atomically: true, encoding: .utf8)
        }
        #expect(try await bench.run([.step("a", "join")], request).report.outcome == .succeeded)
    }

    @Test("a damaged checkpoint is told and forgotten, and the one before it is taken")
    func damaged() async throws {
        _ = count(dyingAfter: 5)
        _ = try await bench.run([.step("a", "grow", text: "8")], request)
        let newest = try #require(try records().last)
        let file = bench.file(of: try #require(try bench.store.manifest(of: newest.artifact).entries.first).digest)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file.path)
        var bytes = try Data(contentsOf: file)
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: file)
        let diary = count()
        let (report, events) = try await bench.run([.step("a", "grow", text: "8")], request)
        #expect(report.outcome == .succeeded && diary.state.withLock { $0 } == (4, 8))
        let notes = events.compactMap { if case .log(_, _, let line) = $0 { line } else { String?.none } }
        #expect(notes.count == 2 && notes[0].hasPrefix("the checkpoint after 5 cannot be used, and is left out: "))
    }

    @Test("a checkpoint that cannot be written is told, and the work goes on")
    func unwritable() async throws {
        struct Full: Error, CustomStringConvertible { let description = "the disk is full" }
        bench.setBody(of: "grow") { context, _ in
            try context.checkpoints.keep("x", 7) { _ in throw Full() }
            try "x".write(to: context.output("out").file("out.txt"), atomically: true, encoding: .utf8)
        }
        let (report, events) = try await bench.run([.step("a", "grow", text: "8")], request)
        #expect(report.outcome == .succeeded)
        let notes = events.compactMap { if case .log(_, _, let line) = $0 { line } else { String?.none } }
        #expect(notes == ["there is no checkpoint after 7: the disk is full; the work goes on"])
        #expect(try records().isEmpty)
    }

    @Test("what is forced is done anew, whatever is kept")
    func forced() async throws {
        _ = count(dyingAfter: 5)
        _ = try await bench.run([.step("a", "grow", text: "8")], request)
        let diary = count()
        var again = request
        again.force = .all
        #expect(try await bench.run([.step("a", "grow", text: "8")], again).report.outcome == .succeeded)
        #expect(diary.state.withLock { $0 } == (0, 8))
    }

    @Test("gc leaves the checkpoints of work that goes on, and takes those of work that does not when it may")
    func collection() async throws {
        _ = count(dyingAfter: 5)
        _ = try await bench.run([.step("a", "grow", text: "8")], request)
        let engine = bench.engine()
        let alone = try engine.planCollection(CollectionPolicy())
        #expect(alone.evicted.isEmpty && alone.objects.isEmpty)
        #expect(alone.kept.map(\.step) == ["a (checkpoint)", "a (checkpoint)"])
        // What was published in the last hundredth of a second before a plan may be younger than it: file systems round.
        try await Task.sleep(for: .milliseconds(30))
        let all = try engine.planCollection(CollectionPolicy(olderThan: 0))
        #expect(all.evicted.count == 2)
        try engine.collect(all)
        #expect(try bench.store.allObjects().isEmpty)
        // A checkpoint that is gone is as one that is damaged.
        let diary = count()
        #expect(try await bench.run([.step("a", "grow", text: "8")], request).report.outcome == .succeeded)
        #expect(diary.state.withLock { $0 } == (0, 8))
    }
}
