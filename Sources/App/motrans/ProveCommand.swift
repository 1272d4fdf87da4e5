import ArgumentParser
import Artifacts
import Execution
import Foundation
import Lineage

/// Whether a clip is among what a result comes from.
struct ProveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prove", abstract: "Whether a clip, or any file, is in nothing that a finished result comes from.",
        discussion: """
            Goes by bytes, through every recorded ancestor of the result, after the chain of records was checked. A copy of the
            clip that was cut or encoded anew is another file.

            \(ExitStatus.help) Here 4 also means that the file is among what the result comes from.
            """)

    @Option(help: ArgumentHelp("The file that should not be there, or the digest of one.", valueName: "clip"))
    var absent: String
    @Argument(help: "The result: a file, four or more digits of a digest, or a step.") var result: String
    @Flag(help: "One JSON document.") var json = false
    @OptionGroup var cache: CacheOptions

    func run() throws {
        let engine = try cache.existingEngine()
        let proof = try engine.prove(absenceOf: absent, from: result)
        let chain = try engine.lineage.checkChain()
        let isProved = proof.path == nil && proof.unknown.isEmpty && chain.findings.isEmpty
        let console = Console()
        if json {
            console.result(
                JSON.document([
                    ("absent", .bool(isProved)), ("digest", .string(proof.digest.hex)),
                    ("path", proof.path.map { .list($0.map(Value.string)) } ?? .null),
                    ("sources", .list(proof.sources.map { .string($0.path) })), ("artifacts", .int(proof.artifacts)),
                    ("attempts", .int(proof.attempts)), ("model_parts", .int(proof.modelParts)),
                    ("unknown", .list(proof.unknown.map { .string($0.hex) })),
                    ("chain_whole", .bool(chain.findings.isEmpty)), ("chain_head", .string(chain.head.hex)),
                ]))
        } else if let path = proof.path {
            console.result("present: \(result) comes from \(absent)")
            console.result("  \(path.joined(separator: " → ")) → \(result)")
        } else {
            let word = isProved ? "absent" : "not found, and not proved absent"
            console.result("\(word): \(absent) (SHA-256 \(proof.digest.hex)) is in nothing that \(result) comes from")
            console.result(
                "looked at: \(proof.attempts) attempts, \(proof.artifacts) artifacts, \(proof.modelParts) model parts, "
                    + "\(proof.sources.count) source files:")
            for source in proof.sources { console.result("  \(source.digest.short)…  \(source.path)") }
            for digest in proof.unknown { console.result("artifact \(digest.hex): nothing is recorded of it") }
            console.result(
                chain.findings.isEmpty
                    ? "the \(chain.links) records are as they were written (chain head \(chain.head.hex))"
                    : "the records are not as they were written: `motrans verify --chain` says which")
        }
        guard isProved else { throw ExitCode(ExitStatus.integrity.rawValue) }
    }
}
