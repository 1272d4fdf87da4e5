import ArgumentParser
import Artifacts
import Execution
import Foundation
import Lineage

struct ShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "One run: its steps, its attempts, and the pipeline file as it was.",
        discussion: ExitStatus.help)

    @Argument(help: "A run, or the beginning of its name (default: the latest).") var name: String?
    @Flag(help: "Print the pipeline file as it was in that run, and nothing else.") var pipeline = false
    @Flag(help: "One JSON document.") var json = false
    @OptionGroup var cache: CacheOptions

    func run() throws {
        let console = Console()
        let engine = try cache.existingEngine()
        let run = try name.map(engine.run(named:)) ?? engine.latestRun()
        guard !pipeline else { return console.result(run.run.text) }
        let (steps, attempts) = try engine.lineage.read { (try $0.steps(of: run.id), try $0.attempts(of: run.id)) }
        json ? showJSON(run, steps, attempts, console) : showText(run, steps, attempts, console)
    }

    private func showText(_ run: RunRecord, _ steps: [RunStep], _ attempts: [AttemptRecord], _ console: Console) {
        console.result("run       \(run.id)")
        console.result("pipeline  \(run.run.pipeline)  (\(run.run.file))")
        console.result("command   \(run.run.commandLine.joined(separator: " "))")
        for (name, value) in run.run.environment.sorted(by: { $0.key < $1.key }) {
            console.result("variable  \(name)=\(value)")
        }
        console.result("version   \(run.run.toolVersion)  on \(run.run.process.host)")
        console.result("started   \(RunsCommand.when(run.run.started))")
        if let ended = run.ended {
            console.result("took      \(Readable.duration(ended.timeIntervalSince(run.run.started)))")
        }
        console.result("outcome   \(JSON.outcome(run))\n")
        let byID = Dictionary(attempts.map { ($0.id, $0) }, uniquingKeysWith: { $1 })
        var table = Table([
            ("step", .left), ("done", .left), ("outcome", .left), ("wall", .right), ("cpu", .right), ("memory", .right),
            ("attempt", .left), ("why", .left),
        ])
        for step in steps {
            let attempt = step.decision == .run ? step.attempt.flatMap { byID[$0] } : nil
            table.add([
                step.step, step.decision.rawValue, attempt?.outcome.rawValue ?? "",
                attempt.map { Readable.duration($0.usage.wallSeconds) } ?? "",
                attempt.map { Readable.duration($0.usage.cpuSeconds) } ?? "",
                attempt.map { Readable.bytes($0.usage.peakMemory) } ?? "", step.attempt?.text ?? "", step.cause ?? "",
            ])
        }
        console.result(table.text)
    }

    private func showJSON(_ run: RunRecord, _ steps: [RunStep], _ attempts: [AttemptRecord], _ console: Console) {
        let steps: [Value] = steps.map { step in
            .map([
                "step": .string(step.step), "stage": .string(step.stage), "decision": .string(step.decision.rawValue),
                "cause": JSON.optional(step.cause), "attempt": JSON.optional(step.attempt?.text),
            ])
        }
        console.result(
            JSON.document(
                JSON.run(run) + [
                    ("steps", .list(steps)), ("attempts", .list(attempts.map(JSON.attempt))),
                    ("pipeline_text", .string(run.run.text)),
                ]))
    }
}
