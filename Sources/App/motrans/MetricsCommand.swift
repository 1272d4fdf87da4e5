import ArgumentParser
import Execution
import Foundation
import Pipelines
import StageKit

struct MetricsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics", abstract: "The scores of a pipeline's videos; of several runs, side by side.",
        subcommands: [MetricsShowCommand.self, MetricsCompareCommand.self], defaultSubcommand: MetricsShowCommand.self)
}

struct MetricsShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "The scores of a pipeline's videos.", discussion: ExitStatus.help)

    @Argument(help: "The pipeline file.") var file: String
    @Option(
        help: ArgumentHelp(
            "Groups to compare: `step` and axes of the matrix, such as step,shots. Each score is a mean over the other "
                + "cells, ± their standard deviation.", valueName: "a,b"))
    var by: String?
    @Flag(help: "As CSV.") var csv = false
    @Flag(help: "As a Markdown table.") var md = false
    @Flag(help: "One JSON document, with every score that there is.") var json = false
    @OptionGroup var pipelineOptions: PipelineOptions
    @OptionGroup var cache: CacheOptions

    func validate() throws {
        guard [csv, md, json].count(where: \.self) < 2 else {
            throw ValidationError("--csv, --md and --json are forms of one table: give one")
        }
        if let by, Self.keys(by).isEmpty { throw ValidationError("--by names nothing: give `step` or axes") }
        if json, by != nil { throw ValidationError("--json gives every score: --by goes with --csv, --md or neither") }
    }

    private static func keys(_ list: String) -> [String] {
        list.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
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
        if let by {
            let comparison = try scores.comparison(by: Self.keys(by))
            let table = comparison.table(forPrograms: csv)
            return Console().result(csv ? table.csv : md ? table.markdown : table.text)
        }
        Console().result(
            json
                ? JSON.document(scores.fields)
                : csv ? scores.table(withMeans: false).csv : md ? scores.table().markdown : scores.table().text)
    }
}
