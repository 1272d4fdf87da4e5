public import Artifacts
public import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// An object's file, open for reading.
struct ObjectFile: ~Copyable {
    let file: OpenFile
    /// Plain bytes, as the frame declares them.
    let size: Int
}

extension ObjectStore {
    /// The bytes of an object, verified.
    ///
    /// - Parameters:
    ///   - digest: its name.
    ///   - limit: bytes at most: `StorageError.refused` for a larger one, before it is read.
    /// - Throws: `StorageError.missing`, `.damaged`, `.refused`, `.system`.
    public func read(_ digest: Digest, limit: Int = 64 << 20) throws(StorageError) -> Data {
        var data = Data()
        try decode(digest, size: nil, limit: limit) { (bytes) throws(StorageError) in
            if let base = bytes.baseAddress {
                data.append(base.assumingMemoryBound(to: UInt8.self), count: bytes.count)
            }
        }
        return data
    }

    /// The manifest of an artifact, verified.
    ///
    /// - Throws: as `read`, and `StorageError.notAnArtifact`.
    public func manifest(of artifact: Digest) throws(StorageError) -> Manifest {
        let data = try read(artifact)
        guard let text = String(validating: data, as: UTF8.self) else {
            throw .notAnArtifact(artifact, reason: "it is not text")
        }
        do throws(ArtifactError) { return try Manifest(canonicalText: text) } catch {
            throw .notAnArtifact(artifact, reason: "\(error)")
        }
    }

    /// Writes the files of an artifact into a folder: verified, each complete or not there at all.
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
    ) throws(StorageError) -> Manifest {
        let manifest = try manifest(of: artifact)
        try Folders.make(Self.plainPath(folder))
        for entry in manifest.entries where only?(entry.path) ?? true {
            try copy(
                entry.digest, size: entry.size, to: folder.appending(path: entry.path), replacing: replacing,
                writable: writable)
        }
        return manifest
    }

    /// Writes one object to a file, verified; the file appears complete or not at all.
    ///
    /// - Parameters:
    ///   - digest: the object.
    ///   - size: its plain bytes as the manifest has them: nothing is written for an object that declares another size.
    ///   - file: where to; folders that are missing are made.
    ///   - replacing: whether a file that is already there is replaced; otherwise `StorageError.exists`.
    ///   - writable: whether the user may write the file.
    public func copy(
        _ digest: Digest, size: Int? = nil, to file: URL, replacing: Bool = false, writable: Bool = false
    ) throws(StorageError) {
        let path = Self.plainPath(file)
        guard replacing || access(path, F_OK) != 0 else { throw .exists(path: path) }
        let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? path.startIndex
        try Folders.make(String(path[..<slash]))
        let partial = "\(path[..<slash])/.partial-\(String(UInt64.random(in: .min ... .max), radix: 36))"
        // Also after success: `link` below leaves it.
        defer { unlink(partial) }
        let target = try OpenFile(partial, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, to: "create")
        try decode(digest, size: size, limit: .max) { (bytes) throws(StorageError) in try target.write(bytes) }
        guard fchmod(target.descriptor, writable ? 0o644 : 0o444) == 0 else {
            throw .system(operation: "set the permissions of", path: partial, errno: errno)
        }
        if !replacing {
            // Unlike rename, link never replaces; file systems without links are left with the look above.
            if link(partial, path) == 0 { return }
            guard errno != EEXIST else { throw .exists(path: path) }
        }
        guard rename(partial, path) == 0 else { throw .system(operation: "rename to", path: path, errno: errno) }
    }

    /// Reads an object through, verified.
    ///
    /// What is damaged is moved to quarantine.
    ///
    /// - Returns: The number of plain bytes.
    @discardableResult
    func decode(
        _ digest: Digest, size: Int?, limit: Int, quarantines: Bool = true,
        sink: (UnsafeRawBufferPointer) throws(StorageError) -> Void
    ) throws(StorageError) -> Int {
        do {
            let object = try openObject(digest)
            let found = object.size
            if let size, size != found {
                throw FrameReader.Damage(reason: "it declares \(found) bytes, and its manifest \(size)")
            }
            var reader = FrameReader()
            guard found <= limit else {
                // Or its header is damaged: reading it through tells.
                try reader.decode(object.file, size: found, digest: digest) { _ in }
                throw StorageError.refused(path: object.file.path, reason: "it has \(found) bytes, more than \(limit)")
            }
            try reader.decode(object.file, size: found, digest: digest) { bytes in try sink(bytes) }
            return found
        } catch let damage as FrameReader.Damage {
            let place = quarantines && !isReadOnly ? try? isolate(digest) : nil
            throw .damaged(digest, reason: damage.reason, quarantine: place)
        } catch let error as StorageError {
            throw error
        } catch {
            preconditionFailure("only Damage and StorageError are thrown above: \(error)")
        }
    }

    /// Opens an object's file, which must be a plain one, and reads the size that its frame declares.
    func openObject(_ digest: Digest) throws -> ObjectFile {
        let path = path(of: digest)
        let file: OpenFile
        do throws(StorageError) {
            file = try OpenFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        } catch {
            guard case .system(_, _, let number) = error else { throw error }
            switch number {
            case ENOENT, ENOTDIR: throw StorageError.missing(digest)
            case ELOOP, ENXIO: throw FrameReader.Damage(reason: "it is a link or a socket, not a file")
            default: throw error
            }
        }
        let status = try file.status()
        guard status.isRegular else { throw FrameReader.Damage(reason: "it is \(status.kind), not a file") }
        guard let size = try FrameReader.contentSize(file) else {
            throw FrameReader.Damage(
                reason: status.st_size == 0 ? "its file is empty" : "its file does not begin a zstd frame")
        }
        return ObjectFile(file: file, size: size)
    }

    /// Moves an object's file to quarantine, whatever it is.
    ///
    /// - Returns: Where it is now; nil when it was gone already.
    func isolate(_ digest: Digest) throws(StorageError) -> String? {
        let source = path(of: digest)
        let target = "\(quarantine)/\(digest.hex)-\(String(UInt32.random(in: .min ... .max), radix: 36)).zst"
        if rename(source, target) == 0 { return target }
        if errno == ENOENT { return nil }
        throw .system(operation: "move to \(quarantine)", path: source, errno: errno)
    }

    static func plainPath(_ url: URL) -> String {
        let path = url.standardizedFileURL.path(percentEncoded: false)
        return path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    }
}
