import Artifacts
import Foundation
import GRDB
@testable import Lineage
import Testing

@Suite("Records are chained, and written down beside the database")
struct ChainTests {
    /// A cache with a run of two attempts, a source, a pin, a revocation and an eviction.
    private func fill(_ cache: borrowing TemporaryCache) throws {
        let database = try cache.database()
        let clip = cache.url.appending(path: "a clip.mp4")
        try Data("clip".utf8).write(to: clip)
        _ = try database.digests(of: [clip])
        let source = manifest("clips", "clip", path: "0.mp4")
        try database.record([(digest: source.digest(), manifest: source)])
        let run = try database.newRun()
        let first = manifest(.file, "one")
        try database.succeed("a", in: run, key: ["x": .int(1)], reading: [source], giving: first)
        try database.succeed(
            "b", in: run, key: ["x": .int(2)], reading: [first], giving: manifest(.file, "two"),
            models: [ModelUse(part: "unet", digest: Digest(of: "weights"), path: "/models/tiny/unet")])
        try database.record([RunStep(step: "a", stage: "command", decision: .run)], in: run)
        try database.end(run, .succeeded, at: epoch.addingTimeInterval(5))
        try database.pin(Pin(.run(run), note: "mine", date: epoch))
        try database.revoke(Revocation(.file(Digest(of: "elsewhere")), reason: "consent", date: epoch))
        try database.record([Eviction(digest: Digest(of: "one"), bytes: 3, reason: "gc", date: epoch)])
    }

    private func edit(_ cache: borrowing TemporaryCache, _ sql: String) throws {
        let path = cache.url.appending(path: "lineage.sqlite").path(percentEncoded: false)
        try DatabaseQueue(path: path).write { try $0.execute(sql: sql) }
    }

    private func findings(_ cache: borrowing TemporaryCache) throws -> [String] {
        try cache.database().checkChain().findings.map { "\($0.kind.rawValue): \($0.message)" }
    }

    @Test("what nobody touched is whole, and its head stays in the chain when it grows")
    func whole() throws {
        let cache = try TemporaryCache()
        try fill(cache)
        let check = try cache.database().checkChain()
        #expect(check.findings == [])
        #expect(check.links == 8)
        try cache.database().unpin(.run(RunID("never pinned")))
        #expect(try cache.database().checkChain().links == 8)
        try cache.database().pin(Pin(.run(RunID("another")), date: epoch))
        let grown = try cache.database().checkChain(including: check.head)
        #expect(grown.links == 9 && grown.findings == [] && grown.head != check.head)
        let foreign = try cache.database().checkChain(including: Digest(of: "another chain"))
        #expect(foreign.findings.map(\.kind) == [.dropped])
    }

    @Test(
        "a row that was edited, dropped or added is named",
        arguments: [
            ("UPDATE attempts SET cpu_seconds = 99 WHERE step = 'a'", "edited: attempt "),
            ("UPDATE attempts SET record = replace(record, '1', '3') WHERE step = 'a'", "edited: attempt "),
            ("UPDATE attempt_inputs SET position = 7", "edited: attempt "),
            ("UPDATE attempt_models SET digest = lower(hex(randomblob(32)))", "edited: attempt "),
            ("UPDATE attempt_outputs SET kind = 'video' WHERE port = 'out'", "edited: attempt "),
            ("UPDATE artifact_files SET size = 9 WHERE path = '0.bin'", "edited: attempt "),
            ("UPDATE runs SET command_line = '[]'", "edited: run "),
            ("UPDATE run_steps SET decision = 'hit'", "edited: run "),
            ("UPDATE sources SET path = '/elsewhere.mp4'", "dropped: source "),
            ("UPDATE revocations SET reason = 'none'", "edited: revocation file "),
            ("DELETE FROM revocations", "dropped: revocation file "),
            ("DELETE FROM evictions", "dropped: eviction 1"),
            ("DELETE FROM attempts WHERE step = 'b'", "dropped: attempt "),
            (
                "INSERT INTO attempts SELECT 'new', run, step, stage, stage_version, key, record, element, cause, outcome, "
                    + "error, log, started, ended, wall_seconds, cpu_seconds, peak_memory, kernels, threads, setting_places "
                    + "FROM attempts WHERE step = 'a'", "added: attempt new"
            ),
        ])
    func tampered(sql: String, expected: String) throws {
        let cache = try TemporaryCache()
        try fill(cache)
        try edit(cache, sql)
        let found = try findings(cache)
        #expect(found.contains { $0.hasPrefix(expected) }, "\(found)")
    }

