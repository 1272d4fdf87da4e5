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
        bytes.append(ascii: ",\"ph\":\"\(phase.rawValue)\",\"ts\":")
        bytes.append(microseconds: start)
        if phase == .complete {
            bytes.append(ascii: ",\"dur\":")
            bytes.append(microseconds: duration)
        }
        // An instant of a track; without it viewers draw a line through all tracks.
        if phase == .instant { bytes.append(ascii: ",\"s\":\"t\"") }
        bytes.append(ascii: ",\"pid\":\(process),\"tid\":\(track)")
        if !arguments.isEmpty {
            bytes.append(ascii: ",\"args\":{")
            for (index, argument) in arguments.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                bytes.append(quoted: argument.name)
                bytes.append(UInt8(ascii: ":"))
                switch argument.value {
                case .text(let text): bytes.append(quoted: text)
                case .number(let number): bytes.append(ascii: "\(number)")
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

    /// Appends nanoseconds as the microseconds of the format, with all their digits.
    fileprivate mutating func append(microseconds nanoseconds: UInt64) {
        append(ascii: "\(nanoseconds / 1000)")
        let rest = nanoseconds % 1000
        guard rest > 0 else { return }
        append(ascii: rest < 10 ? ".00" : rest < 100 ? ".0" : ".")
        append(ascii: "\(rest)")
    }
}
