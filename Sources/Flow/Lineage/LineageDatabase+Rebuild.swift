import Artifacts
public import Foundation
import GRDB

/// What a rebuilt database has.
public struct RebuiltDatabase: Hashable, Sendable {
    /// Records that were read.
    public let records: Int
    /// Runs among them.
    public let runs: Int
    /// Attempts among them.
    public let attempts: Int
    /// Lines that could not be read, as `run.jsonl:12`.
    public let unreadable: [String]
    /// Records that are not what their links say, or that are missing before others.
    public let doubts: [String]
    /// Where the database that was there before lies now; nil when there was none.
    public let old: URL?
}

extension LineageDatabase {
    /// Makes the database of a cache again of the records that are written down beside it, and these anew with it.
    ///
    /// The same records in the same order make the same chain. What is lost: checkpoints of unfinished work, small
    /// pictures of videos that are gone, what files were hashed to, and leases. The old files are kept under
    /// other names.
    ///
    /// - Throws: `LineageError.noRecords` when nothing is written down, `.inUse` while a run goes on.
    public static func rebuild(in cache: URL, at date: Date = Date()) throws -> RebuiltDatabase {
        let files = FileManager.default
        let target = cache.appending(path: "lineage.sqlite")
        if let old = try? LineageDatabase(in: cache, readOnly: true),
            let runs = try? old.read({ try $0.runs(limit: 1000) }),
            let run = runs.first(where: { $0.outcome == .running && $0.run.process.liveness != .dead })
        {
            throw LineageError.inUse(run: run.id)
        }
        let (written, unreadable) = RecordFiles.readAll(in: cache)
        let lines = RecordFiles.committed(written)
        guard !lines.isEmpty else { throw LineageError.noRecords(path: RecordFiles(in: cache).folder) }
        // Made elsewhere first: an interrupted rebuild leaves all as it was.
        let workplace = cache.appending(path: "tmp/rebuild-\(UUID().uuidString)")
        try files.createDirectory(at: workplace, withIntermediateDirectories: true)
        defer { try? files.removeItem(at: workplace) }
        let fresh = try LineageDatabase(in: workplace)
        let (runs, attempts) = try fresh.write("rebuild the database") { database in
            // Attempts name runs, which are written down after them.
            try database.execute(sql: "PRAGMA defer_foreign_keys = ON")
            for line in lines {
                try database.insert(line.kind, line.subject, line.record)
                try fresh.seal(line.kind, line.subject, in: database)
            }
            for run in try database.insertOpenRuns() { try fresh.seal(.run, run, in: database) }
            return (
                try Int.fetchOne(database, sql: "SELECT count(*) FROM runs") ?? 0,
                try Int.fetchOne(database, sql: "SELECT count(*) FROM attempts") ?? 0
            )
        }
        try fresh.queue.close()
        let suffix = "before-rebuild-\(RunID(at: date))"
        var old: URL?
        if files.fileExists(atPath: target.path(percentEncoded: false)) {
            let kept = cache.appending(path: "lineage.sqlite.\(suffix)")
            try files.moveItem(at: target, to: kept)
            // What is only in the log belongs to the file.
            try? files.moveItem(
                at: cache.appending(path: "lineage.sqlite-wal"),
                to: cache.appending(path: "lineage.sqlite.\(suffix)-wal"))
            old = kept
        }
        for file in ["lineage.sqlite-wal", "lineage.sqlite-shm"] {
            try? files.removeItem(at: cache.appending(path: file))
        }
        try files.moveItem(at: workplace.appending(path: "lineage.sqlite"), to: target)
        try files.moveItem(at: cache.appending(path: "records"), to: cache.appending(path: "records.\(suffix)"))
        try files.moveItem(at: workplace.appending(path: "records"), to: cache.appending(path: "records"))
        return RebuiltDatabase(
            records: lines.count, runs: runs, attempts: attempts, unreadable: unreadable,
            doubts: try RecordFiles.doubts(lines), old: old)
    }
}

