import ArgumentParser
import Artifacts
import Execution
import Foundation
import Lineage

struct GCCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gc", abstract: "Make room in the store: what goes, and why the rest stays.",
        discussion: """
            Without a limit only what interrupted work left behind goes. What an artifact was stays in lineage, and a run
            makes it again when it is wanted.

            \(ExitStatus.help)
            """)

    @Flag(name: [.customShort("n"), .long], help: "Only say what would go.") var dryRun = false
    @Option(help: "What was not used for this long: `30d`, `12h`.") var olderThan: String?
    @Option(help: "The oldest, until the store is at most this large: `500MB`, `20GB`.") var maxSize: String?
    @Option(help: "All that none of this many latest runs of each pipeline used.") var keepRuns: Int?
    @Flag(help: "One JSON document.") var json = false
    @OptionGroup var cache: CacheOptions

    func validate() throws {
        guard keepRuns ?? 0 >= 0 else { throw ValidationError("--keep-runs takes a number from 0") }
        _ = try policy()
    }

    func run() throws {
        let console = Console()
        let engine = try cache.existingEngine()
        let plan = try engine.planCollection(policy())
        let freed = dryRun ? plan.freedBytes : try engine.collect(plan)
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
                    item.reason?.description ?? "no run needs it",
                ])
            }
            console.result(table.text)
            console.result(
                "\n\(dryRun ? "would free" : "freed") \(Readable.bytes(freed)) of "
                    + "\(Readable.bytes(plan.storedBytes))")
        }
    }

    private func policy() throws -> CollectionPolicy {
        CollectionPolicy(
            olderThan: try olderThan.map {
                try Self.number($0, units: ["s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604_800])
            },
            maxSize: try maxSize.map {
                Int(try Self.number($0, units: ["B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12]))
            }, keepRuns: keepRuns)
    }

    /// `12h` and the like.
    private static func number(_ text: String, units: [String: Double]) throws -> Double {
        let digits = text.prefix { $0.isNumber || $0 == "." }
        guard let number = Double(digits), number.isFinite, number >= 0,
            let unit = units[String(text.dropFirst(digits.count))]
        else {
            throw ValidationError(
                "\(text) is not a number with one of the units \(units.sorted { $0.value < $1.value }.map(\.key).joined(separator: ", "))"
            )
        }
        return number * unit
    }

    private func value(_ item: CollectionPlan.Item) -> Value {
        .map([
            "artifact": .string(item.digest.hex), "kind": .string(item.kind.name), "bytes": .int(item.size),
            "step": .string(item.step), "reason": JSON.optional(item.reason?.description),
        ])
    }
}
