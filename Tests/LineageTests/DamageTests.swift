import Artifacts
import Foundation
import GRDB
@testable import Lineage
import Testing

@Suite("A damaged database") struct DamageTests {
    /// A database with some of everything, all of it in one file.
    private func begin(in cache: borrowing TemporaryCache) throws -> Data {
        do {
            let database = try cache.database()
            var last = manifest(.file, "first")
            for index in 0..<12 {
                let run = try database.newRun("p\(index % 3)")
                let next = manifest(.file, "output \(index)")
                try database.succeed(
                    "s\(index)", in: run, key: ["i": .int(index), "text": .string(String(repeating: "x", count: 300))],
                    reading: [last], giving: next)
                try database.end(run, .succeeded)
                last = next
            }
            try database.record([Eviction(digest: Digest(of: "gone"), bytes: 3, reason: "gc", date: epoch)])
            var watch = LeaseWatch()
            _ = try database.acquire(Digest(of: "held"), watch: &watch)
            let file = cache.url.appending(path: "a")
            try Data("a".utf8).write(to: file)
            _ = try database.digests(of: [file])
            _ = try database.queue.writeWithoutTransaction { try $0.checkpoint(.truncate) }
        }
        return try Data(contentsOf: cache.url.appending(path: "lineage.sqlite"))
    }

    /// All that the tool asks, and some writing.
    private func use(_ database: LineageDatabase, _ file: URL) throws {
        try database.read { reader throws in
            for run in try reader.runs() {
                _ = try reader.steps(of: run.id)
                for attempt in try reader.attempts(of: run.id) {
                    _ = try reader.result(for: attempt.key)
                    _ = try reader.log(of: attempt.id)
                }
            }
            for artifact in try reader.artifacts() { _ = try reader.producers(of: artifact.digest) }
            _ = (try reader.pins(), try reader.revocations(), try reader.evictions(), try reader.sources())
            _ = try reader.checkpoints()
        }
        _ = try (database.leases(), database.digests(of: [file]))
        _ = try database.abandonDead()
        let run = try database.newRun()
        try database.succeed("more", in: run, key: ["more": .int(1)], giving: manifest(.file, "more"))
        try database.end(run, .succeeded)
    }

    /// `MOTRANS_SEEDS=5000 swift test --filter DamageTests` for more of them.
    @Test("bytes that were changed give an error or nothing: no crash, no hang")
    func changedBytes() throws {
        let seeds = ProcessInfo.processInfo.environment["MOTRANS_SEEDS"].flatMap { UInt64($0) } ?? 200
        let cache = try TemporaryCache()
        let whole = try begin(in: cache)
        let file = cache.url.appending(path: "a")
        var refused = 0
        for seed in 1...seeds {
            var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
            func next(below bound: Int) -> Int {
                state ^= state << 13
                state ^= state >> 7
                state ^= state << 17
                return Int(state % UInt64(bound))
            }
            var bytes = whole
            // Single bits, single bytes, or a stretch of nothing, as disks lose them.
            switch seed % 3 {
            case 0: for _ in 0..<(1 + next(below: 40)) { bytes[next(below: bytes.count)] ^= 1 << next(below: 8) }
            case 1: for _ in 0..<(1 + next(below: 40)) { bytes[next(below: bytes.count)] = UInt8(next(below: 256)) }
            default:
                let begin = next(below: bytes.count / 512) * 512
                for index in begin..<min(bytes.count, begin + 512 * (1 + next(below: 8))) { bytes[index] = 0 }
            }
            let folder = cache.url.appending(path: "\(seed)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
            defer { try? FileManager.default.removeItem(at: folder) }
            try bytes.write(to: folder.appending(path: "lineage.sqlite"))
            do {
                try use(LineageDatabase(in: folder), file)
            } catch is LineageError {
                refused += 1
            } catch {
                Issue.record(error, "seed \(seed)")
            }
        }
        #expect(refused > seeds / 10, "\(refused) of \(seeds) were noticed")
    }

    @Test("a value of another kind in any column of any table is an error, or nobody's business")
    func otherKinds() throws {
        let cache = try TemporaryCache()
        let whole = try begin(in: cache)
        let path = cache.url.appending(path: "lineage.sqlite").path
        let columns = try DatabaseQueue(path: path).read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT t.name AS t, c.name AS c FROM sqlite_master AS t, pragma_table_info(t.name) AS c
                    WHERE t.type = 'table'
                    """
            ).map { (table: $0["t"] as String, column: $0["c"] as String) }
        }
        #expect(columns.count > 80)
        let folder = cache.url.appending(path: "copy")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        let file = folder.appending(path: "lineage.sqlite")
        for (table, column) in columns {
            for beside in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: file.path + beside) }
            try whole.write(to: file)
            var configuration = Configuration()
            configuration.foreignKeysEnabled = false
            try DatabaseQueue(path: file.path, configuration: configuration).writeWithoutTransaction { database in
                // A rowid takes nothing else; where a key must differ from row to row, one row.
                try? database.execute(sql: "UPDATE OR IGNORE \(table) SET \(column) = x'FFFE00'")
            }
            do {
                try use(LineageDatabase(in: folder), cache.url.appending(path: "a"))
            } catch is LineageError {
            } catch {
                Issue.record(error, "\(table).\(column)")
            }
        }
    }

    @Test("a database that is cut short is refused, to no bytes at all too", arguments: [0, 100, 4096, 30_000])
    func cutShort(length: Int) throws {
        let cache = try TemporaryCache()
        let whole = try begin(in: cache)
        let file = cache.url.appending(path: "lineage.sqlite")
        for beside in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: file.path + beside) }
        try whole.prefix(length).write(to: file)
        do {
            try use(LineageDatabase(in: cache.url), cache.url.appending(path: "a"))
            Issue.record("a part of a database was taken for a whole one")
        } catch let error as LineageError {
            switch error {
            case .corrupt: #expect(length > 0)
            case .lost: #expect(length == 0)
            default: Issue.record(error)
            }
        }
    }

    @Test("the log beside it gone, empty or nonsense: what was in the file is there, and nothing else")
    func logs() throws {
        let cache = try TemporaryCache()
        let whole = try begin(in: cache)
        let noise = Data((0..<20_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) })
        let cases: [[String: Data]] = [
            [:], ["-wal": noise], ["-wal": Data(), "-shm": noise], ["-shm": Data()], ["-wal": noise, "-shm": noise],
        ]
        for (index, files) in cases.enumerated() {
            let folder = cache.url.appending(path: "case\(index)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
            try whole.write(to: folder.appending(path: "lineage.sqlite"))
            for (name, data) in files { try data.write(to: folder.appending(path: "lineage.sqlite\(name)")) }
            let runs = try LineageDatabase(in: folder).read { try $0.runs() }
            #expect(runs.count == 12, "case \(index)")
        }
    }
}
