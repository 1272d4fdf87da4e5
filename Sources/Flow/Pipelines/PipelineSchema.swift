public import Artifacts
public import StageKit

/// The JSON Schema (draft 2020-12) of pipeline files, for editors that complete and lint.
///
/// It knows every stage and every setting with its type, range, default and help. What only the reader can tell (whether
/// a step exists, whether ports fit) it lets pass; whatever it refuses, the reader refuses too.
public struct PipelineSchema: Sendable {
    private let stages: StageTable

    /// The schema for files that may name these stages.
    public init(stages: StageTable) { self.stages = stages }

    /// The schema as indented JSON, keys sorted.
    ///
    /// - Throws: `ArtifactError` for a default that JSON cannot hold, which no stage has.
    public func text() throws -> String { try pretty(schema, indent: "") + "\n" }

    /// The schema.
    public var schema: Value { root.value }

    private var root: Node {
        object([
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "motrans pipeline",
            "description": "One file per motion: clips, prompts, model, settings, and the graph of stages.",
            "type": "object",
            "required": .list(["version"]),
            "properties": object(topLevel),
            // Further keys are the parameters of the template.
            "additionalProperties": true,
            "$defs": object(definitions),
        ])
    }

    private var topLevel: [String: Node] {
        [
            "version": object(["const": 1, "description": "The version of the format."]),
            "name": text("The name of the pipeline; the file's name without it."),
            "template": object([
                "description": "A graph to use: a built-in template, or the path of a file.",
                "anyOf": .list([object(["enum": .list(Templates.all.map { .string($0.name) })]), text("A path.")]),
            ]),
            "model": text("A model set: its name, or the path of its YAML file."),
            "motion": text("The word that names the motion, such as zigzagging."),
            "clips": reference("clips"),
            "prompts": reference("prompts"),
            "parameters": object([
                "type": "object", "description": "Names that `${name}` may use, with their types.",
                "additionalProperties": reference("parameter"),
            ]),
            "steps": object([
                "type": "object", "description": "The graph: steps by name.",
                "additionalProperties": reference("step"),
            ]),
            "settings": object([
                "type": "object", "description": "Settings by the name of the step.",
                "additionalProperties": object(["type": "object"]),
            ]),
            "defaults": object([
                "type": "object", "description": "Settings for every step of a stage.", "additionalProperties": false,
                "properties": object(
                    Dictionary(uniqueKeysWithValues: stages.stages.map { ($0.kind.name, settings(of: $0)) })),
            ]),
            "matrix": reference("matrix"),
            "include": object([
                "description": "Files whose keys stand below those of this one.",
                "anyOf": .list([text("A path."), list(of: text("A path."))]),
            ]),
            "profiles": object([
                "type": "object", "description": "Resources, chosen with --profile; they never change results.",
                "additionalProperties": object([
                    "type": "object", "additionalProperties": false,
                    "properties": object([
                        "jobs": whole("Light steps at once."), "threads": whole("Threads of a computing step."),
                        "memory": text("What all steps at work may take together: 16GB."),
                        "limits": object([
                            "type": "object", "description": "Steps of a stage at once.",
                            "additionalProperties": whole("At once."),
                        ]),
                        "executor": object(["const": "local"]),
                    ]),
                ]),
            ]),
            "env": object([
                "description": "Environment variables that `${env.NAME}` may read; recorded with the run.",
                "anyOf": .list([list(of: text("A name.")), object(["type": "object"])]),
            ]),
        ]
    }

