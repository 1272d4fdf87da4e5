/// Reads the JSON of a safetensors header, and only what may stand in one.
///
/// Unlike a general JSON reader it sees names that occur twice, and it needs no recursion.
struct HeaderScanner {
    struct Header {
        var tensors: [Tensor] = []
        var metadata: [String: String] = [:]
    }

    struct Tensor {
        var name: String
        var type = ""
        var shape: [Int] = []
        var offsets: [Int] = []
    }

    struct Failure: Error {
        let offset: Int
        let reason: String
    }

    private let text: [UInt8]
    private var position = 0

    init(_ text: [UInt8]) { self.text = text }

    /// The whole header; only spaces may follow.
    mutating func header() throws(Failure) -> Header {
        var header = Header()
        var hasMetadata = false
        try members { scanner, key throws(Failure) in
            if key == "__metadata__" {
                if hasMetadata { throw scanner.failure("__metadata__ occurs twice") }
                hasMetadata = true
                header.metadata = try scanner.strings()
            } else {
                header.tensors.append(try scanner.tensor(key))
            }
        }
        skipSpace()
        if position < text.count { throw failure("text after the end") }
        return header
    }

    private mutating func tensor(_ name: String) throws(Failure) -> Tensor {
        var tensor = Tensor(name: name)
        var seen: Set<String> = []
        try members { scanner, key throws(Failure) in
            if !seen.insert(key).inserted { throw scanner.failure("'\(key)' occurs twice in tensor '\(name)'") }
            switch key {
            case "dtype": tensor.type = try scanner.string()
            case "shape": tensor.shape = try scanner.integers()
            case "data_offsets": tensor.offsets = try scanner.integers()
            default: throw scanner.failure("unknown key '\(key)' in tensor '\(name)'")
            }
        }
        for key in ["dtype", "shape", "data_offsets"] where !seen.contains(key) {
            throw failure("tensor '\(name)' has no '\(key)'")
        }
        return tensor
    }

    private mutating func strings() throws(Failure) -> [String: String] {
        var strings: [String: String] = [:]
        try members { scanner, key throws(Failure) in
            if strings.updateValue(try scanner.string(), forKey: key) != nil {
                throw scanner.failure("metadata '\(key)' occurs twice")
            }
        }
        return strings
    }

    private mutating func members(
        _ member: (inout HeaderScanner, String) throws(Failure) -> Void
    ) throws(Failure) {
        try expect("{")
        if skips("}") { return }
        repeat {
            let key = try string()
            try expect(":")
            try member(&self, key)
        } while skips(",")
        try expect("}")
    }

    private mutating func integers() throws(Failure) -> [Int] {
        var integers: [Int] = []
        try expect("[")
        if skips("]") { return integers }
        repeat { integers.append(try integer()) } while skips(",")
        try expect("]")
        return integers
    }

    private mutating func integer() throws(Failure) -> Int {
        skipSpace()
        let start = position
        var value = 0
        while let digit = current, (0x30...0x39).contains(digit) {
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflowInSum) = tens.addingReportingOverflow(Int(digit - 0x30))
            if overflow || overflowInSum { throw failure("a number is too large") }
            value = sum
            position += 1
        }
        if position == start { throw failure("a whole number, not negative, belongs here") }
        if position - start > 1, text[start] == 0x30 { throw failure("a number begins with 0") }
        if let next = current, [0x2E, 0x45, 0x65].contains(next) { throw failure("a whole number belongs here") }
        return value
    }

    private mutating func string() throws(Failure) -> String {
        try expect("\"")
        var bytes: [UInt8] = []
        while true {
            guard let byte = current else { throw failure("a string does not end") }
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: bytes, as: UTF8.self) else {
                    throw failure("a string is not UTF-8")
                }
                return string
            case UInt8(ascii: "\\"): try escape(into: &bytes)
            case 0..<0x20: throw failure("a control character inside a string")
            default: bytes.append(byte)
            }
        }
    }

    private mutating func escape(into bytes: inout [UInt8]) throws(Failure) {
        guard let kind = current else { throw failure("a string does not end") }
        position += 1
        switch kind {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(kind)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "u"):
            var code = try fourDigits()
            if (0xD800..<0xDC00).contains(code), current == UInt8(ascii: "\\") {
                position += 1
                guard current == UInt8(ascii: "u") else { throw failure("half of a surrogate pair") }
                position += 1
                let low = try fourDigits()
                guard (0xDC00..<0xE000).contains(low) else { throw failure("half of a surrogate pair") }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw failure("half of a surrogate pair") }
            bytes.append(contentsOf: Array(String(Character(scalar)).utf8))
        default: throw failure("an unknown escape")
        }
    }

    private mutating func fourDigits() throws(Failure) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw failure("four hexadecimal digits belong here")
            }
            code = code << 4 | UInt32(digit)
            position += 1
        }
        return code
    }

    private var current: UInt8? { position < text.count ? text[position] : nil }

    private mutating func skipSpace() {
        while let byte = current, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { position += 1 }
    }

    private mutating func skips(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard current == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(Failure) {
        if !skips(character) { throw failure("'\(character)' belongs here") }
    }

    private func failure(_ reason: String) -> Failure { Failure(offset: position, reason: reason) }
}
