import ArgumentParser
import Artifacts
import Execution
import Foundation

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check that the store has what lineage says, and that its bytes are right.",
        discussion: ExitStatus.help)

    @Flag(help: "Read every byte of every object; without it, only what is there is looked at.") var readData = false
    @Flag(help: "Also set damaged objects aside, so that the next run makes them again.") var repair = false
    @Flag(help: "One JSON document.") var json = false
    @OptionGroup var cache: CacheOptions

    func run() throws {
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
