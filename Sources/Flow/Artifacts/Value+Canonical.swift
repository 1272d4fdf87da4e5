import Foundation

// The one text of a value. JSON (RFC 8259) with every choice taken, so that equal values have equal bytes:
// no white space; keys sorted by code point; strings in Unicode normal form C, escaped only where JSON demands it
// (`"`, `\`, and control characters as \b \t \n \f \r or \u00xx); ints as digits; doubles as the shortest text that
// reads back as the same double, always with `.` or `e`, so that 1 and 1.0 differ; no -0.0, NaN or infinity.

extension Value {
    /// The canonical JSON text of this value.
    ///
    /// - Throws: `ArtifactError.number` for NaN, infinities and -0.0; `.duplicateKey` for keys that are equal in NFC.
    public func canonicalText() throws(ArtifactError) -> String {
        var text: [UInt8] = []
        do throws(ArtifactError) { try appendCanonical(to: &text) } catch { throw error.whole }
        return String(decoding: text, as: UTF8.self)
    }

    /// Reads JSON: canonical text, and any other JSON whose keys are unique and whose whole numbers fit 64 bits.
    ///
    /// - Throws: `ArtifactError.syntax` with the byte where reading stopped.
    public init(canonicalText text: String) throws(ArtifactError) {
        var reader = JSONReader(Array(text.utf8))
        self = try reader.document()
    }

    /// Appends the canonical text; after an error, what is there of it is of no use.
    func appendCanonical(to text: inout [UInt8]) throws(ArtifactError) {
        switch self {
        case .null: text += "null".utf8
        case .bool(let truth): text += (truth ? "true" : "false").utf8
        case .int(let number): text += String(number).utf8
        case .double(let number):
            guard number.isFinite, !(number == 0 && number.sign == .minus) else {
                throw .number(number == 0 ? "-0.0" : "\(number)", path: "")
            }
            text += number.description.utf8
        case .string(let string): Self.appendCanonical(string, to: &text)
        case .list(let items):
            text.append(UInt8(ascii: "["))
            for (index, item) in items.enumerated() {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                do throws(ArtifactError) { try item.appendCanonical(to: &text) } catch {
                    throw error.inside("[\(index)]")
                }
            }
            text.append(UInt8(ascii: "]"))
        case .map(let pairs):
            text.append(UInt8(ascii: "{"))
            // Swift compares strings by the code points of their normal form C: exactly the order that is wanted, and
            // equal keys cannot be in one dictionary.
            for (index, pair) in pairs.sorted(by: { $0.key < $1.key }).enumerated() {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                Self.appendCanonical(pair.key, to: &text)
                text.append(UInt8(ascii: ":"))
                do throws(ArtifactError) { try pair.value.appendCanonical(to: &text) } catch {
                    throw error.inside(".\(pair.key)")
                }
            }
            text.append(UInt8(ascii: "}"))
        }
    }

    /// Appends a string with its quotes.
    static func appendCanonical(_ string: String, to text: inout [UInt8]) {
        text.append(UInt8(ascii: "\""))
        let isPlain = string.utf8.allSatisfy {
            (32..<127).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
        }
        if isPlain { text += string.utf8 } else { appendEscaped(string, to: &text) }
        text.append(UInt8(ascii: "\""))
    }

    private static func appendEscaped(_ string: String, to text: inout [UInt8]) {
        let isASCII = string.utf8.allSatisfy { $0 < 128 }
        let normal = isASCII ? string : string.precomposedStringWithCanonicalMapping
        for byte in normal.utf8 {
            switch byte {
            case UInt8(ascii: "\""): text += #"\""#.utf8
            case UInt8(ascii: "\\"): text += #"\\"#.utf8
            case 8: text += #"\b"#.utf8
            case 9: text += #"\t"#.utf8
            case 10: text += #"\n"#.utf8
            case 12: text += #"\f"#.utf8
            case 13: text += #"\r"#.utf8
            case 0..<32:
                let digits = String(byte, radix: 16)
                text += (#"\u00"# + (digits.count == 1 ? "0" : "") + digits).utf8
            default: text.append(byte)
            }
        }
    }
}