extension Database {
    /// Inserts a record as `LineageReader.record` gives it; nothing stands for something that was taken away.
    fileprivate func insert(_ kind: RecordKind, _ subject: String, _ record: Value) throws {
        guard case .map(let fields) = record else {
            let table = [RecordKind.pin: "pins", .revocation: "revocations"][kind]
            let parts = subject.split(separator: " ", maxSplits: 1).map(String.init)
            if let table, parts.count == 2 {
                try run("DELETE FROM \(table) WHERE kind = ? AND target = ?", [parts[0], parts[1]])
            }
            return
        }
        switch kind {
        case .artifact:
            guard let value = fields["manifest"] else { return }
            let text = try value.databaseText(of: "a manifest")
            try insert(
                Manifest(canonicalText: text), Digest(of: text),
                at: Date(milliseconds: fields["recorded"]?.int ?? 0))
        case .source:
            var fields = fields
            fields["last_seen"] = fields["first_seen"]
            try insert(fields, into: "sources")
        case .run:
            try insert(fields.filter { $0.key != "steps" }, into: "runs")
            for case .map(var step) in fields["steps"]?.list ?? [] {
                step["run"] = fields["id"]
                try insert(step, into: "run_steps")
            }
        case .attempt:
            let parts = ["inputs": "attempt_inputs", "models": "attempt_models", "went_on": "attempt_checkpoints"]
            try insert(fields.filter { $0.key != "outputs" && parts[$0.key] == nil }, into: "attempts")
            for (name, table) in parts {
                for case .map(var row) in fields[name]?.list ?? [] {
                    row["attempt"] = fields["id"]
                    try insert(row, into: table)
                }
            }
            for case .map(var output) in fields["outputs"]?.list ?? [] {
                output["attempt"] = fields["id"]
                if let manifest = output.removeValue(forKey: "manifest") {
                    try insert(.artifact, "", .map(["manifest": manifest, "recorded": fields["ended"] ?? .int(0)]))
                }
                try insert(output, into: "attempt_outputs")
            }
        case .revocation: try insert(fields, into: "revocations")
        case .eviction: try insert(fields, into: "evictions")
        case .pin: try insert(fields, into: "pins")
        case .delivery: try insert(fields, into: "deliveries")
        case .fingerprint: try insert(fields, into: "fingerprints")
        }
    }

    private func insert(_ fields: [String: Value], into table: String) throws {
        let columns = fields.keys.sorted()
        // Names of columns go into the statement: only those that such a table has.
        let known = Set(try self.columns(in: table).map(\.name))
        guard known.isSuperset(of: columns) else {
            throw LineageError.record(what: "a row of \(table)", reason: "it has unknown columns")
        }
        let values = columns.map { column -> (any DatabaseValueConvertible)? in
            switch fields[column] {
            case .bool(let flag): flag
            case .int(let number): number
            case .double(let number): number
            case .string(let text): text
            case .null, .list, .map, nil: nil
            }
        }
        try execute(
            sql: """
                INSERT OR REPLACE INTO \(table) (\(columns.joined(separator: ", ")))
                VALUES (\(columns.map { _ in "?" }.joined(separator: ", ")))
                """, arguments: StatementArguments(values))
    }

    /// Runs of which only attempts were written down, because the process died: they never ended.
    ///
    /// - Returns: Their names.
    fileprivate func insertOpenRuns() throws -> [String] {
        let open = try rows(
            """
            SELECT run, min(started) AS started FROM attempts WHERE run NOT IN (SELECT id FROM runs) GROUP BY run
            ORDER BY run
            """)
        return try open.map { row in
            let id: String = row["run"]
            let started: Int = row["started"]
            try insert(
                [
                    "id": .string(id), "pipeline": .string(""), "file": .string(""), "text": .string(""),
                    "command_line": .string("[]"), "tool_version": .string(""), "host": .string(""),
                    "boot": .string(""), "space": .string(""), "pid": .int(0), "process_started": .int(0),
                    "started": .int(started), "ended": .int(started), "outcome": .string("abandoned"),
                ], into: "runs")
            return id
        }
    }
}
