extension KeyRecord {
    /// One reason why two keys differ.
    public enum Difference: Hashable, Sendable, CustomStringConvertible {
        /// A field that the older record did not have.
        case added(String, Value)
        /// A field that only the older record has.
        case removed(String, Value)
        /// A field that both have.
        case changed(String, from: Value, to: Value)

        /// The field that it is about.
        public var path: String {
            switch self {
            case .added(let path, _), .removed(let path, _), .changed(let path, _, _): path
            }
        }

        /// `settings.rank: 8 → 16`, `+ settings.rank = 8`, `- settings.rank = 8`.
        public var description: String {
            switch self {
            case .added(let path, let value): "+ \(path) = \(Self.text(value))"
            case .removed(let path, let value): "- \(path) = \(Self.text(value))"
            case .changed(let path, let old, let new): "\(path): \(Self.text(old)) → \(Self.text(new))"
            }
        }

        private static func text(_ value: Value) -> String { (try? value.canonicalText()) ?? "\(value)" }
    }

    /// What changed since another record: first in the order of this record's fields, then what is gone.
    ///
    /// Empty when the records have the same fields, whatever their order.
    public func differences(from older: KeyRecord) -> [Difference] {
        let before = Dictionary(older.fields.map { ($0.path, $0.value) }, uniquingKeysWith: { first, _ in first })
        let now = Set(fields.map(\.path))
        let changes = fields.compactMap { field -> Difference? in
            guard let old = before[field.path] else { return .added(field.path, field.value) }
            return old == field.value ? nil : .changed(field.path, from: old, to: field.value)
        }
        return changes + older.fields.filter { !now.contains($0.path) }.map { .removed($0.path, $0.value) }
    }
}
