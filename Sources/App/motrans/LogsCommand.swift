import ArgumentParser
import Artifacts
import Execution
import Foundation
import Lineage

struct LogsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "What an attempt at a step logged.", discussion: ExitStatus.help)

    @Argument(help: "A step, such as `motion`, or an attempt by name.") var step: String
    @Option(name: .customLong("run"), help: "The run (default: the latest one that tried the step).")
    var ofRun: String?
    @Flag(help: "One JSON document.") var json = false
    @OptionGroup var cache: CacheOptions

    func run() throws {
        let console = Console()
        let engine = try cache.existingEngine()
        let attempt = try find(engine)
        let log = try engine.lineage.read { try $0.log(of: attempt.id) } ?? ""
        guard !json else {
            return console.result(
                JSON.document([("attempt", JSON.attempt(attempt)), ("log", .string(log))]))
        }
        console.note("\(attempt.attempt.step), attempt \(attempt.id): \(attempt.outcome.rawValue)")
        if !log.isEmpty { console.result(log.hasSuffix("\n") ? String(log.dropLast()) : log) }
        if let error = attempt.error { console.result("error: \(error)") }
    }

    private func find(_ engine: Engine) throws -> AttemptRecord {
        if let attempt = try engine.lineage.read({ try $0.attempt(AttemptID(step)) }) { return attempt }
        let runs =
            try ofRun.map { [try engine.run(named: $0)] } ?? engine.lineage.read { try $0.runs(limit: 1000) }
        for run in runs {
            let attempts = try engine.lineage.read { try $0.attempts(of: run.id) }
            if let attempt = attempts.last(where: { $0.attempt.step == step }) { return attempt }
        }
        let known = try runs.first.map { run in try engine.lineage.read { try $0.steps(of: run.id) } } ?? []
        throw CommandFailure(
            status: .notFound, message: "no attempt at \(step) is known\(ofRun.map { " in run \($0)" } ?? "")",
            help: known.isEmpty ? nil : "the steps of the latest run are \(known.map(\.step).joined(separator: ", "))")
    }
}
