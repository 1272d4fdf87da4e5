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
    /// Where the database that was there before lies now; nil when there was none.
    public let old: URL?
}

extension LineageDatabase {
    /// Makes the database of a cache again of the records that are written down beside it.
    ///
    /// What is lost: checkpoints of unfinished work, what files were hashed to, and leases. The old file is kept under
    /// another name. No process may use the cache meanwhile.
    ///
    /// - Throws: `LineageError.absent` when nothing is written down.
    public static func rebuild(in cache: URL, at date: Date = Date()) throws -> RebuiltDatabase {
        let target = cache.appending(path: "lineage.sqlite")
        let (lines, unreadable) = RecordFiles.readAll(in: cache)
        guard !lines.isEmpty else { throw LineageError.noRecords(path: RecordFiles(in: cache).folder) }
        // Made elsewhere first: an interrupted rebuild leaves all as it was.
        let workplace = cache.appending(path: "tmp/rebuild-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: workplace, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: workplace) }
        var last: [String: RecordFiles.Line] = [:]
        let ordered = lines.sorted { $0.sequence < $1.sequence }
        for line in ordered { last["\(line.kind.rawValue) \(line.subject)"] = line }
        do {
            let fresh = try LineageDatabase(in: workplace)
            try fresh.write("rebuild the database") { database in
                // Attempts name runs, which are written down after them.
                try database.execute(sql: "PRAGMA defer_foreign_keys = ON")
                for line in ordered {
                    let isLast = last["\(line.kind.rawValue) \(line.subject)"] == line
                    if isLast { try database.insert(line.kind, line.record) }
                }
                try database.insertOpenRuns(ordered)
                // The same records in the same order make the same chain.
                for line in ordered { try database.chain(line) }
            }
            try fresh.queue.close()
        }
        var old: URL?
        if FileManager.default.fileExists(atPath: target.path(percentEncoded: false)) {
            let stamp = RunID(at: date).text.prefix(15)
            let kept = cache.appending(path: "lineage.sqlite.before-rebuild-\(stamp)")
            try FileManager.default.moveItem(at: target, to: kept)
            let log = URL(filePath: target.path(percentEncoded: false) + "-wal")
            // What is only in the log belongs to the file.
            try? FileManager.default.moveItem(at: log, to: URL(filePath: kept.path(percentEncoded: false) + "-wal"))
            old = kept
        }
        for suffix in ["-wal", "-shm"] {
            try? FileManager.default.removeItem(at: cache.appending(path: "lineage.sqlite\(suffix)"))
        }
        try FileManager.default.moveItem(at: workplace.appending(path: "lineage.sqlite"), to: target)
        return RebuiltDatabase(
            records: lines.count, runs: last.values.count { $0.kind == .run },
            attempts: last.values.count { $0.kind == .attempt }, unreadable: unreadable, old: old)
    }
}

extension Database {
    /// Inserts a record as `LineageReader.record` gives it.
    fileprivate func insert(_ kind: RecordKind, _ record: Value) throws {
        guard case .map(let fields) = record else { return }
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
                    try insert(.artifact, .map(["manifest": manifest, "recorded": fields["ended"] ?? .int(0)]))
                }
                try insert(output, into: "attempt_outputs")
            }
        case .revocation: try insert(fields, into: "revocations")
        case .eviction: try insert(fields, into: "evictions")
        case .pin: try insert(fields, into: "pins")
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

    /// Runs of which only attempts were written down, because the process died or still goes on: they never ended.
    fileprivate func insertOpenRuns(_ lines: [RecordFiles.Line]) throws {
        for run in try rows("SELECT DISTINCT run FROM attempts WHERE run NOT IN (SELECT id FROM runs)") {
            let id: String = run["run"]
            let first = try row("SELECT min(started) AS started FROM attempts WHERE run = ?", [id])
            try insert(
                [
                    "id": .string(id), "pipeline": .string(""), "file": .string(""), "text": .string(""),
                    "command_line": .string("[]"), "tool_version": .string(""), "host": .string(""),
                    "boot": .string(""), "space": .string(""), "pid": .int(0), "process_started": .int(0),
                    "started": .int(first?["started"] ?? 0), "outcome": .string("abandoned"),
                ], into: "runs")
        }
    }

    /// Puts a line at the end of the chain, as it was when it was written.
    fileprivate func chain(_ line: RecordFiles.Line) throws {
        let last = try row("SELECT sequence, digest FROM chain ORDER BY sequence DESC LIMIT 1")
        let sequence = (last?["sequence"] ?? 0) + 1
        let previous = try last?.digest("digest") ?? ChainLink.start
        let digest = try ChainLink.digest(
            sequence, line.kind.rawValue, line.subject, content: line.content, previous: previous)
        try run(
            "INSERT INTO chain (sequence, kind, subject, content, previous, digest) VALUES (?, ?, ?, ?, ?, ?)",
            [sequence, line.kind.rawValue, line.subject, line.content.hex, previous.hex, digest.hex])
    }
}