    private var definitions: [String: Node] {
        var definitions: [String: Node] = [
            "reference": object(["type": "string", "pattern": "\\$\\{[A-Za-z0-9_.-]+\\}"]),
            "clips": object([
                "description": "The reference clips: a list, or a folder with captions.",
                "anyOf": .list([
                    text("A folder with name.txt beside name.mp4, or a metadata.jsonl."),
                    list(
                        of: object([
                            "type": "object", "required": .list(["file", "prompt"]), "additionalProperties": false,
                            "properties": object([
                                "file": text("Path, from the folder of this file."),
                                "prompt": scalar("What it shows: A red ball is zigzagging on the grass"),
                            ]),
                        ]), atLeast: 1),
                ]),
            ]),
            "prompts": object([
                "description": "What to make videos of.",
                "anyOf": .list([
                    reference("reference"),
                    list(
                        of: object([
                            "anyOf": .list([
                                scalar("A prompt."),
                                object([
                                    "type": "object", "required": .list(["prompt"]), "additionalProperties": false,
                                    "properties": object([
                                        "prompt": scalar("The prompt."),
                                        "entity": scalar("What CLIP-E asks for: a green cat"),
                                    ]),
                                ]),
                            ])
                        ]), atLeast: 1),
                ]),
            ]),
            "parameter": object([
                "anyOf": .list([
                    object(["enum": types]),
                    object([
                        "type": "object", "required": .list(["type"]), "additionalProperties": false,
                        "properties": object(["type": object(["enum": types]), "default": true, "help": scalar("")]),
                    ]),
                ])
            ]),
            "matrix": object([
                "type": "object", "description": "Settings to vary: each a list of values; every combination runs.",
                "properties": object([
                    "include": object([
                        "description": "Further cells.",
                        "anyOf": .list([reference("reference"), list(of: object(["type": "object"]))]),
                    ]),
                    "exclude": object([
                        "description": "Cells to leave out.",
                        "anyOf": .list([reference("reference"), list(of: object(["type": "object"]))]),
                    ]),
                ]),
                "additionalProperties": object(["anyOf": .list([reference("reference"), list(of: true, atLeast: 1)])]),
            ]),
        ]
        for stage in stages.stages { definitions["step-\(stage.kind)"] = step(stage) }
        definitions["step"] = object([
            "type": "object", "required": .list(["stage"]),
            "properties": object(["stage": object(["enum": .list(stages.stages.map { .string($0.kind.name) })])]),
            "allOf": .list(
                stages.stages.map { stage in
                    object([
                        "if": object([
                            "properties": object(["stage": object(["const": .string(stage.kind.name)])]),
                            "required": .list(["stage"]),
                        ]),
                        "then": reference("step-\(stage.kind)"),
                    ])
                }),
        ])
        return definitions
    }

    private var types: Node { .list(ParameterType.allCases.map { .string($0.rawValue) }) }

    private func step(_ stage: StageDescriptor) -> Node {
        var properties: [String: Node] = [
            "stage": object(["const": .string(stage.kind.name)]),
            "model": text("A model set for this step alone."),
            "for-each": object(["description": "A list, or a step that has a for-each; its element is `${item}`."]),
            "matrix": reference("matrix"),
            "volatile": object(["type": "boolean", "description": "Run each time."]),
            "timeout": scalar("When it is ended: 90s, 10m, 2h."),
            "retries": object([
                "type": "integer", "minimum": 0, "maximum": 100,
                "description": "How often it is tried again after a failure.",
            ]),
            "memory": text("What it needs: it starts only where so much is free, or alone. 18GB"),
            "settings": settings(of: stage),
        ]
        var required: [Node] = ["stage"]
        if stage.declaresOwnPorts {
            properties["inputs"] = object([
                "type": "object",
                "additionalProperties": object(["description": "`${step}`, `${step.port}`, or `{file: PATH}`."]),
            ])
            properties["outputs"] = object([
                "type": "object", "minProperties": 1, "additionalProperties": text("The kind: file, files, video, ..."),
                "description": "What the program writes.",
            ])
            required.append("outputs")
            for spec in stage.settings where !["inputs", "outputs"].contains(spec.name) {
                properties[spec.name] = setting(spec)
            }
        } else {
            properties["inputs"] = object([
                "type": "object", "additionalProperties": false,
                "required": .list(stage.inputs.filter { !$0.isOptional }.map { .string($0.name) }),
                "properties": object(
                    Dictionary(
                        uniqueKeysWithValues: stage.inputs.map { port in
                            (port.name, object(["description": .string("\(port.kind): \(port.help)")]))
                        })),
            ])
            if stage.inputs.contains(where: { !$0.isOptional }) { required.append("inputs") }
        }
        return object([
            "type": "object", "description": .string(stage.summary), "required": .list(required),
            "additionalProperties": false, "properties": object(properties),
        ])
    }

