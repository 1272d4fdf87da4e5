import Foundation
public import Tensors

extension Checkpoint {
    /// The values of a tensor as float32, in its shape.
    ///
    /// Conversions from float16, bfloat16 and integers up to 2^24 convert exactly, float64 and larger integers to the
    /// nearest.
    ///
    /// Throws `noTensor`.
    public func tensor(_ name: String) throws(CheckpointError) -> Tensor {
        let entry = try required(name)
        defer { release(entry) }
        return read(entry) { source in
            Tensor(entry.shape, initialising: { Checkpoint.convert(source, entry.type, to: $0) })
        }
    }

    /// The values of a tensor of whole numbers, row-major; truth values are 0 and 1.
    ///
    /// Throws `noTensor`, and `wrongType` for a tensor of floats.
    public func integers(_ name: String) throws(CheckpointError) -> [Int] {
        let entry = try required(name)
        guard entry.type.isInteger else {
            throw .wrongType(path: entry.file, tensor: name, stored: entry.type, wanted: "whole numbers")
        }
        return read(entry) { source in
            (0..<entry.count).map { index in
                switch entry.type {
                case .int64:
                    Int(Int64(littleEndian: source.loadUnaligned(fromByteOffset: index * 8, as: Int64.self)))
                case .int32:
                    Int(Int32(littleEndian: source.loadUnaligned(fromByteOffset: index * 4, as: Int32.self)))
                case .bool: source[index] == 0 ? 0 : 1
                default: Int(source[index])
                }
            }
        }
    }

    /// The bytes of a U8 tensor, row-major.
    ///
    /// Throws `noTensor`, and `wrongType` for any other type.
    public func bytes(_ name: String) throws(CheckpointError) -> [UInt8] {
        let entry = try required(name)
        guard entry.type == .uint8 else {
            throw .wrongType(path: entry.file, tensor: name, stored: entry.type, wanted: "U8")
        }
        return read(entry) { Array($0) }
    }

    private func required(_ name: String) throws(CheckpointError) -> Entry {
        guard let entry = entry(name) else {
            throw .noTensor(path: location.path(percentEncoded: false), tensor: name)
        }
        return entry
    }

    /// Elements of any type, at any alignment, to float32: on all threads, as files of gigabytes are read at once.
    private static func convert(
        _ source: UnsafeRawBufferPointer, _ type: ElementType, to target: UnsafeMutableBufferPointer<Float>
    ) {
        let piece = 1 << 18
        ThreadPool.shared.parallel((target.count + piece - 1) / piece) { index in
            let range = index * piece..<min((index + 1) * piece, target.count)
            convertPiece(
                UnsafeRawBufferPointer(rebasing: source[range.lowerBound * type.size..<range.upperBound * type.size]),
                type, to: UnsafeMutableBufferPointer(rebasing: target[range]))
        }
    }

    private static func convertPiece(
        _ source: UnsafeRawBufferPointer, _ type: ElementType, to target: UnsafeMutableBufferPointer<Float>
    ) {
        let count = target.count
        switch type {
        case .float32:
            UnsafeMutableRawBufferPointer(target).copyMemory(from: source)
        case .float16:
            for i in 0..<count {
                target[i] = HalfPrecision.float(
                    fromHalf: UInt16(littleEndian: source.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self)))
            }
        case .bfloat16:
            for i in 0..<count {
                target[i] = HalfPrecision.float(
                    fromBrain: UInt16(littleEndian: source.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self)))
            }
        case .float64:
            for i in 0..<count {
                let bits = UInt64(littleEndian: source.loadUnaligned(fromByteOffset: 8 * i, as: UInt64.self))
                target[i] = Float(Double(bitPattern: bits))
            }
        case .int64:
            for i in 0..<count {
                target[i] = Float(Int64(littleEndian: source.loadUnaligned(fromByteOffset: 8 * i, as: Int64.self)))
            }
        case .int32:
            for i in 0..<count {
                target[i] = Float(Int32(littleEndian: source.loadUnaligned(fromByteOffset: 4 * i, as: Int32.self)))
            }
        case .uint8:
            for i in 0..<count { target[i] = Float(source[i]) }
        case .bool:
            for i in 0..<count { target[i] = source[i] == 0 ? 0 : 1 }
        }
    }
}
