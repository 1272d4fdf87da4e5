import Foundation
import Yams

/// Bytes to `Written`, or one diagnostic: where YAML itself is broken there is no telling what follows.
///
/// Bounded in time and memory for any bytes: sizes, nesting, aliases and the number of values are limited.
enum YAMLReader {
    /// Bytes of a file.
    static let largest = 1 << 20
    private static let deepest = 100
    private static let mostValues = 200_000
    /// Line ends, commas and opening brackets: what values take while they are parsed, some 500 bytes, goes by these.
    private static let mostSeparators = 150_000

    /// The text of a file; nil (and a diagnostic) when it is too large or not UTF-8.
    static func source(_ data: Data, named name: String, in folder: URL, _ problems: Problems) -> SourceText? {
        guard data.count <= largest else {
            let source = SourceText("", name: name, folder: folder)
            problems.add(
                Diagnostic(
                    place: nil, origin: source.name,
                    message: "the file is larger than 1 MiB: this is no pipeline file",
                    help: ["a long list of clips belongs in a folder with captions: `clips: folder/`"]))
            return nil
        }
        // Windows editors put a byte order mark in front; YAML allows it there.
        let bytes = data.starts(with: [0xEF, 0xBB, 0xBF]) ? data.dropFirst(3) : data
        guard let text = String(validating: bytes, as: UTF8.self) else {
            let valid = validPrefix(bytes)
            let source = SourceText(valid, name: name, folder: folder)
            problems.opened(source)
            let hint =
                data.starts(with: [0xFF, 0xFE]) || data.starts(with: [0xFE, 0xFF])
                ? "this looks like UTF-16" : "it may be in an older encoding such as Latin-1"
            problems.add(
                endOf(source), "the file is not UTF-8 text here", help: ["save it as UTF-8: \(hint)"])
            return nil
        }
        let source = SourceText(text, name: name, folder: folder)
        problems.opened(source)
        let isPlain = Array(text.utf8).allSatisfy { (32..<127).contains($0) || $0 == UInt8(ascii: "\n") }
        if !isPlain, let index = text.unicodeScalars.firstIndex(where: isForbidden) {
            let before = SourceText(String(text.unicodeScalars[..<index]), name: name, folder: folder)
            let code = String(text.unicodeScalars[index].value, radix: 16, uppercase: true)
            let place = endOf(before)
            problems.add(
                Place(source, line: place.line, column: place.column),
                "the file has a control character here (U+\(String(repeating: "0", count: max(0, 4 - code.count)))\(code))",
                help: ["remove it"])
            return nil
        }
        return source
    }

    /// The single document of a source; nil with a diagnostic when it is broken, an empty map when there is nothing.
    static func document(_ source: SourceText, _ problems: Problems) -> Written? {
        guard Array(source.text.utf8).count(where: isSeparator) <= mostSeparators else {
            problems.add(Place(source), "the file has more than \(mostSeparators) lines and items of lists")
            return nil
        }
        guard aliasesAreHarmless(source, problems) else { return nil }
        do {
            // Yams keeps a pointer to the text while it parses; a short string would lie in a register, so none is short.
            var text = source.text.utf8.count < 64 ? source.text + String(repeating: "\n", count: 64) : source.text
            text.makeContiguousUTF8()
            let parser = try Parser(yaml: text, resolver: .basic, constructor: .default, encoding: .utf8)
            guard let node = try parser.singleRoot() else {
                return Written(content: .map([]), place: Place(source))
            }
            var converter = Converter(source: source, problems: problems)
            return converter.written(node, depth: 0)
        } catch let error as YamlError {
            problems.add(diagnostic(error, source))
        } catch {
            problems.add(Place(source), "the file is not YAML: \(error)")
        }
        return nil
    }