    @Test("links that were changed, dropped or moved are named, and a tail that was cut off with its records too")
    func links() throws {
        for (sql, expected) in [
            ("UPDATE chain SET content = previous WHERE sequence = 3", "broken: link 3 "),
            ("DELETE FROM chain WHERE sequence = 3", "dropped: 1 link is missing before link 4 "),
            (
                """
                UPDATE chain SET sequence = -1 WHERE sequence = 2; UPDATE chain SET sequence = 2 WHERE sequence = 3;
                UPDATE chain SET sequence = 3 WHERE sequence = -1
                """, "broken: link 2 "
            ),
            (
                "DELETE FROM chain WHERE sequence = 8; DELETE FROM evictions",
                "dropped: eviction 1 is in records/marks.jsonl"
            ),
        ] {
            let cache = try TemporaryCache()
            try fill(cache)
            try edit(cache, sql)
            let found = try findings(cache)
            #expect(found.contains { $0.hasPrefix(expected) }, "\(sql): \(found)")
        }
    }

    @Test("what is written down and says something else is named")
    func written() throws {
        let cache = try TemporaryCache()
        try fill(cache)
        let file = cache.url.appending(path: "records/marks.jsonl")
        let text = try String(contentsOf: file, encoding: .utf8)
        try text.replacing("consent", with: "whim").write(to: file, atomically: true, encoding: .utf8)
        #expect(try findings(cache).contains { $0.hasPrefix("differs: revocation file ") })
        try FileManager.default.removeItem(at: file)
        #expect(try findings(cache).filter { $0.hasPrefix("differs: ") }.count == 3)
    }

