import ArgumentParser
import Command
import Artifacts
import Execution
import Foundation
import Lineage
import Pipelines
import StageKit
import Storage
import Tensors

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Do what a pipeline file says and what is not yet done.",
        discussion: ExitStatus.help)

    @Argument(help: "The pipeline file.") var file: String
    @Argument(help: "Only these steps and all that feeds them: `samples`, or one part as `samples[2]`.")
    var steps: [String] = []
    @Flag(name: [.customShort("n"), .long], help: "Say what would be done, and do nothing.") var dryRun = false
    @Option(
        name: .shortAndLong,
        help:
            "Steps at once, of those that do not use every core by themselves (default: the profile's, else the cores)."
    )
    var jobs: Int?
    @Flag(name: .shortAndLong, help: "After a failure, go on with all that does not depend on it.")
    var keepGoing = false
    @Flag(name: .shortAndLong, help: "Do the named steps again (all of them, if none is named).") var force = false
    @Option(
        help: ArgumentHelp(
            """
            How often a training writes down where it is; killed, it goes on there, to the same bytes (default: 60).
            """, valueName: "seconds"))
    var checkpointEvery: Double?
    @Option(help: "How often a step is tried again after a failure, where it does not say itself (default: 0).")
    var retries: Int?
    @Option(
        help: ArgumentHelp("When a step is ended, where it does not say itself: `90s`, `10m`, `2h`.", valueName: "time")
    )
    var timeout: String?
    @Option(
        help: ArgumentHelp(
            """
            What the steps at work may take together, by what they took before: `16GB` (default: the profile's, else nine \
            tenths of what is free now).
            """, valueName: "size"))
    var memory: String?
    @Flag(help: "Events as JSON Lines on standard output.") var json = false
    @Flag(name: .shortAndLong, help: "No progress; only the result and what went wrong.") var quiet = false
    @Option(
        help: ArgumentHelp(
            "Write when what was done, for `motrans trace`, Perfetto and chrome://tracing.", valueName: "file.json"))
    var trace: String?
    @Option(
        help: ArgumentHelp(
            """
            How many training steps, denoising steps, frames … of each step are traced with every operation, some \
            0.3 MB each; the others as a whole (default: 3).
            """, valueName: "n"))
    var traceSteps: Int?
    @OptionGroup var pipelineOptions: PipelineOptions
    @OptionGroup var cache: CacheOptions

    func validate() throws {
        guard (1...1024).contains(jobs ?? 1) else { throw ValidationError("--jobs takes a number from 1 to 1024") }
        guard (0...31_536_000).contains(checkpointEvery ?? 0) else {
            throw ValidationError("--checkpoint-every takes seconds, from 0 to a year's")
        }
        guard (0...100).contains(retries ?? 0) else { throw ValidationError("--retries takes a number from 0 to 100") }
        if let timeout {
            guard let seconds = Amount.seconds(timeout), seconds > 0 else {
                throw ValidationError("--timeout takes a time such as 90s, 10m or 2h")
            }
        }
        if let memory {
            guard Amount.bytes(memory) ?? 0 > 0 else { throw ValidationError("--memory takes a size such as 16GB") }
        }
        guard trace != nil || traceSteps == nil else { throw ValidationError("--trace-steps goes with --trace") }
        guard traceSteps ?? 0 >= 0 else { throw ValidationError("--trace-steps takes a number from 0 on") }
        guard trace == nil || !dryRun else { throw ValidationError("--dry-run does nothing that --trace could show") }
    }

    func run() async throws {
        let console = Console()
        let pipeline = try pipelineOptions.pipeline(file)
        let plan = pipeline.plan
        let request = RunRequest(
            steps: steps, force: force ? (steps.isEmpty ? .all : .named) : .none,
            jobs: jobs ?? plan.profile.jobs ?? max(2, ProcessInfo.processInfo.activeProcessorCount),
            keepsGoing: keepGoing, commandLine: CommandLine.arguments,
            checkpointInterval: checkpointEvery ?? 60, retries: retries ?? 0, timeout: timeout.flatMap(Amount.seconds),
            memory: memory.flatMap(Amount.bytes) ?? plan.profile.memory ?? MachineMemory.free.map { $0 / 10 * 9 },
            limits: plan.profile.limits, inspect: pipeline.requireSound)
        // Before the store is made.
        try request.check(against: plan)
        if !cache.isThere { try pipeline.requireSound(nil) }
        if let threads = plan.profile.threads { ThreadPool.setWidth(threads) }
        guard !dryRun else {
            let forecast = try cache.forecastEngine().forecast(plan, request)
            return ForecastPrinter(console: console, isJSON: json).show(forecast, of: plan)
        }
        // An unwritable place is told before anything is done.
        let runTrace = try trace.map { try RunTrace(to: $0, pipeline: plan.name, unitLimit: traceSteps ?? 3) }
        defer { runTrace?.close(console, isQuiet: quiet) }
        let engine = try cache.engine()
        let printer: any RunPrinter =
            json ? JSONRunPrinter(console: console) : TextRunPrinter(console: console, isQuiet: quiet)
        let run = PlanRun(
            plan: plan, request: request, engine: engine, printer: printer, trace: runTrace)
        let status = try await run.perform { report in
            if !json { try ReportPrinter(console: console, engine: engine, isQuiet: quiet).show(report, of: plan) }
        }
        guard status == ExitStatus.done.rawValue else { throw ExitCode(status) }
    }
}
