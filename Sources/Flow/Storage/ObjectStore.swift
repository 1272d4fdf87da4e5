public import Artifacts
public import Foundation

#if canImport(Glibc)
    import Glibc
#endif

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
    let objects: String
    let scratch: String
    let quarantine: String

    /// Opens the store in a cache folder and makes the folders that are missing.
    ///
    /// - Throws: `StorageError.readOnly` when it cannot be written (open it with `readOnly` then), `.split`, `.system`.
    public init(at root: URL, readOnly: Bool = false) throws(StorageError) {
        self.root = root.standardizedFileURL
        isReadOnly = readOnly
        let path = self.root.path(percentEncoded: false)
        let base = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        objects = "\(base)/objects"
        scratch = "\(base)/tmp"
        quarantine = "\(base)/quarantine"
        if !readOnly { try prepare(base) }
    }

    private func prepare(_ base: String) throws(StorageError) {
        do throws(StorageError) {
            for folder in [objects, scratch, quarantine] { try Folders.make(folder) }
        } catch {
            guard case .system(_, _, let number) = error, number == EACCES || number == EROFS || number == EPERM else {
                throw error
            }
            throw .readOnly(path: base)
        }
        guard access(objects, W_OK) == 0, access(scratch, W_OK) == 0 else { throw .readOnly(path: base) }
        var first = stat()
        var second = stat()
        guard stat(objects, &first) == 0, stat(scratch, &second) == 0 else {
            throw .system(operation: "look at", path: objects, errno: errno)
        }
        guard first.st_dev == second.st_dev else { throw .split(path: base) }
        // The 256 folders are made at once, so that no later publish has to wait for a folder's own name.
        guard access("\(objects)/ff", F_OK) != 0 else { return }
        for byte in 0..<256 {
            try Folders.make("\(objects)/\(byte < 16 ? "0" : "")\(String(byte, radix: 16))")
        }
        for folder in [objects, base] { try Folders.synchronise(folder) }
    }

    /// Where an object lies when it is there.
    func path(of digest: Digest) -> String { "\(folder(of: digest))/\(digest.hex.dropFirst(2)).zst" }

    func folder(of digest: Digest) -> String { "\(objects)/\(digest.hex.prefix(2))" }

    /// Whether an object is there: one look at the file system, no reading.
    public func contains(_ digest: Digest) -> Bool {
        var status = stat()
        return lstat(path(of: digest), &status) == 0 && status.isRegular && status.st_size > 0
    }

    /// Starts a batch of objects that become durable together.
    public func batch() -> PublishBatch { PublishBatch(self) }

    /// Publishes one folder as an artifact: a batch of one.
    public func publish(
        folder: URL, kind: ArtifactKind, attributes: Value = .null
    ) throws(StorageError) -> StoredArtifact {
        var batch = batch()
        let artifact = try batch.add(folder: folder, kind: kind, attributes: attributes)
        try batch.commit()
        return artifact
    }
}

/// An artifact that was put into the store.
public struct StoredArtifact: Hashable, Sendable {
    /// The digest of the manifest: the artifact's name.
    public let digest: Digest
    /// Its manifest.
    public let manifest: Manifest
}
