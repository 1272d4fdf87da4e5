import Artifacts
import Execution
import Pipelines
import StageKit

/// What a run would do: for `run --dry-run` and `status`.
struct ForecastPrinter {
    let console: Console
    let isJSON: Bool

    func show(_ forecast: Forecast, of plan: Plan) {
        guard !isJSON else {
            let steps = forecast.steps.map(JSON.forecast)
            return console.result(
                JSON.document([("pipeline", .string(plan.name)), ("file", .string(plan.file)), ("steps", .list(steps))])
            )
        }
        let knows = forecast.steps.contains { $0.estimate != nil }
        var table = Table(
            [("step", .left), ("plan", .left)] + (knows ? [("time", .right), ("size", .right)] : []) + [("why", .left)])
        let folds = forecast.count(of: .hit) > ReportPrinter.mostHits
        for step in forecast.steps where !(folds && step.decision == .hit) {
            let cost = step.estimate.map { [Readable.duration($0.seconds), Readable.bytes($0.bytes)] } ?? ["", ""]
            table.add(
                [step.id.description, step.decision.rawValue] + (knows ? cost : []) + [step.cause?.description ?? ""])
        }
        if !(folds && forecast.isUpToDate) { console.result(table.text + "\n") }
        if let estimate = Self.estimate(forecast) { console.result(estimate) }
        console.result(Self.summary(forecast))
    }

    /// `8 steps: 2 run, 3 maybe, 3 hit`.
    static func summary(_ forecast: Forecast) -> String {
        let counts = [Decision.run, .maybe, .hit].compactMap { decision in
            let count = forecast.count(of: decision)
            return count > 0 ? "\(count) \(decision.rawValue)" : nil
        }
        return "\(forecast.steps.count) \(forecast.steps.count == 1 ? "step" : "steps"): "
            + counts.joined(separator: ", ")
    }

    /// `some 3 min 20 s and 12 MB, as before`; nil where nothing is known, or nothing will run.
    private static func estimate(_ forecast: Forecast) -> String? {
        let open = forecast.steps.filter { $0.decision != .hit }
        let known = open.compactMap(\.estimate)
        guard !known.isEmpty else { return nil }
        let seconds = known.reduce(0) { $0 + $1.seconds }
        let bytes = known.reduce(0) { $0 + $1.bytes }
        let gap = known.count < open.count ? ", without \(open.count - known.count) of which nothing is known" : ""
        return "some \(Readable.duration(seconds)) of work and \(Readable.bytes(bytes)), as before\(gap)"
    }
}

extension JSON {
    /// A step of a forecast.
    static func forecast(_ step: Forecast.Step) -> Value {
        .map([
            "step": .string(step.id.description), "stage": .string(step.stage.name),
            "decision": .string(step.decision.rawValue), "cause": optional(step.cause?.word),
            "why": optional(step.cause?.description), "key": optional(step.key?.digest.hex),
            "outputs": digests(step.outputs),
            "estimate": step.estimate.map {
                .map(["seconds": .double($0.seconds), "bytes": .int($0.bytes), "memory": .int($0.memory)])
            } ?? .null,
        ])
    }
}
