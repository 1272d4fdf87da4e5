public import Artifacts
public import Foundation

#if canImport(Glibc)
    import Glibc
#endif

extension ObjectStore {
    /// Makes the scratch folder of an attempt, `tmp/ATTEMPT`, owned by this process.
    ///
    /// Beside it lies `tmp/ATTEMPT.owner`, made first: so no folder is ever without an owner, and what dead processes
    /// leave can be told from what live ones use.
    /// - Throws: `StorageError.exists` when the attempt already has one.
    public func makeScratch(_ attempt: String, owner: ProcessIdentity = .current) throws(StorageError) -> URL {
        precondition(
            !attempt.utf8.contains(UInt8(ascii: "/")) && attempt.utf8.first != UInt8(ascii: "."),
            "\(attempt) cannot name a folder")
        guard !isReadOnly else { throw .readOnly(path: root.path(percentEncoded: false)) }
        let path = "\(scratch)/\(attempt)"
        let text: String
        do {
            text = String(decoding: try JSONEncoder().encode(owner), as: UTF8.self)
        } catch {
            preconditionFailure("an owner has a JSON form: \(error)")
        }
        // A link that leads nowhere: unlike a file, it is never there without what it says.
        guard symlink(text, "\(path).owner") == 0 else {
            if errno == EEXIST { throw .exists(path: path) }
            throw .system(operation: "make", path: "\(path).owner", errno: errno)
        }
        guard mkdir(path, 0o777) == 0 else {
            let number = errno
            unlink("\(path).owner")
            if number == EEXIST { throw .exists(path: path) }
            throw .system(operation: "make the folder", path: path, errno: number)
        }
        return URL(filePath: path, directoryHint: .isDirectory)
    }

    /// Removes the scratch folder of an attempt, whatever is in it.
    public func removeScratch(_ attempt: String) throws(StorageError) {
        try Folders.remove("\(scratch)/\(attempt)")
        try Folders.remove("\(scratch)/\(attempt).owner")
    }

    /// Removes the scratch folders and half-written objects of processes that are dead.
    ///
    /// What belongs to other hosts, or has no owner that can be read, is left until it is `age` seconds old, counted
    /// from its last change. What cannot be removed, as what belongs to another user, hinders nobody: it is left as well.
    /// - Returns: The attempts whose folders were removed.
    @discardableResult
    public func sweep(olderThan age: TimeInterval = 7 * 86400) throws(StorageError) -> [String] {
        guard !isReadOnly, let entries = try Folders.list(scratch) else { return [] }
        let oldest = Date().timeIntervalSince1970 - age
        let names = Set(entries.compactMap(\.name))
        var swept: [String] = []
        for entry in entries {
            guard let name = entry.name else { continue }
            let isOld = Double(entry.status.st_mtim.tv_sec) < oldest
            if name.hasSuffix(".owner") {
                let attempt = String(name.dropLast(6))
                switch owner(of: attempt)?.liveness {
                case .alive: continue
                case .dead: break
                case .unknown, nil: if !isOld { continue }
                }
                guard (try? removeScratch(attempt)) != nil else { continue }
                if !attempt.hasPrefix("batch-") { swept.append(attempt) }
            } else if isOld, !names.contains("\(name).owner") {
                try? Folders.remove("\(scratch)/\(name)")
            }
        }
        return swept.sorted()
    }

    private func owner(of attempt: String) -> ProcessIdentity? {
        let link = "\(scratch)/\(attempt).owner"
        guard let text = try? FileManager.default.destinationOfSymbolicLink(atPath: link) else { return nil }
        return try? JSONDecoder().decode(ProcessIdentity.self, from: Data(text.utf8))
    }
}
