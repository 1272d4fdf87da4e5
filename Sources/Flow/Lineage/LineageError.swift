public import Artifacts

/// What can go wrong with the lineage database.
public enum LineageError: Error, Hashable, Sendable, CustomStringConvertible {
    /// There is no database, and it was opened for reading only.
    case absent(path: String)
    /// There is no database, though there are records of what was done.
    case lost(path: String)
    /// There are no records to make a database of.
    case noRecords(path: String)
    /// A run goes on with it.
    case inUse(run: RunID)
    /// A newer tool wrote it.
    case newer(path: String, version: Int, known: Int)
    /// It is not a database, or its pages are damaged.
    case corrupt(path: String, reason: String)
    /// Another process kept it locked for too long.
    case busy(path: String)
    /// The file system keeps no locks.
    case noLocks(path: String)
    /// The disk is full.
    case full(path: String)
    /// SQLite refused something else.
    case database(path: String, operation: String, reason: String)
    /// A record that cannot be read back.
    case record(what: String, reason: String)
    /// The lease of an attempt went to somebody else while it ran; its result was not recorded.
    case leaseLost(key: Digest)
    /// No such run, attempt or artifact.
    case notFound(what: String)
    /// A source file that cannot be read.
    case source(path: String, reason: String)
    /// A source file that changed while it was hashed.
    case changedWhileReading(path: String)

    /// What happened, where, why and what to do.
    public var description: String {
        switch self {
        case .absent(let path): "there is no lineage database at \(path): nothing has been run with this cache yet"
        case .lost(let path):
            "the lineage database \(path) is gone, and the records beside it are there: `motrans db rebuild` makes it "
                + "again of these"
        case .noRecords(let path):
            "there is nothing in \(path) to make a database of; `motrans run FILE` begins a new one"
        case .inUse(let run): "run \(run) goes on with this cache; wait for it, or end it, and try again"
        case .newer(let path, let version, let known):
            "the lineage database \(path) has version \(version), and this tool knows versions up to \(known); "
                + "use the newer tool, or another cache"
        case .corrupt(let path, let reason):
            "the lineage database \(path) is damaged (\(reason)); `motrans db rebuild` makes it again of the "
                + "records beside it, and keeps the damaged one"
        case .busy(let path):
            "the lineage database \(path) stayed locked by another process; wait for it, or end it, and run again"
        case .noLocks(let path):
            "the file system of the lineage database \(path) keeps no locks, as NFS without its lock service: "
                + "choose a cache on a local disk (`--cache DIR`)"
        case .full(let path): "no space left to write the lineage database \(path); free some and run again"
        case .database(let path, let operation, let reason): "could not \(operation) in \(path): \(reason)"
        case .record(let what, let reason): "the record of \(what) cannot be read: \(reason)"
        case .leaseLost(let key):
            "another process took over the work with key \(key.short) because this one gave no sign of life; "
                + "its result counts"
        case .notFound(let what): "there is no \(what)"
        case .source(let path, let reason): "could not read \(path): \(reason)"
        case .changedWhileReading(let path): "\(path) changed while it was read; run again when it is at rest"
        }
    }
}
