import Foundation

/// Where words go: results to standard output, everything else to standard error.
struct Console: Sendable {
    /// Whether standard error is a terminal on which a line may be drawn again.
    let isLive: Bool
    /// The columns of the terminal.
    let columns: Int

    init(environment: [String: String] = ProcessInfo.processInfo.environment) {
        let isDumb = environment["TERM"] == "dumb" || environment["TERM"] == nil
        isLive = isatty(STDERR_FILENO) == 1 && !isDumb
        var size = winsize()
        let known = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
        columns = known ? Int(size.ws_col) : 100
    }

    /// A line of a result.
    func result(_ text: String) { Self.write(text + "\n", to: STDOUT_FILENO) }

    /// A line for people, beside the result.
    func note(_ text: String) { Self.write(text + "\n", to: STDERR_FILENO) }

    /// The same without the end of the line.
    func raw(_ text: String) { Self.write(text, to: STDERR_FILENO) }

    /// Writes all of it, also when a signal interrupts; a closed pipe ends the words, not the program.
    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = ArraySlice(text.utf8)
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { return }
            bytes = bytes.dropFirst(written)
        }
    }
}
