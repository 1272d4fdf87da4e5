/// Something wrong with a pipeline file, with its place and what to do about it.
public struct Diagnostic: Error, Hashable, Sendable, CustomStringConvertible {
    /// Where it is; nil for what a `--set` flag said, or for a file as a whole.
    public let place: SourcePlace?
    /// The file as the user named it, or the flag: `--set motion.rank=x`.
    public let origin: String
    /// What is wrong and why, one sentence without a full stop.
    public let message: String
    /// What to do: each one clause.
    public let help: [String]
    /// The line of the file, tabs and all, nil without a place.
    public let sourceLine: String?
    /// How many characters the caret underlines, at least one.
    public let length: Int

    /// A diagnostic as it is.
    public init(
        place: SourcePlace?, origin: String, message: String, help: [String] = [], sourceLine: String? = nil,
        length: Int = 1
    ) {
        self.place = place
        self.origin = origin
        self.message = message
        self.help = help
        self.sourceLine = sourceLine
        self.length = max(1, length)
    }

    /// As people see it, without a line break at the end.
    ///
    /// ```
    /// zigzag.yaml:9:1: error: there is no key `promts`
    ///   9 | promts:
    ///     | ^^^^^^
    ///     = help: did you mean `prompts`?
    /// ```
    public var description: String {
        guard let place else {
            return (["\(origin): error: \(Self.printable(message))"] + help.map { "  = help: \(Self.printable($0))" })
                .joined(separator: "\n")
        }
        var lines = ["\(origin):\(place.line):\(place.column): error: \(Self.printable(message))"]
        let number = "  \(place.line)"
        let gutter = String(repeating: " ", count: number.count)
        if let sourceLine {
            let window = Self.window(of: sourceLine, column: place.column, length: length)
            lines.append("\(number) | \(window.text)")
            lines.append("\(gutter) | \(window.carets)")
        }
        lines += help.map { "\(gutter) = help: \(Self.printable($0))" }
        return lines.joined(separator: "\n")
    }

    /// The part of a line that is worth showing, and the carets below it.
    private static func window(of line: String, column: Int, length: Int) -> (text: String, carets: String) {
        let characters = Array(line)
        let start = min(max(0, column - 1), characters.count)
        let widest = 140
        let first = characters.count <= widest ? 0 : max(0, start - widest / 2)
        let last = min(characters.count, first + widest)
        let shown = characters[first..<last].map(Self.printable)
        // A tab above stays a tab below, so that the caret stands where the terminal puts the character.
        let before = shown[0..<(start - first)].map { $0 == "\t" ? "\t" : String(repeating: " ", count: width($0)) }
        let marked = shown[(start - first)..<max(start - first, min(shown.count, start - first + length))]
        let carets = String(repeating: "^", count: max(1, marked.reduce(0) { $0 + width($1) }))
        return (
            (first > 0 ? "..." : "") + shown.joined() + (last < characters.count ? "..." : ""),
            (first > 0 ? "   " : "") + before.joined() + carets
        )
    }

    private static func printable(_ text: String) -> String { text.map(Self.printable).joined() }

    /// Nothing that a terminal would obey.
    private static func printable(_ character: Character) -> String {
        guard character != "\t", let scalar = character.unicodeScalars.first else { return String(character) }
        let isControl = scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
        // Any number of accents is one character, and may be a megabyte.
        let text = String(String.UnicodeScalarView(character.unicodeScalars.prefix(16)))
        return isControl && character.unicodeScalars.count <= 2 ? "\u{FFFD}" : text
    }

    /// Columns that a terminal gives to a character: two for the wide ones of East Asia and for emoji.
    private static func width(_ text: String) -> Int {
        text.unicodeScalars.first.map { scalar in
            switch scalar.value {
            case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
                0xFFE0...0xFFE6, 0x1F300...0x1FAFF, 0x20000...0x3FFFD:
                2
            default: 1
            }
        } ?? 0
    }
}

/// Why there is no plan.
public enum PipelineError: Error, Sendable, CustomStringConvertible {
    /// The file itself cannot be read.
    case unreadable(file: String, why: String)
    /// Everything that is wrong with it.
    case invalid([Diagnostic])

    /// What people see: every diagnostic, and how many there are.
    public var description: String {
        switch self {
        case .unreadable(let file, let why): "\(file): error: \(why)"
        case .invalid(let diagnostics):
            (diagnostics.map(\.description) + (diagnostics.count > 1 ? ["\(diagnostics.count) errors"] : []))
                .joined(separator: "\n")
        }
    }
}
