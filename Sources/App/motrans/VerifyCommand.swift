import ArgumentParser
import Artifacts
import Execution
import Foundation
import Lineage
import Pipelines

struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check that the store has what lineage says, and that its bytes are right.",
        discussion: """
            With --rebuild, steps of a pipeline file are done again from their inputs, without checkpoints, and what comes out
            is compared with what is known: equal, or by how much it differs. The attempt is kept as evidence; one that gave
            other bytes is revoked, so that it replaces nothing.

            \(ExitStatus.help)
            """)

    @Flag(help: "Read every byte of every object; without it, only what is there is looked at.") var readData = false
    @Flag(help: "Also set damaged objects aside, and do the steps again whose results are damaged or gone.")
    var repair = false
    @Flag(help: "Check that no record was edited, dropped, added or moved since it was written.") var chain = false
    @Option(help: ArgumentHelp("With --chain: a head that you kept, which must be in it.", valueName: "digest"))
    var head: String?
    @Option(
        help: ArgumentHelp(
            "Do a step again and compare: `motion`, `samples[2]`, or `all` for every step; may be given again.",
            valueName: "step"))
    var rebuild: [String] = []
    @Option(help: "The pipeline file of --rebuild and --repair (default: those of the latest runs).") var pipeline:
        String?
    @Flag(help: "One JSON document.") var json = false
    @OptionGroup var pipelineOptions: PipelineOptions
    @OptionGroup var cache: CacheOptions

    func validate() throws {
        guard rebuild.isEmpty || !(readData || repair) else {
            throw ValidationError("--rebuild goes without --read-data and --repair")
        }
        guard !rebuild.isEmpty || repair || pipeline == nil else {
            throw ValidationError("--pipeline goes with --rebuild or --repair")
        }
        guard !chain || (rebuild.isEmpty && !readData && !repair) else {
            throw ValidationError("--chain goes without --rebuild, --read-data and --repair")
        }
        guard chain || head == nil else { throw ValidationError("--head goes with --chain") }
        guard head == nil || head.flatMap(Digest.init(hex:)) != nil else {
            throw ValidationError("--head takes the 64 digits that `motrans verify --chain` prints")
        }
    }

    func run() async throws {
        guard rebuild.isEmpty else { return try await rebuildSteps() }
        guard !chain else { return try checkChain() }
        let console = Console()
        let engine = try cache.existingEngine()
        var verification = try engine.verify(readData: readData || repair, quarantine: repair)
        if repair, !verification.isClean {
            for finding in verification.findings { console.note("\(finding.kind.rawValue): \(finding.message)") }
            try await recompute(engine)
            verification = try engine.verify(readData: true)
        }
        if json {
            let findings: [Value] = verification.findings.map {
                .map([
                    "kind": .string($0.kind.rawValue), "digest": JSON.optional($0.digest?.hex),
                    "message": .string($0.message),
                ])
            }
            console.result(
                JSON.document([
                    ("clean", .bool(verification.isClean)), ("read_data", .bool(verification.didReadData)),
                    ("objects", .int(verification.objects)), ("stored_bytes", .int(verification.storedBytes)),
                    ("artifacts", .int(verification.artifacts)), ("findings", .list(findings)),
                ]))
        } else {
            for finding in verification.findings { console.result("\(finding.kind.rawValue): \(finding.message)") }
            console.result(
                "\(verification.objects) objects, \(Readable.bytes(verification.storedBytes)), "
                    + "\(verification.artifacts) artifacts\(verification.didReadData ? ", every byte read" : ""): "
                    + (verification.isClean ? "clean" : "not clean"))
        }
        if !verification.isClean, !json {
            console.note(
                repair
                    ? "what is left belongs to no step of a pipeline file that is at hand: `--pipeline FILE` names another, "
                        + "and `motrans gc` forgets what nothing needs"
                    : "`motrans verify --repair` sets damaged objects aside and makes them again"
            )
        }
        guard verification.isClean else { throw ExitCode(ExitStatus.integrity.rawValue) }
    }
}

