import Artifacts
import Lineage
public import Pipelines
import Storage

extension Engine {
    /// What a run of a plan would do.
    ///
    /// Writes nothing but what files were hashed to, and that only when they are new.
    ///
    /// - Parameter hashing: told of each source or model file that has to be read, with its size, before it is.
    /// - Throws: `ExecutionError`, `LineageError`.
    public func forecast(
        _ plan: Plan, _ request: RunRequest = RunRequest(), hashing: (String, Int) -> Void = { _, _ in }
    ) throws -> Forecast {
        let selection = try Selection(plan, request)
        let digests = try SourceDigests(of: selection.steps, in: lineage, hashing: hashing)
        return try forecast(plan, planner(selection, digests))
    }

    func planner(_ selection: Selection, _ digests: SourceDigests) -> Planner {
        Planner(steps: selection.steps, stages: stages, digests: digests, forced: selection.forced)
    }

    func forecast(_ plan: Plan, _ planner: Planner) throws -> Forecast {
        try lineage.read { try planner.forecast(history(of: plan.name, $0)) }
    }

    /// What decisions need of lineage and the store.
    func history(of pipeline: String, _ reader: LineageReader) -> History {
        History(
            result: { try known($0, reader) },
            attempts: { step in
                // Enough to find the attempt that a person has in mind, and few enough to be quick.
                try reader.attempts(ofStep: step.description, pipeline: pipeline, limit: 20).map {
                    History.Past(record: $0.attempt.record, outcome: try outcome(of: $0, reader))
                }
            })
    }

    /// How an attempt ended; one of a dead process that nobody has closed yet is abandoned.
    func outcome(of attempt: AttemptRecord, _ reader: LineageReader) throws -> AttemptOutcome {
        guard attempt.outcome == .running, let run = try reader.run(attempt.attempt.run) else { return attempt.outcome }
        return run.run.process.liveness == .dead ? .abandoned : .running
    }

    /// What a key is known to give, and whether it is all there.
    func known(_ key: Digest, _ reader: LineageReader) throws -> History.Known? {
        guard let result = try reader.result(for: key) else { return nil }
        let outputs = Dictionary(result.outputs.map { ($0.port, $0.artifact) }) { first, _ in first }
        let isThere = result.objects.allSatisfy(store.contains)
        return History.Known(
            attempt: result.attempt, outputs: outputs,
            missing: isThere ? nil : try missingPort(of: result, reader))
    }

    private func missingPort(of result: StepResult, _ reader: LineageReader) throws -> String {
        for use in result.outputs {
            let entries = try reader.artifact(use.artifact)?.manifest.entries ?? []
            guard store.contains(use.artifact), entries.allSatisfy({ store.contains($0.digest) }) else {
                return use.port
            }
        }
        return result.outputs.first?.port ?? ""
    }
}
