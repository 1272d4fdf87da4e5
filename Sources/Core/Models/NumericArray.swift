public import Checkpoints
public import Foundation
public import Tensors

/// A tensor of numbers or of whole numbers, as files have them.
public enum NumericArray: Sendable {
    /// Float numbers.
    case numbers(Tensor)
    /// Whole numbers, row-major, with their shape.
    case integers([Int], shape: [Int])

    /// A tensor of a file: whole numbers stay exact.
    ///
    /// Throws `CheckpointError`.
    public init(_ checkpoint: Checkpoint, _ name: String) throws(CheckpointError) {
        if let entry = checkpoint.entry(name), entry.type.isInteger {
            self = .integers(try checkpoint.integers(name), shape: entry.shape)
        } else {
            self = .numbers(try checkpoint.tensor(name))
        }
    }

    /// Every tensor of a safetensors file.
    ///
    /// Throws `CheckpointError`.
    public static func all(of file: URL) throws(CheckpointError) -> [String: NumericArray] {
        let checkpoint = try Checkpoint.open(file)
        var arrays: [String: NumericArray] = [:]
        for name in checkpoint.names { arrays[name] = try NumericArray(checkpoint, name) }
        return arrays
    }

    /// Lengths of the axes.
    public var shape: [Int] {
        switch self {
        case .numbers(let tensor): tensor.shape
        case .integers(_, let shape): shape
        }
    }

    /// As float32 numbers.
    public var tensor: Tensor {
        switch self {
        case .numbers(let tensor): tensor
        case .integers(let values, let shape): Tensor(shape, values.map { Float($0) })
        }
    }

    /// As whole numbers; nil when a number is not whole.
    public var wholeNumbers: [Int]? {
        switch self {
        case .integers(let values, _): return values
        case .numbers(let tensor):
            let values = tensor.values.compactMap { Int(exactly: $0) }
            return values.count == tensor.count ? values : nil
        }
    }
}
