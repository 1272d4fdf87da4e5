import ArgumentParser
import Artifacts
import Execution
import Foundation
import Lineage

struct RunsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runs", abstract: "The runs of this store, newest first.", discussion: ExitStatus.help)

    @Option(name: .shortAndLong, help: "At most this many.") var limit = 20
    @Option(help: "Only those of a pipeline of this name.") var pipeline: String?
    @Flag(help: "One JSON document.") var json = false
    @OptionGroup var cache: CacheOptions

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit takes a number from 1") }
    }

    func run() throws {
        let console = Console()
        let engine = try cache.existingEngine()
        let runs = try engine.lineage.read { try $0.runs(pipeline: pipeline, limit: limit) }
        guard !json else {
            return console.result(
                JSON.document([("runs", .list(runs.map { .map(Dictionary(uniqueKeysWithValues: JSON.run($0))) }))]))
        }
        var table = Table([
            ("run", .left), ("pipeline", .left), ("outcome", .left), ("started", .left), ("took", .right),
        ])
        for run in runs {
            let took = run.ended.map { Readable.duration($0.timeIntervalSince(run.run.started)) } ?? "–"
            table.add([run.id.text, run.run.pipeline, JSON.outcome(run), Self.when(run.run.started), took])
        }
        console.result(table.text)
    }

    /// A time as people read it, in their own time zone.
    static func when(_ date: Date) -> String {
        date.formatted(
            Date.ISO8601FormatStyle(dateTimeSeparator: .space, timeZone: .current)
                .year().month().day().time(includingFractionalSeconds: false))
    }
}

extension JSON {
    /// A run.
    static func run(_ run: RunRecord) -> [(String, Value)] {
        [
            ("run", .string(run.id.text)), ("pipeline", .string(run.run.pipeline)), ("file", .string(run.run.file)),
            ("outcome", .string(outcome(run))), ("started", time(run.run.started)),
            ("ended", run.ended.map(time) ?? .null), ("command_line", .list(run.run.commandLine.map(Value.string))),
            ("environment", .map(run.run.environment.mapValues(Value.string))),
            ("tool_version", .string(run.run.toolVersion)), ("host", .string(run.run.process.host)),
        ]
    }

    /// How a run ended; one that says it runs while its process is gone never will.
    static func outcome(_ run: RunRecord) -> String {
        let isDead = run.outcome == .running && run.run.process.liveness == .dead
        return (isDead ? RunOutcome.abandoned : run.outcome).rawValue
    }

    /// An attempt.
    static func attempt(_ attempt: AttemptRecord) -> Value {
        .map([
            "attempt": .string(attempt.id.text), "run": .string(attempt.attempt.run.text),
            "step": .string(attempt.attempt.step), "stage": .string(attempt.attempt.stage),
            "stage_version": .int(attempt.attempt.stageVersion), "key": .string(attempt.key.hex),
            "cause": .string(attempt.attempt.cause), "outcome": .string(attempt.outcome.rawValue),
            "error": optional(attempt.error), "started": time(attempt.attempt.started),
            "ended": attempt.ended.map(time) ?? .null, "wall_seconds": number(attempt.usage.wallSeconds),
            "cpu_seconds": number(attempt.usage.cpuSeconds), "peak_memory": .int(attempt.usage.peakMemory),
            "kernels": .string(attempt.usage.kernels), "threads": .int(attempt.usage.threads),
            "inputs": .list(attempt.attempt.inputs.map(use)), "outputs": .list(attempt.outputs.map(use)),
            "models": .list(
                attempt.attempt.models.map {
                    .map(["part": .string($0.part), "digest": .string($0.digest.hex), "path": .string($0.path)])
                }),
        ])
    }

    private static func use(_ use: ArtifactUse) -> Value {
        .map([
            "port": .string(use.port), "position": .int(use.position), "artifact": .string(use.artifact.hex),
            "kind": .string(use.kind.name),
        ])
    }

    /// ISO 8601 in UTC.
    static func time(_ date: Date) -> Value { .string(date.formatted(.iso8601)) }
}
