public import Artifacts
public import Foundation
import GRDB

/// A file and the digest of its bytes.
public struct SourceFile: Hashable, Sendable {
    /// Where it lies: an absolute path.
    public let path: String
    /// SHA-256 of its bytes.
    public let digest: Digest
    /// Bytes.
    public let size: Int
}

/// The content of a folder, such as a model part.
public struct FolderContent: Hashable, Sendable {
    /// The digest of the canonical list of relative paths and file digests.
    public let digest: Digest
    /// The files, by relative path.
    public let files: [String: SourceFile]
}

extension LineageDatabase {
    /// The digests of files, hashed only when they changed since they were last seen.
    ///
    /// A file is taken as unchanged when its device, inode, size, mtime and ctime are those that were recorded, and
    /// both times lay well before the recording: otherwise a later change within the same tick would go unseen.
    /// Links are followed. With a database for reading only, nothing is remembered.
    ///
    /// - Parameters:
    ///   - files: in any order; the result has the same order.
    ///   - remembering: whether the files are sources: what somebody only asks about is none.
    ///   - hashing: told of each file that has to be read, with its size, before it is; what it throws ends the work.
    /// - Throws: `LineageError.source`, `.changedWhileReading`.
    public func digests(
        of files: [URL], remembering: Bool = true, hashing: (String, Int) throws -> Void = { _, _ in }
    ) throws -> [SourceFile] {
        let paths = files.map { $0.standardizedFileURL.path(percentEncoded: false) }
        var stamps: [String: FileStamp] = [:]
        for path in paths where stamps[path] == nil { stamps[path] = try FileStamp(of: path) }
        var known = try read { reader in
            var known: [String: Digest] = [:]
            for (path, stamp) in stamps { known[path] = try reader.database.digest(of: path, stamp) }
            return known
        }
        var fresh: [(path: String, stamp: FileStamp, digest: Digest, recorded: Int)] = []
        for (path, stamp) in stamps.sorted(by: { $0.key < $1.key }) where known[path] == nil {
            try hashing(path, stamp.size)
            // The time before reading: a write that comes later has a later mtime.
            let recorded = FileStamp.now
            let digest = try stamp.digest(of: path)
            known[path] = digest
            fresh.append((path, stamp, digest, recorded))
        }
        if !fresh.isEmpty, remembering, !isReadOnly {
            try write("remember sources", durable: false) { database in
                for file in fresh {
                    if try database.remember(file.path, file.stamp, file.digest, file.recorded) {
                        try seal(.source, "\(file.digest.hex) \(file.path)", in: database)
                    }
                }
            }
        }
        return paths.map { path in
            guard let digest = known[path], let stamp = stamps[path] else {
                preconditionFailure("\(path) was neither known nor hashed")
            }
            return SourceFile(path: path, digest: digest, size: stamp.size)
        }
    }

    /// The digest of a folder's content: all files in it and below, hidden ones left out.
    ///
    /// Links are followed.
    ///
    /// - Parameters:
    ///   - folder: its name and place do not matter, only what is in it.
    ///   - including: which files count, by relative path.
    ///   - hashing: told of each file that has to be read, with its size, before it is.
    public func digest(
        ofFolder folder: URL, including: (String) -> Bool = { _ in true },
        hashing: (String, Int) throws -> Void = { _, _ in }
    ) throws -> FolderContent {
        let paths = try Self.walk(folder, under: "", depth: 0).filter(including).sorted()
        let files = try digests(of: paths.map { folder.appending(path: $0) }, hashing: hashing)
        let list = Value.list(zip(paths, files).map { .list([.string($0), .string($1.digest.hex)]) })
        return FolderContent(
            digest: Digest(of: try list.databaseText(of: folder.path(percentEncoded: false))),
            files: Dictionary(zip(paths, files), uniquingKeysWith: { first, _ in first }))
    }

    private static func walk(_ folder: URL, under prefix: String, depth: Int) throws -> [String] {
        let path = folder.path(percentEncoded: false)
        guard depth < 32 else { throw LineageError.source(path: path, reason: "more than 32 folders deep") }
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw LineageError.source(path: path, reason: "it is no folder that can be read")
        }
        var files: [String] = []
        for name in names where !name.hasPrefix(".") {
            var isFolder: ObjCBool = false
            let child = folder.appending(path: name)
            guard FileManager.default.fileExists(atPath: child.path(percentEncoded: false), isDirectory: &isFolder)
            else {
                throw LineageError.source(path: child.path(percentEncoded: false), reason: "the link leads nowhere")
            }
            if isFolder.boolValue {
                files += try walk(child, under: "\(prefix)\(name)/", depth: depth + 1)
            } else {
                files.append(prefix + name)
            }
        }
        return files
    }
}

extension Database {
    fileprivate func digest(of path: String, _ stamp: FileStamp) throws -> Digest? {
        guard let row = try row("SELECT * FROM stat_cache WHERE path = ?", [path]) else { return nil }
        let known = FileStamp(
            device: row["device"], inode: row["inode"], size: row["size"], modified: row["mtime"],
            changed: row["ctime"])
        guard known == stamp, stamp.isSettled(at: row["recorded"]) else { return nil }
        return try row.digest("digest")
    }

    /// - Returns: Whether the file was never seen there with these bytes.
    fileprivate func remember(
        _ path: String, _ stamp: FileStamp, _ digest: Digest, _ recorded: Int
    ) throws -> Bool {
        let isNew = try row("SELECT 1 FROM sources WHERE path = ? AND digest = ?", [path, digest.hex]) == nil
        try run(
            """
            INSERT OR REPLACE INTO stat_cache (path, device, inode, size, mtime, ctime, digest, recorded)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [path, stamp.device, stamp.inode, stamp.size, stamp.modified, stamp.changed, digest.hex, recorded])
        let milliseconds = recorded / 1_000_000
        try run(
            """
            INSERT INTO sources (path, digest, size, first_seen, last_seen) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET last_seen = excluded.last_seen
            """,
            [path, digest.hex, stamp.size, milliseconds, milliseconds])
        return isNew
    }
}
