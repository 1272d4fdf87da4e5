#if canImport(Glibc)
    import Glibc
#endif

/// Making, listing, syncing and removing folders.
///
/// Links are never followed on the way down.
enum Folders {
    /// A thing in a folder.
    struct Entry {
        /// Its name, nil when it is not UTF-8.
        let name: String?
        /// What it is, as lstat says.
        let status: stat
    }

    /// Makes a folder and those above it.
    static func make(_ path: String) throws(StorageError) {
        if mkdir(path, 0o777) == 0 { return }
        let number = errno
        switch number {
        case EEXIST:
            var status = stat()
            guard stat(path, &status) == 0, status.isFolder else {
                throw .system(operation: "make the folder", path: path, errno: ENOTDIR)
            }
        case ENOENT:
            guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), slash > path.startIndex else {
                throw .system(operation: "make the folder", path: path, errno: number)
            }
            try make(String(path[..<slash]))
            guard mkdir(path, 0o777) == 0 || errno == EEXIST else {
                throw .system(operation: "make the folder", path: path, errno: errno)
            }
        default: throw .system(operation: "make the folder", path: path, errno: number)
        }
    }

    /// What is in a folder, in no order; nil when there is no such folder.
    static func list(_ path: String) throws(StorageError) -> [Entry]? {
        guard let stream = opendir(path) else {
            if errno == ENOENT { return nil }
            throw .system(operation: "list", path: path, errno: errno)
        }
        defer { closedir(stream) }
        var entries: [Entry] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw .system(operation: "list", path: path, errno: errno) }
                return entries
            }
            let (name, status) = withName(of: entry) { name in
                var status = stat()
                let found = fstatat(dirfd(stream), name, &status, AT_SYMLINK_NOFOLLOW) == 0
                return (String(validatingCString: name), found ? status : nil)
            }
            // What vanished since is simply not there.
            guard let status, name != ".", name != ".." else { continue }
            entries.append(Entry(name: name, status: status))
        }
    }

    /// Waits until the names in a folder are on the disk.
    static func synchronise(_ path: String) throws(StorageError) {
        try OpenFile(path, O_RDONLY | O_DIRECTORY, to: "open the folder").synchronise()
    }

    /// Removes a file or a whole folder; nothing when it is not there.
    static func remove(_ path: String) throws(StorageError) { try remove(Array(path.utf8CString)) }

    /// Paths as bytes: a name need not be UTF-8.
    private static func remove(_ path: [CChar]) throws(StorageError) {
        func failure(_ operation: String, _ number: Int32) -> StorageError {
            .system(
                operation: operation,
                path: String(decoding: path.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self),
                errno: number)
        }
        if unlink(path) == 0 || errno == ENOENT { return }
        guard errno == EISDIR || errno == EPERM else { throw failure("remove", errno) }
        // A stage may have taken its own right to read away. What is no folder is not opened, nor a link to one.
        let refusal = errno
        var status = stat()
        guard lstat(path, &status) == 0, status.isFolder else { throw failure("remove", refusal) }
        if status.st_mode & 0o700 != 0o700 { fchmodat(AT_FDCWD, path, 0o700, AT_SYMLINK_NOFOLLOW) }
        // A process that outlived its step may write into the folder while it is emptied.
        for _ in 0..<100 {
            guard let names = names(in: path) else {
                if errno == ENOENT { return }
                throw failure("list", errno)
            }
            for name in names { try remove(path.dropLast() + [CChar(UInt8(ascii: "/"))] + name) }
            if rmdir(path) == 0 || errno == ENOENT { return }
            guard errno == ENOTEMPTY else { break }
        }
        throw failure("remove", errno)
    }

    /// Names with their final zeros; nil, with `errno`, when the folder cannot be opened.
    private static func names(in path: [CChar]) -> [[CChar]]? {
        let folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard folder >= 0, let stream = fdopendir(folder) else { return nil }
        defer { closedir(stream) }
        var names: [[CChar]] = []
        while let entry = readdir(stream) {
            let name = withName(of: entry) { Array(UnsafeBufferPointer(start: $0, count: strlen($0) + 1)) }
            if name != Array(".".utf8CString), name != Array("..".utf8CString) { names.append(name) }
        }
        return names
    }

    private static func withName<Result>(
        of entry: UnsafeMutablePointer<dirent>, _ body: (UnsafePointer<CChar>) -> Result
    ) -> Result {
        // The name is as long as it is, whatever the struct declares: it is read where it lies.
        let offset = MemoryLayout<dirent>.offset(of: \.d_name) ?? 0
        let name = UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: CChar.self)
        return body(name)
    }
}
