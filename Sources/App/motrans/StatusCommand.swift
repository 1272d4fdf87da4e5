import ArgumentParser
import Execution
import Foundation
import Lineage
import Pipelines
import StageKit

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "What is done, what would run and why, and how the last run ended.",
        discussion: ExitStatus.help)

    @Argument(help: "The pipeline file (default: that of the latest run).") var file: String?
    @Flag(help: "One JSON document.") var json = false
    @OptionGroup var pipelineOptions: PipelineOptions
    @OptionGroup var cache: CacheOptions

    func run() throws {
        let console = Console()
        let engine = try file == nil ? cache.existingEngine() : cache.forecastEngine()
        let pipeline = try pipelineOptions.pipeline(try file ?? engine.latestPipelineFile())
        let plan = pipeline.plan
        let forecast = try engine.forecast(plan, RunRequest(inspect: pipeline.requireSound))
        ForecastPrinter(console: console, isJSON: json).show(forecast, of: plan)
        guard !json else { return }
        if let last = try engine.lineage.read({ try $0.runs(pipeline: plan.name, limit: 1) }).first {
            console.result("last run: \(last.id), \(JSON.outcome(last)), \(RunsCommand.when(last.run.started))")
        }
    }
}

extension Engine {
    /// The run that started last.
    func latestRun() throws -> RunRecord {
        guard let run = try lineage.read({ try $0.runs(limit: 1) }).first else {
            throw CommandFailure(
                status: .notFound, message: "this store has no run yet", help: "`motrans run FILE` makes one")
        }
        return run
    }

    /// The pipeline file of the latest run that had one.
    func latestPipelineFile() throws -> String {
        let runs = try lineage.read { try $0.runs(limit: 1000) }
        guard let run = runs.first(where: { $0.run.file != SampleCommand.origin }) else {
            _ = try latestRun()
            throw CommandFailure(
                status: .notFound, message: "this store has no run of a pipeline file yet",
                help: "`motrans run FILE` makes one")
        }
        return run.run.file
    }

    /// The run of a name, or of the beginning of one.
    func run(named name: String) throws -> RunRecord {
        let matches = try lineage.read { reader in
            try reader.runs(limit: 10_000).filter { $0.id.text.hasPrefix(name) }
        }
        guard let run = matches.first else {
            throw CommandFailure(
                status: .notFound, message: "there is no run \(name)", help: "`motrans runs` lists them")
        }
        guard matches.count == 1 || run.id.text == name else {
            throw CommandFailure(
                status: .notFound, message: "\(name) stands for \(matches.count) runs, such as \(run.id)")
        }
        return run
    }
}
