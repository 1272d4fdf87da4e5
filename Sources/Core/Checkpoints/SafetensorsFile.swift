public import Foundation
public import Tensors

/// Writes safetensors files.
///
/// Equal contents give equal bytes, whatever the order they came in.
public enum SafetensorsFile {
    /// What is written under one name.
    public enum Content: Sendable {
        /// Float32 values, rounded to nearest-even when stored as float16 or bfloat16.
        case floats(Tensor, as: ElementType)
        /// U8 in a shape.
        case bytes([UInt8], shape: [Int])
        /// I64 in a shape.
        case integers([Int], shape: [Int])
    }

    /// Writes tensors of any kinds, and free text that readers hand back as `Checkpoint.metadata`.
    ///
    /// Throws `CheckpointError.unwritable` when the disk refuses.
    public static func write(
        _ contents: [String: Content], metadata: [String: String] = [:], to url: URL
    ) throws(CheckpointError) {
        let path = url.path(percentEncoded: false)
        // Wide elements first, as the reference writer does, so that each tensor is aligned; then by name.
        let ordered = contents.sorted { ($1.value.type.size, $0.key) < ($0.value.type.size, $1.key) }
        let header = SafetensorsFile.header(ordered, metadata)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .unwritable(path: path, reason: MappedFile.reason()) }
        var failure = header.withUnsafeBytes { write($0, to: descriptor) }
        for (_, content) in ordered where failure == nil {
            failure = content.withStoredBytes { write($0, to: descriptor) }
        }
        if close(descriptor) != 0, failure == nil { failure = MappedFile.reason() }
        if let failure { throw .unwritable(path: path, reason: failure) }
    }

    /// Writes float tensors, all in one element type: F32, F16 or BF16.
    ///
    /// Throws `CheckpointError.unwritable`.
    public static func write(
        _ tensors: [String: Tensor], as type: ElementType = .float32, metadata: [String: String] = [:], to url: URL
    ) throws(CheckpointError) {
        try write(tensors.mapValues { Content.floats($0, as: type) }, metadata: metadata, to: url)
    }

    /// Writes U8 tensors.
    ///
    /// Throws `CheckpointError.unwritable`.
    public static func write(
        bytes: [String: (bytes: [UInt8], shape: [Int])], metadata: [String: String] = [:], to url: URL
    ) throws(CheckpointError) {
        try write(bytes.mapValues { Content.bytes($0.bytes, shape: $0.shape) }, metadata: metadata, to: url)
    }

    private static func header(
        _ contents: [(key: String, value: Content)], _ metadata: [String: String]
    ) -> [UInt8] {
        var members: [String] = []
        if !metadata.isEmpty {
            let texts = metadata.sorted { $0.key < $1.key }.map { "\(quoted($0.key)):\(quoted($0.value))" }
            members.append("\"__metadata__\":{\(texts.joined(separator: ","))}")
        }
        var offset = 0
        for (name, content) in contents {
            precondition(name != "__metadata__", "__metadata__ is no name for a tensor")
            let end = offset + content.count * content.type.size
            let shape = content.shape.map(String.init).joined(separator: ",")
            members.append(
                "\(quoted(name)):{\"dtype\":\"\(content.type.rawValue)\",\"shape\":[\(shape)],"
                    + "\"data_offsets\":[\(offset),\(end)]}")
            offset = end
        }
        var json = Array("{\(members.joined(separator: ","))}".utf8)
        json.append(contentsOf: repeatElement(UInt8(ascii: " "), count: (8 - json.count % 8) % 8))
        return withUnsafeBytes(of: UInt64(json.count).littleEndian) { Array($0) } + json
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\u{0}"..<"\u{20}":
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    /// Writes all bytes; gives the reason when the system refuses.
    private static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> String? {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = Foundation.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if written < 0 {
                if errno == EINTR { continue }
                return MappedFile.reason()
            }
            rest = rest.dropFirst(written)
        }
        return nil
    }
}

extension SafetensorsFile.Content {
    var type: ElementType {
        switch self {
        case .floats(_, let type): type
        case .bytes: .uint8
        case .integers: .int64
        }
    }

    var shape: [Int] {
        switch self {
        case .floats(let tensor, _): tensor.shape
        case .bytes(_, let shape), .integers(_, let shape): shape
        }
    }

    var count: Int { shape.reduce(1, *) }

    /// The bytes as the file has them.
    func withStoredBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        switch self {
        case .bytes(let bytes, let shape):
            precondition(bytes.count == count, "\(bytes.count) bytes in shape \(shape)")
            return bytes.withUnsafeBytes(body)
        case .integers(let integers, let shape):
            precondition(integers.count == count, "\(integers.count) integers in shape \(shape)")
            return integers.map { Int64($0).littleEndian }.withUnsafeBytes(body)
        case .floats(let tensor, let type):
            return tensor.read { values in
                switch type {
                case .float32: body(UnsafeRawBufferPointer(values))
                case .float16: values.map { HalfPrecision.half($0).littleEndian }.withUnsafeBytes(body)
                case .bfloat16: values.map { HalfPrecision.brain($0).littleEndian }.withUnsafeBytes(body)
                default: preconditionFailure("floats are written as F32, F16 or BF16, not as \(type.rawValue)")
                }
            }
        }
    }
}
