import Foundation

/// Any JSON value, objects in the order of the file and with keys apart that Swift would take for one.
///
/// The vocabularies of language models hold tokens that are canonically equivalent ("Å" as one sign or another), which
/// a `[String: …]` would join. Knows nothing of tokenizers.
enum OrderedJSON: Sendable {
    case null
    case bool(Bool)
    case number(Double)
    case string([UInt8])
    case array([OrderedJSON])
    case object([(key: [UInt8], value: OrderedJSON)])

    /// Parses a whole file.
    ///
    /// Throws `ModelsError.unreadable`, which names the byte.
    init(_ data: Data, name: String) throws {
        var parser = Parser(bytes: Array(data), name: name)
        self = try parser.document()
    }

    /// The value of a key; nil for null, where there is none, and in anything but an object.
    subscript(key: String) -> OrderedJSON? {
        guard case .object(let members) = self,
            let value = members.first(where: { $0.key.elementsEqual(key.utf8) })?.value
        else { return nil }
        if case .null = value { return nil }
        return value
    }

    var members: [OrderedJSON] { if case .array(let members) = self { members } else { [] } }
    var bytes: [UInt8]? { if case .string(let bytes) = self { bytes } else { nil } }
    var text: String? { bytes.map { String(decoding: $0, as: UTF8.self) } }
    var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    var number: Double? { if case .number(let value) = self { value } else { nil } }
    var int: Int? { number.flatMap { Int(exactly: $0) } }
}

/// Reads JSON by its bytes.
private struct Parser {
    let bytes: [UInt8]
    let name: String
    var at = 0
    private var depth = 0

    init(bytes: [UInt8], name: String) { (self.bytes, self.name) = (bytes, name) }

    mutating func document() throws -> OrderedJSON {
        let value = try value()
        guard next() == nil else { throw problem("something follows the end") }
        return value
    }

    private func problem(_ why: String) -> ModelsError {
        .unreadable(file: name, why: "it is not JSON: \(why), at byte \(at)")
    }

    /// The next byte that is no white space, without taking it.
    private mutating func next() -> UInt8? {
        while at < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[at]) { at += 1 }
        return at < bytes.count ? bytes[at] : nil
    }

    private mutating func take(_ byte: Unicode.Scalar) throws {
        guard next() == UInt8(ascii: byte) else { throw problem("`\(byte)` is missing") }
        at += 1
    }

    private mutating func value() throws -> OrderedJSON {
        depth += 1
        defer { depth -= 1 }
        guard depth < 64 else { throw problem("it is nested too deeply") }
        switch next() {
        case UInt8(ascii: "{"): return .object(try list("{", "}") { try ($0.key(), $0.value()) })
        case UInt8(ascii: "["): return .array(try list("[", "]") { try $0.value() })
        case UInt8(ascii: "\""): return .string(try string())
        default: return try scalar()
        }
    }

    private mutating func key() throws -> [UInt8] {
        guard next() == UInt8(ascii: "\"") else { throw problem("a key is no text") }
        let key = try string()
        try take(":")
        return key
    }

    private mutating func list<T>(
        _ open: Unicode.Scalar, _ close: Unicode.Scalar, _ item: (inout Parser) throws -> T
    ) throws -> [T] {
        try take(open)
        var items: [T] = []
        if next() == UInt8(ascii: close) {
            at += 1
            return items
        }
        while true {
            items.append(try item(&self))
            guard next() == UInt8(ascii: ",") else {
                try take(close)
                return items
            }
            at += 1
        }
    }

    private mutating func scalar() throws -> OrderedJSON {
        let start = at
        while at < bytes.count, !",]} \t\r\n".utf8.contains(bytes[at]) { at += 1 }
        let word = String(decoding: bytes[start..<at], as: UTF8.self)
        switch word {
        case "null": return .null
        case "true": return .bool(true)
        case "false": return .bool(false)
        default:
            guard let number = Double(word), number.isFinite, word.first.map({ $0 == "-" || $0.isNumber }) == true
            else {
                at = start
                throw problem("no value")
            }
            return .number(number)
        }
    }

    private mutating func string() throws -> [UInt8] {
        at += 1
        var text: [UInt8] = []
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            switch byte {
            case UInt8(ascii: "\""): return text
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20: throw problem("a control character in a text")
            default: text.append(byte)
            }
        }
        throw problem("a text has no end")
    }

    private mutating func escape(into text: inout [UInt8]) throws {
        guard at < bytes.count else { throw problem("a text has no end") }
        let byte = bytes[at]
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(8)
        case UInt8(ascii: "f"): text.append(12)
        case UInt8(ascii: "n"): text.append(10)
        case UInt8(ascii: "r"): text.append(13)
        case UInt8(ascii: "t"): text.append(9)
        case UInt8(ascii: "u"):
            var units = [try unit()]
            if UTF16.isLeadSurrogate(units[0]), bytes[at...].starts(with: "\\u".utf8) {
                at += 2
                units.append(try unit())
            }
            text += Array(String(decoding: units, as: UTF16.self).utf8)
        default: throw problem("an unknown escape")
        }
    }

    private mutating func unit() throws -> UInt16 {
        let digits = bytes[at...].prefix(4)
        guard digits.count == 4, let unit = UInt16(String(decoding: digits, as: UTF8.self), radix: 16) else {
            throw problem("\\u without four digits")
        }
        at += 4
        return unit
    }
}
