import Artifacts
import Foundation
public import Lineage
public import Pipelines
import StageKit
import Storage

extension Engine {
    /// Runs what is not known yet.
    ///
    /// When everything is a hit, nothing at all is written.
    ///
    /// Cancelling the task that runs this ends the run in order: stages see it, their attempts end as `cancelled`, and
    /// the report says so. A failed step does not throw; the report says so too.
    /// Cancelled before anything was begun, it throws `CancellationError`.
    ///
    /// - Parameter report: called for every event, from any thread, one at a time per step; it must be quick.
    /// - Throws: `ExecutionError`, `LineageError`, `StorageError` when no run is possible, or none any longer, and what
    ///   `request.inspect` throws.
    public func run(
        _ plan: Plan, _ request: RunRequest = RunRequest(), report: @escaping @Sendable (RunEvent) -> Void = { _ in }
    ) async throws -> RunReport {
        let cancellation = CancellationFlag()
        return try await withTaskCancellationHandler {
            try await run(plan, request, cancellation, report)
        } onCancel: {
            cancellation.set()
        }
    }

    private func run(
        _ plan: Plan, _ request: RunRequest, _ cancellation: CancellationFlag,
        _ report: @escaping @Sendable (RunEvent) -> Void
    ) async throws -> RunReport {
        let start = ContinuousClock.now
        // Writes nothing unless a process died.
        if !isReadOnly { try sweep() }
        let (selection, digests, planner, forecast) = try examine(plan, request) { path, bytes in
            try cancellation.check()
            report(.hashing(path: path, bytes: bytes))
        }
        report(.planned(forecast))
        let result: RunReport
        if forecast.isUpToDate {
            let steps = forecast.steps.map { step in
                guard let key = step.key?.digest else { preconditionFailure("\(step.id) is a hit without a key") }
                report(.hit(step.id, key: key, outputs: step.outputs))
                return RunReport.Step(
                    id: step.id, stage: step.stage, outcome: .hit, cause: nil, key: key, outputs: step.outputs,
                    usage: nil)
            }
            // Of a cache that cannot be written the results can be used, and that is not recorded.
            let run = try isReadOnly || isLatest(forecast, of: plan) ? nil : begin(plan, request, digests, forecast)
            if let run {
                report(.runStarted(run))
                try lineage.end(run, .succeeded)
            }
            result = RunReport(
                run: run, outcome: .succeeded, steps: steps, seconds: (ContinuousClock.now - start) / .seconds(1))
        } else {
            try checkWritable()
            let run = try begin(plan, request, digests, forecast)
            report(.runStarted(run))
            var runner = Runner(
                self, run, pipeline: plan.name, selection, planner, forecast, request, cancellation, report)
            do {
                let (steps, decisions) = try await runner.perform()
                let outcome = Self.outcome(of: steps, cancellation)
                try lineage.record(decisions, in: run)
                try lineage.end(run, Self.outcomeRecord(outcome))
                result = RunReport(
                    run: run, outcome: outcome, steps: steps, seconds: (ContinuousClock.now - start) / .seconds(1))
            } catch {
                // The first error is the one to tell.
                try? lineage.end(run, Task.isCancelled ? .cancelled : .failed)
                throw error
            }
        }
        report(.runEnded(result))
        return result
    }

    /// Whether the latest run of the pipeline used just these results: then there is nothing to write.
    ///
    /// A way back to earlier results is a use of them, and is recorded, so that gc keeps them and not those of the way out.
    private func isLatest(_ forecast: Forecast, of plan: Plan) throws -> Bool {
        try lineage.read { reader in
            guard let latest = try reader.runs(pipeline: plan.name, limit: 1).first else { return false }
            let used = Dictionary(
                try reader.steps(of: latest.id).map { ($0.step, $0.attempt) }, uniquingKeysWith: { $1 })
            return forecast.steps.allSatisfy { used[$0.id.description] == .some($0.attempt) }
        }
    }

    private func begin(
        _ plan: Plan, _ request: RunRequest, _ digests: SourceDigests, _ forecast: Forecast
    ) throws -> RunID {
        let run = try lineage.begin(
            NewRun(
                pipeline: plan.name, file: plan.file, text: plan.text, commandLine: request.commandLine,
                environment: plan.environment, toolVersion: version))
        try lineage.record(digests.all.map { (digest: $0.digest, manifest: $0.manifest) })
        // At once, so that gc spares from now on what the run will read. All steps, so that they keep the order of the
        // plan; what is not a hit counts as not tried until it is.
        try lineage.record(
            forecast.steps.map { step in
                RunStep(
                    step: step.id.description, stage: step.stage.name,
                    decision: step.decision == .hit ? .hit : .skipped, cause: step.cause?.description,
                    attempt: step.attempt)
            }, in: run)
        return run
    }

    private static func outcome(of steps: [RunReport.Step], _ cancellation: CancellationFlag) -> RunReport.Outcome {
        var isComplete = true
        for step in steps {
            switch step.outcome {
            case .failed: return .failed
            case .hit, .done: continue
            case .cancelled, .skipped, .notStarted: isComplete = false
            }
        }
        return isComplete ? .succeeded : .cancelled
    }

    private static func outcomeRecord(_ outcome: RunReport.Outcome) -> RunOutcome {
        switch outcome {
        case .succeeded: .succeeded
        case .failed: .failed
        case .cancelled: .cancelled
        }
    }

    /// Closes the attempts of processes that died and removes what they left behind.
    ///
    /// Every run does it first. Writes nothing when nobody died.
    ///
    /// - Returns: The attempts that were closed.
    @discardableResult
    public func sweep() throws -> [AttemptID] {
        // First the logs that dead attempts left in their scratch folders: they tell how far the work was.
        let dead = try lineage.read { reader in
            try reader.runs(limit: 100).filter { $0.outcome == .running && $0.run.process.liveness == .dead }
                .flatMap { try reader.attempts(of: $0.id) }.filter { $0.outcome == .running }
        }
        for attempt in dead {
            let file = store.root.appending(path: "tmp/\(attempt.id)/\(Attempt.logName)")
            guard let log = AttemptLog.leftover(in: file) else { continue }
            let result = AttemptResult(outcome: .abandoned, error: "its process died", log: log)
            // Another run may close it at the same time.
            try? lineage.finish(attempt.id, result)
        }
        let abandoned = try lineage.abandonDead()
        try store.sweep()
        return Array(Set(dead.map(\.id) + abandoned)).sorted()
    }
}
