public import Artifacts
import Foundation
import GRDB

/// What a record in the chain is about.
public enum RecordKind: String, Hashable, Sendable, CaseIterable {
    /// An artifact that a user supplied.
    case artifact
    /// A file of a user's: where it lay and what was in it.
    case source
    /// A run that has ended, with its steps.
    case run
    /// An attempt that has ended, with what it read and gave.
    case attempt
    /// Something that must not be used any more.
    case revocation
    /// An object that gc removed.
    case eviction
    /// Something that is kept whatever gc does, or not any more.
    case pin
    /// A file that was handed out.
    case delivery
    /// What tells a video from others.
    case fingerprint
}

/// A link of the chain: each names the one before it by digest, so that none can be changed, left out or moved without
/// changing all that come after.
public struct ChainLink: Hashable, Sendable {
    /// From 1, without gaps.
    public let sequence: Int
    /// What it is about.
    public let kind: RecordKind
    /// Which one: a digest, or the name of a run or an attempt.
    public let subject: String
    /// SHA-256 of the canonical text of the record.
    public let content: Digest
    /// The digest of the link before; zeros for the first.
    public let previous: Digest
    /// The digest of this link.
    public let digest: Digest

    /// What it is about, as people read it: `attempt 19a8…`.
    var name: String { "\(kind.rawValue) \(subject)" }

    /// What the first link names as the one before it.
    static let start: Digest = {
        guard let zeros = Digest(hex: String(repeating: "0", count: 64)) else {
            preconditionFailure("zeros are a digest")
        }
        return zeros
    }()

    /// The digest that a link must have.
    static func digest(
        _ sequence: Int, _ kind: String, _ subject: String, content: Digest, previous: Digest
    ) throws -> Digest {
        Digest(
            of: try Value.list([
                .string("motrans chain 1"), .int(sequence), .string(kind), .string(subject), .string(content.hex),
                .string(previous.hex),
            ]).databaseText(of: "a link of the chain"))
    }
}

extension LineageDatabase {
    /// Puts a record as it now is at the end of the chain, and among what is written beside the database before the
    /// transaction ends.
    func seal(_ kind: RecordKind, _ subject: String, in database: Database) throws {
        let record = try LineageReader(database: database).record(kind, subject) ?? .null
        let text = try record.databaseText(of: "\(kind.rawValue) \(subject)")
        let last = try database.row("SELECT sequence, digest FROM chain ORDER BY sequence DESC LIMIT 1")
        let sequence = (last?["sequence"] ?? 0) + 1
        let previous = try last?.digest("digest") ?? ChainLink.start
        let content = Digest(of: text)
        let digest = try ChainLink.digest(sequence, kind.rawValue, subject, content: content, previous: previous)
        try database.run(
            "INSERT INTO chain (sequence, kind, subject, content, previous, digest) VALUES (?, ?, ?, ?, ?, ?)",
            [sequence, kind.rawValue, subject, content.hex, previous.hex, digest.hex])
        // A record can be long: its text is put in as it is, where the order of the keys wants it.
        let rest = try Value.map([
            "kind": .string(kind.rawValue), "previous": .string(previous.hex), "sequence": .int(sequence),
            "subject": .string(subject),
        ]).databaseText(of: "\(kind.rawValue) \(subject)")
        let line = "{\"chain\":\"\(digest.hex)\",\"content\":\(text),\(rest.dropFirst())"
        files?.add(line, to: Self.fileName(kind, subject, record))
    }

    /// Where a record is written down beside the database: those of a run in one file.
    private static func fileName(_ kind: RecordKind, _ subject: String, _ record: Value) -> String {
        switch kind {
        case .run: "\(subject).jsonl"
        case .attempt: "\(record["run"]?.string ?? "attempts").jsonl"
        case .artifact, .source: "sources.jsonl"
        case .revocation, .eviction, .pin: "marks.jsonl"
        case .delivery, .fingerprint: "videos.jsonl"
        }
    }

    /// Puts all records that are in no chain yet into it, once: of a database from before there was one.
    ///
    /// A mark says that it was done, not the version: a process may die between the two.
    func sealMissing(in database: Database) throws {
        try database.run("INSERT OR IGNORE INTO counters (name, value) VALUES ('sealed', 1)")
        let reader = LineageReader(database: database)
        for kind in RecordKind.allCases {
            let known = Set(
                try database.rows("SELECT DISTINCT subject FROM chain WHERE kind = ?", [kind.rawValue])
                    .map { $0["subject"] as String })
            for subject in try reader.subjects(kind) where !known.contains(subject) {
                try seal(kind, subject, in: database)
            }
        }
    }
}

extension LineageReader {
    /// The chain from its beginning.
    public func chain() throws -> [ChainLink] {
        try database.rows("SELECT * FROM chain ORDER BY sequence").map(Self.link)
    }

    /// The last link: whoever keeps its digest elsewhere can tell later whether the chain was cut.
    public func chainHead() throws -> ChainLink? {
        try database.row("SELECT * FROM chain ORDER BY sequence DESC LIMIT 1").map(Self.link)
    }

    /// The last link about something.
    func link(of kind: RecordKind, _ subject: String) throws -> ChainLink? {
        try database.row(
            "SELECT * FROM chain WHERE kind = ? AND subject = ? ORDER BY sequence DESC LIMIT 1",
            [kind.rawValue, subject]
        ).map(Self.link)
    }

    private static func link(_ row: Row) throws -> ChainLink {
        ChainLink(
            sequence: row["sequence"], kind: try row.option("kind"), subject: row["subject"],
            content: try row.digest("content"), previous: try row.digest("previous"), digest: try row.digest("digest"))
    }

    /// The names of all that belongs into the chain, in the order of time.
    func subjects(_ kind: RecordKind) throws -> [String] {
        let query =
            switch kind {
            case .artifact:
                """
                SELECT digest AS subject FROM artifacts AS a
                WHERE NOT EXISTS (SELECT 1 FROM attempt_outputs AS o WHERE o.artifact = a.digest)
                    AND NOT EXISTS (SELECT 1 FROM checkpoints AS c WHERE c.artifact = a.digest)
                ORDER BY rowid
                """
            case .source: "SELECT digest || ' ' || path AS subject FROM sources ORDER BY first_seen, path"
            case .run: "SELECT id AS subject FROM runs WHERE outcome != 'running' ORDER BY id"
            case .attempt: "SELECT id AS subject FROM attempts WHERE outcome != 'running' ORDER BY id"
            case .revocation: "SELECT kind || ' ' || target AS subject FROM revocations ORDER BY date"
            case .eviction: "SELECT CAST(id AS TEXT) AS subject FROM evictions ORDER BY id"
            case .pin: "SELECT kind || ' ' || target AS subject FROM pins ORDER BY date"
            case .delivery:
                "SELECT digest || ' ' || artifact || ' ' || path AS subject FROM deliveries ORDER BY date, digest"
            case .fingerprint: "SELECT artifact || ' ' || path AS subject FROM fingerprints ORDER BY artifact, path"
            }
        return try database.rows(query).map { $0["subject"] }
    }
}
