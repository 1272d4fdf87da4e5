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
        var table = Table([("step", .left), ("plan", .left), ("why", .left)])
        for step in forecast.steps {
            table.add([step.id.description, step.decision.rawValue, step.cause?.description ?? ""])
        }
        console.result(table.text)
        console.result("")
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
}

extension JSON {
    /// A step of a forecast.
    static func forecast(_ step: Forecast.Step) -> Value {
        .map([
            "step": .string(step.id.description), "stage": .string(step.stage.name),
            "decision": .string(step.decision.rawValue), "cause": optional(step.cause?.word),
            "why": optional(step.cause?.description), "key": optional(step.key?.digest.hex),
            "outputs": digests(step.outputs),
        ])
    }
}