    /// What YAML calls printable, less the line separators that would shift the line numbers of every editor.
    private static func isForbidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 9, 10, 13, 0x20...0x7E, 0x85, 0xA0...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD, 0x1_0000...0x10_FFFF: false
        default: true
        }
    }

    private static func validPrefix(_ bytes: Data) -> String {
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        var valid = String.UnicodeScalarView()
        while case .scalarValue(let scalar) = decoder.decode(&iterator) { valid.append(scalar) }
        return String(valid)
    }

    private static func endOf(_ source: SourceText) -> Place {
        var line = 1
        while source.line(line + 1) != nil { line += 1 }
        return Place(source, line: line, column: (source.line(line)?.count ?? 0) + 1)
    }

    /// Aliases are shared, not copied, until something walks through them.
    ///
    /// Yams does so for keys alone (to find duplicates), before anybody can count; so a text with aliases where a key
    /// may be may have only a few.
    private static func aliasesAreHarmless(_ source: SourceText, _ problems: Problems) -> Bool {
        let bytes = Array(source.text.utf8)
        var candidates = 0
        var mayBeInKey = false
        var start: Int?
        for (index, byte) in bytes.enumerated() {
            let previous = index == 0 ? UInt8(ascii: "\n") : bytes[index - 1]
            let next = index + 1 < bytes.count ? bytes[index + 1] : UInt8(ascii: "\n")
            let opens =
                isSpace(previous) || [UInt8(ascii: "["), UInt8(ascii: "{"), UInt8(ascii: ",")].contains(previous)
            if byte == UInt8(ascii: "*"), opens || previous == UInt8(ascii: "-") || previous == UInt8(ascii: ":") {
                candidates += 1
                start = start ?? index
                var end = index + 1
                while end < bytes.count, !isSpace(bytes[end]), bytes[end] != UInt8(ascii: ",") { end += 1 }
                while end < bytes.count, isSpace(bytes[end]) { end += 1 }
                if end < bytes.count, bytes[end] == UInt8(ascii: ":") || bytes[end - 1] == UInt8(ascii: ":") {
                    mayBeInKey = true
                }
            } else if byte == UInt8(ascii: "?"), opens, isSpace(next) {
                mayBeInKey = true
            } else if byte == UInt8(ascii: ":") {
                var before = index - 1
                while before >= 0, isSpace(bytes[before]) { before -= 1 }
                if before >= 0, bytes[before] == UInt8(ascii: "]") || bytes[before] == UInt8(ascii: "}") {
                    mayBeInKey = true
                }
            }
        }
        guard mayBeInKey, candidates > 8, let start else { return true }
        let before = String(decoding: bytes[..<start], as: UTF8.self)
        let place = endOf(SourceText(before, name: source.name, folder: source.folder))
        problems.add(
            Place(source, line: place.line, column: place.column), "aliases (`*name`) inside keys are not supported")
        return false
    }

    private static func isSeparator(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "\n") || byte == UInt8(ascii: ",") || byte == UInt8(ascii: "[")
            || byte == UInt8(ascii: "{")
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }

    /// Yams' nodes to ours.
    private struct Converter {
        let source: SourceText
        let problems: Problems
        var values = 0

        mutating func written(_ node: Node, depth: Int) -> Written? {
            values += 1
            let start = place(node)
            guard values <= YAMLReader.mostValues else {
                problems.add(start, "the file has more than \(YAMLReader.mostValues) values, aliases counted in full")
                return nil
            }
            guard depth <= YAMLReader.deepest else {
                problems.add(start, "nested more than \(YAMLReader.deepest) levels deep")
                return nil
            }
            switch node {
            case .scalar(let scalar):
                let tag = scalar.tag.rawValue
                let core = "tag:yaml.org,2002:"
                guard tag.isEmpty || tag == "!" || tag.hasPrefix(core) else {
                    problems.add(start, "the tag `\(tag)` is not known", help: ["remove it"])
                    return nil
                }
                // A plain scalar with no tag, or with a tag of the core schema that is not text, is read by its looks.
                let isText = tag == "!" || tag == core + "str" || (tag.isEmpty && scalar.style != .plain)
                return Written(content: .scalar(scalar.string, isPlain: !isText), place: start)
            case .sequence(let sequence):
                var items: [Written] = []
                for item in sequence {
                    guard let item = written(item, depth: depth + 1) else { return nil }
                    items.append(item)
                }
                return Written(content: .list(items), place: start)
            case .mapping(let mapping):
                var entries: [Written.Entry] = []
                for (key, value) in mapping {
                    guard case .scalar(let name) = key else {
                        problems.add(place(key), "a key must be one word, not a list or a map")
                        return nil
                    }
                    guard let value = written(value, depth: depth + 1) else { return nil }
                    entries.append(.init(name: name.string, keyPlace: place(key), value: value))
                }
                return Written(content: .map(entries), place: start)
            case .alias:
                problems.add(start, "this alias stands for nothing")
                return nil
            }
        }

        func place(_ node: Node) -> Place {
            let mark = node.mark
            let line = mark?.line ?? 1
            var length = 1
            let start = YAMLReader.column(mark?.column ?? 1, line: line, of: source)
            if case .scalar(let scalar) = node, let text = source.line(line) {
                let rest = source.isASCII ? Substring(text.utf8.dropFirst(start - 1)) : text.dropFirst(start - 1)
                // Of plain ASCII, which nearly all is, the bytes are the characters.
                let isPlain = scalar.style == .plain && source.isASCII && rest.utf8.starts(with: scalar.string.utf8)
                length =
                    isPlain ? scalar.string.utf8.count : YAMLReader.length(of: scalar, in: rest, source.isASCII)
            }
            return Place(source, line: line, column: start, length: length)
        }
    }

    /// libyaml counts Unicode scalars, people count characters.
    private static func column(_ column: Int, line: Int, of source: SourceText) -> Int {
        guard !source.isASCII, let text = source.line(line) else { return column }
        return String(text.unicodeScalars.prefix(max(0, column - 1))).count + 1
    }

    private static func length(of scalar: Node.Scalar, in rest: Substring, _ isASCII: Bool) -> Int {
        switch scalar.style {
        case .plain where rest.hasPrefix(scalar.string): scalar.string.count
        case .singleQuoted where isASCII: quotedLength(rest.utf8, escape: nil)
        case .singleQuoted: quotedLength(rest, escape: nil)
        case .doubleQuoted where isASCII: quotedLength(rest.utf8, escape: UInt8(ascii: "\\"))
        case .doubleQuoted: quotedLength(rest, escape: "\\")
        default: 1
        }
    }

    /// As far as to the closing quote, both quotes included; 1 when there is none.
    private static func quotedLength<Text: Collection>(_ text: Text, escape: Text.Element?) -> Int
    where Text.Element: Equatable {
        guard let quote = text.first else { return 1 }
        var length = 1
        var isEscaped = false
        for unit in text.dropFirst() {
            length += 1
            if isEscaped {
                isEscaped = false
            } else if unit == escape {
                isEscaped = true
            } else if unit == quote {
                return length
            }
        }
        return 1
    }

    private static func diagnostic(_ error: YamlError, _ source: SourceText) -> Diagnostic {
        func place(_ mark: Mark) -> Place {
            Place(source, line: mark.line, column: column(mark.column, line: mark.line, of: source))
        }
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let next = source.line(mark.line).flatMap { $0.unicodeScalars.dropFirst(mark.column - 1).first }
            let words = SyntaxWords(problem, before: next)
            let start = context.flatMap { $0.mark.line > 0 && $0.mark.line <= mark.line ? $0.mark : nil }
            // What never ends is best shown where it began.
            if problem == "found unexpected end of stream" || source.line(mark.line) == nil, let start {
                return place(start).diagnostic(words.message, help: words.help)
            }
            let isNews = start.map { $0.line < mark.line } ?? false && !source.isFlag && !error.isOfComposer
            return place(mark).diagnostic(
                words.message, help: words.help + (isNews ? ["it began in line \(start?.line ?? 1)"] : []))
        case .duplicatedKeysInMapping(let names, let context):
            let name = names.first ?? "?"
            let first = place(context.mark)
            let again = secondPlace(of: name, after: first, source)
            return again.diagnostic(
                "the key `\(name)` is there twice",
                help: again == first ? [] : ["the first one is in line \(first.line)"])
        case .reader(let problem, _, _, _): return Place(source).diagnostic("the file cannot be read: \(problem)")
        default: return Place(source).diagnostic("the file is not YAML: \(error)")
        }
    }

    /// Yams tells the first of two equal keys; the second is further down in the same column, in a block mapping.
    private static func secondPlace(of name: String, after first: Place, _ source: SourceText) -> Place {
        var number = first.line + 1
        while let line = source.line(number) {
            let indent = line.prefix { $0 == " " }.count + 1
            let isBlank = line.allSatisfy { $0 == " " } || line.dropFirst(indent - 1).hasPrefix("#")
            if !isBlank, indent < first.column { break }
            if indent == first.column {
                let rest = line.dropFirst(indent - 1)
                for spelling in [name, "\"\(name)\"", "'\(name)'"] where rest.hasPrefix(spelling) {
                    if rest.dropFirst(spelling.count).drop(while: { $0 == " " }).first == ":" {
                        return Place(source, line: number, column: indent, length: spelling.count)
                    }
                }
            }
            number += 1
        }
        return Place(source, line: first.line, column: first.column, length: max(1, name.count))
    }
}

