import Artifacts
import Foundation
import GRDB
@testable import Lineage
import Testing

@Suite struct OpeningTests {
    /// The schema as it is, and one more version.
    private var next: Schema {
        Schema(
            migrations: Schema.current.migrations + [
                { try $0.execute(sql: "ALTER TABLE runs ADD COLUMN note TEXT NOT NULL DEFAULT 'old'") }
            ])
    }

    private func version(_ url: URL) throws -> Int? {
        try DatabaseQueue(path: url.appending(path: "lineage.sqlite").path(percentEncoded: false)).read {
            try Int.fetchOne($0, sql: "PRAGMA user_version")
        }
    }

    /// Databases as earlier versions wrote them; a version that is raised leaves its last state here.
    private static let goldens = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Goldens/lineage")

    @Test("a database of every earlier version is brought to the present one, with all that is in it", arguments: 1...4)
    func earlier(number: Int) throws {
        let cache = try TemporaryCache()
        let path = cache.url.appending(path: "lineage.sqlite").path(percentEncoded: false)
        let text = try String(contentsOf: Self.goldens.appending(path: "version-\(number).sql"), encoding: .utf8)
        try DatabaseQueue(path: path).writeWithoutTransaction { try $0.execute(sql: text) }
        #expect(try version(cache.url) == number)
        let database = try LineageDatabase(in: cache.url)
        #expect(try version(cache.url) == Schema.current.version)
        try database.read { reader throws in
            let run = try #require(try reader.runs().first)
            #expect(run.run.pipeline == "golf" && run.outcome == .succeeded)
            #expect(run.run.environment == (number >= 2 ? ["WORD": "one"] : [:]))
            let attempts = try reader.attempts(of: run.id)
            #expect(attempts.map(\.outcome) == [.succeeded, .failed])
            #expect(attempts[1].attempt.settingPlaces == (number >= 3 ? ["rank": "golf.yaml:3:4"] : [:]))
            #expect(attempts[1].attempt.inputs.map(\.artifact) == attempts[0].outputs.map(\.artifact))
            #expect(attempts[1].attempt.models.map(\.part) == ["unet"])
            #expect(try reader.result(for: attempts[0].key)?.objects.count == 2)
            #expect(try reader.result(for: attempts[1].key) == nil)
            let counts = try (reader.pins().count, reader.evictions().count, reader.sources().count)
            #expect(counts == (1, 1, 1))
            #expect(try reader.checkpoints().map(\.done) == (number >= 4 ? [40] : []))
            #expect(try String.fetchAll(reader.database, sql: "PRAGMA integrity_check") == ["ok"])
        }
        // The present version writes into it.
        let run = try database.newRun()
        try database.succeed("s", in: run, key: ["a": .int(1)], giving: manifest(.file, "x"))
    }

