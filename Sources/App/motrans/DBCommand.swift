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
                Runs, attempts, artifacts, sources, pins, revocations, evictions and what was handed out come back. Checkpoints
                of unfinished trainings and small pictures of videos that are gone do not. What is there is kept under other
                names. Records that were edited come back as they are now, and are told.

                \(ExitStatus.help)
                """)

        @Flag(help: "One JSON document.") var json = false
        @OptionGroup var cache: CacheOptions

        func run() throws {
            let console = Console()
            let rebuilt = try LineageDatabase.rebuild(in: cache.folder)
            defer { if let old = rebuilt.old { console.note("the database of before: \(old.lastPathComponent)") } }
            if json {
                console.result(
                    JSON.document([
                        ("records", .int(rebuilt.records)), ("runs", .int(rebuilt.runs)),
                        ("attempts", .int(rebuilt.attempts)),
                        ("unreadable", .list(rebuilt.unreadable.map(Value.string))),
                        ("doubts", .list(rebuilt.doubts.map(Value.string))),
                        ("old", JSON.optional(rebuilt.old?.relativePath)),
                    ]))
            } else {
                show(rebuilt, console)
            }
            guard rebuilt.doubts.isEmpty else { throw ExitCode(ExitStatus.integrity.rawValue) }
        }

        private func show(_ rebuilt: RebuiltDatabase, _ console: Console) {
            console.result(
                "rebuilt of \(rebuilt.records) records: \(rebuilt.runs) runs, \(rebuilt.attempts) attempts")
            for line in rebuilt.unreadable { console.note("records/\(line) cannot be read, and was left out") }
            for doubt in rebuilt.doubts { console.result("doubtful: \(doubt)") }
        }
    }
}
