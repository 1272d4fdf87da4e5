public import Artifacts
import Foundation
import GRDB

extension LineageReader {
    /// One artifact.
    public func artifact(_ digest: Digest) throws -> ArtifactRecord? {
        try database.row("SELECT * FROM artifacts WHERE digest = ?", [digest.hex]).map(artifact)
    }

    /// All artifacts, in the order of their recording.
    public func artifacts() throws -> [ArtifactRecord] {
        try database.rows("SELECT * FROM artifacts ORDER BY rowid").map(artifact)
    }

    private func artifact(_ row: Row) throws -> ArtifactRecord {
        let digest = try row.digest("digest")
        let entries = try database.rows("SELECT * FROM artifact_files WHERE artifact = ? ORDER BY path", [digest.hex])
        return ArtifactRecord(
            digest: digest,
            manifest: Manifest(
                kind: ArtifactKind(row["kind"]),
                entries: try entries.map {
                    Manifest.Entry(
                        path: $0["path"], digest: try $0.digest("digest"), size: $0["size"], mediaType: $0["type"])
                },
                attributes: try Value(databaseText: row["attributes"], of: "the attributes of \(digest)")),
            recorded: row.date("recorded"))
    }

    /// The artifacts that runs read and gave: what gc keeps for them.
    public func artifacts(ofRuns runs: [RunID]) throws -> Set<Digest> {
        var found: Set<Digest> = []
        for run in runs {
            let rows = try database.rows(
                """
                SELECT artifact FROM run_steps AS s JOIN attempt_outputs AS o ON o.attempt = s.attempt WHERE s.run = ?
                UNION SELECT artifact FROM run_steps AS s JOIN attempt_inputs AS i ON i.attempt = s.attempt
                    WHERE s.run = ?
                """, [run.text, run.text])
            for row in rows { found.insert(try row.digest("artifact")) }
        }
        return found
    }

    /// Artifacts that hold a file with these bytes, and its path in each.
    public func artifacts(withFile digest: Digest) throws -> [(artifact: Digest, path: String)] {
        try database.rows(
            "SELECT artifact, path FROM artifact_files WHERE digest = ? ORDER BY artifact, path", [digest.hex]
        ).map { (try $0.digest("artifact"), $0["path"]) }
    }

    /// The attempts that gave an artifact, in the order of their start.
    public func producers(of artifact: Digest) throws -> [AttemptRecord] {
        try neighbours(of: artifact, in: "attempt_outputs").map(attempt)
    }

    /// The attempts that succeeded and read an artifact, in the order of their start.
    public func consumers(of artifact: Digest) throws -> [AttemptRecord] {
        try neighbours(of: artifact, in: "attempt_inputs").map(attempt)
    }

    private func neighbours(of artifact: Digest, in table: String) throws -> [Row] {
        try database.rows(
            """
            SELECT DISTINCT a.* FROM attempts AS a JOIN \(table) AS u ON u.attempt = a.id
            WHERE u.artifact = ? AND a.outcome = 'succeeded' ORDER BY a.id
            """, [artifact.hex])
    }

    /// The ancestors or descendants of artifacts, through attempts that succeeded.
    ///
    /// Several attempts may have given one artifact: all of them are there.
    public func graph(from artifacts: [Digest], _ direction: LineageGraph.Direction) throws -> LineageGraph {
        var reached: [Digest: ArtifactRecord] = [:]
        var attempts: [AttemptID: AttemptRecord] = [:]
        var sources: [Digest: [SourceRecord]] = [:]
        var visited = Set(artifacts)
        var next = artifacts
        while let digest = next.popLast() {
            let record = try artifact(digest)
            reached[digest] = record
            let producers = try neighbours(of: digest, in: "attempt_outputs")
            if producers.isEmpty {
                for entry in record?.manifest.entries ?? [] where sources[entry.digest] == nil {
                    sources[entry.digest] = try self.sources(of: entry.digest)
                }
            }
            let rows = direction == .upstream ? producers : try neighbours(of: digest, in: "attempt_inputs")
            for row in rows where attempts[AttemptID(row["id"])] == nil {
                let attempt = try attempt(row)
                attempts[attempt.id] = attempt
                for use in direction == .upstream ? attempt.attempt.inputs : attempt.outputs
                where visited.insert(use.artifact).inserted {
                    next.append(use.artifact)
                }
            }
        }
        return LineageGraph(
            roots: artifacts, artifacts: reached, attempts: attempts.values.sorted { $0.id < $1.id }, sources: sources)
    }

    /// Everything whose digest or name begins with a text; at most 100 of each sort.
    ///
    /// A whole digest is a text like any other. Case does not matter.
    public func matches(_ prefix: String) throws -> [LineageMatch] {
        let start = prefix.lowercased()
        guard !start.isEmpty, start.utf8.allSatisfy({ (33..<127).contains($0) }) else { return [] }
        // All names are ASCII, so everything that begins with the text lies before it with DEL behind.
        let range: StatementArguments = ["start": start, "end": start + "\u{7F}"]
        func rows(_ columns: String, _ table: String, _ column: String) throws -> [Row] {
            try database.rows(
                """
                SELECT DISTINCT \(columns) FROM \(table) WHERE \(column) >= :start AND \(column) < :end
                ORDER BY \(columns) LIMIT 100
                """, range)
        }
        var found: [LineageMatch] = []
        found += try rows("id", "runs", "id").map { .run(RunID($0["id"])) }
        found += try rows("id", "attempts", "id").map { .attempt(AttemptID($0["id"])) }
        found += try rows("digest", "artifacts", "digest").map { .artifact(try $0.digest("digest")) }
        found += try rows("digest, artifact, path", "artifact_files", "digest").map {
            .file(try $0.digest("digest"), artifact: try $0.digest("artifact"), path: $0["path"])
        }
        found += try rows("key", "attempts", "key").map { .key(try $0.digest("key")) }
        found += try rows("digest, part", "attempt_models", "digest").map {
            .model(try $0.digest("digest"), part: $0["part"])
        }
        return found
    }

    /// The folders in which a model part with this content lay.
    public func places(ofModel digest: Digest) throws -> [String] {
        try database.rows("SELECT DISTINCT path FROM attempt_models WHERE digest = ? ORDER BY path", [digest.hex])
            .map { $0["path"] }
    }

    // MARK: Sources

    /// Where files with these bytes were seen.
    public func sources(of digest: Digest) throws -> [SourceRecord] {
        try database.rows("SELECT * FROM sources WHERE digest = ? ORDER BY path", [digest.hex]).map(source)
    }

    /// All source files ever seen, with all contents that they had.
    public func sources() throws -> [SourceRecord] {
        try database.rows("SELECT * FROM sources ORDER BY path, first_seen").map(source)
    }

    private func source(_ row: Row) throws -> SourceRecord {
        SourceRecord(
            path: row["path"], digest: try row.digest("digest"), size: row["size"], firstSeen: row.date("first_seen"),
            lastSeen: row.date("last_seen"))
    }
}
