import Artifacts

/// What programs read: one document, or one line per event; `schema_version` first, other fields in a fixed order.
enum JSON {
    /// An object on one line with its fields in the order given.
    static func line(_ fields: [(String, Value)]) -> String {
        "{" + fields.map { text(.string($0.0)) + ":" + text($0.1) }.joined(separator: ",") + "}"
    }

    /// A document of its own: `schema_version`, then the fields.
    static func document(_ fields: [(String, Value)]) -> String {
        line([("schema_version", .int(1))] + fields)
    }

    /// A number that JSON can hold; what it cannot (NaN, infinities) is `null`.
    static func number(_ value: Double) -> Value {
        value.isFinite ? .double(value == 0 ? 0 : value) : .null
    }

    /// Digests by name.
    static func digests(_ digests: [String: Digest]) -> Value { .map(digests.mapValues { .string($0.hex) }) }

    /// A text, or `null`.
    static func optional(_ text: String?) -> Value { text.map(Value.string) ?? .null }

    private static func text(_ value: Value) -> String {
        do {
            return try value.canonicalText()
        } catch {
            preconditionFailure("a field that JSON cannot hold: \(error)")
        }
    }
}
