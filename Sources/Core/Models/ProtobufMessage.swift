/// The fields of a protobuf message, in the order of the file.
///
/// Knows the wire format, and nothing of any message's meaning: unknown fields are there and may be ignored.
struct ProtobufMessage {
    enum Value {
        case number(UInt64)
        case bytes(ArraySlice<UInt8>)
        case fixed32(UInt32)
        case fixed64(UInt64)
    }

    let fields: [(number: Int, value: Value)]
    private let name: String

    /// Reads a message.
    ///
    /// Throws `ModelsError.unreadable` about `name` when the bytes are none.
    init(_ bytes: ArraySlice<UInt8>, name: String) throws {
        var fields: [(number: Int, value: Value)] = []
        var rest = bytes
        func problem(_ why: String) -> ModelsError {
            .unreadable(file: name, why: "it is no protobuf message: \(why), at byte \(rest.startIndex)")
        }
        func varint() throws -> UInt64 {
            var number: UInt64 = 0
            for shift in stride(from: 0, to: 64, by: 7) {
                guard let byte = rest.popFirst() else { throw problem("it ends inside a number") }
                number |= UInt64(byte & 0x7f) << UInt64(shift)
                if byte < 0x80 { return number }
            }
            throw problem("a number is too long")
        }
        func take(_ count: UInt64) throws -> ArraySlice<UInt8> {
            guard count <= rest.count else { throw problem("it ends inside a field") }
            defer { rest = rest.dropFirst(Int(count)) }
            return rest.prefix(Int(count))
        }
        func fixed(_ count: UInt64) throws -> UInt64 {
            try take(count).reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        while !rest.isEmpty {
            let tag = try varint()
            guard tag >> 3 > 0, tag >> 3 < 1 << 29 else { throw problem("a field has no number") }
            let number = Int(tag >> 3)
            switch tag & 7 {
            case 0: fields.append((number, .number(try varint())))
            case 1: fields.append((number, .fixed64(try fixed(8))))
            case 2: fields.append((number, .bytes(try take(try varint()))))
            case 5: fields.append((number, .fixed32(UInt32(truncatingIfNeeded: try fixed(4)))))
            default: throw problem("a field of an unknown kind")
            }
        }
        self.fields = fields
        self.name = name
    }

    /// The messages under a field, in order.
    func messages(_ number: Int) throws -> [ProtobufMessage] {
        try fields.compactMap { field in
            guard field.number == number, case .bytes(let bytes) = field.value else { return nil }
            return try ProtobufMessage(bytes, name: name)
        }
    }

    /// The last value of a field, as the format wants it.
    private func last(_ number: Int) -> Value? { fields.last { $0.number == number }?.value }

    func bytes(_ number: Int) -> [UInt8]? {
        if case .bytes(let bytes)? = last(number) { Array(bytes) } else { nil }
    }

    /// A number of up to 32 bits, with its sign.
    func int(_ number: Int) -> Int? {
        if case .number(let value)? = last(number) { Int(Int32(truncatingIfNeeded: value)) } else { nil }
    }

    func bool(_ number: Int) -> Bool? { int(number).map { $0 != 0 } }

    func float(_ number: Int) -> Float? {
        if case .fixed32(let bits)? = last(number) { Float(bitPattern: bits) } else { nil }
    }
}
