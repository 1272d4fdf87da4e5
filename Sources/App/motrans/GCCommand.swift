import ArgumentParser
import Artifacts
import Execution
import Foundation
import Lineage

struct GCCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gc", abstract: "Make room: say what could go and why the rest stays; with --apply, delete it.",
        discussion: ExitStatus.help)

    @Flag(help: "Delete what would go; without it nothing is deleted.") var apply = false
    @Flag(help: "Only say what would go (the default).") var dryRun = false
    @Option(help: "What was not used for this long: `30d`, `12h`.") var olderThan: String?
    @Option(help: "The oldest, until the store is at most this large: `500MB`, `20GB`.") var maxSize: String?
    @Option(help: "All that none of this many latest runs of each pipeline used.") var keepRuns: Int?
    @Flag(help: "One JSON document.") var json = false
    @OptionGroup var cache: CacheOptions

    func validate() throws {
        guard !(apply && dryRun) else { throw ValidationError("--apply and --dry-run exclude each other") }
        guard keepRuns ?? 0 >= 0 else { throw ValidationError("--keep-runs takes a number from 0") }
        _ = try policy()
    }

    func run() throws {
        let console = Console()
        let engine = try cache.existingEngine()
        let plan = try engine.planCollection(policy())
        if json {
            console.result(
                JSON.document([
                    ("applied", .bool(apply)), ("freed_bytes", .int(plan.freedBytes)),
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
                    item.reason == nil ? "goes" : "stays", item.reason?.description ?? "no run needs it",
                ])
            }
            console.result(table.text)
            console.result(
                "\n\(apply ? "frees" : "would free") \(Readable.bytes(plan.freedBytes)) of "
                    + "\(Readable.bytes(plan.storedBytes))")
        }
        if apply { _ = try engine.collect(plan) } else if !json { console.note("nothing was deleted: --apply does it") }
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
