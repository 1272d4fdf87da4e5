import Artifacts
import Foundation
import Lineage
import Pipelines
import StageKit
import Synchronization
import Testing

@testable import Execution

/// What may pass by itself, what takes too long, and what it is likely to take.
@Suite("Retries, timeouts and estimates")
struct LimitsTests {
    private let bench: Workbench

    init() throws { bench = try Workbench() }

    private struct Busy: TransientError, CustomStringConvertible {
        let isTransient: Bool
        var description: String { "busy" }
    }

    /// Lets the body of `join` fail so many times.
    private func fail(_ times: Int, transiently isTransient: Bool) {
        let left = Mutex(times)
        bench.setBody(of: "join") { context, _ in
            let fails = left.withLock { left in
                left -= 1
                return left >= 0
            }
            guard !fails else { throw Busy(isTransient: isTransient) }
            for output in context.outputs.values {
                try "done".write(to: output.file("out.txt"), atomically: true, encoding: .utf8)
            }
        }
    }

    @Test("what may pass by itself is tried again, each try is recorded, and what it feeds runs")
    func transient() async throws {
        fail(1, transiently: true)
        let (report, events) = try await bench.run([.step("a", text: "a")])
        #expect(report.summary == ["a: done"])
        let retries = events.compactMap { event -> String? in
            guard case .retrying(let step, let error, let pause, let number, let count) = event else { return nil }
            return "\(step) \(error) \(pause) \(number)/\(count)"
        }
        #expect(retries == ["a busy 1.0 1/2"])
        let run = try #require(report.run)
        #expect(try bench.lineage.read { try $0.attempts(of: run) }.map(\.outcome) == [.failed, .succeeded])
    }

    @Test("a step that waits for another try when the run stops has failed, and says why")
    func stopped() async throws {
        bench.setBody(of: "join") { _, _ in throw Busy(isTransient: true) }
        bench.setBody(of: "trim") { _, _ in
            // Until the other one waits.
            usleep(300_000)
            throw Busy(isTransient: false)
        }
        let (report, events) = try await bench.run([.step("a", text: "a"), .step("b", "trim", text: "b")])
        #expect(report.summary == ["a: failed, busy", "b: failed, busy"])
        let failures = events.compactMap { event -> String? in
            guard case .failed(let step, _, let error, _) = event else { return nil }
            return "\(step): \(error)"
        }
        #expect(failures.sorted() == ["a: busy", "b: busy"])
    }

    @Test("what is revoked while a run goes on is not used by the steps that it has left")
    func revokedMeanwhile() async throws {
        let source = try bench.source("clip.txt", "a clip")
        let lineage = bench.lineage
        bench.setBody(of: "join") { context, _ in
            try lineage.revoke(Revocation(.file(Digest(of: "a clip")), reason: "consent"))
            for output in context.outputs.values {
                try "done".write(to: output.file("out.txt"), atomically: true, encoding: .utf8)
            }
        }
        let (report, _) = try await bench.run([
            .step("a", text: "a", sources: [source]), .step("b", "trim", text: "b", after: ["a"]),
        ])
        #expect(report.summary.first == "a: done")
        let words = "it comes from something that was revoked (consent)"
        #expect(report.summary.last?.hasSuffix(words) ?? false, "\(report.summary)")
    }

    @Test("any other failure ends the step, unless somebody asked for another try")
    func asked() async throws {
        fail(1, transiently: false)
        #expect(try await bench.run([.step("a", text: "a")]).report.outcome == .failed)
        fail(1, transiently: false)
        let (report, _) = try await bench.run([.step("a", text: "a")], RunRequest(jobs: 1, retries: 1))
        #expect(report.summary == ["a: done"])
    }

    @Test("a step that takes longer than it may is ended, with what to change")
    func timeout() async throws {
        bench.setBody(of: "join") { context, _ in
            while true {
                try context.checkCancellation()
                usleep(1000)
            }
        }
        let (report, _) = try await bench.run([.step("a", text: "a")], RunRequest(jobs: 1, timeout: 0.05))
        #expect(report.outcome == .failed)
        guard case .failed(_, let error)? = report.steps.first?.outcome else {
            Issue.record("the step should have failed")
            return
        }
        #expect(error == "a was ended after 0.05 s, which is all it may take; raise `timeout:` or `--timeout`")
    }

    @Test("a forecast says what a step took before, and of a new one what others of its stage took")
    func estimates() async throws {
        try await bench.run([.step("a", text: "a")])
        let changed = try bench.engine().forecast(Workbench.plan([.step("a", text: "A"), .step("n", text: "n")]))
        let estimates = try changed.steps.map { try #require($0.estimate) }
        #expect(estimates.map(\.isByStage) == [false, true])
        #expect(estimates.allSatisfy { $0.seconds > 0 && $0.bytes > 0 && $0.memory > 0 })
        let known = try bench.engine().forecast(Workbench.plan([.step("a", text: "a")]))
        #expect(known.steps.map(\.estimate) == [nil])
    }
}
