import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// A file descriptor that closes itself, and whose failures name the file.
struct OpenFile: ~Copyable {
    let descriptor: Int32
    let path: String

    /// Opens a file; nothing is inherited by programs that are started.
    init(_ path: String, _ flags: Int32, mode: mode_t = 0o600, to operation: String = "open") throws(StorageError) {
        var descriptor: Int32
        repeat { descriptor = open(path, flags | O_CLOEXEC, mode) } while descriptor < 0 && errno == EINTR
        guard descriptor >= 0 else { throw .system(operation: operation, path: path, errno: errno) }
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    /// Size, times, inode and type.
    func status() throws(StorageError) -> stat {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .system(operation: "look at", path: path, errno: errno) }
        return status
    }

    /// Reads into a buffer from where the last read ended; 0 at the end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
        while true {
            let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            if count >= 0 { return count }
            guard errno == EINTR else { throw .system(operation: "read", path: path, errno: errno) }
        }
    }

    /// Reads at a place, without moving.
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
        while true {
            let count = pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset))
            if count >= 0 { return count }
            guard errno == EINTR else { throw .system(operation: "read", path: path, errno: errno) }
        }
    }

    /// Writes all of a buffer.
    func write(_ buffer: UnsafeRawBufferPointer) throws(StorageError) {
        var rest = buffer
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
            if count >= 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
            } else if errno != EINTR {
                throw .system(operation: "write", path: path, errno: errno)
            }
        }
    }

    /// Asks the disk to take what was written; `synchronise()` then has less to wait for, and tells of errors.
    func startSynchronising() { _ = sync_file_range(descriptor, 0, 0, UInt32(motrans_sync_file_range_write)) }

    /// Waits until all that was written is on the disk.
    ///
    /// After a failure the file must be given up: asking again may say
    /// that all is well when it is not.
    func synchronise() throws(StorageError) {
        guard fsync(descriptor) == 0 else { throw .system(operation: "write to the disk", path: path, errno: errno) }
    }
}

extension stat {
    /// Whether it is a plain file.
    var isRegular: Bool { st_mode & S_IFMT == S_IFREG }
    /// Whether it is a folder.
    var isFolder: Bool { st_mode & S_IFMT == S_IFDIR }

    /// What else it is, for people.
    var kind: String {
        switch st_mode & S_IFMT {
        case S_IFREG: "a file"
        case S_IFDIR: "a folder"
        case S_IFLNK: "a symbolic link"
        case S_IFIFO: "a pipe"
        case S_IFSOCK: "a socket"
        default: "a device"
        }
    }

    /// Whether a file that was looked at twice is the same and was not written between.
    func isUnchanged(since earlier: stat) -> Bool {
        st_dev == earlier.st_dev && st_ino == earlier.st_ino && st_size == earlier.st_size
            && st_mtim.tv_sec == earlier.st_mtim.tv_sec && st_mtim.tv_nsec == earlier.st_mtim.tv_nsec
            && st_ctim.tv_sec == earlier.st_ctim.tv_sec && st_ctim.tv_nsec == earlier.st_ctim.tv_nsec
    }
}
