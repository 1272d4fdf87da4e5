import Artifacts
import Foundation
import StageKit
import Testing

@testable import Pipelines

@Suite struct SchemaTests {
    private let schema = PipelineSchema(stages: FakeStages.table)

    @Test("the schema is JSON and accepts the templates, the examples and the starter file")
    func accepts() throws {
        #expect(try Value(canonicalText: schema.text()) == schema.schema)
        let checker = SchemaChecker(schema.schema)
        for template in Templates.all { #expect(checker.problems(try yaml(template.text)) == []) }
        #expect(checker.problems(try yaml(zigzag)) == [])
        #expect(checker.problems(try yaml(StarterPipeline.text(motion: "leaping", clip: "a.mp4"))) == [])
        let examples = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../pipelines")
        let files = try FileManager.default.contentsOfDirectory(atPath: examples.path(percentEncoded: false))
        #expect(files.contains { $0.hasSuffix(".yaml") })
        for file in files where file.hasSuffix(".yaml") {
            let text = try String(contentsOf: examples.appending(path: file), encoding: .utf8)
            #expect(checker.problems(try yaml(text)) == [], "\(file)")
        }
    }

    @Test(
        "the schema refuses what the reader refuses",
        arguments: [
            "{}", "{version: 2}", "{version: 1, clips: [{file: a}]}", "{version: 1, clips: []}",
            "{version: 1, defaults: {sampling: {guidances: 1}}}", "{version: 1, defaults: {sampling: {guidance: -1}}}",
            "{version: 1, defaults: {sampling: {residual: none}}}", "{version: 1, defaults: {sample: {}}}",
            "{version: 1, defaults: {image-embedding: {precision: bf17}}}",
            "{version: 1, steps: {a: {stage: samplings}}}", "{version: 1, steps: {a: {stage: frame-extraction}}}",
            "{version: 1, steps: {a: {stage: sampling, input: {}}}}",
            "{version: 1, steps: {a: {stage: sampling, inputs: {video: x}}}}",
            "{version: 1, parameters: {a: text}}", "{version: 1, matrix: {a.b: 3}}",
            "{version: 1, env: {A: 1}, name: []}",
        ])
    func refuses(text: String) throws {
        #expect(SchemaChecker(schema.schema).problems(try yaml(text)) != [])
        let work = try Workplace()
        #expect(work.errors(Data((text).utf8)) != "")
    }

    /// The YAML of a test as plain values.
    private func yaml(_ text: String) throws -> Value {
        let work = try Workplace()
        let problems = Problems()
        let source = SourceText(text, name: "t.yaml", folder: work.root)
        return try #require(YAMLReader.document(source, problems)).value()
    }
}

/// As much of JSON Schema as ours uses.
private struct SchemaChecker {
    let root: Value

    init(_ root: Value) { self.root = root }

    func problems(_ value: Value) -> [String] { problems(value, root, at: "") }

    private func problems(_ value: Value, _ schema: Value, at path: String) -> [String] {
        guard case .map(let keys) = schema else { return schema == .bool(false) ? ["\(path): nothing is allowed"] : [] }
        var found: [String] = []
        for (key, rule) in keys.sorted(by: { $0.key < $1.key }) {
            switch (key, rule) {
            case ("$ref", .string(let reference)):
                found += problems(value, definition(reference), at: path)
            case ("type", .string(let type)):
                if !has(value, type) { found.append("\(path): not \(type)") }
            case ("type", .list(let types)):
                let isOne = types.contains { if case .string(let type) = $0 { has(value, type) } else { false } }
                if !isOne { found.append("\(path): none of the types") }
            case ("const", _): if value != rule { found.append("\(path): not \(rule)") }
            case ("enum", .list(let values)):
                if !values.contains(value) { found.append("\(path): not one of the words") }
            case ("minimum", _):
                if let number = number(value), let least = self.number(rule), number < least {
                    found.append("\(path): too small")
                }
            case ("maximum", _):
                if let number = number(value), let most = self.number(rule), number > most {
                    found.append("\(path): too large")
                }
            case ("minItems", .int(let count)):
                if case .list(let items) = value, items.count < count { found.append("\(path): too short") }
            case ("minProperties", .int(let count)):
                if case .map(let map) = value, map.count < count { found.append("\(path): too few keys") }
            case ("pattern", _):
                if case .string(let text) = value, !text.contains("${") { found.append("\(path): no reference") }
            case ("anyOf", .list(let schemas)):
                if !schemas.contains(where: { problems(value, $0, at: path).isEmpty }) {
                    found.append("\(path): fits none")
                }
            case ("allOf", .list(let schemas)): found += schemas.flatMap { problems(value, $0, at: path) }
            case ("if", _):
                if problems(value, rule, at: path).isEmpty, let then = keys["then"] {
                    found += problems(value, then, at: path)
                }
            case ("required", .list(let names)):
                guard case .map(let map) = value else { continue }
                for case .string(let name) in names where map[name] == nil { found.append("\(path): no \(name)") }
            case ("properties", .map(let rules)):
                guard case .map(let map) = value else { continue }
                for (name, inner) in map {
                    if let rule = rules[name] { found += problems(inner, rule, at: "\(path).\(name)") }
                }
            case ("additionalProperties", _):
                guard case .map(let map) = value else { continue }
                var known: [String: Value] = [:]
                if case .map(let properties)? = keys["properties"] { known = properties }
                for (name, inner) in map where known[name] == nil {
                    found += problems(inner, rule, at: "\(path).\(name)")
                }
            case ("items", _):
                guard case .list(let items) = value else { continue }
                for (index, item) in items.enumerated() { found += problems(item, rule, at: "\(path)[\(index)]") }
            case ("then", _), ("description", _), ("title", _), ("default", _), ("$schema", _), ("$defs", _): break
            default: found.append("the schema says \(key), which this test does not know")
            }
        }
        return found
    }

    private func definition(_ reference: String) -> Value {
        guard case .map(let keys) = root, case .map(let definitions)? = keys["$defs"],
            let found = definitions[String(reference.dropFirst("#/$defs/".count))]
        else { return .bool(false) }
        return found
    }

    private func number(_ value: Value) -> Double? {
        switch value {
        case .int(let number): Double(number)
        case .double(let number): number
        default: nil
        }
    }

    private func has(_ value: Value, _ type: String) -> Bool {
        switch (type, value) {
        case ("string", .string), ("integer", .int), ("boolean", .bool), ("object", .map), ("array", .list),
            ("null", .null), ("number", .int), ("number", .double):
            true
        default: false
        }
    }
}
