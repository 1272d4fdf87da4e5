import Artifacts
import Execution
import Lineage
import Logging
import Pipelines
import StageKit

/// A run for programs: JSON Lines on standard output, one event each, `schema_version` first.
struct JSONRunPrinter: RunPrinter {
    let console: Console

    func show(_ event: RunEvent) {
        let (name, fields) = describe(event)
        console.result(JSON.line([("schema_version", .int(1)), ("event", .string(name))] + fields))
    }

    private func describe(_ event: RunEvent) -> (String, [(String, Value)]) {
        switch event {
        case .hashing(let path, let bytes):
            ("hashing", [("path", .string(path)), ("bytes", .int(bytes))])
        case .planned(let forecast):
            ("planned", [("steps", .list(forecast.steps.map(JSON.forecast)))])
        case .runStarted(let run):
            ("run-started", [("run", .string(run.text))])
        case .hit(let step, let key, let outputs):
            ("hit", [("step", id(step)), ("key", .string(key.hex)), ("outputs", JSON.digests(outputs))])
        case .started(let step, let attempt, let key, let cause):
            (
                "started",
                [
                    ("step", id(step)), ("attempt", .string(attempt.text)), ("key", .string(key.hex)),
                    ("cause", .string(cause.word)), ("why", .string(cause.description)),
                ]
            )
        case .phase(let step, let phase):
            ("phase", [("step", id(step)), ("phase", .string(phase.rawValue))])
        case .progress(let step, let progress):
            (
                "progress",
                [
                    ("step", id(step)), ("done", .int(progress.done)), ("total", .int(progress.total)),
                    ("unit", .string(progress.unit)),
                    (
                        "readings",
                        .map(
                            Dictionary(
                                progress.readings.map { ($0.name, JSON.number($0.value)) },
                                uniquingKeysWith: { $1 }))
                    ),
                ]
            )
        case .log(let step, let level, let text):
            ("log", [("step", id(step)), ("level", .string(level.rawValue)), ("text", .string(text))])
        case .waiting(let step, let holder):
            ("waiting", [("step", id(step)), ("holder", .string(holder))])
        case .recomputing(let step, let port, let neededBy):
            ("recomputing", [("step", id(step)), ("port", .string(port)), ("needed_by", id(neededBy))])
        case .finished(let step, let attempt, let outputs, let usage):
            (
                "finished",
                [
                    ("step", id(step)), ("attempt", .string(attempt.text)), ("outputs", JSON.digests(outputs)),
                    ("seconds", .double(usage.seconds)), ("cpu_seconds", .double(usage.cpuSeconds)),
                    ("peak_memory", .int(usage.peakMemory)),
                ]
            )
        case .failed(let step, let attempt, let error, let tail):
            (
                "failed",
                [
                    ("step", id(step)), ("attempt", JSON.optional(attempt?.text)),
                    ("error", .string(error)), ("log_tail", .list(tail.map(Value.string))),
                ]
            )
        case .retrying(let step, let error, let pause, let number, let count):
            (
                "retrying",
                [
                    ("step", id(step)), ("error", .string(error)), ("after_seconds", .double(pause)),
                    ("number", .int(number)), ("of", .int(count)),
                ]
            )
        case .cancelled(let step, _): ("cancelled", [("step", id(step))])
        case .skipped(let step, let because): ("skipped", [("step", id(step)), ("because", id(because))])
        case .notStarted(let step): ("not-started", [("step", id(step))])
        case .runEnded(let report): ("run-ended", JSON.report(report))
        }
    }

    private func id(_ step: StepID) -> Value { .string(step.description) }
}
