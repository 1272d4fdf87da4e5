import Foundation

/// How a normalised text is cut into the words that are encoded each by itself: the `pre_tokenizer` of a tokenizer.json.
enum TextSplitting: Sendable {
    /// When a text gets a mark before it.
    enum Prefix: String, Sendable {
        case always, first, never
    }

    /// Spaces become a mark; `splits`: words begin at it.
    case metaspace(mark: Unicode.Scalar, prefix: Prefix, splits: Bool)
    /// Every byte becomes its printable sign.
    case byteLevel(addsSpace: Bool, words: NSRegularExpression?)
    /// What the expression finds and what lies between; without what it finds if it `removes` it.
    case regex(NSRegularExpression, removes: Bool)
    case sequence([TextSplitting])

    /// A part of a text, and whether the text begins with it.
    struct Part: Sendable {
        var text: [Unicode.Scalar]
        var isFirst: Bool
    }

    func callAsFunction(_ parts: [Part]) -> [Part] {
        switch self {
        case .sequence(let steps): return steps.reduce(parts) { $1($0) }
        case .metaspace(let mark, let prefix, let splits):
            return parts.flatMap { part -> [Part] in
                var text = part.text.map { $0 == " " ? mark : $0 }
                let isMarked = prefix == .always || (prefix == .first && part.isFirst)
                if isMarked, text.first != mark { text.insert(mark, at: 0) }
                guard splits else { return [Part(text: text, isFirst: part.isFirst)] }
                var words: [[Unicode.Scalar]] = []
                for scalar in text {
                    if scalar == mark || words.isEmpty { words.append([]) }
                    words[words.count - 1].append(scalar)
                }
                return Self.parts(words, of: part)
            }
        case .byteLevel(let addsSpace, let expression):
            return parts.flatMap { part -> [Part] in
                var text = part.text
                if addsSpace, text.first != " " { text.insert(" ", at: 0) }
                let words = expression.map { Self.cut(text, $0, removes: false) } ?? [text]
                return Self.parts(
                    words.map { word in
                        string(word).utf8.flatMap { BytePairEncoding.byteSymbols[Int($0)].unicodeScalars }
                    }, of: part)
            }
        case .regex(let expression, let removes):
            return parts.flatMap { Self.parts(Self.cut($0.text, expression, removes: removes), of: $0) }
        }
    }

    private static func parts(_ words: [[Unicode.Scalar]], of part: Part) -> [Part] {
        words.enumerated().filter { !$1.isEmpty }.map { Part(text: $1, isFirst: part.isFirst && $0 == 0) }
    }

    private static func cut(
        _ text: [Unicode.Scalar], _ expression: NSRegularExpression, removes: Bool
    ) -> [[Unicode.Scalar]] {
        let text = string(text)
        let units = Array(text.utf16)
        func part(_ range: Range<Int>) -> [Unicode.Scalar] { scalars(String(decoding: units[range], as: UTF16.self)) }
        var words: [[Unicode.Scalar]] = []
        var end = 0
        for match in expression.matches(in: text, range: NSRange(location: 0, length: units.count)) {
            let range = match.range.location..<match.range.location + match.range.length
            guard !range.isEmpty else { continue }
            words.append(part(end..<range.lowerBound))
            if !removes { words.append(part(range)) }
            end = range.upperBound
        }
        return (words + [part(end..<units.count)]).filter { !$0.isEmpty }
    }

    /// GPT-2's words.
    private static let words =
        #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

    private static func expression(_ pattern: String, _ name: String) throws -> NSRegularExpression {
        // Of white space the two kinds of expressions have different ideas.
        let pattern = pattern.replacing(#"\s"#, with: #"\p{White_Space}"#)
            .replacing(#"\S"#, with: #"\P{White_Space}"#)
        do { return try NSRegularExpression(pattern: pattern) } catch {
            throw ModelsError.unsupported(
                file: name, key: "pre_tokenizer", value: "the expression \(pattern)",
                supported: "regular expressions that Foundation knows")
        }
    }

    /// The `pre_tokenizer` of a tokenizer.json.
    ///
    /// Throws `ModelsError` about `name` for a step that we do not have.
    init(_ json: OrderedJSON?, name: String) throws {
        func unsupported(_ value: String, _ supported: String) -> ModelsError {
            .unsupported(file: name, key: "pre_tokenizer", value: value, supported: supported)
        }
        guard let json else {
            self = .sequence([])
            return
        }
        let kind = json["type"]?.text ?? "of no type"
        switch kind {
        case "Sequence":
            let steps = json["pretokenizers"]?.members ?? []
            self = .sequence(try steps.map { try TextSplitting($0, name: name) })
        case "Metaspace":
            let (mark, prefix) = try Self.metaspace(json, name)
            self = .metaspace(mark: mark, prefix: prefix, splits: json["split"]?.bool ?? true)
        case "ByteLevel":
            let hasWords = json["use_regex"]?.bool ?? true
            self = .byteLevel(
                addsSpace: json["add_prefix_space"]?.bool ?? true,
                words: hasWords ? try Self.expression(Self.words, name) : nil)
        case "Split":
            let behaviour = json["behavior"]?.text ?? ""
            guard ["Isolated", "Removed"].contains(behaviour), json["invert"]?.bool != true else {
                throw unsupported("Split with the behaviour \(behaviour)", "Isolated or Removed, not inverted")
            }
            let text = json["pattern"]?["String"]?.text.map(NSRegularExpression.escapedPattern)
            guard let pattern = json["pattern"]?["Regex"]?.text ?? text else {
                throw unsupported("Split without a pattern", "a text or a regular expression")
            }
            self = .regex(try Self.expression(pattern, name), removes: behaviour == "Removed")
        default: throw unsupported(kind, "Sequence, Metaspace, ByteLevel, Split")
        }
    }

    /// The mark of a Metaspace and when it is put before a text; in older files a truth value says the latter.
    static func metaspace(_ json: OrderedJSON, _ name: String) throws -> (mark: Unicode.Scalar, prefix: Prefix) {
        let scheme = json["prepend_scheme"]?.text ?? (json["add_prefix_space"]?.bool ?? true ? "always" : "never")
        let mark = scalars(json["replacement"]?.text ?? "▁")
        guard let prefix = Prefix(rawValue: scheme), mark.count == 1 else {
            throw ModelsError.unsupported(
                file: name, key: "prepend_scheme", value: scheme, supported: "always, first, never, and one mark")
        }
        return (mark[0], prefix)
    }
}
