import Logging

/// Turns what a program writes into lines of the log, up to a limit, and remembers the last ones for errors.
final class OutputLog {
    private static let mostBytes = 1 << 20
    private static let longestLine = 2000
    private static let remembered = 12

    private let log: Logger
    private var line: [UInt8] = []
    private var logged = 0
    private var left = 0
    private(set) var lastLines: [String] = []

    init(_ log: Logger) { self.log = log }

    /// Takes bytes as they come.
    func add(_ bytes: ArraySlice<UInt8>) {
        for byte in bytes {
            // Progress bars end their lines with a carriage return.
            if byte == 10 || byte == 13 {
                endLine()
            } else if line.count < Self.longestLine {
                line.append(byte)
            }
        }
    }

    /// Takes the last line, if it did not end, and says what was left out.
    func finish() {
        endLine()
        if left > 0 { log.notice("\(left) more lines are not in this log") }
    }

    private func endLine() {
        guard !line.isEmpty else { return }
        let text = String(decoding: line, as: UTF8.self)
        line.removeAll(keepingCapacity: true)
        lastLines.append(text)
        if lastLines.count > Self.remembered { lastLines.removeFirst() }
        logged += text.utf8.count
        if logged <= Self.mostBytes {
            log.info("\(text)")
        } else {
            left += 1
        }
    }
}
