import Foundation

/// A file mapped into memory, read only, unmapped with the last reference.
///
/// Every access is checked against its length.
///
/// `@unchecked Sendable`: the mapping is private, read-only and lives exactly as long as the object, so a pointer to it
/// may be read from any thread.
final class MappedFile: @unchecked Sendable {
    let path: String
    let count: Int
    private let base: UnsafeRawPointer?

    init(_ url: URL) throws(CheckpointError) {
        path = url.path(percentEncoded: false)
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw errno == ENOENT ? .missing(path: path) : .unreadable(path: path, reason: MappedFile.reason())
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .unreadable(path: path, reason: MappedFile.reason()) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .unreadable(path: path, reason: "not a regular file") }
        count = Int(status.st_size)
        guard count > 0 else {
            base = nil
            return
        }
        let mapping = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0)
        guard let mapping, mapping != MAP_FAILED else {
            throw .unreadable(path: path, reason: MappedFile.reason())
        }
        base = UnsafeRawPointer(mapping)
    }

    deinit {
        if let base { munmap(UnsafeMutableRawPointer(mutating: base), count) }
    }

    func read<R>(_ range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "bytes \(range) of a file of \(count)")
        return try body(UnsafeRawBufferPointer(start: base.map { $0 + range.lowerBound }, count: range.count))
    }

    /// Gives the memory of bytes that have been read back to the system; read again, they come from the file again.
    ///
    /// A model keeps its checkpoint: without this its weights would stay in memory twice.
    func release(_ range: Range<Int>) {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let (start, end) = ((range.lowerBound + page - 1) / page * page, range.upperBound / page * page)
        // Small tensors share pages with their neighbours, and are not worth a system call.
        guard let base, end - start >= MappedFile.smallestRelease else { return }
        madvise(UnsafeMutableRawPointer(mutating: base + start), end - start, MADV_DONTNEED)
    }

    private static let smallestRelease = 1 << 16

    /// What the last system call complained about.
    static func reason() -> String { String(cString: strerror(errno)) }
}
