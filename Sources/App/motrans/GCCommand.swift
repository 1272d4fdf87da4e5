import ArgumentParser
import Artifacts
import Execution
import Foundation
import Lineage
import Pipelines

struct GCCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gc", abstract: "Make room in the store: what goes, and why the rest stays.",
        discussion: """
            Says what would go, and why the rest stays; with --yes it goes. Without a limit only what interrupted work left
            behind does. What an artifact was stays in lineage, and a run makes it again when it is wanted.

            \(ExitStatus.help)
            """)

    @Flag(help: "Delete what goes; without it, only say so.") var yes = false
    @Flag(name: [.customShort("n"), .long], help: "Only say what would go (the default).") var dryRun = false
    @Option(help: "What was not used for this long: `30d`, `12h`.") var olderThan: String?
    @Option(help: "The oldest, until the store is at most this large: `500MB`, `20GB`.") var maxSize: String?
    @Option(
        help: "All that none of this many latest runs of each pipeline used; runs of only some steps do not count.")
    var keepRuns: Int?
    @Flag(help: "All that comes from something revoked, pinned or not, and nothing else.") var revoked = false
    @Flag(help: "One JSON document.") var json = false
    @OptionGroup var cache: CacheOptions

    func validate() throws {
        guard !(yes && dryRun) else { throw ValidationError("--yes and --dry-run contradict each other") }
        guard !revoked || (olderThan == nil && maxSize == nil && keepRuns == nil) else {
            throw ValidationError("--revoked goes alone")
        }
        guard keepRuns ?? 0 >= 0 else { throw ValidationError("--keep-runs takes a number from 0") }
        _ = try policy()
    }

    func run() throws {
        let console = Console()
        let engine = try cache.existingEngine()
        let plan = try engine.planCollection(policy())
        let dryRun = !yes
        // Of what was revoked no picture is kept either.
        let remember: ((URL) -> (facts: [String: Value], picture: Data?)?)? = revoked ? nil : { VideoRemains.of($0) }
        let freed = dryRun ? plan.freedBytes : try engine.collect(plan, remember: remember)
        if json {
            console.result(
                JSON.document([
                    ("dry_run", .bool(dryRun)), ("freed_bytes", .int(freed)),
                    ("stored_bytes", .int(plan.storedBytes)), ("evicted", .list(plan.evicted.map(value))),
                    ("kept", .list(plan.kept.map(value))),
                ]))
        } else {
            var table = Table([
                ("artifact", .left), ("kind", .left), ("size", .right), ("from", .left), ("", .left), ("why", .left),
            ])
            for item in plan.evicted + plan.kept {
                table.add([
                    item.digest.short, item.kind.name, Readable.bytes(item.size), item.step,
                    item.reason == nil ? (dryRun ? "goes" : "gone") : "stays",
                    item.reason?.description ?? item.revocation.map { "revoked: \($0.reason)" } ?? "no run needs it",
                ])
            }
            console.result(table.text)
            console.result(
                "\n\(dryRun ? "would free" : "freed") \(Readable.bytes(freed)) of "
                    + "\(Readable.bytes(plan.storedBytes))")
            if dryRun, freed > 0 { console.note("nothing was deleted: `--yes` does it") }
        }
    }

    private func policy() throws -> CollectionPolicy {
        CollectionPolicy(
            olderThan: try olderThan.map { text in
                guard let seconds = Amount.seconds(text) else {
                    throw ValidationError("--older-than takes a time such as 12h or 30d, not \(text)")
                }
                return seconds
            },
            maxSize: try maxSize.map { text in
                guard let bytes = Amount.bytes(text) else {
                    throw ValidationError("--max-size takes a size such as 500MB or 20GB, not \(text)")
                }
                return bytes
            }, keepRuns: keepRuns, revoked: revoked)
    }

    private func value(_ item: CollectionPlan.Item) -> Value {
        .map([
            "artifact": .string(item.digest.hex), "kind": .string(item.kind.name), "bytes": .int(item.size),
            "step": .string(item.step), "reason": JSON.optional(item.reason?.description),
        ])
    }
}