    private func settings(of stage: StageDescriptor) -> Node {
        let specs = stage.settings.filter { !stage.declaresOwnPorts || !["inputs", "outputs"].contains($0.name) }
        return object([
            "type": "object", "description": .string("Settings of \(stage.kind): \(stage.summary)."),
            "additionalProperties": false,
            "properties": object(Dictionary(uniqueKeysWithValues: specs.map { ($0.name, setting($0)) })),
        ])
    }

    /// A setting may always be a reference, and then only the reader knows its type.
    private func setting(_ spec: SettingSpec) -> Node {
        object([
            "description": .string(spec.help), "default": .plain(spec.defaultValue),
            "anyOf": .list([shape(spec.shape, spec.range), reference("reference")]),
        ])
    }

    private func shape(_ shape: SettingShape, _ range: ClosedRange<Double>?) -> Node {
        switch shape {
        case .bool: return object(["type": "boolean"])
        case .int, .double:
            var keys: [String: Node] = ["type": shape == .int ? "integer" : "number"]
            if let range {
                keys["minimum"] = number(range.lowerBound)
                keys["maximum"] = number(range.upperBound)
            }
            return object(keys)
        // Numbers and truth values without quotes are text where text is wanted.
        case .string: return object(["type": .list(["string", "number", "boolean"])])
        case .choice(let words): return object(["enum": .list(words.map(Node.string))])
        case .list(let item):
            let inner = object(["anyOf": .list([self.shape(item, range), reference("reference")])])
            return list(of: inner)
        case .map(let item): return object(["type": "object", "additionalProperties": self.shape(item, range)])
        case .optional(let inner):
            return object(["anyOf": .list([self.shape(inner, range), object(["type": "null"])])])
        }
    }

    // MARK: Words of JSON Schema

    private func object(_ keys: [String: Node]) -> Node { .map(keys) }
    private func reference(_ name: String) -> Node { .map(["$ref": .string("#/$defs/\(name)")]) }
    private func text(_ help: String) -> Node { .map(["type": "string", "description": .string(help)]) }
    private func whole(_ help: String) -> Node {
        .map(["type": "integer", "minimum": 1, "maximum": 4096, "description": .string(help)])
    }
    private func scalar(_ help: String) -> Node {
        .map(["type": .list(["string", "number", "boolean"]), "description": .string(help)])
    }
    private func list(of item: Node, atLeast count: Int = 0) -> Node {
        .map(
            count > 0
                ? ["type": "array", "items": item, "minItems": .plain(.int(count))] : ["type": "array", "items": item])
    }
    private func number(_ value: Double) -> Node { .plain(Int(exactly: value).map(Value.int) ?? .double(value)) }

    private func pretty(_ value: Value, indent: String) throws -> String {
        let deeper = indent + "  "
        switch value {
        case .map(let map) where !map.isEmpty:
            let lines = try map.sorted { $0.key < $1.key }.map { key, value in
                "\(deeper)\(try Value.string(key).canonicalText()): \(try pretty(value, indent: deeper))"
            }
            return "{\n\(lines.joined(separator: ",\n"))\n\(indent)}"
        case .list(let items) where items.contains { if case .map = $0 { true } else { false } }:
            let lines = try items.map { "\(deeper)\(try pretty($0, indent: deeper))" }
            return "[\n\(lines.joined(separator: ",\n"))\n\(indent)]"
        default: return try value.canonicalText()
        }
    }
}

/// JSON that can be written as literals.
private indirect enum Node: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    case plain(Value)
    case list([Node])
    case map([String: Node])

    init(stringLiteral text: String) { self = .plain(.string(text)) }
    init(integerLiteral number: Int) { self = .plain(.int(number)) }
    init(booleanLiteral truth: Bool) { self = .plain(.bool(truth)) }

    static func string(_ text: String) -> Node { .plain(.string(text)) }

    var value: Value {
        switch self {
        case .plain(let value): value
        case .list(let items): .list(items.map(\.value))
        case .map(let map): .map(map.mapValues(\.value))
        }
    }
}
