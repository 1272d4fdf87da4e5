import Foundation

/// What is done to a text before it is cut into words: steps of a tokenizer.json, or what SentencePiece does.
enum TextNormalisation: Sendable {
    /// Before a text that is not empty.
    case prepend([Unicode.Scalar])
    case replace([Unicode.Scalar], with: [Unicode.Scalar])
    case nfc, nfd, nfkc, nfkd
    /// No spaces at the ends, one in the place of several (SentencePiece's `remove_extra_whitespaces`).
    case collapseSpaces
    /// Without these signs at the end.
    case dropEnd(Unicode.Scalar)
    case sequence([TextNormalisation])

    func callAsFunction(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        switch self {
        case .prepend(let prefix): text.isEmpty ? text : prefix + text
        case .replace(let pattern, let content): replacing(pattern, with: content, in: text)
        case .nfc: Array(string(text).precomposedStringWithCanonicalMapping.unicodeScalars)
        case .nfd: Array(string(text).decomposedStringWithCanonicalMapping.unicodeScalars)
        case .nfkc: Array(string(text).precomposedStringWithCompatibilityMapping.unicodeScalars)
        case .nfkd: Array(string(text).decomposedStringWithCompatibilityMapping.unicodeScalars)
        case .collapseSpaces: Array(text.split(separator: " ").joined(separator: [" "]))
        case .dropEnd(let mark): text.lastIndex { $0 != mark }.map { Array(text[...$0]) } ?? []
        case .sequence(let steps): steps.reduce(text) { $1($0) }
        }
    }

    /// The `normalizer` of a tokenizer.json.
    ///
    /// Throws `ModelsError` about `name` for a step that we do not have.
    init(_ json: OrderedJSON?, name: String) throws {
        guard let json else {
            self = .sequence([])
            return
        }
        let kind = json["type"]?.text ?? "of no type"
        switch kind {
        case "Sequence":
            let steps = json["normalizers"]?.members ?? []
            self = .sequence(try steps.map { try TextNormalisation($0, name: name) })
        case "Prepend": self = .prepend(scalars(json["prepend"]?.text ?? ""))
        case "Replace":
            guard let pattern = json["pattern"]?["String"]?.text, !pattern.isEmpty else {
                throw ModelsError.unsupported(
                    file: name, key: "normalizer", value: "Replace of a regular expression", supported: "of a text")
            }
            self = .replace(scalars(pattern), with: scalars(json["content"]?.text ?? ""))
        case "NFC": self = .nfc
        case "NFD": self = .nfd
        case "NFKC": self = .nfkc
        case "NFKD": self = .nfkd
        default:
            throw ModelsError.unsupported(
                file: name, key: "normalizer", value: kind,
                supported: "Sequence, Prepend, Replace, NFC, NFD, NFKC, NFKD")
        }
    }
}

/// A text of scalars.
func string(_ scalars: some Sequence<Unicode.Scalar>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
}

/// The scalars of a text.
func scalars(_ text: String) -> [Unicode.Scalar] { Array(text.unicodeScalars) }

/// Every occurrence of a pattern replaced, from left to right.
func replacing<T: Equatable>(_ pattern: [T], with content: [T], in text: [T]) -> [T] {
    guard let first = pattern.first else { return text }
    var result: [T] = []
    var index = 0
    while index < text.count {
        if text[index] == first, text[index...].starts(with: pattern) {
            result += content
            index += pattern.count
        } else {
            result.append(text[index])
            index += 1
        }
    }
    return result
}
