import Artifacts
import Foundation
import Lineage
public import Pipelines
import StageKit
import Storage

extension Engine {
    /// What a run of a plan would do.
    ///
    /// Writes nothing but what files were hashed to, and that only when they are new.
    ///
    /// - Parameter hashing: told of each source or model file that has to be read, with its size, before it is.
    /// - Throws: `ExecutionError`, `LineageError`, and what `request.inspect` throws.
    public func forecast(
        _ plan: Plan, _ request: RunRequest = RunRequest(), hashing: (String, Int) -> Void = { _, _ in }
    ) throws -> Forecast {
        try examine(plan, request, hashing: hashing).forecast
    }

    /// Finds what a plan reads and what is known of it.
    ///
    /// Stages are asked for their opinion before a file is read that nobody has read before, as it may be large; otherwise
    /// only about what is not known: a step whose result is there was right when it ran.
    func examine(
        _ plan: Plan, _ request: RunRequest, hashing: (String, Int) throws -> Void
    ) throws -> (selection: Selection, digests: SourceDigests, planner: Planner, forecast: Forecast) {
        let selection = try Selection(plan, request)
        var isChecked = false
        let digests = try SourceDigests(of: selection.steps, in: lineage) { path, bytes in
            if !isChecked { try request.inspect(nil) }
            isChecked = true
            try hashing(path, bytes)
        }
        try refuseRevoked(digests, in: selection.steps)
        let planner = Planner(
            steps: selection.steps, stages: stages, digests: digests, forced: selection.forced,
            takesKnown: request.force == .never)
        let forecast = try lineage.read { reader in
            // Of many steps at once, most of which are likely to be what they were.
            let results = try reader.latestResults(of: plan.name)
            return try estimated(planner.forecast(history(of: plan.name, reader, results)), plan.name, reader)
        }
        if !isChecked, !forecast.isUpToDate {
            try request.inspect(Set(forecast.steps.filter { $0.decision != .hit }.map(\.id)))
        }
        return (selection, digests, planner, forecast)
    }

    /// Nothing is made of what was revoked.
    private func refuseRevoked(_ digests: SourceDigests, in steps: [PlannedStep]) throws {
        try lineage.read { reader in
            let taint = try reader.taint()
            guard !taint.isEmpty else { return }
            for step in steps {
                for (file, digest, size) in digests.files(of: step) {
                    guard let revocation = try reader.revocation(ofFile: digest, size: size, taint) else { continue }
                    throw ExecutionError.revoked(file, step: step.id, revocation)
                }
                for (input, digest) in digests.artifacts(of: step) {
                    guard let revocation = taint.artifacts[digest] else { continue }
                    throw ExecutionError.revoked(input.files.first?.url ?? store.root, step: step.id, revocation)
                }
            }
        }
    }

    /// A forecast with what each step that may run is likely to take.
    private func estimated(_ forecast: Forecast, _ pipeline: String, _ reader: LineageReader) throws -> Forecast {
        var ofStages: [StageKind: AttemptCost?] = [:]
        return Forecast(
            steps: try forecast.steps.map { step in
                guard step.decision != .hit else { return step }
                var step = step
                let same = try step.key.flatMap { try reader.cost(ofKey: $0.digest) }
                let own = try same ?? reader.cost(ofStep: step.id.description, pipeline: pipeline)
                if own == nil, ofStages[step.stage] == nil {
                    ofStages[step.stage] = .some(try reader.cost(ofStage: step.stage.name))
                }
                if let cost = own ?? ofStages[step.stage] ?? nil {
                    step.estimate = StepEstimate(
                        seconds: cost.seconds, bytes: cost.bytes, memory: cost.memory, isByStage: own == nil)
                }
                return step
            })
    }

    /// What decisions need of lineage and the store.
    ///
    /// - Parameter results: as `reader.latestResults` has them, to be looked at first.
    func history(
        of pipeline: String, _ reader: LineageReader, _ results: [Digest: StepResult] = [:]
    ) -> History {
        var taint: Taint?
        var collections: RecentCollections?
        return History(
            result: { key in
                let (marked, seen) = try (taint ?? reader.taint(), collections ?? RecentCollections(reader))
                (taint, collections) = (marked, seen)
                guard let result = try results[key] ?? reader.result(for: key, without: marked) else { return nil }
                return try known(result, reader, seen)
            },
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

    /// How long after a collection wrote something down as gone, in seconds, it may still delete it.
    static let collectionPatience = 600.0

    /// Whether the result of a key is known and all there.
    func isKnown(_ key: Digest, _ reader: LineageReader) throws -> Bool {
        guard let result = try reader.result(for: key, without: reader.taint()) else { return false }
        return try known(result, reader, RecentCollections(reader)).missing == nil
    }

    /// What a result gives, and whether it is all there.
    private func known(
        _ result: StepResult, _ reader: LineageReader, _ collections: RecentCollections
    ) throws -> History.Known {
        let outputs = Dictionary(result.outputs.map { ($0.port, $0.artifact) }) { first, _ in first }
        let isThere = result.objects.allSatisfy(store.contains)
        return History.Known(
            attempt: result.attempt, outputs: outputs,
            missing: try isThere ? collections.takenPort(of: result, reader) : missingPort(of: result, reader))
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

/// What collections wrote down as gone lately, and may be about to delete.
private struct RecentCollections {
    private let now = Date()
    private let latest: Date?

    init(_ reader: LineageReader) throws { latest = try reader.evictions(limit: 1).first?.date }

    /// The port of a result of which something is gone.
    func takenPort(of result: StepResult, _ reader: LineageReader) throws -> String? {
        let first = max(result.ended, now - Engine.collectionPatience)
        guard let latest, latest >= first, first <= now else { return nil }
        return try reader.evictedOutput(of: result.attempt, from: first, to: now)
    }
}
