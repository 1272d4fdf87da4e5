public import Artifacts
public import Foundation
import GRDB

/// A file that was handed out with words in it that say where it comes from, so that its bytes are not those of the store.
public struct Delivery: Hashable, Sendable {
    /// SHA-256 of its bytes as they were handed out.
    public let digest: Digest
    /// The artifact that its pictures come from.
    public let artifact: Digest
    /// Its path in the artifact.
    public let path: String
    /// The run that it was handed out for; nil when no run is known to have made the artifact.
    public let run: RunID?
    /// When.
    public let date: Date

    /// A delivery as it is.
    public init(digest: Digest, artifact: Digest, path: String, run: RunID?, date: Date = Date()) {
        self.digest = digest
        self.artifact = artifact
        self.path = path
        self.run = run
        self.date = date
    }
}

extension LineageDatabase {
    /// Remembers files that were handed out; the same bytes again are no news.
    public func record(_ deliveries: [Delivery]) throws {
        guard !deliveries.isEmpty else { return }
        try write("record what was handed out", durable: false) { database in
            for delivery in deliveries {
                try database.run(
                    "INSERT OR IGNORE INTO deliveries (digest, artifact, path, run, date) VALUES (?, ?, ?, ?, ?)",
                    [
                        delivery.digest.hex, delivery.artifact.hex, delivery.path, delivery.run?.text,
                        delivery.date.milliseconds,
                    ])
                guard database.changesCount > 0 else { continue }
                try seal(
                    .delivery, "\(delivery.digest.hex) \(delivery.artifact.hex) \(delivery.path)", in: database)
            }
        }
    }
}

extension LineageReader {
    /// What was handed out with these bytes.
    public func deliveries(withDigest digest: Digest) throws -> [Delivery] {
        try database.rows("SELECT * FROM deliveries WHERE digest = ? ORDER BY artifact, path", [digest.hex])
            .map(delivery)
    }

    /// What was handed out of an artifact, in the order of time.
    public func deliveries(of artifact: Digest) throws -> [Delivery] {
        try database.rows("SELECT * FROM deliveries WHERE artifact = ? ORDER BY date, path", [artifact.hex])
            .map(delivery)
    }

    private func delivery(_ row: Row) throws -> Delivery {
        Delivery(
            digest: try row.digest("digest"), artifact: try row.digest("artifact"), path: row["path"],
            run: (row["run"] as String?).map(RunID.init), date: row.date("date"))
    }
}
