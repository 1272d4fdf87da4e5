import Artifacts
import Foundation

/// Questions about the text of a pipeline file that can be answered without what it names.
public struct PipelineText: Sendable {
    /// The text.
    public let text: String
    private let entries: [Written.Entry]

    /// A text; nil when it is no map of keys.
    public init?(_ text: String) {
        let problems = Problems()
        let folder = URL(filePath: "/", directoryHint: .isDirectory)
        guard let source = YAMLReader.source(Data(text.utf8), named: "", in: folder, problems),
            let written = YAMLReader.document(source, problems), written.isMap, problems.isEmpty
        else { return nil }
        self.text = text
        entries = written.entries
    }

    /// Whether it means the same wherever it is read: it includes no file, reads no variable, and its template is built in.
    public var standsAlone: Bool {
        let names = entries.map(\.name)
        guard !names.contains("include"), !names.contains("env") else { return false }
        guard let template = entries.first(where: { $0.name == "template" }) else { return true }
        return Templates.all.contains { $0.name == template.value.text }
    }

    /// What it says under a key of its own, when that is a plain text.
    public func text(of key: String) -> String? {
        guard let text = entries.first(where: { $0.name == key })?.value.text, !text.mayRefer else { return nil }
        return text
    }

    /// The same text with a list of files and prompts under `clips:`; nil when that key has no lines of its own.
    public func replacing(clips: [(file: String, prompt: String)]) -> String? {
        guard let index = entries.firstIndex(where: { $0.name == "clips" }), entries[index].keyPlace.column == 1 else {
            return nil
        }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let first = entries[index].keyPlace.line - 1
        var end = index + 1 < entries.count ? entries[index + 1].keyPlace.line - 1 : lines.count
        guard first < end, lines.indices.contains(first), lines[first].hasPrefix("clips:") else { return nil }
        // What is between the value and the next key belongs to that.
        while end > first + 1, lines[end - 1].first == "#" || lines[end - 1].allSatisfy(\.isWhitespace) { end -= 1 }
        lines.replaceSubrange(first..<end, with: ["clips:"] + clips.map { "  - " + Self.clip($0.file, $0.prompt) })
        return lines.joined(separator: "\n")
    }

    static func clip(_ file: String, _ prompt: String) -> String {
        "{file: \(quoted(file)), prompt: \(quoted(prompt))}"
    }

    /// A YAML text in double quotes that means exactly this, without references.
    static func quoted(_ text: String) -> String { written(.string(text)) }

    /// A value in YAML's flow style, on one line.
    static func written(_ value: Value) -> String {
        switch value {
        case .null: return "null"
        case .bool(let truth): return truth ? "true" : "false"
        case .int(let number): return "\(number)"
        case .double(let number): return "\(number)"
        case .list(let items): return "[" + items.map(written).joined(separator: ", ") + "]"
        case .map(let pairs):
            let sorted = pairs.sorted { $0.key < $1.key }
            return "{" + sorted.map { "\(key($0.key)): \(written($0.value))" }.joined(separator: ", ") + "}"
        case .string(let text):
            var quoted = "\""
            for scalar in text.replacing("${", with: "$${").unicodeScalars {
                switch scalar {
                case "\"", "\\": quoted += "\\\(scalar)"
                case "\n": quoted += "\\n"
                case _
                where scalar.properties.generalCategory == .control || [0x2028, 0x2029, 0xFEFF].contains(scalar.value):
                    quoted += "\\u" + String(format: "%04X", scalar.value)
                default: quoted.unicodeScalars.append(scalar)
                }
            }
            return quoted + "\""
        }
    }

    /// A key as it is where that is safe.
    static func key(_ name: String) -> String {
        let isPlain =
            !name.isEmpty && name.first?.isLetter == true
            && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
        return isPlain && CoreSchema.value(of: name) == .string(name) ? name : quoted(name)
    }
}
