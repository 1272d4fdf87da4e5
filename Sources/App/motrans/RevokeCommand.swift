import ArgumentParser
import Artifacts
import Execution
import Foundation
import Lineage
import Storage

/// What must not be used any more.
struct RevokeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract:
            "Mark a clip, a file or a result as not to be used any more, with all that comes from it; list without one.",
        discussion: """
            Later runs refuse it, and results that come from it are no longer found, with the reason. `motrans gc --revoked
            --yes` deletes them; that they were there stays in lineage. The files of yours stay where they are.

            \(ExitStatus.help)
            """)

    @Argument(help: "A file, four or more digits of a digest, an attempt, or a step (its latest outputs).")
    var subject: String?
    @Option(help: "Why; later runs say it.") var reason: String?
    @Flag(help: "Take the revocation back.") var withdraw = false
    @Flag(help: "One JSON document.") var json = false
    @OptionGroup var cache: CacheOptions

    func validate() throws {
        guard subject == nil || withdraw || !(reason ?? "").isEmpty else {
            throw ValidationError("--reason says why, for those who come after")
        }
        guard subject != nil || (reason == nil && !withdraw) else { throw ValidationError("name what is meant") }
    }

    func run() throws {
        let engine = try cache.existingEngine()
        guard let subject else { return try list(engine) }
        guard !withdraw else {
            try engine.withdraw(subject)
            return Console().result("\(subject) may be used again")
        }
        let reach = try engine.revoke(subject, reason: reason ?? "")
        guard !json else {
            return Console().result(
                JSON.document([
                    ("revoked", .list(reach.targets.map { .string(Self.words($0)) })),
                    ("derived", .list(reach.derived.map(Self.value))),
                ]))
        }
        for target in reach.targets { Console().result("revoked \(Self.words(target)): \(reason ?? "")") }
        guard !reach.derived.isEmpty else { return Console().result("nothing comes from it in this cache") }
        var table = Table([("falls under it", .left), ("kind", .left), ("from", .left), ("in the store", .left)])
        for (artifact, step) in reach.derived {
            table.add([
                artifact.digest.short, artifact.manifest.kind.name, step ?? "yours",
                step == nil ? "" : engine.store.contains(artifact.digest) ? "yes" : "no",
            ])
        }
        Console().result("\n" + table.text)
        Console().note("`motrans gc --revoked --yes` deletes these from the store")
    }

    private func list(_ engine: Engine) throws {
        let revocations = try engine.lineage.read { try $0.revocations() }
        guard !json else {
            let values = revocations.map { revocation in
                Value.map([
                    "target": .string(Self.words(revocation.target)), "reason": .string(revocation.reason),
                    "date": JSON.time(revocation.date),
                ])
            }
            return Console().result(JSON.document([("revocations", .list(values))]))
        }
        guard !revocations.isEmpty else { return Console().result("nothing is revoked") }
        var table = Table([("revoked", .left), ("when", .left), ("why", .left)])
        for revocation in revocations {
            table.add([Self.words(revocation.target), RunsCommand.when(revocation.date), revocation.reason])
        }
        Console().result(table.text)
    }

    private static func value(_ derived: (artifact: ArtifactRecord, step: String?)) -> Value {
        .map([
            "artifact": .string(derived.artifact.digest.hex), "kind": .string(derived.artifact.manifest.kind.name),
            "step": JSON.optional(derived.step), "bytes": .int(derived.artifact.manifest.size),
        ])
    }

    static func words(_ target: Revocation.Target) -> String {
        switch target {
        case .artifact(let digest): "artifact \(digest.hex)"
        case .attempt(let attempt): "attempt \(attempt)"
        case .file(let digest): "file \(digest.hex)"
        }
    }
}