    @Test("a database that is gone is made again of the records: the same rows, and the same chain")
    func rebuilt() throws {
        let cache = try TemporaryCache()
        try fill(cache)
        let tables = [
            "runs", "attempts", "artifacts", "artifact_files", "attempt_inputs", "attempt_outputs", "run_steps",
            "chain",
            "pins", "revocations", "evictions",
        ]
        func dump() throws -> [String] {
            let path = cache.url.appending(path: "lineage.sqlite").path(percentEncoded: false)
            return try DatabaseQueue(path: path).read { database in
                try tables.flatMap { table in
                    try Row.fetchAll(database, sql: "SELECT * FROM \(table)").map { "\(table) \($0)" }.sorted()
                }
            }
        }
        let before = try dump()
        let records = cache.url.appending(path: "records")
        for name in try FileManager.default.contentsOfDirectory(atPath: records.path) {
            let text = try String(contentsOf: records.appending(path: name), encoding: .utf8)
            // The one text that a value has, so that others can compare lines too.
            for line in text.split(separator: "\n").map(String.init) {
                #expect(try Value(canonicalText: line).canonicalText() == line)
            }
        }
        for suffix in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(at: cache.url.appending(path: "lineage.sqlite\(suffix)"))
        }
        let path = cache.url.appending(path: "lineage.sqlite").path(percentEncoded: false)
        // Never silently empty.
        #expect(throws: LineageError.lost(path: path)) { try cache.database() }
        try Data().write(to: cache.url.appending(path: "lineage.sqlite"))
        #expect(throws: LineageError.lost(path: path)) { try cache.database() }
        try FileManager.default.removeItem(at: cache.url.appending(path: "lineage.sqlite"))
        let rebuilt = try LineageDatabase.rebuild(in: cache.url)
        #expect(rebuilt.records == 8 && rebuilt.runs == 1 && rebuilt.attempts == 2)
        #expect(rebuilt.unreadable == [] && rebuilt.old == nil)
        #expect(try dump() == before)
        #expect(try findings(cache) == [])
    }

    @Test("a line of a transaction that failed counts neither in the check nor in a rebuild")
    func leftover() throws {
        let cache = try TemporaryCache()
        try fill(cache)
        // As a process leaves it that dies between the line and the commit.
        let head = try #require(try cache.database().read { try $0.chainHead() })
        let pin = Pin(.artifact(Digest(of: "never")), date: epoch)
        let record = Value.map([
            "kind": .string("artifact"), "target": .string(Digest(of: "never").hex), "note": .string(""),
            "date": .int(epoch.milliseconds),
        ])
        let content = Digest(of: try record.canonicalText())
        let link = try ChainLink.digest(
            head.sequence + 1, "pin", pin.target.subject, content: content, previous: head.digest)
        let line = try Value.map([
            "chain": .string(link.hex), "content": record, "kind": .string("pin"), "previous": .string(head.digest.hex),
            "sequence": .int(head.sequence + 1), "subject": .string(pin.target.subject),
        ]).canonicalText()
        let file = cache.url.appending(path: "records/marks.jsonl")
        try (String(contentsOf: file, encoding: .utf8) + line + "\n").write(to: file, atomically: true, encoding: .utf8)
        // Nobody can tell yet whether the end was cut off.
        #expect(try findings(cache).count == 1)
        try cache.database().pin(Pin(.artifact(Digest(of: "really")), date: epoch))
        try cache.database().pin(Pin(.artifact(Digest(of: "later")), date: epoch))
        // Wherever it stands: what the next was built on counts.
        try (String(contentsOf: file, encoding: .utf8) + line + "\n").write(to: file, atomically: true, encoding: .utf8)
        let check = try cache.database().checkChain()
        #expect(check.findings == [])
        #expect(check.notes.count == 2 && check.notes[0].hasSuffix("and did not stay"))
        let rebuilt = try LineageDatabase.rebuild(in: cache.url)
        #expect(rebuilt.doubts == [] && rebuilt.records == 10)
        #expect(try cache.database().read { try $0.pins() }.count == 3)
        #expect(try cache.database().checkChain(including: check.head).findings == [])
    }

    @Test("a rebuild of records that were edited, or of which some are gone, says so")
    func doubts() throws {
        let cache = try TemporaryCache()
        try fill(cache)
        let file = cache.url.appending(path: "records/marks.jsonl")
        let text = try String(contentsOf: file, encoding: .utf8)
        try text.replacing("consent", with: "whim").write(to: file, atomically: true, encoding: .utf8)
        let rebuilt = try LineageDatabase.rebuild(in: cache.url)
        #expect(rebuilt.doubts.count == 1 && rebuilt.doubts[0].contains("was changed after it was written down"))
        try FileManager.default.removeItem(at: cache.url.appending(path: "records/sources.jsonl"))
        let gap = try LineageDatabase.rebuild(in: cache.url)
        #expect(gap.doubts.contains { $0.hasPrefix("2 records are missing before attempt ") }, "\(gap.doubts)")
        #expect(try findings(cache) == [])
    }

    @Test("a rebuild is refused while a run goes on")
    func inUse() throws {
        let cache = try TemporaryCache()
        try fill(cache)
        let run = try cache.database().newRun()
        #expect(throws: LineageError.inUse(run: run)) { try LineageDatabase.rebuild(in: cache.url) }
        try cache.database().end(run, .cancelled)
        #expect(try LineageDatabase.rebuild(in: cache.url).runs == 2)
    }

    @Test("what comes from something revoked is known by who read it, by copies, and whoever else made the same")
    func taint() throws {
        let cache = try TemporaryCache()
        let database = try cache.database()
        let (clip, other) = (manifest("clips", "clip"), manifest("clips", "other"))
        let weights = manifest(.file, String(repeating: "weights ", count: 200))
        try database.record([(digest: clip.digest(), manifest: clip), (digest: other.digest(), manifest: other)])
        let run = try database.newRun()
        try database.succeed("a", in: run, key: ["x": .int(1)], reading: [clip], giving: weights)
        try database.succeed("b", in: run, key: ["x": .int(2)], reading: [weights], giving: manifest(.file, "video"))
        try database.succeed("c", in: run, key: ["x": .int(3)], reading: [other], giving: manifest(.file, "free"))
        // The same weights of another clip, and the file handed in by a user.
        try database.succeed("d", in: run, key: ["x": .int(4)], reading: [other], giving: weights)
        let copy = manifest("lora", String(repeating: "weights ", count: 200), path: "0.safetensors")
        try database.record([(digest: copy.digest(), manifest: copy)])
        try database.succeed("e", in: run, key: ["x": .int(5)], reading: [copy], giving: manifest(.file, "late"))
        #expect(try database.read { try $0.taint() }.isEmpty)
        try database.revoke(Revocation(.file(Digest(of: "clip")), reason: "consent"))
        let taint = try database.read { try $0.taint() }
        let expected = [clip, weights, manifest(.file, "video"), copy, manifest(.file, "late")]
        #expect(try Set(taint.artifacts.keys) == Set(expected.map { try $0.digest() }))
        for (number, isKnown) in [(1, false), (2, false), (3, true), (4, false), (5, false)] {
            let key = try keyRecord(["x": .int(number)]).digest
            #expect(try database.read { try $0.result(for: key, without: taint) != nil } == isKnown, "\(number)")
        }
    }

    @Test("a line that was cut off is left out and named, and swallows nothing that comes after it")
    func torn() throws {
        let cache = try TemporaryCache()
        try fill(cache)
        let file = cache.url.appending(path: "records/marks.jsonl")
        let data = try Data(contentsOf: file)
        try data.dropLast(40).write(to: file)
        try cache.database().pin(Pin(.artifact(Digest(of: "kept")), date: epoch))
        try Data("not a database".utf8).write(to: cache.url.appending(path: "lineage.sqlite"))
        #expect(throws: LineageError.self) { try cache.database() }
        let rebuilt = try LineageDatabase.rebuild(in: cache.url)
        #expect(rebuilt.unreadable == ["marks.jsonl:3"])
        #expect(rebuilt.records == 8)
        let old = try #require(rebuilt.old)
        #expect(try String(contentsOf: old, encoding: .utf8) == "not a database")
        #expect(try cache.database().read { try $0.pins() }.count == 2)
    }

    @Test("a cache without records has nothing to make a database of")
    func nothing() throws {
        let cache = try TemporaryCache()
        #expect(throws: LineageError.self) { try LineageDatabase.rebuild(in: cache.url) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: cache.url.path).filter { $0 != "tmp" }.isEmpty)
    }

    @Test("a database of before the chain is chained and written down when it is brought up to date")
    func older() throws {
        let cache = try TemporaryCache()
        do {
            let old = Schema(migrations: Array(Schema.current.migrations.prefix(Schema.chained - 1)))
            let database = try LineageDatabase(in: cache.url, readOnly: false, schema: old)
            try database.queue.write { database in
                try database.execute(
                    sql: """
                        INSERT INTO runs VALUES ('r', 'golf', 'g.yaml', '', '[]', '0.1', 'h', 'b', 's', 1, 2, 3, 4, 'failed', '{}');
                        INSERT INTO attempts (id, run, step, stage, stage_version, key, record, cause, outcome, started)
                            VALUES ('t', 'r', 's', 'command', 1, 'k', '', 'new', 'failed', 3);
                        """)
            }
        }
        let check = try cache.database().checkChain()
        #expect(check.links == 2 && check.findings == [])
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: cache.url.appending(path: "records").path) == [
                "r.jsonl"
            ])
    }
}
