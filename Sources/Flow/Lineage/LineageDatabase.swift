public import Artifacts
public import Foundation
import GRDB

/// The records that tie runs, attempts, artifacts and sources together: one SQLite file beside the store.
///
/// Any number of threads and processes may use it at once: readers never wait, writers wait for each other. Unaware of
/// the store: what it names may be gone from there. Every function throws `LineageError`.
public struct LineageDatabase: Sendable {
    /// The file.
    public let file: URL
    /// Whether it may be written.
    public let isReadOnly: Bool
    let pool: DatabasePool

    /// Opens `lineage.sqlite` in a cache folder, makes it when it is missing, and brings it up to date.
    ///
    /// - Throws: `LineageError.newer`, `.corrupt`, `.absent` (reading only), `.busy`, `.database`.
    public init(in cache: URL, readOnly: Bool = false) throws { fatalError() }

    /// Runs queries on one snapshot of the database.
    public func read<Result>(_ body: (LineageReader) throws -> Result) throws -> Result { fatalError() }
}

/// Queries, all on one snapshot. Use it only inside `LineageDatabase.read`.
public struct LineageReader {
    let database: Database
}
