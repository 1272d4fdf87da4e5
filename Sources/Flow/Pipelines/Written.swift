import Artifacts
import StageKit

/// What a file says, with its places, before anybody knows what it means.
struct Written: Sendable {
    indirect enum Content: Sendable {
        /// Text; only plain scalars can be null, a number or a truth value.
        case scalar(String, isPlain: Bool)
        case list([Written])
        case map([Entry])
    }

    /// A key and its value.
    struct Entry: Sendable {
        let name: String
        let keyPlace: Place
        let value: Written
    }

    let content: Content
    let place: Place

    /// The entries of a map, none for anything else.
    var entries: [Entry] {
        guard case .map(let entries) = content else { return [] }
        return entries
    }

    var isMap: Bool {
        guard case .map = content else { return false }
        return true
    }

    /// The value of a key.
    subscript(name: String) -> Written? { entries.first { $0.name == name }?.value }

    /// The text of a scalar, whatever it looks like; nil for null, lists and maps.
    var text: String? {
        guard case .scalar(let text, let isPlain) = content, !isPlain || CoreSchema.value(of: text) != .null else {
            return nil
        }
        return text
    }

    /// The value, read with the type that is wanted: `160` is text where text is wanted, a number otherwise.
    func value(as shape: SettingShape? = nil) -> Value {
        switch (content, shape) {
        case (_, .optional(let inner)): return isNull ? .null : value(as: inner)
        case (.scalar(let text, let isPlain), .string), (.scalar(let text, let isPlain), .choice):
            return isPlain && CoreSchema.value(of: text) == .null ? .null : .string(text)
        case (.scalar(let text, let isPlain), _): return isPlain ? CoreSchema.value(of: text) : .string(text)
        case (.list(let items), .list(let shape)): return .list(items.map { $0.value(as: shape) })
        case (.list(let items), _): return .list(items.map { $0.value() })
        case (.map(let entries), _):
            var shapeOfValues: SettingShape?
            if case .map(let shape) = shape { shapeOfValues = shape }
            return .map(
                Dictionary(
                    entries.map { ($0.name, $0.value.value(as: shapeOfValues)) }, uniquingKeysWith: { $1 }))
        }
    }

    private var isNull: Bool {
        guard case .scalar(let text, let isPlain) = content else { return false }
        return isPlain && CoreSchema.value(of: text) == .null
    }

    /// The place of a part of the value, or of the nearest thing around it.
    func place(of path: [SettingMismatch.Component]) -> Place {
        guard let first = path.first else { return place }
        switch (content, first) {
        case (.list(let items), .index(let index)) where items.indices.contains(index):
            return items[index].place(of: Array(path.dropFirst()))
        case (.map(let entries), .key(let key)):
            return entries.first { $0.name == key }?.value.place(of: Array(path.dropFirst())) ?? place
        default: return place
        }
    }
}

/// The core schema of YAML 1.2 (section 10.3.2): how a plain scalar becomes a value.
enum CoreSchema {
    static func value(of text: String) -> Value {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        default: break
        }
        guard let first = text.utf8.first, first < 58, text.utf8.count <= 400 else { return .string(text) }
        return integer(text) ?? float(text) ?? .string(text)
    }

    /// `[-+]?[0-9]+`, `0o[0-7]+`, `0x[0-9a-fA-F]+`.
    ///
    /// So `012` is twelve.
    private static func integer(_ text: String) -> Value? {
        for (prefix, radix) in [("0o", 8), ("0x", 16)] where text.hasPrefix(prefix) {
            let digits = text.dropFirst(2)
            guard !digits.isEmpty, digits.utf8.allSatisfy({ isDigit($0, radix: radix) }) else { return nil }
            return Int(digits, radix: radix).map(Value.int) ?? .double(Double(text) ?? .infinity)
        }
        let digits = text.hasPrefix("-") || text.hasPrefix("+") ? text.dropFirst() : text[...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ isDigit($0, radix: 10) }) else { return nil }
        // What does not fit 64 bits stays a number, so that a whole-number setting says what it found.
        return Int(text).map(Value.int) ?? Double(text).map(Value.double)
    }

    /// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, `[-+]?\.(inf|Inf|INF)`, `\.(nan|NaN|NAN)`.
    private static func float(_ text: String) -> Value? {
        var rest = Array(text.utf8)[...]
        if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") { rest = rest.dropFirst() }
        let isNegative = text.hasPrefix("-")
        switch String(decoding: rest, as: UTF8.self) {
        case ".inf", ".Inf", ".INF": return .double(isNegative ? -.infinity : .infinity)
        case ".nan" where rest.count == text.utf8.count, ".NaN" where rest.count == text.utf8.count,
            ".NAN" where rest.count == text.utf8.count:
            return .double(.nan)
        default: break
        }
        let whole = rest.prefix { isDigit($0, radix: 10) }
        rest = rest.dropFirst(whole.count)
        var fraction = rest.prefix(0)
        if rest.first == UInt8(ascii: ".") {
            fraction = rest.dropFirst().prefix { isDigit($0, radix: 10) }
            rest = rest.dropFirst(1 + fraction.count)
        }
        guard !whole.isEmpty || !fraction.isEmpty else { return nil }
        var exponent = "0"
        if let letter = rest.first, letter == UInt8(ascii: "e") || letter == UInt8(ascii: "E") {
            exponent = String(decoding: rest.dropFirst(), as: UTF8.self)
            let digits = exponent.hasPrefix("-") || exponent.hasPrefix("+") ? exponent.dropFirst() : exponent[...]
            guard !digits.isEmpty, digits.utf8.allSatisfy({ isDigit($0, radix: 10) }) else { return nil }
            rest = []
        }
        guard rest.isEmpty else { return nil }
        let mantissa =
            "\(String(decoding: whole, as: UTF8.self).isEmpty ? "0" : String(decoding: whole, as: UTF8.self))"
        let digits = fraction.isEmpty ? mantissa : "\(mantissa).\(String(decoding: fraction, as: UTF8.self))"
        return Double("\(isNegative ? "-" : "")\(digits)e\(exponent)").map(Value.double)
    }

    private static func isDigit(_ byte: UInt8, radix: Int) -> Bool {
        switch byte {
        case 48...57: Int(byte) - 48 < radix
        case 65...70, 97...102: radix == 16
        default: false
        }
    }
}
