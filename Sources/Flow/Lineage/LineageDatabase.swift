public import Foundation
import GRDB

/// The records that tie runs, attempts, artifacts and sources together: one SQLite file beside the store.
///
/// Any number of threads and processes may use it at once: readers never wait, writers wait for each other. Unaware of
/// the store: what it names may be gone from there. Every function throws `LineageError`.
public struct LineageDatabase: Sendable {
    /// The file.
    public let file: URL
    /// Whether it may not be written.
    public let isReadOnly: Bool
    /// One connection: a pool would write into a file that it only opens, and a run with nothing to do writes nothing.
    let queue: DatabaseQueue
    /// What the database says, written down beside it; nil where there is no place to write.
    let files: RecordFiles?

    /// Opens `lineage.sqlite` in a cache folder, makes it when it is missing, and brings it up to date.
    ///
    /// - Throws: `LineageError.newer`, `.corrupt`, `.absent` (reading only), `.busy`, `.database`.
    public init(in cache: URL, readOnly: Bool = false) throws {
        try self.init(in: cache, readOnly: readOnly, schema: .current)
    }

    init(in cache: URL, readOnly: Bool, schema: Schema) throws {
        file = cache.appending(path: "lineage.sqlite")
        isReadOnly = readOnly
        let path = file.path(percentEncoded: false)
        let records = RecordFiles(in: cache)
        files = readOnly ? nil : records
        // In this order: another process may make both at this moment, the database first.
        let hasRecords = !records.isEmpty
        let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
        if size ?? 0 == 0 {
            // An empty one would say that nothing was ever done.
            guard !hasRecords else { throw LineageError.lost(path: path) }
            if readOnly, size == nil { throw LineageError.absent(path: path) }
        }
        if !readOnly {
            do {
                try FileManager.default.createDirectory(at: cache, withIntermediateDirectories: true)
            } catch {
                throw LineageError.database(path: path, operation: "make the folder", reason: "\(error)")
            }
        }
        var configuration = Configuration()
        configuration.readonly = readOnly
        let folder = cache.path(percentEncoded: false)
        configuration.busyMode = .callback { tries in Self.waits(tries, in: folder) }
        configuration.prepareDatabase { database in
            if !readOnly { try database.execute(sql: "PRAGMA journal_mode = WAL") }
            try database.execute(sql: "PRAGMA synchronous = FULL")
        }
        do {
            queue = try Self.open(path, configuration)
            try Self.migrate(queue, to: schema, path: path, readOnly: readOnly)
            if !readOnly, schema.version >= Schema.chained {
                let isSealed = try read { try $0.database.row("SELECT 1 FROM counters WHERE name = 'sealed'") } != nil
                if !isSealed { try write("chain the records") { try sealMissing(in: $0) } }
            }
        } catch {
            throw Self.translate(error, path: path, "open the database")
        }
    }

    /// Whether a cache folder has a database, or had one: records of it are beside where it was.
    public static func isThere(in cache: URL) -> Bool {
        FileManager.default.fileExists(atPath: cache.appending(path: "lineage.sqlite").path(percentEncoded: false))
            || !RecordFiles(in: cache).isEmpty
    }

    /// Stands in for the database of a cache that is not there: it knows nothing, and nothing of it reaches the disk.
    public init(absentFrom cache: URL) throws {
        file = cache.appending(path: "lineage.sqlite")
        isReadOnly = false
        files = nil
        let path = file.path(percentEncoded: false)
        do {
            queue = try DatabaseQueue()
            try Self.migrate(queue, to: .current, path: path, readOnly: false)
        } catch {
            throw Self.translate(error, path: path, "stand in for the database")
        }
    }

    /// Seconds that a writer waits for another one.
    private static let patience: TimeInterval = 30

    /// Whether a writer that met a lock goes on waiting.
    ///
    /// SQLite takes a file system without locks (NFS without its lock service, some FUSE) for one where everything is
    /// locked: on that nobody waits.
    private static func waits(_ tries: Int, in folder: String) -> Bool {
        if tries == 0, FileLocks.areMissing(in: folder) { return false }
        // From 1 ms on, for small transactions; then 50 ms.
        let ramp = [0.001, 0.002, 0.005, 0.01, 0.02]
        guard Double(tries - ramp.count) * 0.05 < patience else { return false }
        Thread.sleep(forTimeInterval: tries < ramp.count ? ramp[tries] : 0.05)
        return true
    }

    /// Opens the file; again when another process switches the new file to WAL at the same moment, for which SQLite does
    /// not wait by itself.
    private static func open(_ path: String, _ configuration: Configuration) throws -> DatabaseQueue {
        let end = ContinuousClock.now + .seconds(patience)
        while true {
            do {
                return try DatabaseQueue(path: path, configuration: configuration)
            } catch let error as DatabaseError {
                switch error.resultCode {
                case .SQLITE_BUSY where ContinuousClock.now < end && !FileLocks.areMissing(beside: path):
                    Thread.sleep(forTimeInterval: 0.01)
                case .SQLITE_CANTOPEN, .SQLITE_READONLY:
                    guard configuration.readonly, Self.isWhole(path) else { throw error }
                    return try DatabaseQueue(path: Self.unchanging(path), configuration: configuration)
                default: throw error
                }
            }
        }
    }

