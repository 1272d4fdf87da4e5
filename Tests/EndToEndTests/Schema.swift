import Foundation
import Testing

/// A JSON Schema of `docs/schemas`, and as much of the standard as these use.
struct Schema {
    private let root: [String: Any]

    init(_ name: String) throws {
        let file = Workspace.clip.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "docs/schemas/\(name).schema.json")
        root = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
    }

    /// Records an issue for each place where a document is not as the schema wants it.
    func validate(_ document: Any) throws {
        var problems: [String] = []
        check(document, root, "$", &problems)
        #expect(problems.isEmpty, "\(problems.joined(separator: "\n"))")
    }

    private static let known: Set<String> = [
        "$schema", "$defs", "$ref", "title", "description", "type", "properties", "required", "additionalProperties",
        "items", "enum", "const", "pattern", "anyOf",
    ]

    private func check(_ value: Any, _ schema: [String: Any], _ place: String, _ problems: inout [String]) {
        for key in schema.keys where !Self.known.contains(key) { problems.append("\(place): the schema says \(key)") }
        if let name = (schema["$ref"] as? String)?.split(separator: "/").last {
            guard let other = (root["$defs"] as? [String: Any])?[String(name)] as? [String: Any] else {
                return problems.append("\(place): there is no \(name)")
            }
            check(value, other, place, &problems)
        }
        if let choices = schema["anyOf"] as? [[String: Any]] {
            let fits = choices.contains { choice in
                var found: [String] = []
                check(value, choice, place, &found)
                return found.isEmpty
            }
            if !fits { problems.append("\(place): fits none of anyOf") }
        }
        if let wanted = schema["type"] as? String ?? (schema["type"] as? [String])?.joined(separator: " ") {
            let types = wanted.split(separator: " ").map(String.init)
            if !types.contains(where: { Self.matches(value, $0) }) { problems.append("\(place): is no \(wanted)") }
        }
        if let choices = schema["enum"] as? [String], !choices.contains(value as? String ?? "") {
            problems.append("\(place): \(value) is none of \(choices)")
        }
        if let wanted = schema["const"] as? Int, value as? Int != wanted {
            problems.append("\(place): is not \(wanted)")
        }
        if let pattern = schema["pattern"] as? String, let text = value as? String,
            text.range(of: pattern, options: .regularExpression) == nil
        {
            problems.append("\(place): \(text) is not \(pattern)")
        }
        if let fields = value as? [String: Any] {
            let properties = schema["properties"] as? [String: [String: Any]] ?? [:]
            for name in schema["required"] as? [String] ?? [] where fields[name] == nil {
                problems.append("\(place): lacks \(name)")
            }
            for (name, field) in fields {
                if let property = properties[name] {
                    check(field, property, "\(place).\(name)", &problems)
                } else if let other = schema["additionalProperties"] as? [String: Any] {
                    check(field, other, "\(place).\(name)", &problems)
                }
            }
        }
        if let items = value as? [Any], let schema = schema["items"] as? [String: Any] {
            for (index, item) in items.enumerated() { check(item, schema, "\(place)[\(index)]", &problems) }
        }
    }

    private static func matches(_ value: Any, _ type: String) -> Bool {
        switch type {
        case "object": value is [String: Any]
        case "array": value is [Any]
        case "string": value is String
        case "null": value is NSNull
        case "boolean": (value as? NSNumber).map { isTruth($0) } ?? (value is Bool)
        case "integer": (value as? NSNumber).map { !isTruth($0) && $0.doubleValue == $0.doubleValue.rounded() } ?? false
        case "number": (value as? NSNumber).map { !isTruth($0) } ?? false
        default: false
        }
    }

    /// Whether a number came from `true` or `false`.
    private static func isTruth(_ number: NSNumber) -> Bool { String(cString: number.objCType) == "c" }
}
