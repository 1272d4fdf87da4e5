import Foundation
import Logging
import Synchronization

/// The log of one attempt: kept in a file while the attempt lives, so that it survives the process, and capped.
///
/// The beginning and the end of a log tell the most: past the cap, lines in the middle are dropped and counted.
/// Unaware of lineage and of the terminal.
final class AttemptLog: Sendable {
    /// Bytes kept of the beginning, and again of the end.
    static let cap = 256 << 10

    private struct State {
        var handle: FileHandle?
        var written = 0
        var head = ""
        var tail: [String] = []
        /// Lines at the beginning of the tail that are dropped and not yet removed: one by one, that would take a long log
        /// the square of its length.
        var passed = 0
        var tailBytes = 0
        var dropped = 0
    }

    private let state: Mutex<State>

    /// A log that is also written to a file.
    ///
    /// A file that cannot be written only means that a crash loses the log.
    init(file: URL? = nil) {
        var handle: FileHandle?
        if let file, FileManager.default.createFile(atPath: file.path, contents: nil) {
            handle = try? FileHandle(forWritingTo: file)
        }
        state = Mutex(State(handle: handle))
    }

    /// Adds one line, which must be printable.
    func append(_ line: String) {
        state.withLock { state in
            let bytes = line.utf8.count + 1
            if state.dropped == 0, state.tail.isEmpty, state.head.utf8.count + bytes <= Self.cap {
                state.head += line + "\n"
                try? state.handle?.write(contentsOf: Data((line + "\n").utf8))
                return
            }
            state.tail.append(line)
            state.tailBytes += bytes
            while state.tailBytes > Self.cap, state.passed < state.tail.count - 1 {
                state.tailBytes -= state.tail[state.passed].utf8.count + 1
                state.passed += 1
                state.dropped += 1
            }
            if state.passed > state.tail.count / 2 {
                state.tail.removeFirst(state.passed)
                state.passed = 0
            }
        }
    }

    /// All that is kept.
    var text: String {
        state.withLock { state in
            let gap = state.dropped == 0 ? "" : "… \(state.dropped) lines were dropped here …\n"
            return state.head + gap + state.tail[state.passed...].map { $0 + "\n" }.joined()
        }
    }

    /// The last lines.
    func tail(_ count: Int) -> [String] {
        text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().suffix(count).map(String.init)
    }

    /// What a crashed attempt left in its file; nil when there is nothing.
    static func leftover(in file: URL) -> String? {
        guard let data = try? Data(contentsOf: file), !data.isEmpty else { return nil }
        return String(decoding: data.prefix(cap), as: UTF8.self)
    }

    /// Programs write what they like; a terminal must not obey it, and one line must not be a book.
    static func printable(_ line: String) -> String {
        let longest = 16 << 10
        var scalars = String.UnicodeScalarView()
        for scalar in line.unicodeScalars.prefix(longest) {
            let isControl = scalar.value < 32 && scalar != "\t" || (127..<160).contains(scalar.value)
            // What turns the direction of writing would show other words than there are.
            let turns = (0x202A...0x202E).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
            scalars.append(isControl || turns ? "\u{FFFD}" : scalar)
        }
        return String(scalars)
    }
}

/// Sends what a stage logs into its attempt's log, and to whoever watches the run.
struct AttemptLogHandler: LogHandler {
    let log: AttemptLog
    let watch: @Sendable (Logger.Level, String) -> Void
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .debug

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let own = metadata.merging(event.metadata ?? [:]) { _, new in new }
        let facts = own.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
        for line in "\(event.message)".split(separator: "\n", omittingEmptySubsequences: false) {
            let line = AttemptLog.printable(line + facts)
            log.append("\(event.level.rawValue): \(line)")
            watch(event.level, line)
        }
    }
}