    /// Whether all that was written is in the file itself, and nothing in the log beside it.
    private static func isWhole(_ path: String) -> Bool {
        let log = try? FileManager.default.attributesOfItem(atPath: "\(path)-wal")[.size] as? Int
        return (log ?? 0) == 0
    }

    /// A name by which SQLite reads a file where it may make no other beside it: nobody can write there.
    private static func unchanging(_ path: String) -> String {
        let url = URL(filePath: path, directoryHint: .notDirectory).absoluteURL
        return "\(url.absoluteString)?immutable=1"
    }

    private static func migrate(_ queue: DatabaseQueue, to schema: Schema, path: String, readOnly: Bool) throws {
        func version(_ database: Database) throws -> Int {
            let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
            guard version <= schema.version else {
                throw LineageError.newer(path: path, version: version, known: schema.version)
            }
            let id = try Int.fetchOne(database, sql: "PRAGMA application_id") ?? 0
            let isEmpty = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master") == 0
            guard id == Schema.applicationID || (isEmpty && version == 0) else {
                throw LineageError.corrupt(path: path, reason: "it is some other database")
            }
            return version
        }
        var reached = try queue.read(version)
        guard reached < schema.version else { return }
        guard !readOnly else {
            throw LineageError.corrupt(path: path, reason: "it is of an older version; run the tool once with writing")
        }
        while reached < schema.version {
            reached = try queue.write { database in
                // Another process may have gone ahead meanwhile.
                let now = try version(database)
                guard now < schema.version else { return now }
                try schema.migrations[now](database)
                try database.execute(sql: "PRAGMA application_id = \(Schema.applicationID)")
                try database.execute(sql: "PRAGMA user_version = \(now + 1)")
                return now + 1
            }
        }
    }

    /// Runs queries on one snapshot of the database.
    ///
    /// Not by GRDB's `read`: that makes the connection read-only and back by a pragma which has SQLite prepare every
    /// statement anew.
    public func read<Result>(_ body: (LineageReader) throws -> Result) throws -> Result {
        do {
            return try queue.writeWithoutTransaction { database in
                var result: Result?
                try database.inTransaction(.deferred) {
                    result = try body(LineageReader(database: database))
                    return .commit
                }
                guard let result else { preconditionFailure("a reading ended without result or error") }
                return result
            }
        } catch {
            throw Self.translate(error, path: file.path(percentEncoded: false), "read")
        }
    }

    /// Runs one transaction.
    ///
    /// - Parameter durable: whether it must survive a power cut. The others survive the death of the process, and are
    ///   made durable by the next one that must.
    func write<Result>(
        _ operation: String, durable: Bool = true, _ body: (Database) throws -> Result
    ) throws -> Result {
        do {
            return try queue.writeWithoutTransaction { database in
                if !durable { try database.execute(sql: "PRAGMA synchronous = NORMAL") }
                defer { if !durable { try? database.execute(sql: "PRAGMA synchronous = FULL") } }
                var result: Result?
                defer { files?.drop() }
                try database.inTransaction(.immediate) {
                    result = try body(database)
                    try files?.write(durably: durable)
                    return .commit
                }
                guard let result else { preconditionFailure("a transaction ended without result or error") }
                return result
            }
        } catch {
            throw Self.translate(error, path: file.path(percentEncoded: false), operation)
        }
    }

    private static func translate(_ error: any Error, path: String, _ operation: String) -> any Error {
        guard let error = error as? DatabaseError else { return error }
        let reason = error.message ?? error.resultCode.description
        return switch error.resultCode {
        case .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_PROTOCOL:
            FileLocks.areMissing(beside: path) ? LineageError.noLocks(path: path) : LineageError.busy(path: path)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: LineageError.corrupt(path: path, reason: reason)
        case .SQLITE_FULL: LineageError.full(path: path)
        case .SQLITE_CANTOPEN:
            LineageError.database(
                path: path, operation: operation,
                reason: "\(reason); check the permissions of its folder, and that the disk is not full")
        case .SQLITE_READONLY:
            LineageError.database(
                path: path, operation: operation,
                reason: "\(reason); check its owner and permissions, and that the disk is not full")
        case .SQLITE_IOERR:
            LineageError.database(
                path: path, operation: operation,
                reason: "\(reason); check that the disk is not full, that the file may grow (`ulimit -f`), "
                    + "and that the disk is well")
        default: LineageError.database(path: path, operation: operation, reason: reason)
        }
    }
}

/// Queries, all on one snapshot.
///
/// Use it only inside `LineageDatabase.read`.
public struct LineageReader {
    let database: Database
}
