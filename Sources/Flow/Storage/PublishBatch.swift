public import Artifacts
import Dispatch
public import Foundation
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Objects on their way into the store: all of them are durable when `commit` returns, and none has a name before.
///
/// The order is: write to `tmp`, fsync each file, rename each, fsync each folder that got a name. So a crash leaves
/// either no object or a whole one, and a database that is written after `commit` never names an object that a power
/// cut could take away. Put all outputs of a step into one batch: it costs one fsync per new object and folder.
///
/// Dropping a batch removes what it wrote. One thread at a time.
public struct PublishBatch: ~Copyable {
    private struct Pending {
        let digest: Digest
        let size: Int
        let path: String
    }

    private let store: ObjectStore
    private var pending: [Pending] = []
    /// The name of this batch's folder in `tmp`, nil until something was added.
    private var folder: String?

    init(_ store: ObjectStore) { self.store = store }

    deinit {
        // A folder that cannot be removed now is removed by the next sweep.
        if let folder { try? store.removeScratch(folder) }
    }

    /// Reads a folder, hashes and compresses its files, and adds them with their manifest.
    ///
    /// Links, devices, sockets and names that are not UTF-8 are refused; folders without files leave no trace. Media
    /// types go by extension.
    /// - Throws: `StorageError.refused`, `.changedWhileReading`, `.manifest`, `.system`.
    public mutating func add(
        folder: URL, kind: ArtifactKind, attributes: Value = .null
    ) throws(StorageError) -> StoredArtifact {
        var files: [String: String] = [:]
        let base = folder.path(percentEncoded: false)
        try Self.walk(base.hasSuffix("/") ? String(base.dropLast()) : base, under: "", into: &files)
        return try add(files, kind, attributes)
    }

    /// Adds a manifest alone: for artifacts whose bytes stay where the user has them.
    public mutating func add(_ manifest: Manifest) throws(StorageError) -> Digest {
        let text: String
        do throws(ArtifactError) { text = try manifest.canonicalText() } catch { throw .manifest(error) }
        return try add(Data(text.utf8))
    }

    /// Adds bytes: a log, a record.
    public mutating func add(_ bytes: Data) throws(StorageError) -> Digest {
        let path = try freshPath()
        let file = try OpenFile(path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o444, to: "create")
        do {
            try bytes.withUnsafeBytes { buffer in
                let sample = UnsafeRawBufferPointer(rebasing: buffer.prefix(Self.sampleSize))
                var frame = FrameWriter(size: buffer.count, FrameLayout(for: sample))
                try frame.write(buffer, to: file)
                try frame.finish(to: file)
            }
        } catch let error as StorageError {
            throw error
        } catch {
            preconditionFailure("only StorageError is thrown above: \(error)")
        }
        let digest = Digest(of: bytes)
        pending.append(Pending(digest: digest, size: bytes.count, path: path))
        return digest
    }

    /// What `commit` will publish.
    public var objects: Set<Digest> { Set(pending.map(\.digest)) }

    /// Makes everything durable and gives it its names.
    ///
    /// An object that is already there is not written again.
    ///
    /// - Throws: `StorageError.system`. Objects that got their names before the failure stay: they are whole.
    public consuming func commit() throws(StorageError) {
        var fresh: [Pending] = []
        var folders: Set<String> = []
        var seen: Set<Digest> = []
        store.withRemovalsLocked(.shared) {
            for object in pending where seen.insert(object.digest).inserted {
                // A folder that holds the object already is synced too: whoever wrote it may not have come so far yet.
                folders.insert(store.folder(of: object.digest))
                if !store.refresh(object.digest, size: object.size) { fresh.append(object) }
            }
        }
        try Self.together(fresh.map(\.path)) { (path) throws(StorageError) in
            try OpenFile(path, O_RDONLY).synchronise()
        }
        for object in fresh { try store.name(object.path, object.digest) }
        try Self.together(folders.sorted(), Folders.synchronise)
    }

