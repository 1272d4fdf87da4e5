/// Everything that decides a step's output, as an ordered list of named values: what a key is the digest of.
///
/// ```
/// stage = "sampling"
/// settings.guidance = 12.0
/// inputs.motion.0 = "8f3a…"
/// ```
/// The record is stored with every attempt, so that *why did this run* is the difference of two records. Its digest is
/// the SHA-256 of exactly the text that people read, so that anyone can check a key with `sha256sum`.
public struct KeyRecord: Hashable, Sendable {
    /// One named value.
    public struct Field: Hashable, Sendable {
        /// Its name, with `.` between levels: `settings.rank`.
        public let path: String
        /// Its value; it has a canonical form.
        public let value: Value
    }

    /// The fields in the order in which they were added, which is part of the key.
    public private(set) var fields: [Field] = []
    private var paths: Set<String> = []
    /// `text`, which grows with the fields.
    private var bytes: [UInt8] = []

    /// A record without fields.
    public init() {}

    /// A record that is filled by one walk over something.
    public init(describing thing: some KeyDescribable) throws(ArtifactError) {
        try thing.describe(into: &self)
    }

    /// Adds a field.
    ///
    /// - Throws: `ArtifactError.duplicateField`, and `.number` for a value without a canonical form.
    public mutating func add(_ path: String, _ value: Value) throws(ArtifactError) {
        guard paths.insert(path).inserted else { throw .duplicateField(path) }
        let before = bytes.count
        if Self.isPlain(path) { bytes += path.utf8 } else { Value.appendCanonical(path, to: &bytes) }
        bytes += " = ".utf8
        do throws(ArtifactError) {
            try value.appendCanonical(to: &bytes)
        } catch {
            bytes.removeLast(bytes.count - before)
            throw error.whole
        }
        bytes.append(UInt8(ascii: "\n"))
        fields.append(Field(path: path, value: value))
    }

    /// Adds a digest as a string.
    public mutating func add(_ path: String, _ digest: Digest) throws(ArtifactError) {
        try add(path, .string(digest.hex))
    }

    /// Adds a field for each key of a map, in the order of the keys: `path.key`.
    ///
    /// Maps inside it are walked likewise. A key with a dot or a quotation mark in it is quoted, so that no other map
    /// gives the same fields.
    public mutating func add(_ path: String, each values: [String: Value]) throws(ArtifactError) {
        for (key, value) in values.sorted(by: { $0.key < $1.key }) {
            let isPlain = !key.utf8.contains { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "\"") }
            let field = isPlain ? "\(path).\(key)" : "\(path).\(try Value.string(key).canonicalText())"
            if case .map(let inner) = value, !inner.isEmpty {
                try add(field, each: inner)
            } else {
                try add(field, value)
            }
        }
    }

    /// The value of a field.
    public subscript(path: String) -> Value? {
        paths.contains(path) ? fields.first { $0.path == path }?.value : nil
    }
}

/// Something that decides a step's output and can say so field by field.
public protocol KeyDescribable {
    /// Adds every field that matters, always in the same order.
    func describe(into record: inout KeyRecord) throws(ArtifactError)
}

extension KeyRecord {
    /// One line per field: the path, ` = `, the canonical text of the value.
    ///
    /// Paths with odd characters are quoted.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    /// The key: the SHA-256 of `text`.
    public var digest: Digest { Digest(of: bytes) }

    /// Reads `text` back.
    ///
    /// - Throws: `ArtifactError.record` with the line that is wrong.
    public init(text: String) throws(ArtifactError) {
        self.init()
        // Swift's Character would take \r\n as one; the text is split at the bare newline scalar.
        let lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            let line = String(line)
            if line.isEmpty, index == lines.count - 1 { break }
            do throws(ArtifactError) {
                let (path, rest) = try Self.split(line)
                try add(path, Value(canonicalText: rest))
            } catch {
                throw .record("\(error)", line: index + 1)
            }
        }
    }

    private static func split(_ line: String) throws(ArtifactError) -> (path: String, value: String) {
        let separator = Array(" = ".utf8)
        let bytes = Array(line.utf8)
        var position = 0
        if bytes.first == UInt8(ascii: "\"") {
            position = 1
            while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
                position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
            }
            position += 1
        } else {
            while position < bytes.count, bytes[position] != UInt8(ascii: " ") { position += 1 }
        }
        guard position <= bytes.count, bytes[position...].starts(with: separator) else {
            throw .syntax("expected `path = value`", offset: min(position, bytes.count))
        }
        let head = String(decoding: bytes[..<position], as: UTF8.self)
        let rest = String(decoding: bytes[(position + separator.count)...], as: UTF8.self)
        guard bytes.first == UInt8(ascii: "\"") else { return (head, rest) }
        guard let path = try Value(canonicalText: head).string else { throw .syntax("expected a path", offset: 0) }
        return (path, rest)
    }

    private static func isPlain(_ path: String) -> Bool {
        !path.isEmpty
            && path.utf8.allSatisfy { byte in
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                    || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
            }
    }
}
