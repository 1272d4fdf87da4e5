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
    @Flag(help: "Also set damaged objects aside, so that the next run makes them again.") var repair = false
    @Option(
        help: ArgumentHelp(
            "Do a step again and compare: `motion`, `samples[2]`, or `all` for every step; may be given again.",
            valueName: "step"))
    var rebuild: [String] = []
    @Option(help: "The pipeline file of --rebuild (default: that of the latest run).") var pipeline: String?
    @Flag(help: "One JSON document.") var json = false
    @OptionGroup var pipelineOptions: PipelineOptions
    @OptionGroup var cache: CacheOptions

    func validate() throws {
        guard rebuild.isEmpty || !(readData || repair) else {
            throw ValidationError("--rebuild goes without --read-data and --repair")
        }
        guard !rebuild.isEmpty || pipeline == nil else { throw ValidationError("--pipeline goes with --rebuild") }
    }

    func run() async throws {
        guard rebuild.isEmpty else { return try await rebuildSteps() }
        let console = Console()
        let verification = try cache.existingEngine().verify(readData: readData || repair, quarantine: repair)
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
                    ? "what was damaged is set aside: `motrans run FILE` makes it again"
                    : "`motrans verify --repair` sets damaged objects aside; the next `motrans run FILE` makes them again"
            )
        }
        guard verification.isClean else { throw ExitCode(ExitStatus.integrity.rawValue) }
    }
}

extension VerifyCommand {
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
