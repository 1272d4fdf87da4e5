import Artifacts
import Foundation
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// What the database says, written down beside it as lines of JSON: a lost database is made again of these.
///
/// Lines wait until the transaction that they belong to is about to be committed, and are dropped with it. A line whose
/// transaction then fails after all is superseded by the next one about the same thing.
final class RecordFiles: Sendable {
    /// The folder in the cache.
    let folder: String
    private let waiting = Mutex<[(file: String, line: String)]>([])
    /// Files with lines that are not on the disk yet for certain.
    ///
    /// Sources from the start: a process that only asked may have written them.
    private let unsynced = Mutex<Set<String>>(["sources.jsonl"])

    init(in cache: URL) { folder = cache.appending(path: "records").path(percentEncoded: false) }

    /// Whether anything was ever written down.
    var isEmpty: Bool {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).allSatisfy { !$0.hasSuffix(".jsonl") }
    }

    func add(_ line: String, to file: String) { waiting.withLock { $0.append((file, line)) } }

    func drop() { waiting.withLock { $0 = [] } }

    /// Appends what waits, each file's lines with one call.
    ///
    /// - Parameter durably: whether it must survive a power cut.
    func write(durably: Bool) throws(LineageError) {
        let lines = waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
        guard !lines.isEmpty else { return }
        if mkdir(folder, 0o777) == 0 {
            try sync(URL(filePath: folder).deletingLastPathComponent().path(percentEncoded: false))
        } else if errno != EEXIST {
            throw .database(path: folder, operation: "make the folder", reason: String(cString: strerror(errno)))
        }
        for (file, group) in Dictionary(grouping: lines, by: \.file).sorted(by: { $0.key < $1.key }) {
            try append(group.map { $0.line + "\n" }.joined(), to: "\(folder)/\(file)")
            unsynced.withLock { _ = $0.insert(file) }
        }
        guard durably else { return }
        for file in unsynced.withLock({ $0 }) {
            try sync("\(folder)/\(file)")
            unsynced.withLock { _ = $0.remove(file) }
        }
    }

    /// Waits until a file, or a folder's names, are on the disk; nothing when it is not there.
    private func sync(_ path: String) throws(LineageError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 || errno != ENOENT else { return }
        defer { close(descriptor) }
        guard descriptor >= 0, fsync(descriptor) == 0 else {
            throw .database(path: path, operation: "write down a record", reason: String(cString: strerror(errno)))
        }
    }

    private func append(_ text: String, to path: String) throws(LineageError) {
        func fail(_ number: Int32) -> LineageError {
            number == ENOSPC || number == EDQUOT
                ? .full(path: path)
                : .database(path: path, operation: "write down a record", reason: String(cString: strerror(number)))
        }
        let descriptor = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw fail(errno) }
        defer { close(descriptor) }
        let size = lseek(descriptor, 0, SEEK_END)
        var last: UInt8 = 0
        // What a crash or a full disk cut off must not swallow the next line.
        let isCut = size > 0 && pread(descriptor, &last, 1, size - 1) == 1 && last != UInt8(ascii: "\n")
        var bytes = Array(((isCut ? "\n" : "") + text).utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                let number = errno
                ftruncate(descriptor, size)
                throw fail(number)
            }
            bytes = bytes.dropFirst(count)
        }
        // A new file's name is not there for certain before its folder is synced.
        if size == 0 { try sync(folder) }
    }
}

extension RecordFiles {
    /// A record as it is written down.
    struct Line: Hashable {
        let file: String
        /// From 1.
        let number: Int
        let sequence: Int
        let kind: RecordKind
        let subject: String
        let record: Value
        /// The digest of the record's text.
        let content: Digest
        /// The digest of its link, and of the one before.
        let link: Digest
        let previous: Digest

        /// What it is about, as people read it.
        var name: String { "\(kind.rawValue) \(subject)" }
    }

    /// Of lines, those that were committed, in the order of the chain.
    ///
    /// Of several with one number, one was: that on which the next was built. The others are of transactions that failed.
    static func committed(_ lines: [Line]) -> [Line] {
        var wanted: Digest?
        var chosen: [Line] = []
        let groups = Dictionary(grouping: lines, by: \.sequence)
        for number in groups.keys.sorted(by: >) {
            let group = groups[number] ?? []
            guard let line = group.first(where: { $0.link == wanted }) ?? group.last else { continue }
            chosen.append(line)
            wanted = line.previous
        }
        return chosen.reversed()
    }

    /// What is wrong with lines in the order of the chain: changed ones, and gaps.
    static func doubts(_ lines: [Line]) throws -> [String] {
        var doubts: [String] = []
        var (sequence, previous) = (0, ChainLink.start)
        for line in lines {
            let name = "\(line.name) (\(line.file):\(line.number))"
            let gone = line.sequence - sequence - 1
            if gone > 0 {
                doubts.append("\(gone) \(gone == 1 ? "record is" : "records are") missing before \(name)")
            } else if line.previous != previous {
                doubts.append("\(name) does not follow from the record before it")
            }
            if try !line.isIntact { doubts.append("\(name) was changed after it was written down") }
            (sequence, previous) = (line.sequence, line.link)
        }
        return doubts
    }

    /// All records, and the lines that cannot be read, as `run.jsonl:12`.
    static func readAll(in cache: URL) -> (lines: [Line], unreadable: [String]) {
        let folder = cache.appending(path: "records")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false))) ?? []
        var lines: [Line] = []
        var unreadable: [String] = []
        for name in names.sorted() where name.hasSuffix(".jsonl") {
            guard let data = try? Data(contentsOf: folder.appending(path: name)) else {
                unreadable.append(name)
                continue
            }
            for (index, bytes) in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
                .enumerated()
            where !bytes.isEmpty {
                if let line = Line(String(decoding: bytes, as: UTF8.self), file: name, number: index + 1) {
                    lines.append(line)
                } else {
                    unreadable.append("\(name):\(index + 1)")
                }
            }
        }
        return (lines, unreadable)
    }
}

extension RecordFiles.Line {
    init?(_ text: String, file: String, number: Int) {
        guard let value = try? Value(canonicalText: text), let sequence = value["sequence"]?.int,
            let kind = value["kind"]?.string.flatMap(RecordKind.init), let subject = value["subject"]?.string,
            let record = value["content"], let content = try? record.canonicalText(),
            let link = value["chain"]?.string.flatMap(Digest.init(hex:)),
            let previous = value["previous"]?.string.flatMap(Digest.init(hex:))
        else { return nil }
        self.init(
            file: file, number: number, sequence: sequence, kind: kind, subject: subject, record: record,
            content: Digest(of: content), link: link, previous: previous)
    }

    /// Whether the link is that of these words.
    var isIntact: Bool {
        get throws {
            try ChainLink.digest(sequence, kind.rawValue, subject, content: content, previous: previous) == link
        }
    }
}