    @Test("a database is brought to the next version with all that is in it, and then refused by the older tool")
    func migration() throws {
        let cache = try TemporaryCache()
        let url = cache.url
        let run: RunID
        do {
            let database = try cache.database()
            run = try database.newRun()
            try database.succeed("s", in: run, key: ["a": .int(1)], giving: manifest(.file, "x"))
        }
        let database = try LineageDatabase(in: url, readOnly: false, schema: next)
        #expect(try version(url) == next.version)
        let note = try database.read { try String.fetchOne($0.database, sql: "SELECT note FROM runs") }
        #expect(note == "old")
        let key = try keyRecord(["a": .int(1)]).digest
        #expect(try database.read { try $0.result(for: key) }?.run == run)
        #expect(
            throws: LineageError.newer(
                path: url.appending(path: "lineage.sqlite").path(percentEncoded: false), version: next.version,
                known: Schema.current.version)
        ) { try LineageDatabase(in: url) }
    }

    @Test("what stands in for a database that is not there works, and leaves nothing")
    func absent() throws {
        let cache = try TemporaryCache()
        let file = cache.url.appending(path: "clip.mp4")
        try Data("clip".utf8).write(to: file)
        let database = try LineageDatabase(absentFrom: cache.url)
        #expect(try database.digests(of: [file]).map(\.digest) == [Digest(of: "clip")])
        #expect(try database.read { try $0.runs() }.isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: cache.url.path) == ["clip.mp4"])
    }

    @Test("a migration that fails leaves the version before it, whole")
    func failedMigration() throws {
        let cache = try TemporaryCache()
        let url = cache.url
        try { _ = try LineageDatabase(in: url).newRun() }()
        let broken = Schema(
            migrations: Schema.current.migrations + [
                { database in
                    try database.execute(sql: "DROP TABLE runs")
                    try database.execute(sql: "THIS IS NOT SQL")
                }
            ])
        #expect(throws: LineageError.self) { try LineageDatabase(in: url, readOnly: false, schema: broken) }
        #expect(try version(url) == Schema.current.version)
        #expect(try LineageDatabase(in: url).read { try $0.runs() }.count == 1)
    }

    @Test("what is no lineage database is refused, and not touched")
    func foreign() throws {
        let cache = try TemporaryCache()
        let file = cache.url.appending(path: "lineage.sqlite")
        let text = Data(String(repeating: "this is a text file\n", count: 100).utf8)
        try text.write(to: file)
        #expect {
            try LineageDatabase(in: cache.url)
        } throws: { error in
            guard case .corrupt? = error as? LineageError else { return false }
            return true
        }
        #expect(try Data(contentsOf: file) == text)
        try FileManager.default.removeItem(at: file)
        try DatabaseQueue(path: file.path(percentEncoded: false)).write { try $0.execute(sql: "CREATE TABLE mine (a)") }
        #expect(
            throws: LineageError.corrupt(
                path: file.path(percentEncoded: false), reason: "it is some other database")
        ) { try LineageDatabase(in: cache.url) }
    }

    @Test("a database for reading only must be there, reads, and refuses to write")
    func readOnly() throws {
        let cache = try TemporaryCache()
        let path = cache.url.appending(path: "lineage.sqlite").path(percentEncoded: false)
        #expect(throws: LineageError.absent(path: path)) { try LineageDatabase(in: cache.url, readOnly: true) }
        let writable = try cache.database()
        let run = try writable.newRun()
        let database = try LineageDatabase(in: cache.url, readOnly: true)
        #expect(try database.read { try $0.runs() }.map(\.id) == [run])
        #expect(throws: LineageError.self) { try database.newRun() }
        let file = cache.url.appending(path: "a")
        try Data("a".utf8).write(to: file)
        #expect(try database.digests(of: [file]).map(\.digest) == [Digest(of: "a")])
    }

    @Test("readers see a snapshot and never wait, while eight threads write")
    func readersAndWriters() throws {
        let cache = try TemporaryCache()
        let database = try cache.database()
        let run = try database.newRun()
        DispatchQueue.concurrentPerform(iterations: 16) { thread in
            do {
                for round in 0..<6 {
                    if thread < 8 {
                        try database.succeed(
                            "s\(thread)", in: run, key: ["t": .int(thread), "r": .int(round)],
                            giving: manifest(.file, "\(thread) \(round)"))
                    } else {
                        try database.read { reader throws in
                            let first = try reader.attempts(of: run)
                            Thread.sleep(forTimeInterval: 0.002)
                            let second = try reader.attempts(of: run)
                            #expect(first == second)
                            // An attempt that succeeded has its outputs: they came in one transaction.
                            let isWhole = second.allSatisfy { $0.outcome != .succeeded || $0.outputs.count == 1 }
                            #expect(isWhole)
                        }
                    }
                }
            } catch {
                Issue.record(error)
            }
        }
        #expect(try database.read { try $0.attempts(of: run) }.count == 48)
    }

    @Test("a thousand keys are looked up in a moment")
    func lookup() throws {
        let cache = try TemporaryCache()
        let database = try cache.database()
        let run = try database.newRun()
        var keys: [Digest] = []
        try database.write("fill", durable: false) { database in
            for index in 0..<1000 {
                let fields = try keyRecord(["i": .int(index)])
                let output = manifest(.file, "\(index)")
                let id = "a\(index)"
                try database.run(
                    """
                    INSERT INTO attempts (id, run, step, stage, stage_version, key, record, cause, outcome, started, ended)
                    VALUES (?, ?, 's', 'command', 1, ?, ?, '', 'succeeded', 0, 1)
                    """, [id, run.text, fields.digest.hex, fields.text])
                try database.run(
                    "INSERT INTO artifacts VALUES (?, 'file', 1, 'null', 0)", [output.digest().hex])
                try database.run(
                    "INSERT INTO artifact_files VALUES (?, 'a', ?, 1, 't')",
                    [output.digest().hex, Digest(of: "\(index)").hex])
                try database.run(
                    "INSERT INTO attempt_outputs VALUES (?, 'out', 0, ?, 'file')", [id, output.digest().hex])
                keys.append(fields.digest)
            }
        }
        let clock = ContinuousClock()
        var found = 0
        let time = try clock.measure {
            try database.read { reader throws in
                for key in keys { found += try reader.result(for: key)?.objects.count ?? 0 }
            }
        }
        #expect(found == 2000)
        print("1,000 keys looked up in \(time)")
        // Well under 0.1 s in release; the bound leaves room for debug builds on a busy machine.
        #expect(time < .seconds(2))
        let plan = try database.read { reader throws in
            try Row.fetchAll(
                reader.database,
                sql:
                    "EXPLAIN QUERY PLAN SELECT id FROM attempts WHERE key = 'a' AND outcome = 'succeeded' ORDER BY id DESC LIMIT 1"
            )
        }
        #expect(plan.map { $0["detail"] as String }.contains { $0.contains("USING COVERING INDEX attempts_key") })
        #expect(plan.count == 1, "no sorting")
    }
}
