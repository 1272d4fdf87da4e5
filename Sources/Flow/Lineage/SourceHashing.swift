import Artifacts
import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// What tells a file that was not touched from one that was.
struct FileStamp: Hashable {
    let device: Int
    let inode: Int
    let size: Int
    /// Nanoseconds since 1970.
    let modified: Int
    /// Nanoseconds since 1970; unlike `modified` it cannot be set by hand.
    let changed: Int

    init(device: Int, inode: Int, size: Int, modified: Int, changed: Int) {
        self.device = device
        self.inode = inode
        self.size = size
        self.modified = modified
        self.changed = changed
    }

    private init(_ status: stat) {
        device = Int(truncatingIfNeeded: status.st_dev)
        inode = Int(truncatingIfNeeded: status.st_ino)
        size = Int(status.st_size)
        modified = Self.nanoseconds(status.st_mtim)
        changed = Self.nanoseconds(status.st_ctim)
    }

    private static func nanoseconds(_ time: timespec) -> Int { Int(time.tv_sec) * 1_000_000_000 + Int(time.tv_nsec) }

    /// Looks at a file; links are followed.
    init(of path: String) throws(LineageError) {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw .source(path: path, reason: String(cString: strerror(errno)))
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .source(path: path, reason: "it is not a file") }
        self.init(status)
    }

    /// Whether a digest that was recorded at a time (nanoseconds since 1970) can be trusted to be of these bytes.
    ///
    /// File systems keep times in ticks, of 2 s in the worst case (FAT). A file that was written in the tick in which it
    /// was hashed may have been written once more after that without showing it: such entries are not trusted, and the
    /// file is hashed again. (git calls them racy.)
    func isSettled(at recorded: Int) -> Bool { max(modified, changed) + Self.tick <= recorded }

    private static let tick = 2_000_000_000

    /// Now, as `isSettled` wants it.
    static var now: Int {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return nanoseconds(time)
    }

    /// Hashes a file whose stamp must not change meanwhile.
    func digest(of path: String) throws(LineageError) -> Digest {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .source(path: path, reason: String(cString: strerror(errno))) }
        defer { close(descriptor) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { buffer.deallocate() }
        var hasher = Digest.Hasher()
        while true {
            let count = read(descriptor, buffer.baseAddress, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .source(path: path, reason: String(cString: strerror(errno))) }
            if count == 0 { break }
            hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, FileStamp(status) == self else {
            throw .changedWhileReading(path: path)
        }
        return hasher.finish()
    }
}
