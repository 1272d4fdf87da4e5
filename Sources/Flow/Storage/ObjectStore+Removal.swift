public import Artifacts
public import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// An object as it lies in the store.
public struct StoredObject: Hashable, Sendable {
    /// Its name.
    public let digest: Digest
    /// Bytes on the disk, compressed.
    public let storedBytes: Int
    /// When it was last published, also by somebody who found it already there.
    public let published: Date
}

extension ObjectStore {
    /// All objects, in the order of their digests.
    public func allObjects() throws(StorageError) -> [StoredObject] { try scan().objects }

    /// Removes an object; nothing when it is not there, or when somebody published it since `date`.
    ///
    /// - Returns: The bytes that were freed.
    @discardableResult
    public func remove(_ digest: Digest, unlessPublishedSince date: Date? = nil) throws(StorageError) -> Int {
        guard !isReadOnly else { throw .readOnly(path: root.path(percentEncoded: false)) }
        let path = path(of: digest)
        return try withRemovalsLocked(.exclusive) { () throws(StorageError) in
            var status = stat()
            guard lstat(path, &status) == 0 else {
                if errno == ENOENT { return 0 }
                throw .system(operation: "look at", path: path, errno: errno)
            }
            if let date, Self.date(status) >= date { return 0 }
            guard unlink(path) == 0 else {
                if errno == ENOENT { return 0 }
                throw .system(operation: "remove", path: path, errno: errno)
            }
            return Int(status.st_size)
        }
    }

    enum RemovalLock {
        /// Of those who rely on what is there.
        case shared
        /// Of who removes something.
        case exclusive
    }

    /// Keeps others from removing objects, or from relying on one that goes in this moment; where the file system has no such
    /// locks, the moment remains.
    ///
    /// Held for a look at some objects, never until something is on the disk.
    func withRemovalsLocked<Result, Failure: Error>(
        _ lock: RemovalLock, _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let folder = open(objects, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        // Closing gives the lock back.
        defer { if folder >= 0 { close(folder) } }
        if folder >= 0 {
            while flock(folder, lock == .shared ? LOCK_SH : LOCK_EX) != 0, errno == EINTR {}
        }
        return try body()
    }

    /// Walks `objects` once: what is an object, and what does not belong there.
    func scan() throws(StorageError) -> (objects: [StoredObject], strays: [VerifyReport.Finding]) {
        var found: [StoredObject] = []
        var strays: [VerifyReport.Finding] = []
        for folder in try sorted(objects) {
            guard let name = folder.name, folder.status.isFolder, name.utf8.count == 2 else {
                strays.append(.stray(path: "\(objects)/\(folder.name ?? "(a name that is not UTF-8)")"))
                continue
            }
            for file in try sorted("\(objects)/\(name)") {
                if let rest = file.name, rest.hasSuffix(".zst"), let digest = Digest(hex: name + rest.dropLast(4)),
                    digest.hex == name + rest.dropLast(4)
                {
                    found.append(
                        StoredObject(
                            digest: digest, storedBytes: Int(file.status.st_size), published: Self.date(file.status)))
                } else {
                    strays.append(.stray(path: "\(objects)/\(name)/\(file.name ?? "(a name that is not UTF-8)")"))
                }
            }
        }
        return (found, strays)
    }

    private func sorted(_ folder: String) throws(StorageError) -> [Folders.Entry] {
        (try Folders.list(folder) ?? []).sorted { ($0.name ?? "") < ($1.name ?? "") }
    }

    private static func date(_ status: stat) -> Date {
        Date(
            timeIntervalSince1970: Double(status.st_mtim.tv_sec) + Double(status.st_mtim.tv_nsec) / 1_000_000_000)
    }
}
