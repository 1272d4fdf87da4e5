import Logging

/// Turns what a program writes into lines of the log, up to a limit, and remembers the last ones for errors.
///
/// Past the limit lines are only counted, so that a program that writes for ever costs little more than its pipe.
final class OutputLog {
    private static let mostBytes = 1 << 20
    private static let longestLine = 2000
    private static let remembered = 12

    private let log: Logger
    private var line: [UInt8] = []
    private var logged = 0
    private var left = 0
    /// Whether the line that is being written has anything in it; past the limit it is not kept.
    private var hasBytes = false
    /// Past the limit: the last bytes as they came, enough for the lines to remember.
    private var tail: [UInt8] = []
    private var last: [String] = []

    init(_ log: Logger) { self.log = log }

    /// Takes bytes as they come.
    func add(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        while logged <= Self.mostBytes, let end = rest.firstIndex(where: Self.endsLine) {
            keep(rest[..<end])
            endLine()
            rest = rest[(end + 1)...]
        }
        if logged <= Self.mostBytes { keep(rest) } else { count(rest) }
    }

    /// Takes the last line, if it did not end, and says what was left out.
    func finish() {
        endLine()
        if hasBytes { left += 1 }
        if left > 0 { log.notice("\(left) more lines are not in this log") }
    }

    /// The last lines, for an error.
    var lastLines: [String] {
        var lines = tail.split(whereSeparator: Self.endsLine)
        // What is cut off in front is no line.
        if tail.count >= Self.most, lines.count > 1 { lines.removeFirst() }
        return (last + lines.map { String(decoding: $0.prefix(Self.longestLine), as: UTF8.self) })
            .suffix(Self.remembered)
    }

    /// Progress bars end their lines with a carriage return.
    private static func endsLine(_ byte: UInt8) -> Bool { byte == 10 || byte == 13 }

    private func keep(_ bytes: ArraySlice<UInt8>) {
        line.append(contentsOf: bytes.prefix(Self.longestLine - line.count))
    }

    private func endLine() {
        guard !line.isEmpty else { return }
        let text = String(decoding: line, as: UTF8.self)
        line.removeAll(keepingCapacity: true)
        last.append(text)
        if last.count > Self.remembered { last.removeFirst() }
        logged += text.utf8.count
        log.info("\(text)")
    }

    private static let most = (remembered + 1) * longestLine

    private func count(_ bytes: ArraySlice<UInt8>) {
        bytes.withUnsafeBufferPointer { buffer in
            var (ends, isOpen) = (0, hasBytes)
            for byte in buffer {
                let isEnd = byte == 10 || byte == 13
                if isEnd, isOpen { ends += 1 }
                isOpen = !isEnd
            }
            left += ends
            hasBytes = isOpen
        }
        tail.append(contentsOf: bytes.suffix(Self.most))
        if tail.count > 4 * Self.most { tail.removeFirst(tail.count - Self.most) }
    }
}
