/// One event of the Trace Event Format, which Perfetto and chrome://tracing read.
///
/// Unaware of files and clocks.
struct TraceEvent {
    /// The `ph` of the format.
    enum Phase: String {
        case begin = "B"
        case end = "E"
        case complete = "X"
        case instant = "i"
        case metadata = "M"
    }

    var phase: Phase
    var name: String
    var category: String?
    /// Nanoseconds since the trace began.
    var start: UInt64
    /// Nanoseconds; of complete events only.
    var duration: UInt64 = 0
    var process: Int
    var track: Int
    var arguments: [(name: String, value: TraceArgument)] = []

    /// Appends the event as a JSON object without line breaks.
    func write(to bytes: inout [UInt8]) {
        bytes.append(ascii: "{\"name\":")
        bytes.append(quoted: name)
        if let category {
            bytes.append(ascii: ",\"cat\":")
            bytes.append(quoted: category)
        }
        bytes.append(ascii: ",\"ph\":\"")
        bytes.append(ascii: phase.rawValue)
        bytes.append(ascii: "\",\"ts\":")
        bytes.append(microseconds: start)
        if phase == .complete {
            bytes.append(ascii: ",\"dur\":")
            bytes.append(microseconds: duration)
        }
        // An instant of a track; without it viewers draw a line through all tracks.
        if phase == .instant { bytes.append(ascii: ",\"s\":\"t\"") }
        bytes.append(ascii: ",\"pid\":")
        bytes.append(decimal: process)
        bytes.append(ascii: ",\"tid\":")
        bytes.append(decimal: track)
        if !arguments.isEmpty {
            bytes.append(ascii: ",\"args\":{")
            for (index, argument) in arguments.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                bytes.append(quoted: argument.name)
                bytes.append(UInt8(ascii: ":"))
                switch argument.value {
                case .text(let text): bytes.append(quoted: text)
                case .number(let number): bytes.append(decimal: number)
                case .shapes(let shapes): bytes.append(quoted: shapes)
                }
            }
            bytes.append(UInt8(ascii: "}"))
        }
        bytes.append(UInt8(ascii: "}"))
    }
}

/// What viewers show beside an event.
public enum TraceArgument: Sendable, Equatable {
    /// A text.
    case text(String)
    /// A number.
    case number(Int)
    /// Shapes of tensors, shown as the text `[8,720,64] [64,64]`.
    case shapes([[Int]])
}

extension [UInt8] {
    /// Appends text that needs no escapes.
    fileprivate mutating func append(ascii text: String) { append(contentsOf: text.utf8) }

    /// Appends a JSON string; steps and files may be called anything.
    fileprivate mutating func append(quoted text: String) {
        append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                append(UInt8(ascii: "\\"))
                append(byte)
            case 0..<0x20:
                append(ascii: byte < 0x10 ? "\\u000" : "\\u00")
                append(ascii: String(byte, radix: 16))
            default: append(byte)
            }
        }
        append(UInt8(ascii: "\""))
    }

    /// Appends a number without making a string of it first: some five of them stand in every event.
    fileprivate mutating func append(decimal number: Int) {
        if number < 0 { append(UInt8(ascii: "-")) }
        var rest = number.magnitude
        let start = count
        repeat {
            append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        self[start...].reverse()
    }

    /// Appends shapes as a JSON string.
    fileprivate mutating func append(quoted shapes: [[Int]]) {
        append(UInt8(ascii: "\""))
        for (index, shape) in shapes.enumerated() {
            if index > 0 { append(UInt8(ascii: " ")) }
            append(UInt8(ascii: "["))
            for (axis, length) in shape.enumerated() {
                if axis > 0 { append(UInt8(ascii: ",")) }
                append(decimal: length)
            }
            append(UInt8(ascii: "]"))
        }
        append(UInt8(ascii: "\""))
    }

    /// Appends nanoseconds as the microseconds of the format, with all their digits.
    fileprivate mutating func append(microseconds nanoseconds: UInt64) {
        append(decimal: Int(nanoseconds / 1000))
        let rest = Int(nanoseconds % 1000)
        guard rest > 0 else { return }
        append(ascii: rest < 10 ? ".00" : rest < 100 ? ".0" : ".")
        append(decimal: rest)
    }
}
