import ArgumentParser
import Artifacts
import Execution
import Foundation

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Why a step ran: the settings, inputs or models that changed, with both values.",
        discussion: ExitStatus.help)

    @Argument(help: "A step, such as `motion` or `samples[2]`.") var step: String
    @Option(help: "The attempt of this run (default: the latest one).") var run: String?
    @Option(help: "Compare with the attempt of this run (default: the one before).") var against: String?
    @Option(help: "The name of the pipeline (default: that of the latest run that tried the step).")
    var pipeline: String?
    @Flag(help: "One JSON document.") var json = false
    @OptionGroup var cache: CacheOptions

    func run() throws {
        let engine = try cache.existingEngine()
        let explanation = try engine.explain(
            step, pipeline: pipeline, run: run.map { try engine.run(named: $0).id },
            against: against.map { try engine.run(named: $0).id })
        let console = Console()
        if json {
            console.result(JSON.document(fields(explanation)))
        } else {
            text(explanation).forEach(console.result)
        }
    }

    private func text(_ explanation: Explanation) -> [String] {
        let newer = explanation.newer
        var lines = ["\(explanation.step) in run \(newer.run): \(newer.cause)"]
        guard let older = explanation.older else {
            return lines + ["  no earlier attempt is known to compare it with"]
        }
        lines.append("  compared with run \(older.run) (\(RunsCommand.when(older.start)), \(older.outcome))")
        if explanation.changes.isEmpty { lines.append("  the same key: \(newer.key.short)") }
        for change in explanation.changes {
            lines.append("  \(change.change.description)")
            if let before = change.change.before { lines.append("    before: \(before)") }
            if let after = change.change.after { lines.append("    after:  \(after)") }
            lines += change.sources.map { source in
                "    \(source.path): \(source.before?.short ?? "new") → \(source.after?.short ?? "gone")"
            }
            for upstream in change.upstream { lines += text(upstream).map { "    " + $0 } }
        }
        return lines
    }

    private func fields(_ explanation: Explanation) -> [(String, Value)] {
        [
            ("step", .string(explanation.step.description)), ("newer", side(explanation.newer)),
            ("older", explanation.older.map(side) ?? .null), ("changes", .list(explanation.changes.map(change))),
        ]
    }

    private func side(_ side: Explanation.Side) -> Value {
        .map([
            "attempt": .string(side.attempt.text), "run": .string(side.run.text), "key": .string(side.key.hex),
            "outcome": .string(side.outcome), "cause": .string(side.cause), "started": JSON.time(side.start),
        ])
    }

    private func change(_ change: Explanation.Change) -> Value {
        .map([
            "field": .string(change.change.field), "text": .string(change.change.description),
            "before": JSON.optional(change.change.before), "after": JSON.optional(change.change.after),
            "upstream": .list(
                change.upstream.map { .map(Dictionary(uniqueKeysWithValues: fields($0))) }),
            "sources": .list(
                change.sources.map {
                    .map([
                        "path": .string($0.path), "before": JSON.optional($0.before?.hex),
                        "after": JSON.optional($0.after?.hex),
                    ])
                }),
        ])
    }
}
