import Foundation

/// Where the events of a trace go: a JSON array, written as it comes.
///
/// Whole events only, each with the comma before it: what a killed process leaves lacks nothing but the last bracket,
/// which the format does not ask for. Unaware of what the events say.
struct TraceFile {
    /// Bytes that are kept before they are written.
    private static let room = 1 << 16
    private static let head = Array("[\n{\"name\":\"process_name\"".utf8)

    let path: String
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var isEmpty = true
    /// The bytes of the file up to the end of the last event.
    private(set) var size = 0
    /// The error of the system that ended the writing.
    private(set) var problem: Int32?

    /// Makes the file, over an older trace and over nothing else.
    init(_ path: String) throws(TraceError) {
        self.path = path
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw .unwritable(path: path, reason: String(cString: strerror(errno))) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK else {
            Foundation.close(descriptor)
            throw .inUse(path: path)
        }
        var facts = stat()
        // A pipe or a device has nothing to lose.
        if fstat(descriptor, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG, facts.st_size > 0 {
            var start = [UInt8](repeating: 0, count: Self.head.count)
            let count = pread(descriptor, &start, start.count, 0)
            guard count == start.count, start == Self.head else {
                Foundation.close(descriptor)
                throw .notATrace(path: path)
            }
            ftruncate(descriptor, 0)
        }
        buffer.reserveCapacity(Self.room + 4096)
    }

    /// Adds an event; the first is to be the name of the process.
    mutating func add(_ event: TraceEvent) {
        guard problem == nil else { return }
        buffer.append(contentsOf: isEmpty ? "[\n".utf8 : ",\n".utf8)
        isEmpty = false
        event.write(to: &buffer)
        if buffer.count >= Self.room { flush() }
    }

    /// Writes what is kept.
    ///
    /// A trace is no result: when it cannot be written, the run goes on without.
    mutating func flush() {
        guard problem == nil else { return }
        var rest = buffer[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                problem = errno
                // Half an event would spoil the others.
                ftruncate(descriptor, off_t(size))
                break
            }
            rest = rest.dropFirst(count)
        }
        if problem == nil { size += buffer.count }
        buffer.removeAll(keepingCapacity: true)
    }

    /// Ends the array.
    mutating func close() {
        buffer.append(contentsOf: isEmpty ? "[\n]\n".utf8 : "\n]\n".utf8)
        flush()
        Foundation.close(descriptor)
    }
}

/// Why there is no trace.
public enum TraceError: Error, Equatable, CustomStringConvertible {
    /// The file cannot be made or written.
    case unwritable(path: String, reason: String)
    /// Another process writes its trace there.
    case inUse(path: String)
    /// The file is there, and is something else.
    case notATrace(path: String)

    /// The sentence.
    public var description: String {
        switch self {
        case .unwritable(let path, let reason): "the trace cannot be written to \(path): \(reason)"
        case .inUse(let path): "another process is writing its trace to \(path): name another file"
        case .notATrace(let path): "the trace would overwrite \(path), which is not an older trace: name another file"
        }
    }
}
