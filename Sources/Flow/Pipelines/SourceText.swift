import Foundation

/// The text of one file, or of one `--set` flag: what places point into.
final class SourceText: Sendable, Hashable {
    /// As the user named it.
    let name: String
    /// Where its relative paths start.
    let folder: URL
    /// Whether it is a flag of the command line, which has no lines to show.
    let isFlag: Bool
    /// The decoded text, without a byte order mark.
    let text: String
    /// Whether characters, Unicode scalars and bytes are the same.
    let isASCII: Bool
    private let lines: [String]

    init(_ text: String, name: String, folder: URL, isFlag: Bool = false) {
        self.text = text
        self.name = name
        self.folder = folder
        self.isFlag = isFlag
        // An array is gone through several times as fast as a string's view of its bytes.
        let bytes = Array(text.utf8)
        isASCII = bytes.allSatisfy { $0 < 128 }
        lines = isASCII && !bytes.contains(UInt8(ascii: "\r")) ? Self.lines(of: bytes) : Self.lines(of: text)
    }

    /// The bytes of a file that a user named.
    static func load(_ file: URL, named name: String) throws(PipelineError) -> Data {
        let path = file.path(percentEncoded: false)
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw .unreadable(file: name, why: "there is no such file")
        }
        guard !isFolder.boolValue else { throw .unreadable(file: name, why: "this is a folder, not a file") }
        guard let handle = try? FileHandle(forReadingFrom: file) else {
            throw .unreadable(file: name, why: "the file cannot be read (permissions?)")
        }
        defer { try? handle.close() }
        // One byte more than is allowed tells a file that is too large from one that is just large enough.
        guard let data = try? handle.read(upToCount: YAMLReader.largest + 1) else {
            throw .unreadable(file: name, why: "the file cannot be read")
        }
        return data
    }

    /// A line, from 1.
    func line(_ number: Int) -> String? { lines.indices.contains(number - 1) ? lines[number - 1] : nil }

    /// Where a line feed is the only break.
    private static func lines(of bytes: [UInt8]) -> [String] {
        bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    /// The breaks that libyaml counts; `\r\n` is one.
    private static func lines(of text: String) -> [String] {
        var lines: [String] = []
        var line = String.UnicodeScalarView()
        var last: Unicode.Scalar?
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n" where last == "\r": break
            case "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}":
                lines.append(String(line))
                line = String.UnicodeScalarView()
            default: line.append(scalar)
            }
            last = scalar
        }
        lines.append(String(line))
        return lines
    }

    static func == (left: SourceText, right: SourceText) -> Bool { left === right }
    func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

/// A stretch of characters in a source.
struct Place: Hashable, Sendable {
    let source: SourceText
    let line: Int
    /// From 1, in characters.
    let column: Int
    /// In characters.
    let length: Int

    init(_ source: SourceText, line: Int = 1, column: Int = 1, length: Int = 1) {
        self.source = source
        self.line = line
        self.column = column
        self.length = length
    }

    /// As plans hold it.
    var published: SourcePlace { SourcePlace(file: source.name, line: line, column: column) }

    func diagnostic(_ message: String, help: [String] = []) -> Diagnostic {
        Diagnostic(
            place: source.isFlag ? nil : published, origin: source.name, message: message, help: help,
            sourceLine: source.isFlag ? nil : source.line(line), length: length)
    }
}

/// Collects what is wrong, each once, in the order in which files were opened and then of their lines.
final class Problems {
    private var found: [Diagnostic] = []
    private var seen: Set<Diagnostic> = []
    private var hidden = 0
    private var order: [String: Int] = [:]
    private(set) var sources: [SourceText] = []

    var isEmpty: Bool { found.isEmpty }
    var count: Int { found.count }

    /// Files are sorted in the order of these calls.
    func opened(_ source: SourceText) {
        guard order[source.name] == nil else { return }
        order[source.name] = order.count
        sources.append(source)
    }

    /// The way out is looked for only when it will be shown.
    func add(_ place: Place, _ message: String, help: @autoclosure () -> [String] = []) {
        add(isFull ? place.diagnostic(message) : place.diagnostic(message, help: help()))
    }

    func add(_ diagnostic: Diagnostic) {
        guard !isFull else {
            hidden += 1
            return
        }
        if seen.insert(diagnostic).inserted { found.append(diagnostic) }
    }

    /// Nobody reads more than this.
    private var isFull: Bool { found.count >= 200 }

    /// Whether a loop should stop, because nothing that it finds would be shown.
    func isEnough() -> Bool {
        if isFull { hidden += 1 }
        return isFull
    }

    var sorted: [Diagnostic] {
        let rest = Diagnostic(place: nil, origin: found.first?.origin ?? "", message: "further errors are not shown")
        return shown + (hidden > 0 ? [rest] : [])
    }

    private var shown: [Diagnostic] {
        found.enumerated().sorted { left, right in
            func rank(_ item: (offset: Int, element: Diagnostic)) -> [Int] {
                [
                    order[item.element.origin] ?? Int.max, item.element.place?.line ?? 0,
                    item.element.place?.column ?? 0, item.offset,
                ]
            }
            return rank(left).lexicographicallyPrecedes(rank(right))
        }.map(\.element)
    }
}
