import ArgumentParser
import Execution
import Foundation
import Pipelines
import StageKit

struct MetricsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics", abstract: "The scores of a pipeline's videos.", discussion: ExitStatus.help)

    @Argument(help: "The pipeline file.") var file: String
    @Flag(help: "As CSV.") var csv = false
    @Flag(help: "As a Markdown table.") var md = false
    @OptionGroup var pipelineOptions: PipelineOptions
    @OptionGroup var cache: CacheOptions

    func validate() throws {
        guard !(csv && md) else { throw ValidationError("--csv and --md are two forms of one table: give one") }
    }

    func run() throws {
        let plan = try pipelineOptions.pipeline(file).plan
        let engine = try cache.existingEngine()
        let scored = try engine.forecast(plan).steps.filter { $0.stage == "metric-scoring" }
        let tables = try scored.compactMap { step in
            try step.outputs["scores"].map { try ScoreTable(artifact: $0, store: engine.store).table() }
        }
        guard !tables.isEmpty else {
            throw CommandFailure(
                status: .notFound, message: "\(file) has no scores for the settings that it has now",
                help: "`motrans run \(file)` makes them")
        }
        let texts = tables.map { csv ? $0.csv : md ? $0.markdown : $0.text }
        Console().result(texts.joined(separator: "\n\n"))
    }
}
