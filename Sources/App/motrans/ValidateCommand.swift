import ArgumentParser
import Artifacts
import Foundation
import Pipelines

struct ValidateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate", abstract: "Say everything that is wrong with a pipeline file; run and write nothing.",
        discussion: ExitStatus.help)

    @Argument(help: "The pipeline file.") var file: String
    @Flag(help: "One JSON document.") var json = false
    @OptionGroup var pipelineOptions: PipelineOptions

    func run() throws {
        let console = Console()
        do {
            let plan = try pipelineOptions.checkedPipeline(file).plan
            guard !json else {
                let fields: [(String, Value)] = [
                    ("valid", .bool(true)), ("pipeline", .string(plan.name)), ("steps", .int(plan.steps.count)),
                    ("errors", .list([])),
                ]
                return console.result(JSON.document(fields))
            }
            console.result("\(file): valid, \(plan.steps.count) \(plan.steps.count == 1 ? "step" : "steps")")
        } catch let PipelineError.invalid(diagnostics) where json {
            console.result(
                JSON.document([("valid", .bool(false)), ("errors", .list(diagnostics.map(Self.value)))]))
            throw ExitCode(ExitStatus.usage.rawValue)
        }
    }

    private static func value(_ diagnostic: Diagnostic) -> Value {
        .map([
            "origin": .string(diagnostic.origin), "line": diagnostic.place.map { .int($0.line) } ?? .null,
            "column": diagnostic.place.map { .int($0.column) } ?? .null, "message": .string(diagnostic.message),
            "help": .list(diagnostic.help.map(Value.string)),
        ])
    }
}
