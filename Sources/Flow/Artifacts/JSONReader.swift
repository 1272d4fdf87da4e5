/// Reads one JSON document of UTF-8 bytes into a `Value`.
///
/// Strict: no comments, no duplicate keys, nothing after the end. A number with `.`, `e` or `E` is a double, any other an int; an int that does not fit 64 bits is refused rather than
/// rounded.
struct JSONReader {
    private let bytes: [UInt8]
    private var position = 0
    private var depth = 0
    /// Deeper documents are refused: reading is recursive, and nobody writes these by hand.
    private static let deepest = 256

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The whole text as one value.
    mutating func document() throws(ArtifactError) -> Value {
        guard String(validating: bytes, as: UTF8.self) != nil else { throw fail("not UTF-8") }
        skipSpace()
        let value = try value()
        skipSpace()
        guard position == bytes.count else { throw fail("more text after the end of the value") }
        return value
    }

    private func fail(_ what: String) -> ArtifactError { .syntax(what, offset: position) }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 32 || byte == 9 || byte == 10 || byte == 13 { position += 1 }
    }

    private mutating func value() throws(ArtifactError) -> Value {
        guard let byte = next else { throw fail("the text ends where a value was expected") }
        switch byte {
        case UInt8(ascii: "{"): return try nested { (reader) throws(ArtifactError) in try reader.map() }
        case UInt8(ascii: "["): return try nested { (reader) throws(ArtifactError) in try reader.list() }
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func nested(
        _ body: (inout JSONReader) throws(ArtifactError) -> Value
    ) throws(ArtifactError) -> Value {
        guard depth < Self.deepest else { throw fail("more than \(Self.deepest) levels") }
        depth += 1
        defer { depth -= 1 }
        position += 1
        return try body(&self)
    }

    private mutating func word(_ word: String, _ value: Value) throws(ArtifactError) -> Value {
        guard bytes[position...].starts(with: word.utf8) else { throw fail("expected \(word)") }
        position += word.utf8.count
        return value
    }

    private mutating func map() throws(ArtifactError) -> Value {
        var pairs: [String: Value] = [:]
        skipSpace()
        if next == UInt8(ascii: "}") {
            position += 1
            return .map(pairs)
        }
        while true {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw fail("expected a key") }
            let key = try string()
            guard pairs[key] == nil else { throw fail("the key \"\(key)\" is there twice") }
            skipSpace()
            guard next == UInt8(ascii: ":") else { throw fail("expected a colon after the key") }
            position += 1
            skipSpace()
            pairs[key] = try value()
            skipSpace()
            if next == UInt8(ascii: ",") {
                position += 1
            } else if next == UInt8(ascii: "}") {
                position += 1
                return .map(pairs)
            } else {
                throw fail("expected a comma or the end of the map")
            }
        }
    }

    private mutating func list() throws(ArtifactError) -> Value {
        var items: [Value] = []
        skipSpace()
        if next == UInt8(ascii: "]") {
            position += 1
            return .list(items)
        }
        while true {
            skipSpace()
            items.append(try value())
            skipSpace()
            if next == UInt8(ascii: ",") {
                position += 1
            } else if next == UInt8(ascii: "]") {
                position += 1
                return .list(items)
            } else {
                throw fail("expected a comma or the end of the list")
            }
        }
    }

    private mutating func string() throws(ArtifactError) -> String {
        position += 1
        var text: [UInt8] = []
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                position += 1
                text += String(try escape()).utf8
            case 0..<32: throw fail("a control character inside a string")
            default:
                text.append(byte)
                position += 1
            }
        }
        throw fail("the text ends inside a string")
    }

    private mutating func escape() throws(ArtifactError) -> Unicode.Scalar {
        guard let byte = next else { throw fail("the text ends inside an escape") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            let unit = try hexadecimal()
            if let scalar = Unicode.Scalar(unit) { return scalar }
            // Only surrogates are no scalars; a high one must be followed by an escaped low one.
            guard (0xD800..<0xDC00).contains(unit), bytes[position...].starts(with: #"\u"#.utf8) else {
                throw fail("half of a surrogate pair")
            }
            position += 2
            let low = try hexadecimal()
            guard (0xDC00..<0xE000).contains(low),
                let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
            else { throw fail("half of a surrogate pair") }
            return scalar
        default:
            position -= 1
            throw fail("unknown escape")
        }
    }

    private mutating func hexadecimal() throws(ArtifactError) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw fail("expected four hexadecimal digits")
            }
            unit = unit << 4 + UInt32(digit)
            position += 1
        }
        return unit
    }

    private mutating func number() throws(ArtifactError) -> Value {
        let start = position
        if next == UInt8(ascii: "-") { position += 1 }
        let first = position
        let whole = skipDigits()
        guard whole > 0 else {
            position = start
            throw fail("expected a value")
        }
        guard whole == 1 || bytes[first] != UInt8(ascii: "0") else { throw fail("a number with a leading zero") }
        var isDouble = false
        if next == UInt8(ascii: ".") {
            isDouble = true
            position += 1
            guard skipDigits() > 0 else { throw fail("expected a digit after the point") }
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            isDouble = true
            position += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
            guard skipDigits() > 0 else { throw fail("expected a digit in the exponent") }
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isDouble {
            guard let number = Double(text), number.isFinite else { throw fail("\(text) is too large for a double") }
            return .double(number)
        }
        guard let number = Int(text) else { throw fail("\(text) does not fit 64 bits") }
        return .int(number)
    }

    private mutating func skipDigits() -> Int {
        let start = position
        while let byte = next, (48...57).contains(byte) { position += 1 }
        return position - start
    }
}
