import Artifacts
import Foundation

/// A JSON Schema of the repository, as far as ours and PROV's go: an unknown word in one is an error.
struct JSONSchema {
    private let root: Value

    /// Reads a schema by its path in the repository.
    init(_ path: String) throws {
        let url = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: path)
        root = try Value(canonicalText: String(contentsOf: url, encoding: .utf8))
    }

    /// All that a document is not, each with its place; empty for a valid one.
    func problems(of text: String) throws -> [String] { try problems(Value(canonicalText: text), root, "$") }

    /// The same of a document that was read already.
    func problems(ofObject document: Any) throws -> [String] {
        let data = try JSONSerialization.data(withJSONObject: document)
        return try problems(of: String(decoding: data, as: UTF8.self))
    }

    private struct UnknownWord: Error {
        let word: String
    }

    /// Words that say nothing about a document, or nothing that is looked at.
    private static let silent: Set<String> = [
        "$schema", "$id", "id", "$defs", "definitions", "title", "description", "format",
    ]

    private func problems(_ value: Value, _ schema: Value, _ place: String) throws -> [String] {
        if let isAllowed = schema.bool { return isAllowed ? [] : ["\(place) must not be there"] }
        var found: [String] = []
        for (word, rule) in (schema.map ?? [:]).sorted(by: { $0.key < $1.key }) {
            switch word {
            case "$ref": found += try problems(value, target(rule.string ?? ""), place)
            case "type":
                let types = rule.list ?? [rule]
                if !types.contains(where: { $0.string.map { Self.isOf($0, value) } ?? false }) {
                    found.append("\(place) is no \(types.compactMap(\.string).joined(separator: " or "))")
                }
            case "const": if value != rule { found.append("\(place) is not what it has to be") }
            case "enum": if !(rule.list ?? []).contains(value) { found.append("\(place) is none of the allowed") }
            case "required":
                found += (rule.list ?? []).compactMap(\.string).filter { value.map != nil && value[$0] == nil }
                    .map { "\(place) has no \($0)" }
            case "properties":
                for (name, rule) in rule.map ?? [:] {
                    if let member = value[name] { found += try problems(member, rule, "\(place).\(name)") }
                }
            case "patternProperties":
                for (pattern, rule) in rule.map ?? [:] {
                    for (name, member) in value.map ?? [:] where try Self.matches(pattern, name) {
                        found += try problems(member, rule, "\(place).\(name)")
                    }
                }
            case "additionalProperties":
                let patterns = schema["patternProperties"]?.map.map { Array($0.keys) } ?? []
                for (name, member) in value.map ?? [:] where schema["properties"]?[name] == nil {
                    if try patterns.contains(where: { try Self.matches($0, name) }) { continue }
                    found += try problems(member, rule, "\(place).\(name)")
                }
            case "items":
                for (index, item) in (value.list ?? []).enumerated() {
                    found += try problems(item, rule, "\(place)[\(index)]")
                }
            case "anyOf":
                if try !(rule.list ?? []).contains(where: { try problems(value, $0, place).isEmpty }) {
                    found.append("\(place) is of none of the forms")
                }
            case "pattern":
                if let text = value.string, try !Self.matches(rule.string ?? "", text) {
                    found.append("\(place) does not look as it has to: \(text.prefix(80))")
                }
            case "minimum":
                if let number = value.number, number < rule.number ?? 0 { found.append("\(place) is too small") }
            case "minLength":
                if let text = value.string, text.count < rule.int ?? 0 { found.append("\(place) is short") }
            case "minItems":
                if let items = value.list, items.count < rule.int ?? 0 { found.append("\(place) is short") }
            case "minProperties":
                if let members = value.map, members.count < rule.int ?? 0 { found.append("\(place) is short") }
            // PROV's schema has two of these where only words belong.
            case _ where word.hasPrefix("prov:") || Self.silent.contains(word): continue
            default: throw UnknownWord(word: word)
            }
        }
        return found
    }

    private func target(_ reference: String) throws -> Value {
        var value = root
        for part in reference.split(separator: "/") where part != "#" {
            guard let next = value[String(part)] else { throw UnknownWord(word: reference) }
            value = next
        }
        return value
    }

    private static func isOf(_ type: String, _ value: Value) -> Bool {
        switch (type, value) {
        case ("null", .null), ("boolean", .bool), ("integer", .int), ("string", .string), ("array", .list),
            ("object", .map), ("number", .int), ("number", .double):
            true
        default: false
        }
    }

    private static func matches(_ pattern: String, _ text: String) throws -> Bool {
        try Regex(pattern).firstMatch(in: text) != nil
    }
}
