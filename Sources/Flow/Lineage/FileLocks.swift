#if canImport(Glibc)
    import Glibc
#endif

/// Whether a file system keeps locks at all.
enum FileLocks {
    /// Whether a lock in a folder is refused because there are none.
    ///
    /// Tried on a file of its own: whoever closes a second descriptor of a database takes all its locks away. What cannot
    /// be tried is taken to be well.
    static func areMissing(in folder: String) -> Bool {
        var name = Array("\(folder)/.locks-XXXXXX".utf8CString)
        let file = mkstemp(&name)
        guard file >= 0 else { return false }
        unlink(name)
        defer { close(file) }
        var lock = flock()
        lock.l_type = Int16(F_WRLCK)
        lock.l_whence = Int16(SEEK_SET)
        lock.l_len = 1
        return fcntl(file, F_SETLK, &lock) != 0 && (errno == ENOLCK || errno == EOPNOTSUPP || errno == ENOSYS)
    }

    /// The same in the folder of a file.
    static func areMissing(beside path: String) -> Bool {
        areMissing(in: path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ".")
    }
}
