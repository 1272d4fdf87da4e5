import Foundation

/// A `config.json` as diffusers and transformers write it.
///
/// Knows types and defaults, not what any key means: a missing key or `null` takes the default, unknown keys are never
/// looked at, a value of the wrong type or one that we do not support is an error that names file, key and value.
struct ConfigurationFile {
    /// How errors name the file.
    let name: String
    private let values: [String: JSONValue]

    /// Reads `config.json`.
    ///
    /// Throws `ModelsError` when it is not there or not a JSON object.
    init(url: URL) throws {
        let name = url.path(percentEncoded: false)
        guard FileManager.default.fileExists(atPath: name) else {
            throw ModelsError.missingFile(file: name, neededFor: "the model in this folder")
        }
        try self.init(name: name, data: Data(contentsOf: url))
    }

    /// Reads JSON text.
    ///
    /// Throws `ModelsError.unreadable` when it is not a JSON object.
    init(name: String, data: Data) throws {
        do {
            values = try JSONDecoder().decode([String: JSONValue].self, from: data)
        } catch {
            throw ModelsError.unreadable(file: name, why: "it is not a JSON object (\(error))")
        }
        self.name = name
    }

    private init(name: String, values: [String: JSONValue]) {
        self.name = name
        self.values = values
    }

    /// The object under a key; empty when there is none.
    func section(_ key: String) -> ConfigurationFile {
        guard case .object(let inner) = values[key] else { return .init(name: "\(name), \(key)", values: [:]) }
        return .init(name: "\(name), \(key)", values: inner)
    }

    /// Whether a key has a value other than null.
    func has(_ key: String) -> Bool { values[key].map { $0 != .null } ?? false }

    /// What a size or a count may be: beyond that, products of a few of them would overflow.
    private static let sizes = 0...1 << 20

    /// A size or a count, or an id.
    func int(_ key: String, _ standard: Int) throws -> Int {
        guard let value = given(key) else { return standard }
        guard let number = ConfigurationFile.size(value) else { throw wrong(key, value, ConfigurationFile.wanted) }
        return number
    }

    /// A whole number of a range.
    func int(_ key: String, _ standard: Int, in range: ClosedRange<Int>) throws -> Int {
        guard let value = given(key) else { return standard }
        guard let number = value.int, range.contains(number) else {
            throw wrong(key, value, "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    private static func size(_ value: JSONValue) -> Int? { value.int.flatMap { sizes.contains($0) ? $0 : nil } }
    private static let wanted = "a whole number from \(sizes.lowerBound) to \(sizes.upperBound)"

    /// A size, or the first of a list whose members are all equal.
    func side(_ key: String, _ standard: Int) throws -> Int {
        guard case .array(let members)? = given(key) else { return try int(key, standard) }
        let numbers = members.compactMap(ConfigurationFile.size)
        guard let first = numbers.first, numbers.count == members.count, numbers.allSatisfy({ $0 == first }) else {
            throw wrong(key, .array(members), "one number (or equal ones)")
        }
        return first
    }

    /// A list of sizes.
    func ints(_ key: String, _ standard: [Int]) throws -> [Int] {
        guard let value = given(key) else { return standard }
        let numbers: [Int]? =
            if case .array(let members) = value, case let all = members.compactMap(ConfigurationFile.size),
                all.count == members.count
            { all } else { nil }
        guard let numbers else { throw wrong(key, value, "a list, each member \(ConfigurationFile.wanted)") }
        return numbers
    }

    /// A number.
    func double(_ key: String, _ standard: Double) throws -> Double {
        guard let value = given(key) else { return standard }
        guard let number = value.double else { throw wrong(key, value, "a number") }
        return number
    }

    /// A truth value.
    func bool(_ key: String, _ standard: Bool) throws -> Bool {
        guard let value = given(key) else { return standard }
        guard case .bool(let truth) = value else { throw wrong(key, value, "true or false") }
        return truth
    }

    /// A text; nil when there is none.
    func string(_ key: String) -> String? {
        guard case .string(let text)? = given(key) else { return nil }
        return text
    }

    /// A list of texts.
    func strings(_ key: String, _ standard: [String]) throws -> [String] {
        guard let value = given(key) else { return standard }
        guard case .array(let members) = value else { throw wrong(key, value, "a list of names") }
        return try members.map { member in
            guard case .string(let text) = member else { throw wrong(key, value, "a list of names") }
            return text
        }
    }

    /// How many entries the object under a key has.
    func entryCount(_ key: String) -> Int? {
        guard case .object(let inner)? = given(key) else { return nil }
        return inner.count
    }

    /// Throws when a key has a value (other than null).
    func refuse(_ key: String, supported: String) throws {
        if let value = given(key) { throw wrong(key, value, supported) }
    }

    /// Throws when a key has another value than this one (or none).
    func require(_ key: String, _ only: JSONValue) throws {
        if let value = given(key), value != only { throw wrong(key, value, only.description) }
    }

    /// The error that a value earns.
    func wrong(_ key: String, _ value: String, _ supported: String) -> ModelsError {
        .unsupported(file: name, key: key, value: value, supported: supported)
    }

    private func wrong(_ key: String, _ value: JSONValue, _ supported: String) -> ModelsError {
        wrong(key, value.description, supported)
    }

    private func given(_ key: String) -> JSONValue? {
        guard let value = values[key], value != .null else { return nil }
        return value
    }
}

/// Any JSON value.
enum JSONValue: Decodable, Hashable, CustomStringConvertible {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    var int: Int? { double.flatMap { Int(exactly: $0) } }

    var double: Double? {
        guard case .number(let value) = self else { return nil }
        return value
    }

    var description: String {
        switch self {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .number(let value): Int(exactly: value).map { "\($0)" } ?? "\(value)"
        case .string(let value): "\"\(value)\""
        case .array(let members): "[" + members.map(\.description).joined(separator: ", ") + "]"
        case .object(let members): "an object of \(members.count) entries"
        }
    }
}
