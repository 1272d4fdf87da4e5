public import Artifacts
import Foundation
public import Lineage

/// A run as OpenLineage run events (2-0-2), in the order of their times: one job for the pipeline, one for each step.
///
/// A step whose work was known already starts and completes with the run, with the attempt that made it in its facet.
public struct LineageEvents: Sendable {
    /// One document an event.
    public let values: [Value]

    /// The events of a run, however it ended.
    public init(_ account: RunAccount) {
        let builder = Builder(account: account)
        let own = account.attempts.filter { !account.isReused($0) }
        let reused = account.stepNames.compactMap(account.attempt(at:)).filter(account.isReused)
        var events = [builder.runStarts()]
        // What was found counts as done at once: before the first attempt.
        for attempt in reused { events += [builder.starts(attempt), builder.ends(attempt)].compactMap { $0 } }
        // By time; of one millisecond in the order of the attempts, which is that of their starts.
        let steps = own.flatMap { [builder.starts($0), builder.ends($0)].compactMap { $0 } }
        events += steps.enumerated().sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }
            .map(\.element)
        events += [builder.runEnds()].compactMap { $0 }
        values = events.map(\.value)
    }

    /// The UUID of one of our names: runs, and attempts or found steps in them.
    ///
    /// - Parameter name: `run/ID`, `attempt/ID`, `found/RUN/STEP`.
    public static func uuid(_ name: String) -> String { UUID(of: name, in: namespace).uuidString.lowercased() }

    /// Ours: the UUID of `urn:motrans:` in the namespace of URLs that RFC 9562 gives.
    private static let namespace: UUID = {
        guard let urls = UUID(uuidString: "6ba7b811-9dad-11d1-80b4-00c04fd430c8") else {
            preconditionFailure("a UUID that is none")
        }
        return UUID(of: "urn:motrans:", in: urls)
    }()

    private struct Event {
        let time: Date
        let value: Value
    }

    private struct Builder {
        let account: RunAccount
        private var run: NewRun { account.run.run }
        private var job: Value { .map(["namespace": "motrans", "name": .string(run.pipeline)]) }
        private var runID: String { uuid("run/\(account.run.id)") }
        private let makers: [Digest: RunAccount.Output]

        init(account: RunAccount) {
            self.account = account
            makers = Dictionary(account.outputs.map { ($0.use.artifact, $0) }) { first, _ in first }
        }

        private func event(
            _ type: String, _ time: Date, id: String, runFacets: [String: Value], job: String,
            jobFacets: [String: Value], inputs: [Value], outputs: [Value]
        ) -> Event {
            Event(
                time: time,
                value: .map([
                    "eventType": .string(type), "eventTime": .time(time), "producer": .string(account.producer),
                    "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
                    "run": .map(["runId": .string(id), "facets": .map(runFacets)]),
                    "job": .map(["namespace": "motrans", "name": .string(job), "facets": .map(jobFacets)]),
                    "inputs": .list(inputs), "outputs": .list(outputs),
                ]))
        }

        /// A facet of the specification.
        private func facet(_ name: String, _ version: String, _ fields: [String: Value?]) -> Value {
            facet(schema: "https://openlineage.io/spec/facets/\(version)/\(name).json#/$defs/\(name)", fields)
        }

        /// A facet of ours: its schema is in `docs/schemas/openlineage.json`.
        private func own(_ name: String, _ fields: [String: Value?]) -> Value {
            facet(schema: "urn:motrans:schemas:openlineage#/$defs/\(name)", fields)
        }

        private func facet(schema: String, _ fields: [String: Value?]) -> Value {
            .map(
                present: fields.merging(["_producer": .string(account.producer), "_schemaURL": .string(schema)]) { $1 })
        }

        private func type(_ name: String) -> Value {
            facet(
                "JobTypeJobFacet", "2-0-3",
                ["processingType": "BATCH", "integration": "MOTRANS", "jobType": .string(name)])
        }

        private func error(_ message: String) -> Value {
            facet("ErrorMessageRunFacet", "1-0-1", ["message": .string(message), "programmingLanguage": "Swift"])
        }

        private var engine: Value {
            facet("ProcessingEngineRunFacet", "1-1-1", ["name": "motrans", "version": .string(run.toolVersion)])
        }

        // MARK: The run

        func runStarts() -> Event { runEvent("START", run.started, outputs: [], facets: [:]) }

        /// Nothing while it runs: who reads these waits for the end.
        func runEnds() -> Event? {
            switch account.run.outcome {
            case .running: return nil
            case .succeeded:
                let results = account.results.map { output in
                    dataset(output.use.artifact, name: "\(output.step).\(output.use.port)", isOutput: true)
                }
                return runEvent("COMPLETE", account.ended, outputs: results, facets: [:])
            case .failed:
                let failed = account.attempts.filter { $0.outcome == .failed && !account.isReused($0) }
                let message = failed.map { "\($0.attempt.step): \($0.error ?? "failed")" }.joined(separator: "\n")
                return runEvent(
                    "FAIL", account.ended, outputs: [],
                    facets: ["errorMessage": error(message.isEmpty ? "the run failed" : message)])
            case .cancelled, .abandoned: return runEvent("ABORT", account.ended, outputs: [], facets: [:])
            }
        }

        private func runEvent(_ type: String, _ time: Date, outputs: [Value], facets: [String: Value]) -> Event {
            let own = own(
                "RunFacet",
                [
                    "run": .string(account.run.id.text), "outcome": .string(account.run.outcome.rawValue),
                    "host": .string(run.process.host), "arguments": .list(account.arguments),
                    "environment": .map(run.environment.mapValues(Value.string)),
                ])
            let source = facet(
                "SourceCodeJobFacet", "1-0-1", ["language": "yaml", "sourceCode": .string(run.text)])
            return event(
                type, time, id: runID,
                runFacets: facets.merging(["processing_engine": engine, "motrans_run": own]) { $1 },
                job: run.pipeline, jobFacets: ["jobType": self.type("PIPELINE"), "sourceCode": source],
                inputs: account.inputs.flatMap { sources($0) } + account.models.map(model), outputs: outputs)
        }

        // MARK: Steps

        func starts(_ attempt: AttemptRecord) -> Event {
            let isReused = account.isReused(attempt)
            return step("START", isReused ? run.started : attempt.attempt.started, attempt, outputs: [], facets: [:])
        }

        func ends(_ attempt: AttemptRecord) -> Event? {
            let time = account.isReused(attempt) ? run.started : attempt.ended ?? attempt.attempt.started
            let message = attempt.error.map { ["errorMessage": error($0)] } ?? [:]
            switch attempt.outcome {
            case .running: return nil
            case .succeeded:
                let outputs = attempt.outputs.map {
                    dataset($0.artifact, name: "\(attempt.attempt.step).\($0.port)", isOutput: true)
                }
                return step("COMPLETE", time, attempt, outputs: outputs, facets: [:])
            case .failed: return step("FAIL", time, attempt, outputs: [], facets: message)
            case .cancelled, .abandoned: return step("ABORT", time, attempt, outputs: [], facets: message)
            }
        }

        private func step(
            _ type: String, _ time: Date, _ attempt: AttemptRecord, outputs: [Value], facets: [String: Value]
        ) -> Event {
            let work = attempt.attempt
            let isReused = account.isReused(attempt)
            let parent = facet("ParentRunFacet", "1-0-1", ["run": .map(["runId": .string(runID)]), "job": job])
            let own = own(
                "AttemptRunFacet",
                [
                    "attempt": .string(attempt.id.text), "run": .string(work.run.text), "reused": .bool(isReused),
                    "stage": .string(work.stage), "stageVersion": .int(work.stageVersion),
                    "key": .string(attempt.key.hex), "cause": .string(work.cause), "element": work.element,
                    "settings": .map(Dictionary(attempt.settings.map { ($0.name, $0.value) }) { $1 }),
                    "wallSeconds": .seconds(attempt.usage.wallSeconds),
                    "cpuSeconds": .seconds(attempt.usage.cpuSeconds), "peakMemory": .int(attempt.usage.peakMemory),
                    "kernels": .string(attempt.usage.kernels), "threads": .int(attempt.usage.threads),
                ])
            let id = isReused ? "found/\(account.run.id)/\(work.step)" : "attempt/\(attempt.id)"
            let inputs = work.inputs.flatMap { use -> [Value] in
                guard let maker = makers[use.artifact] else {
                    return sources(use.artifact)
                }
                return [dataset(use.artifact, name: "\(maker.step).\(maker.use.port)")]
            }
            return event(
                type, time, id: uuid(id),
                runFacets: facets.merging(["parent": parent, "processing_engine": engine, "motrans_attempt": own]) {
                    $1
                },
                job: "\(run.pipeline).\(work.step)", jobFacets: ["jobType": self.type("STEP")],
                inputs: inputs + work.models.map(model), outputs: outputs)
        }

        // MARK: Datasets

        /// An artifact under the name of the step and port that give it: the same from run to run, in other versions.
        private func dataset(_ artifact: Digest, name: String, isOutput: Bool = false) -> Value {
            let manifest = account.artifacts[artifact]?.manifest
            let files = (manifest?.entries ?? []).map { entry in
                Value.map([
                    "path": .string(entry.path), "sha256": .string(entry.digest.hex), "size": .int(entry.size),
                    "mediaType": .string(entry.mediaType),
                ])
            }
            let facets = [
                "version": version(artifact),
                "motrans_artifact": own(
                    "ArtifactDatasetFacet",
                    [
                        "artifact": .string(artifact.hex), "kind": .string(manifest?.kind.name ?? ""),
                        "files": .list(files),
                    ]),
            ]
            let statistics = facet(
                "OutputStatisticsOutputDatasetFacet", "1-0-2",
                ["size": .int(manifest?.size ?? 0), "fileCount": .int(files.count)])
            return .map(present: [
                "namespace": "motrans", "name": .string("\(run.pipeline).\(name)"), "facets": .map(facets),
                "outputFacets": isOutput ? .map(["outputStatistics": statistics]) : nil,
            ])
        }

        /// The user's own files.
        private func sources(_ artifact: Digest) -> [Value] {
            account.entries(of: artifact).map { entry in
                .map([
                    "namespace": "motrans",
                    "name": .string("\(run.pipeline).sources.\(account.name(of: entry))"),
                    "facets": .map(["version": version(entry.digest)]),
                ])
            }
        }

        private func model(_ use: ModelUse) -> Value {
            .map([
                "namespace": "motrans", "name": .string("\(run.pipeline).models.\(use.part)"),
                "facets": .map(["version": version(use.digest)]),
            ])
        }

        private func version(_ digest: Digest) -> Value {
            facet("DatasetVersionDatasetFacet", "1-0-1", ["datasetVersion": .string(digest.hex)])
        }
    }
}