extension YamlError {
    fileprivate var isOfComposer: Bool {
        guard case .composer = self else { return false }
        return true
    }
}

/// What libyaml says, in words that help.
private struct SyntaxWords {
    let message: String
    var help: [String] = []

    init(_ problem: String, before scalar: Unicode.Scalar?) {
        switch problem {
        case "found character that cannot start any token" where scalar == "\t":
            message = "a tab cannot indent in YAML"
            help = ["use spaces"]
        case "found character that cannot start any token":
            message = "a value cannot start with `\(scalar.map { String($0) } ?? "")`"
            help = ["put the text in quotes"]
        case "found a tab character that violates indentation",
            "found a tab character where an indentation space is expected":
            message = "a tab cannot indent in YAML"
            help = ["use spaces"]
        case "mapping values are not allowed in this context":
            message = "a `:` cannot be here"
            help = ["put the text in quotes if the colon belongs to it, or look at the indentation"]
        case "could not find expected ':'":
            message = "expected a `:` after the key"
        case "did not find expected key", "did not find expected '-' indicator",
            "did not find expected <block end>":
            message = "this is indented or nested in a way that does not fit what is above"
            help = ["look at the indentation, and for a missing quote or bracket"]
        case "did not find expected ',' or ']'":
            message = "expected `,` or `]` in this list"
        case "did not find expected ',' or '}'":
            message = "expected `,` or `}` in this map"
        case "found unexpected end of stream":
            message = "these quotes are never closed"
            help = ["add the closing quote"]
        case "found undefined alias":
            message = "this alias stands for nothing: no `&name` before it"
        case "but found another document":
            message = "a second document begins here"
            help = ["a pipeline file is one document: remove the `---`"]
        case _ where problem.hasPrefix("Maximum nesting level"):
            message = "nested too deeply"
        default:
            message = "not YAML: \(problem)"
        }
    }
}
