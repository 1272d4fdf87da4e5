public import Artifacts
public import Foundation
import GRDB

/// A checkpoint of unfinished work, as lineage knows it.
public struct CheckpointRecord: Hashable, Sendable {
    /// What it belongs to: the digest of all that decides the work before it.
    public let prefix: Digest
    /// How many units it holds.
    public let done: Int
    /// Its files.
    public let artifact: Digest
    /// The attempt that wrote it.
    public let attempt: AttemptID
    /// When.
    public let recorded: Date
}

extension LineageDatabase {
    /// How many checkpoints of the same work are kept: the last one written, and one for the case that it is damaged.
    static let keptCheckpoints = 2

    /// Records a checkpoint whose objects are in the store, and that its attempt still holds its lease.
    ///
    /// - Returns: Objects of older checkpoints of the same work that nothing else needs: they may be deleted.
    /// - Throws: `LineageError.leaseLost`, with nothing recorded.
    public func record(
        checkpoint artifact: Digest, _ manifest: Manifest, of prefix: Digest, done: Int, by attempt: AttemptID,
        lease: Lease, at date: Date = Date()
    ) throws -> [Digest] {
        try write("record a checkpoint") { database in
            guard try database.holds(lease) else { throw LineageError.leaseLost(key: lease.key) }
            try database.insert(manifest, artifact, at: date)
            var free: [Digest] = []
            let same = try database.rows(
                "SELECT * FROM checkpoints WHERE prefix = ? AND done = ? AND artifact != ?",
                [prefix.hex, done, artifact.hex])
            for row in same { free += try database.drop(row.checkpoint(), for: attempt) }
            try database.run(
                """
                INSERT OR REPLACE INTO checkpoints (prefix, done, artifact, attempt, recorded) VALUES (?, ?, ?, ?, ?)
                """,
                [prefix.hex, done, artifact.hex, attempt.text, date.milliseconds])
            let old = try database.rows(
                "SELECT * FROM checkpoints WHERE prefix = ? ORDER BY recorded DESC, done = ? DESC, done DESC LIMIT -1 OFFSET ?",
                [prefix.hex, done, Self.keptCheckpoints])
            for row in old { free += try database.drop(row.checkpoint(), for: attempt) }
            return free
        }
    }

    /// Forgets a checkpoint, as one that cannot be restored.
    ///
    /// - Returns: Its objects that nothing else needs, and nobody is about to publish.
    public func drop(_ checkpoint: CheckpointRecord) throws -> [Digest] {
        try write("forget a checkpoint") { try $0.drop(checkpoint) }
    }

    /// Writes down where an attempt went on.
    public func record(_ attempt: AttemptID, wentOnFrom checkpoint: CheckpointRecord, part: String) throws {
        try write("record where an attempt went on", durable: false) { database in
            try database.run(
                """
                INSERT OR REPLACE INTO attempt_checkpoints (attempt, part, done, artifact, writer)
                VALUES (?, ?, ?, ?, ?)
                """,
                [attempt.text, part, checkpoint.done, checkpoint.artifact.hex, checkpoint.attempt.text])
        }
    }
}

extension LineageReader {
    /// The checkpoints of some work, the furthest first.
    public func checkpoints(of prefix: Digest) throws -> [CheckpointRecord] {
        try database.rows("SELECT * FROM checkpoints WHERE prefix = ? ORDER BY done DESC", [prefix.hex])
            .map { try $0.checkpoint() }
    }

    /// All checkpoints.
    public func checkpoints() throws -> [CheckpointRecord] {
        try database.rows("SELECT * FROM checkpoints ORDER BY prefix, done").map { try $0.checkpoint() }
    }

    /// Where an attempt went on: for each part of its work how many units came from which attempt.
    public func continuations(
        of attempt: AttemptID
    ) throws -> [(part: String, done: Int, from: AttemptID, artifact: Digest)] {
        try database.rows("SELECT * FROM attempt_checkpoints WHERE attempt = ? ORDER BY part", [attempt.text])
            .map { ($0["part"], $0["done"], AttemptID($0["writer"]), try $0.digest("artifact")) }
    }
}

extension Database {
    /// - Parameter attempt: whose own announcements do not count: they are of its earlier checkpoints.
    fileprivate func drop(_ checkpoint: CheckpointRecord, for attempt: AttemptID? = nil) throws -> [Digest] {
        let artifact = checkpoint.artifact.hex
        try run(
            "DELETE FROM checkpoints WHERE prefix = ? AND done = ? AND artifact = ?",
            [checkpoint.prefix.hex, checkpoint.done, artifact])
        // Another attempt may have written its own in its place.
        guard changesCount > 0 else { return [] }
        let isNeeded = try row(
            """
            SELECT 1 WHERE EXISTS (SELECT 1 FROM checkpoints WHERE artifact = :artifact)
                OR EXISTS (SELECT 1 FROM attempt_outputs WHERE artifact = :artifact)
            """, ["artifact": artifact])
        guard isNeeded == nil else { return [] }
        let own = try rows("SELECT DISTINCT digest FROM artifact_files WHERE artifact = ?", [artifact])
            .map { try $0.digest("digest") }
        try run("DELETE FROM artifacts WHERE digest = ?", [artifact])
        return try ([checkpoint.artifact] + own).filter { digest in
            try row(
                """
                SELECT 1 WHERE EXISTS (SELECT 1 FROM artifact_files WHERE digest = :digest)
                    OR EXISTS (SELECT 1 FROM announcements WHERE digest = :digest AND attempt != :attempt)
                """, ["digest": digest.hex, "attempt": attempt?.text ?? ""]) == nil
        }
    }
}

extension Row {
    fileprivate func checkpoint() throws -> CheckpointRecord {
        CheckpointRecord(
            prefix: try digest("prefix"), done: self["done"], artifact: try digest("artifact"),
            attempt: AttemptID(self["attempt"] ?? ""), recorded: date("recorded"))
    }
}
