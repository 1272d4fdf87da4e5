public import Artifacts
public import Foundation
import GRDB

/// What is kept of a file whose bytes were let go: enough to see what it was.
public struct Remains: Hashable, Sendable {
    /// The artifact that it belonged to.
    public let artifact: Digest
    /// Its path in the artifact.
    public let path: String
    /// What was in it: frames, size, rate.
    public let facts: [String: Value]
    /// A small picture of it, as PNG; nil when none could be made.
    public let picture: Data?

    /// Remains as they are.
    public init(artifact: Digest, path: String, facts: [String: Value], picture: Data?) {
        self.artifact = artifact
        self.path = path
        self.facts = facts
        self.picture = picture
    }
}

extension LineageDatabase {
    /// Keeps what is left of files that go.
    public func record(_ remains: [Remains]) throws {
        guard !remains.isEmpty else { return }
        try write("record what is left") { database in
            for rest in remains {
                try database.run(
                    "INSERT OR REPLACE INTO remains (artifact, path, facts, picture) VALUES (?, ?, ?, ?)",
                    [
                        rest.artifact.hex, rest.path,
                        try Value.map(rest.facts).databaseText(of: "facts of \(rest.path)"),
                        rest.picture,
                    ])
            }
        }
    }
}

extension LineageReader {
    /// What is left of the files of an artifact, by path.
    public func remains(of artifact: Digest) throws -> [Remains] {
        try database.rows("SELECT * FROM remains WHERE artifact = ? ORDER BY path", [artifact.hex]).map { row in
            let facts = try Value(databaseText: row["facts"], of: "facts of \(artifact)")
            return Remains(artifact: artifact, path: row["path"], facts: facts.map ?? [:], picture: row["picture"])
        }
    }

    /// The last time that an object was let go; nil when it never was.
    public func eviction(of digest: Digest) throws -> Eviction? {
        try database.row(
            "SELECT digest, bytes, reason, date FROM evictions WHERE digest = ? ORDER BY id DESC LIMIT 1", [digest.hex]
        ).map { row in
            Eviction(
                digest: try row.digest("digest"), bytes: row["bytes"], reason: row["reason"], date: row.date("date"))
        }
    }
}
