import Artifacts
import Execution
import Foundation
import Lineage
import Pipelines
import StageKit

/// How a run went: each step with what was done and why, then the scores and where the videos are.
struct ReportPrinter {
    let console: Console
    let engine: Engine
    let isQuiet: Bool

    func show(_ report: RunReport, of plan: Plan) throws {
        // Before a word is said: reading may find that they are damaged, and then the run goes on.
        let scored = report.steps.filter { $0.stage == "metric-scoring" }
            .compactMap { step in step.outputs["scores"].map { (step.id.description, $0) } }
        let scores = scored.isEmpty ? nil : try ScoreTable(scored, store: engine.store)
        var table = Table([("step", .left), ("done", .left), ("why", .left)])
        let hits = report.steps.count { $0.outcome == .hit }
        let folds = hits > Self.mostHits
        for step in report.steps where !(folds && step.outcome == .hit) {
            let (done, why) = Self.words(step)
            table.add([step.id.description, done, why])
        }
        if !folds || hits < report.steps.count { console.result(table.text) }
        if folds { console.result("\(hits) of \(report.steps.count) steps: hit") }
        if let scores { console.result("\n" + scores.table().text) }
        guard !isQuiet else { return }
        let ran = report.steps.count { if case .done = $0.outcome { true } else { false } }
        console.note("\(report.outcome.rawValue): \(ran) ran, \(hits) hit, \(Readable.duration(report.seconds))")
        if let videos = plan.steps.first(where: { $0.stage == "sampling" }), report.outcome == .succeeded {
            console.note(
                "videos: motrans get \(videos.id.name) --pipeline \(plan.file) --to DIR"
                    + "   what made them: motrans lineage DIR/….mp4")
        }
    }

    /// More hits than these are only counted: the table is for what happened.
    static let mostHits = 40

    private static func words(_ step: RunReport.Step) -> (done: String, why: String) {
        let cause = step.cause?.description ?? ""
        return switch step.outcome {
        case .hit: ("hit", "")
        case .done: ("ran", cause)
        // The whole of it was told when it happened.
        case .failed(_, let error): ("failed", String(error.prefix { !$0.isNewline }.prefix(120)))
        case .cancelled: ("interrupted", cause)
        case .skipped(let because): ("skipped", "\(because) failed")
        case .notStarted: ("not started", "")
        }
    }
}

extension JSON {
    /// The fields of a report.
    static func report(_ report: RunReport) -> [(String, Value)] {
        [
            ("run", optional(report.run?.text)), ("outcome", .string(report.outcome.rawValue)),
            ("seconds", .double(report.seconds)), ("steps", .list(report.steps.map(step))),
        ]
    }

    private static func step(_ step: RunReport.Step) -> Value {
        let (word, detail): (String, String?) =
            switch step.outcome {
            case .hit: ("hit", nil)
            case .done: ("ran", nil)
            case .failed(_, let error): ("failed", error)
            case .cancelled: ("cancelled", nil)
            case .skipped(let because): ("skipped", "\(because) failed")
            case .notStarted: ("not-started", nil)
            }
        return .map([
            "step": .string(step.id.description), "stage": .string(step.stage.name), "outcome": .string(word),
            "error": optional(detail), "cause": optional(step.cause?.word), "why": optional(step.cause?.description),
            "key": optional(step.key?.hex), "outputs": digests(step.outputs),
            "seconds": step.usage.map { .double($0.seconds) } ?? .null,
        ])
    }
}
