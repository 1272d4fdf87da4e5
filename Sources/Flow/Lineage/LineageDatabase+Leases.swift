public import Artifacts
import Foundation
import GRDB

/// The right to work on a key: at most one process has it.
public struct Lease: Hashable, Sendable {
    /// The work.
    public let key: Digest
    /// Who may do it.
    public let owner: ProcessIdentity
    /// Grows with every lease that is given: tells a lease from a later one of the same key.
    public let token: Int
}

/// What `acquire` says.
public enum LeaseAnswer: Hashable, Sendable {
    /// It is yours. `takenFrom`: the owner that had it and is gone.
    case acquired(Lease, takenFrom: ProcessIdentity?)
    /// Somebody else works on it: wait, look for the result, ask again.
    case held(by: ProcessIdentity)
}

/// What a waiter has seen of the leases it waits for.
///
/// A holder that died on this host loses its lease at once. One whose death cannot be seen (another host, a stopped
/// process) loses it when its heartbeat has not moved for `patience` while this waiter looked on: so no clock but the
/// waiter's own is trusted. Should the holder come back, `finish` refuses its late result.
public struct LeaseWatch: Sendable {
    struct Sight: Sendable {
        let token: Int
        let beat: Int
        let since: ContinuousClock.Instant
    }

    let patience: Duration
    var sights: [Digest: Sight] = [:]

    /// A watch that has seen nothing yet.
    public init(patience: Duration = .seconds(60)) { self.patience = patience }

    /// Notes a heartbeat, and says whether it has stood still for too long.
    mutating func isStale(_ key: Digest, token: Int, beat: Int, now: ContinuousClock.Instant = .now) -> Bool {
        if let sight = sights[key], sight.token == token, sight.beat == beat { return now - sight.since >= patience }
        sights[key] = Sight(token: token, beat: beat, since: now)
        return patience <= .zero
    }
}

extension LineageDatabase {
    /// Asks for the right to work on a key.
    ///
    /// The attempts of an owner from whom it is taken become abandoned.
    public func acquire(
        _ key: Digest, owner: ProcessIdentity = .current, watch: inout LeaseWatch
    ) throws -> LeaseAnswer {
        try write("acquire a lease", durable: false) { database in
            let row = try database.row("SELECT * FROM leases WHERE key = ?", [key.hex])
            let holder = row?.process
            if let row, let holder {
                let isStale = watch.isStale(key, token: row["token"], beat: row["beat"])
                guard isStale || holder.liveness == .dead else { return .held(by: holder) }
                let open = try database.rows(
                    """
                    SELECT id FROM attempts WHERE key = :key AND outcome = 'running'
                        AND run IN (SELECT id FROM runs WHERE host = :host AND boot = :boot AND space = :space
                            AND pid = :pid AND process_started = :process_started)
                    """, ["key": key.hex] + holder.columns)
                for row in open { try abandon(AttemptID(row["id"]), at: Date(), in: database) }
            }
            try database.run(
                """
                INSERT INTO counters (name, value) VALUES ('lease', 1) ON CONFLICT DO UPDATE SET value = value + 1
                """)
            let token: Int = try database.row("SELECT value FROM counters WHERE name = 'lease'")?["value"] ?? 1
            try database.run(
                """
                INSERT OR REPLACE INTO leases (key, token, beat, acquired, heartbeat, host, boot, space, pid,
                    process_started)
                VALUES (:key, :token, 0, :now, :now, :host, :boot, :space, :pid, :process_started)
                """,
                ["key": key.hex, "token": token, "now": Date().milliseconds] + owner.columns)
            watch.sights[key] = nil
            return .acquired(Lease(key: key, owner: owner, token: token), takenFrom: holder)
        }
    }

    /// Moves the heartbeat of leases: call it every ten seconds or so.
    ///
    /// - Returns: Those that were lost to somebody else.
    public func renew(_ leases: [Lease]) throws -> [Lease] {
        guard !leases.isEmpty else { return [] }
        return try write("renew leases", durable: false) { database in
            try leases.filter { lease in
                try database.run(
                    "UPDATE leases SET beat = beat + 1, heartbeat = ? WHERE key = ? AND token = ?",
                    [Date().milliseconds, lease.key.hex, lease.token])
                return database.changesCount == 0
            }
        }
    }

    /// Gives a lease back; nothing when it was lost.
    public func release(_ lease: Lease) throws {
        try write("release a lease", durable: false) { try $0.drop(lease) }
    }

    /// Who works on a key.
    public func holder(of key: Digest) throws -> ProcessIdentity? {
        try read { try $0.database.row("SELECT * FROM leases WHERE key = ?", [key.hex])?.process }
    }

    /// All keys that somebody works on: gc spares what they need.
    public func leases() throws -> [Lease] {
        try read { try $0.database.rows("SELECT * FROM leases ORDER BY key").map { try $0.lease() } }
    }
}

extension Database {
    /// Whether a lease still stands: the fence that a late result does not pass.
    func holds(_ lease: Lease) throws -> Bool {
        try row("SELECT 1 FROM leases WHERE key = ? AND token = ?", [lease.key.hex, lease.token]) != nil
    }

    func drop(_ lease: Lease) throws {
        try run("DELETE FROM leases WHERE key = ? AND token = ?", [lease.key.hex, lease.token])
    }
}

extension Row {
    func lease() throws -> Lease { Lease(key: try digest("key"), owner: process, token: self["token"]) }
}