    /// Waits for many things at once, so that one commit of the file system's journal serves all of them.
    private static func together(
        _ paths: [String], _ wait: @Sendable (String) throws(StorageError) -> Void
    ) throws(StorageError) {
        let failure = Mutex<StorageError?>(nil)
        DispatchQueue.concurrentPerform(iterations: paths.count) { index in
            do throws(StorageError) { try wait(paths[index]) } catch { failure.withLock { $0 = error } }
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }

    // MARK: Reading files

    /// Three pieces of this size are tried before a whole file is compressed.
    private static let sampleSize = 128 << 10

    private mutating func add(
        _ files: [String: String], _ kind: ArtifactKind, _ attributes: Value
    ) throws(StorageError) -> StoredArtifact {
        var entries: [Manifest.Entry] = []
        for (path, source) in files.sorted(by: { $0.key < $1.key }) {
            do throws(ArtifactError) { try Manifest.check(path: path) } catch {
                throw .refused(path: source, reason: "\(error)")
            }
            let (digest, size) = try add(file: source)
            entries.append(
                Manifest.Entry(path: path, digest: digest, size: size, mediaType: MediaType.of(path: path)))
        }
        let manifest = Manifest(kind: kind, entries: entries, attributes: attributes)
        return StoredArtifact(digest: try add(manifest), manifest: manifest)
    }

    private mutating func add(file path: String) throws(StorageError) -> (Digest, Int) {
        // Without O_NONBLOCK, opening a pipe that took the file's place would wait for ever.
        let source = try OpenFile(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW)
        let before = try source.status()
        guard before.isRegular else { throw .refused(path: path, reason: "it is \(before.kind), not a file") }
        let size = Int(before.st_size)
        let target = try freshPath()
        let file = try OpenFile(target, O_WRONLY | O_CREAT | O_EXCL, mode: 0o444, to: "create")
        let buffers = UnsafeMutableRawBufferPointer.allocate(
            byteCount: BackgroundDigest.pieces * FrameWriter.chunk, alignment: 4096)
        defer { buffers.deallocate() }
        var frame = FrameWriter(size: size, try Self.layout(source, size: size, buffers))
        let hasher = BackgroundDigest(size: size)
        // Before the memory goes.
        defer { hasher.wait() }
        var total = 0
        for piece in 0... {
            let start = piece % BackgroundDigest.pieces * FrameWriter.chunk
            hasher.makeRoom()
            let buffer = UnsafeMutableRawBufferPointer(rebasing: buffers[start..<start + FrameWriter.chunk])
            let count = try source.read(into: buffer)
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            hasher.add(bytes)
            if count == 0 { break }
            total += count
            guard total <= size else { throw .changedWhileReading(path: path) }
            try frame.write(bytes, to: file)
        }
        guard total == size, try source.status().isUnchanged(since: before) else {
            throw .changedWhileReading(path: path)
        }
        try frame.finish(to: file)
        let digest = hasher.finish()
        pending.append(Pending(digest: digest, size: size, path: target))
        return (digest, size)
    }

    private static func layout(
        _ file: borrowing OpenFile, size: Int, _ buffer: UnsafeMutableRawBufferPointer
    ) throws(StorageError) -> FrameLayout {
        var filled = 0
        // The middle at a whole number of numbers.
        for offset in size <= 3 * sampleSize ? [0] : [0, (size - sampleSize) / 16 * 8, (size - sampleSize) / 8 * 8] {
            let wanted = size <= 3 * sampleSize ? size : sampleSize
            let room = UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<filled + wanted])
            filled += try file.read(at: offset, into: room)
        }
        return FrameLayout(for: UnsafeRawBufferPointer(rebasing: buffer[..<filled]))
    }

    private static func walk(
        _ folder: String, under prefix: String, into files: inout [String: String]
    ) throws(StorageError) {
        guard let entries = try Folders.list(folder) else {
            throw .system(operation: "list", path: folder, errno: ENOENT)
        }
        for entry in entries {
            guard let name = entry.name else {
                throw .refused(path: folder, reason: "a name in it is not UTF-8; rename it")
            }
            let path = "\(folder)/\(name)"
            if entry.status.isFolder {
                try walk(path, under: "\(prefix)\(name)/", into: &files)
            } else if entry.status.isRegular {
                // Names that differ only in Unicode normalisation are one key here.
                guard files.updateValue(path, forKey: "\(prefix)\(name)") == nil else {
                    throw .refused(path: path, reason: "another name in its folder is the same text in Unicode")
                }
            } else {
                throw .refused(path: path, reason: "it is \(entry.status.kind); only files and folders are stored")
            }
        }
    }

    private mutating func freshPath() throws(StorageError) -> String {
        guard !store.isReadOnly else { throw .readOnly(path: store.root.path(percentEncoded: false)) }
        if folder == nil {
            let name = "batch-" + String(UInt64.random(in: .min ... .max), radix: 36)
            _ = try store.makeScratch(name)
            folder = name
        }
        return "\(store.scratch)/\(folder ?? "")/\(pending.count)"
    }
}

extension ObjectStore {
    /// Whether an object is there and looks whole; then it counts as published now, so that gc spares it.
    fileprivate func refresh(_ digest: Digest, size: Int) -> Bool {
        let path = path(of: digest)
        guard let file = try? OpenFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK), let status = try? file.status(),
            status.isRegular, let found = try? FrameReader.contentSize(file), found == size
        else { return false }
        // A collection goes by this time. What cannot be touched, as it is another user's, is written again.
        return utimensat(AT_FDCWD, path, nil, 0) == 0
    }

    /// Gives a finished file the name of its digest.
    fileprivate func name(_ source: String, _ digest: Digest) throws(StorageError) {
        let target = path(of: digest)
        func isNamed() -> Bool {
            // A collection that is about to remove what lies there must see that this is another.
            withRemovalsLocked(.shared) {
                // Published now, whenever it was written.
                _ = utimensat(AT_FDCWD, source, nil, 0)
                return rename(source, target) == 0
            }
        }
        if isNamed() { return }
        switch errno {
        case ENOENT:
            try Folders.make(folder(of: digest))
            try Folders.synchronise(objects)
        case EISDIR:
            // Whatever put a folder there: it is not ours, and the object needs its place.
            _ = try isolate(digest)
        default: throw .system(operation: "rename to", path: target, errno: errno)
        }
        guard isNamed() else { throw .system(operation: "rename to", path: target, errno: errno) }
    }
}
