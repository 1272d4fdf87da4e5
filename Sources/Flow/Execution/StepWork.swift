public import Artifacts
import Pipelines
public import StageKit

/// Everything that decides what a step gives: equal work has an equal key.
///
/// Never paths, times, hosts, names of steps, or attempt numbers.
public struct StepWork: Hashable, Sendable, KeyDescribable {
    /// Raised when the meaning of the record changes: old results are then never taken for new ones.
    static let schema = 1

    /// What kind of work.
    public let stage: StageKind
    /// The version of its implementation.
    public let version: Int
    /// Every setting, defaults filled in.
    public let settings: [String: Value]
    /// Content digests of the artifacts of each port, in order.
    public let inputs: [String: [Digest]]
    /// Content digests of the parts of the model that are read.
    public let models: [ModelPart: Digest]
    /// The element of the step's for-each.
    public let element: Value?
    /// The declared outputs of a stage without ports of its own.
    ///
    /// Empty for others, whose version says it.
    public let outputs: [OutputPort]

    /// Adds every field, always in the same order: what people want to hear of first comes first.
    public func describe(into record: inout KeyRecord) throws(ArtifactError) {
        try record.add("schema", .int(Self.schema))
        try record.add("stage", .string(stage.name))
        try record.add("version", .int(version))
        try record.add("settings", each: settings)
        switch element {
        case .map(let fields)? where !fields.isEmpty: try record.add("element", each: fields)
        case let element?: try record.add("element", element)
        case nil: break
        }
        for (port, digests) in inputs.sorted(by: { $0.key < $1.key }) {
            for (index, digest) in digests.enumerated() { try record.add("inputs.\(port).\(index)", digest) }
        }
        for (part, digest) in models.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            try record.add("models.\(part.rawValue)", digest)
        }
        for port in outputs { try record.add("outputs.\(port.name)", .string(port.kind.name)) }
    }
}

/// One difference of two key records, told as people think of it.
///
/// `description` is the sentence.
public struct KeyChange: Hashable, Sendable, CustomStringConvertible {
    /// What the field is.
    public enum Subject: Hashable, Sendable {
        /// The record's own version.
        case schema
        /// The kind of stage.
        case stage
        /// The version of the stage.
        case version
        /// A setting.
        case setting(String)
        /// The element of the for-each, or one field of it.
        case element(String?)
        /// All that one port takes.
        case input(port: String)
        /// A part of the model.
        case model(part: String)
        /// A declared output.
        case output(String)
        /// A field of a record that another version of this tool wrote.
        case other(String)
    }

    /// What changed.
    public let subject: Subject
    /// The value before; nil where there was none.
    ///
    /// Of an input: the list of digests.
    public let before: Value?
    /// The value after; nil where there is none.
    public let after: Value?

    /// The field, for example `settings.rank` or `inputs.frames`.
    public var field: String {
        switch subject {
        case .schema: "schema"
        case .stage: "stage"
        case .version: "version"
        case .setting(let name): "settings.\(name)"
        case .element(let name): name.map { "element.\($0)" } ?? "element"
        case .input(let port): "inputs.\(port)"
        case .model(let part): "models.\(part)"
        case .output(let name): "outputs.\(name)"
        case .other(let path): path
        }
    }

    /// What changed, for example `setting rank changed from 4 to 8`, `input frames changed`, `stage version changed from 1
    /// to 2`.
    public var description: String {
        switch subject {
        case .schema: "the way keys are made changed"
        case .input, .model:
            before == nil ? "\(subjectText) is new" : after == nil ? "\(subjectText) is gone" : "\(subjectText) changed"
        case .stage, .version, .setting, .element, .output, .other:
            switch (before, after) {
            case (let before?, let after?):
                "\(subjectText) changed from \(Self.text(before)) to \(Self.text(after))"
            case (nil, let after?): "\(subjectText) is new: \(Self.text(after))"
            case (_, nil): "\(subjectText) is gone"
            }
        }
    }

    private var subjectText: String {
        switch subject {
        case .schema: "schema"
        case .stage: "stage"
        case .version: "stage version"
        case .setting(let name): "setting \(name)"
        case .element(let name): name ?? "element"
        case .input(let port): "input \(port)"
        case .model(let part): "model part \(part)"
        case .output(let name): "output \(name)"
        case .other(let path): path
        }
    }

    /// A value as people write it in a pipeline file.
    public static func text(_ value: Value) -> String {
        switch value {
        case .null: "none"
        case .bool(let flag): flag ? "true" : "false"
        case .int(let number): "\(number)"
        case .double(let number): "\(number)"
        case .string(let text): "\"\(text)\""
        case .list(let items): "[" + items.map(text).joined(separator: ", ") + "]"
        case .map(let fields):
            "{" + fields.sorted { $0.key < $1.key }.map { "\($0.key): \(text($0.value))" }.joined(separator: ", ") + "}"
        }
    }
}

extension KeyRecord {
    /// What differs from an older record, as people think of it; what they want to hear of first comes first.
    public func changes(from older: KeyRecord) -> [KeyChange] {
        var changes: [(rank: Int, change: KeyChange)] = []
        var ports: Set<String> = []
        for difference in differences(from: older) {
            let (rank, subject) = Self.subject(of: difference.path)
            if case .input(let port) = subject {
                guard ports.insert(port).inserted else { continue }
                let change = KeyChange(
                    subject: subject, before: older.digests(ofInput: port), after: digests(ofInput: port))
                changes.append((rank, change))
                continue
            }
            let (before, after) =
                switch difference {
                case .added(_, let value): (Value?.none, Value?.some(value))
                case .removed(_, let value): (Value?.some(value), Value?.none)
                case .changed(_, let from, let to): (Value?.some(from), Value?.some(to))
                }
            changes.append((rank, KeyChange(subject: subject, before: before, after: after)))
        }
        // The prompt is what tells elements apart; the order of the record does the rest.
        return changes.enumerated().sorted { ($0.element.rank, $0.offset) < ($1.element.rank, $1.offset) }
            .map(\.element.change)
    }

    /// The digests of a port in order, as a list; nil when the port takes nothing.
    private func digests(ofInput port: String) -> Value? {
        let list = fields.filter { $0.path.hasPrefix("inputs.\(port).") }.map(\.value)
        return list.isEmpty ? nil : .list(list)
    }

    private static func subject(of path: String) -> (rank: Int, KeyChange.Subject) {
        let parts = path.split(separator: ".", maxSplits: 1)
        let rest = parts.count > 1 ? String(parts[1]) : nil
        switch (parts.first, rest) {
        case ("stage", nil): return (0, .stage)
        case ("version", nil): return (1, .version)
        case ("schema", nil): return (2, .schema)
        case ("settings", let name?): return (3, .setting(name))
        case ("element", let name): return (name == "prompt" ? 4 : 5, .element(name))
        case ("inputs", let rest?):
            // The last component is the position: the port's name is all before it.
            let port = rest.lastIndex(of: ".").map { String(rest[..<$0]) } ?? rest
            return (6, .input(port: port))
        case ("models", let part?): return (7, .model(part: part))
        case ("outputs", let name?): return (8, .output(name))
        default: return (9, .other(path))
        }
    }
}
