import ArgumentParser
import Artifacts
import Execution
import Foundation
import Lineage

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Why a step ran: the settings, inputs or models that changed, with both values.",
        discussion: """
            With a second name, what differs between any two attempts: of the same step in two runs (--run, --against), of two
            steps, or as `motrans show` lists them.

            \(ExitStatus.help)
            """)

    @Argument(help: "A step, such as `motion`, or one part: `samples[a-cat-is-running]`.") var step: String
    @Argument(help: "Another step or attempt to compare it with.") var other: String?
    @Option(name: .customLong("run"), help: "The attempt of this run (default: the latest one).") var ofRun: String?
    @Option(help: "Compare with the attempt of this run (default: the one before).") var against: String?
    @Option(help: "The name of the pipeline (default: that of the latest run that tried the step).")
    var pipeline: String?
    @Flag(help: "One JSON document.") var json = false
    @OptionGroup var cache: CacheOptions

    func run() throws {
        let engine = try cache.existingEngine()
        let (newer, older) = (
            try ofRun.map { try engine.run(named: $0).id }, try against.map { try engine.run(named: $0).id }
        )
        let explanations =
            if let other {
                [try engine.explain(step, and: other, of: pipeline, run: newer, other: older)]
            } else if (try engine.lineage.read { try $0.attempt(AttemptID(step)) }) != nil {
                try engine.explain(attempt: AttemptID(step))
            } else {
                try engine.explain(step, of: pipeline, run: newer, against: older)
            }
        let console = Console()
        if json {
            console.result(
                JSON.document([
                    ("explanations", .list(explanations.map { .map(Dictionary(uniqueKeysWithValues: fields($0))) }))
                ]))
        } else {
            explanations.flatMap(text).forEach(console.result)
        }
    }

    private func text(_ explanation: Explanation) -> [String] {
        let newer = explanation.newer
        if explanation.isRepeated { return ["\(explanation.step) in run \(newer.run): as above"] }
        // Of two steps there is no one reason to tell.
        let isOne = explanation.older.map { $0.step == explanation.step } ?? true
        var lines = ["\(explanation.step) in run \(newer.run)\(isOne ? ": \(newer.cause)" : "")"]
        guard let older = explanation.older else {
            return lines + ["  no earlier attempt is known to compare it with"]
        }
        lines.append(
            "  compared with \(isOne ? "" : "\(older.step) in ")run \(older.run) "
                + "(\(RunsCommand.when(older.started)), \(older.outcome.rawValue))")
        if explanation.changes.isEmpty { lines.append("  the same key: \(newer.key.short)") }
        for change in explanation.changes {
            lines.append("  \(change.change.description)")
            // Of an input the digests say less than what is further up.
            if case .input = change.change.subject {
                lines += [change.placeBefore, change.placeAfter].compactMap { $0 }.uniqued.map { "    given in \($0)" }
            } else {
                lines += told("before: ", change.change.before, change.placeBefore)
                lines += told("after:  ", change.change.after, change.placeAfter)
            }
            lines += change.sources.map { source in
                "    \(source.name): \(source.before ?? "new") → \(source.after ?? "gone")"
            }
            for upstream in change.upstream { lines += text(upstream).map { "    " + $0 } }
        }
        return lines
    }

    /// A line with a value and where it was given, none without a value.
    private func told(_ label: String, _ value: Value?, _ place: String?) -> [String] {
        value.map { ["    \(label)\(KeyChange.text($0))" + (place.map { "  (\($0))" } ?? "")] } ?? []
    }

    private func fields(_ explanation: Explanation) -> [(String, Value)] {
        [
            ("step", .string(explanation.step)), ("newer", side(explanation.newer)),
            ("older", explanation.older.map(side) ?? .null), ("repeated", .bool(explanation.isRepeated)),
            ("changes", .list(explanation.changes.map(change))),
        ]
    }

    private func side(_ side: Explanation.Side) -> Value {
        .map([
            "attempt": .string(side.attempt.text), "step": .string(side.step), "run": .string(side.run.text),
            "key": .string(side.key.hex),
            "outcome": .string(side.outcome.rawValue), "cause": .string(side.cause), "started": JSON.time(side.started),
        ])
    }

    private func change(_ change: Explanation.Change) -> Value {
        .map([
            "field": .string(change.change.field), "text": .string(change.change.description),
            "before": change.change.before ?? .null, "after": change.change.after ?? .null,
            "place_before": JSON.optional(change.placeBefore), "place_after": JSON.optional(change.placeAfter),
            "upstream": .list(
                change.upstream.map { .map(Dictionary(uniqueKeysWithValues: fields($0))) }),
            "sources": .list(
                change.sources.map {
                    .map([
                        "name": .string($0.name), "before": JSON.optional($0.before),
                        "after": JSON.optional($0.after),
                    ])
                }),
        ])
    }
}

extension [String] {
    /// Each once, in order.
    fileprivate var uniqued: [String] {
        var seen: Set<String> = []
        return filter { seen.insert($0).inserted }
    }
}
