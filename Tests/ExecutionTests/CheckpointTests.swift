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
        let shorter = count()
        #expect(try await bench.run([.step("a", "grow", text: "9")], request).report.outcome == .succeeded)
        #expect(shorter.state.withLock { $0 } == (0, 9), "10 and 11 are kept, and are beyond it")
        let other = count()
        let source = try bench.source("x", "x")
        _ = try await bench.run([.step("a", "grow", text: "3", sources: [source])], request)
        #expect(other.state.withLock { $0 } == (0, 3))
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
        #expect(notes.count == 2 && notes[0].hasPrefix("the checkpoint after 5 cannot be used"))
        #expect(notes[0].hasSuffix("the one before it is taken"))
    }

    @Test("gc leaves the checkpoints of work that goes on, and takes those of work that does not when it may")
    func collection() async throws {
        _ = count(dyingAfter: 5)
        _ = try await bench.run([.step("a", "grow", text: "8")], request)
        let engine = bench.engine()
        let alone = try engine.planCollection(CollectionPolicy())
        #expect(alone.evicted.isEmpty && alone.objects.isEmpty)
        #expect(alone.kept.map(\.step) == ["a (checkpoint)", "a (checkpoint)"])
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
