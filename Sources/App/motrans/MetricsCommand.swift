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
    @Flag(help: "One JSON document, with every score that there is.") var json = false
    @OptionGroup var pipelineOptions: PipelineOptions
    @OptionGroup var cache: CacheOptions

    func validate() throws {
        guard [csv, md, json].count(where: \.self) < 2 else {
            throw ValidationError("--csv, --md and --json are forms of one table: give one")
        }
    }

    func run() throws {
        let plan = try pipelineOptions.pipeline(file).plan
        let engine = try cache.existingEngine()
        let scored = try engine.forecast(plan).steps.filter { ["metric-scoring", "scene-judging"].contains($0.stage) }
            .compactMap { step in step.outputs["scores"].map { (step.id.description, $0) } }
        guard !scored.isEmpty else {
            throw CommandFailure(
                status: .notFound, message: "\(file) has no scores for the settings that it has now",
                help: "`motrans run \(file)` makes them")
        }
        let scores = try ScoreTable(scored, store: engine.store)
        Console().result(
            json
                ? JSON.document(scores.fields)
                : csv ? scores.table(withMeans: false).csv : md ? scores.table().markdown : scores.table().text)
    }
}
