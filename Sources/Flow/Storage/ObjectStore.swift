public import Artifacts
public import Foundation

/// Bytes under the name of their digest: the `objects`, `tmp` and `quarantine` folders of a cache.
///
/// Invariants. An object's file is written once and never changed; it appears under its name only when it is complete
/// and on the disk. Only `remove` deletes one. Nothing leaves the store whose digest was not checked on the way out. A
/// missing object is a miss, a damaged one is moved to quarantine and then a miss.
///
/// A value over paths, without state: any number of threads and processes may use one cache at once. Unaware of keys,
/// steps, runs and the database.
public struct ObjectStore: Sendable {
    /// The cache folder.
    public let root: URL
    /// Whether objects may be added.
    public let isReadOnly: Bool

    /// Opens the store in a cache folder and makes the folders that are missing.
    ///
    /// - Throws: `StorageError.readOnly` when it cannot be written (open it with `readOnly` then), `.split`, `.system`.
    public init(at root: URL, readOnly: Bool = false) throws(StorageError) { fatalError() }

    /// Whether an object is there: one look at the file system, no reading.
    public func contains(_ digest: Digest) -> Bool { fatalError() }

    /// The bytes of an object, verified.
    ///
    /// - Parameter limit: bytes at most; a larger object is refused as damaged before it is read.
    /// - Throws: `StorageError.missing`, `.damaged`, `.system`.
    public func read(_ digest: Digest, limit: Int = 64 << 20) throws(StorageError) -> Data { fatalError() }

    /// The manifest of an artifact, verified.
    ///
    /// - Throws: as `read`, and `StorageError.notAnArtifact`.
    public func manifest(of artifact: Digest) throws(StorageError) -> Manifest { fatalError() }

    /// Whether an artifact's manifest and all its objects are there.
    ///
    /// Reads the manifest, looks for the others.
    public func hasAll(of artifact: Digest) throws(StorageError) -> Bool { fatalError() }

    /// Writes the files of an artifact into a folder: verified, read-only, each complete or not there at all.
    ///
    /// - Parameters:
    ///   - artifact: the digest of its manifest.
    ///   - folder: made when it is missing; other files in it are left alone.
    ///   - replacing: whether files that are already there are replaced; otherwise `StorageError.exists`.
    ///   - writable: whether the user may write the files; otherwise they are read-only.
    ///   - only: which paths of the manifest; nil for all.
    /// - Throws: `StorageError.missing` and `.damaged` name the object that cannot be had.
    /// - Returns: The manifest.
    @discardableResult
    public func restore(
        _ artifact: Digest, to folder: URL, replacing: Bool = false, writable: Bool = false,
        only: ((String) -> Bool)? = nil
    ) throws(StorageError) -> Manifest { fatalError() }

    /// Writes one object to a file, verified; the file appears complete or not at all.
    public func copy(
        _ digest: Digest, size: Int? = nil, to file: URL, replacing: Bool = false, writable: Bool = false
    ) throws(StorageError) { fatalError() }

    /// Starts a batch of objects that become durable together.
    public func batch() -> PublishBatch { fatalError() }

    /// Publishes one folder as an artifact: a batch of one.
    public func publish(
        folder: URL, kind: ArtifactKind, attributes: Value = .null
    ) throws(StorageError) -> StoredArtifact { fatalError() }
}

/// An artifact that was put into the store.
public struct StoredArtifact: Hashable, Sendable {
    /// The digest of the manifest: the artifact's name.
    public let digest: Digest
    /// Its manifest.
    public let manifest: Manifest
}

/// Objects on their way into the store: all of them are durable when `commit` returns, and none has a name before.
///
/// Costs one fsync per new object and one per folder that got one, so put all outputs of a step into one batch.
/// Dropping a batch removes what it wrote. One thread at a time.
public struct PublishBatch: ~Copyable {
    /// Reads a folder, hashes and compresses its files, and adds them with their manifest.
    ///
    /// Links, devices, sockets and names that are not UTF-8 are refused. Media types go by extension.
    public mutating func add(
        folder: URL, kind: ArtifactKind, attributes: Value = .null
    ) throws(StorageError) -> StoredArtifact { fatalError() }

    /// Adds given files, which may lie anywhere, under the paths that they have in the artifact.
    public mutating func add(
        files: [String: URL], kind: ArtifactKind, attributes: Value = .null
    ) throws(StorageError) -> StoredArtifact { fatalError() }

    /// Adds a manifest alone: for artifacts whose bytes stay where the user has them.
    public mutating func add(_ manifest: Manifest) throws(StorageError) -> Digest { fatalError() }

    /// Adds bytes: a log, a record.
    public mutating func add(_ bytes: Data) throws(StorageError) -> Digest { fatalError() }

    /// Makes everything durable and gives it its names.
    ///
    /// An object that is already there is not written again.
    public consuming func commit() throws(StorageError) { fatalError() }
}