extension VerifyCommand {
    /// Compares the records with their chain.
    private func checkChain() throws {
        let check = try cache.existingEngine().lineage.checkChain(including: head.flatMap(Digest.init(hex:)))
        let console = Console()
        if json {
            let findings = check.findings.map {
                Value.map(["kind": .string($0.kind.rawValue), "message": .string($0.message)])
            }
            console.result(
                JSON.document([
                    ("whole", .bool(check.findings.isEmpty)), ("records", .int(check.links)),
                    ("head", .string(check.head.hex)), ("findings", .list(findings)),
                    ("notes", .list(check.notes.map(Value.string))),
                ]))
        } else {
            for finding in check.findings { console.result("\(finding.kind.rawValue): \(finding.message)") }
            console.result(
                "\(check.links) records in the chain: "
                    + (check.findings.isEmpty ? "whole" : "not as they were written"))
            console.result("head \(check.head.hex)")
            if !check.notes.isEmpty {
                console.result(
                    "\(check.notes.count) more were undone by a crash or a power cut, unless somebody cut off the end of the "
                        + "chain (--head tells, if you kept one):")
                for note in check.notes { console.result("  \(note)") }
            }
        }
        guard check.findings.isEmpty else { throw ExitCode(ExitStatus.integrity.rawValue) }
    }

    /// Does the steps again whose results are not in the store any more, of all pipeline files at hand.
    private func recompute(_ engine: Engine) async throws {
        var files: [String] = []
        for run in try engine.lineage.read({ try $0.runs(limit: 1000) }) where !files.contains(run.run.file) {
            if run.run.file != SampleCommand.origin { files.append(run.run.file) }
        }
        for file in pipeline.map({ [$0] }) ?? files {
            guard pipeline != nil || FileManager.default.isReadableFile(atPath: file) else { continue }
            // What gc took was let go on purpose: only what an object of it is still needed for, or was damaged, is made
            // again. A file that cannot be read any more does not keep the others from it.
            let pipeline: Pipeline
            do { pipeline = try pipelineOptions.pipeline(file) } catch {
                Console().note("\(file): \(error)")
                continue
            }
            // What a lost result feeds is looked at once that is there again.
            var tried: Set<StepID> = []
            while true {
                let forecast: Forecast
                do { forecast = try engine.forecast(pipeline.plan) } catch {
                    Console().note("\(file): \(error)")
                    break
                }
                let lost = forecast.steps.filter { step in
                    if case .outputMissing = step.cause { !tried.contains(step.id) } else { false }
                }
                guard !lost.isEmpty else { break }
                tried.formUnion(lost.map(\.id))
                let request = RunRequest(
                    steps: lost.map(\.id.description), jobs: 2, commandLine: CommandLine.arguments,
                    inspect: pipeline.requireSound)
                let printer = TextRunPrinter(console: Console(), isQuiet: false)
                let run = PlanRun(plan: pipeline.plan, request: request, engine: engine, printer: printer)
                guard try await run.perform(show: { _ in }) == ExitStatus.done.rawValue else { break }
            }
        }
    }

    private func rebuildSteps() async throws {
        let engine = try cache.existingEngine()
        let plan = try pipelineOptions.checkedPipeline(pipeline ?? engine.latestPipelineFile()).plan
        let check = RebuildCheck(engine: engine, plan: plan)
        let outcomes = try await check.rebuild(rebuild.contains("all") ? [] : rebuild)
        if json {
            let steps = outcomes.map { outcome in
                Value.map([
                    "step": .string(outcome.step), "attempt": .string(outcome.attempt.text),
                    "equal": .bool(outcome.differences.isEmpty),
                    "differences": .list(outcome.differences.map(Value.string)),
                ])
            }
            Console().result(JSON.document([("steps", .list(steps))]))
        } else {
            var table = Table([("step", .left), ("rebuilt", .left)])
            for outcome in outcomes {
                table.add([outcome.step, outcome.differences.isEmpty ? "equal" : "differs"])
            }
            Console().result(table.text)
            for outcome in outcomes {
                for difference in outcome.differences { Console().result("\(outcome.step): \(difference)") }
            }
        }
        guard outcomes.allSatisfy(\.differences.isEmpty) else { throw ExitCode(ExitStatus.integrity.rawValue) }
    }
}
