import ArgumentParser
import Artifacts
import Foundation
import Lineage

struct DBCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "db", abstract: "The lineage database itself.", subcommands: [Rebuild.self])

    struct Rebuild: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a lost or damaged lineage database again, of the records beside it.",
            discussion: """
                Runs, attempts, artifacts, sources, pins, revocations and evictions come back. Checkpoints of unfinished
                trainings do not. The database that is there is kept under another name. No run may use the cache meanwhile.

                \(ExitStatus.help)
                """)

        @Flag(help: "One JSON document.") var json = false
        @OptionGroup var cache: CacheOptions

        func run() throws {
            let console = Console()
            let rebuilt = try LineageDatabase.rebuild(in: cache.folder)
            if json {
                return console.result(
                    JSON.document([
                        ("records", .int(rebuilt.records)), ("runs", .int(rebuilt.runs)),
                        ("attempts", .int(rebuilt.attempts)),
                        ("unreadable", .list(rebuilt.unreadable.map(Value.string))),
                        ("old", JSON.optional(rebuilt.old?.relativePath)),
                    ]))
            }
            console.result(
                "rebuilt of \(rebuilt.records) records: \(rebuilt.runs) runs, \(rebuilt.attempts) attempts")
            for line in rebuilt.unreadable { console.note("records/\(line) cannot be read, and was left out") }
            if let old = rebuilt.old { console.note("the database of before: \(old.lastPathComponent)") }
        }
    }
}
