import ArgumentParser
import Artifacts
import Pipelines
import StageKit

struct DagCommand: ParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text
        case dot
        case mermaid
        case json
    }

    static let configuration = CommandConfiguration(
        commandName: "dag", abstract: "The graph of steps that a pipeline file means.", discussion: ExitStatus.help)

    @Argument(help: "The pipeline file.") var file: String
    @Option(help: "text, dot (Graphviz), mermaid or json.") var format = Format.text
    @Flag(help: "The same as --format json.") var json = false
    @OptionGroup var pipelineOptions: PipelineOptions

    func run() throws {
        let plan = try pipelineOptions.pipeline(file).plan
        let console = Console()
        switch json ? .json : format {
        case .text: console.result(text(plan))
        case .dot: console.result(dot(plan))
        case .mermaid: console.result(mermaid(plan))
        case .json: console.result(document(plan))
        }
    }

    /// An edge for each input that another step gives.
    private func edges(_ step: PlannedStep) -> [(from: StepID, port: String)] {
        step.inputs.sorted { $0.key < $1.key }.flatMap { port, inputs in
            inputs.compactMap { input in
                guard case .output(let from, _) = input else { return nil }
                return (from, port)
            }
        }
    }

    private func text(_ plan: Plan) -> String {
        var table = Table([("step", .left), ("stage", .left), ("takes", .left)])
        for step in plan.steps {
            let takes = step.inputs.sorted { $0.key < $1.key }.map { port, inputs in
                "\(port) ← "
                    + inputs.map { input in
                        switch input {
                        case .output(let from, _): from.description
                        case .source(let source): "\(source.files.count) \(source.kind)"
                        }
                    }.joined(separator: ", ")
            }
            table.add([step.id.description, step.stage.name, takes.joined(separator: "; ")])
        }
        return table.text
    }

    private func dot(_ plan: Plan) -> String {
        let quoted = { (text: String) in "\"\(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\"" }
        var lines = ["digraph \(quoted(plan.name)) {", "  rankdir=LR; node [shape=box, fontname=\"sans-serif\"];"]
        for step in plan.steps {
            lines.append("  \(quoted(step.id.description)) [tooltip=\(quoted(step.stage.name))];")
            for edge in edges(step) {
                lines.append(
                    "  \(quoted(edge.from.description)) -> \(quoted(step.id.description)) [label=\(quoted(edge.port))];"
                )
            }
        }
        return (lines + ["}"]).joined(separator: "\n")
    }

    private func mermaid(_ plan: Plan) -> String {
        let numbers = Dictionary(uniqueKeysWithValues: plan.steps.enumerated().map { ($1.id, "s\($0)") })
        var lines = ["flowchart LR"]
        for step in plan.steps {
            let number = numbers[step.id] ?? ""
            lines.append("  \(number)[\"\(step.id.description.replacing("\"", with: "#quot;"))\"]")
            for edge in edges(step) { lines.append("  \(numbers[edge.from] ?? "") -- \(edge.port) --> \(number)") }
        }
        return lines.joined(separator: "\n")
    }

    private func document(_ plan: Plan) -> String {
        let steps: [Value] = plan.steps.map { step in
            .map([
                "step": .string(step.id.description), "stage": .string(step.stage.name),
                "settings": .map(step.settings),
                "element": step.element ?? .null,
                "inputs": .list(
                    edges(step).map { .map(["port": .string($0.port), "step": .string($0.from.description)]) }),
            ])
        }
        return JSON.document([("pipeline", .string(plan.name)), ("steps", .list(steps))])
    }
}
