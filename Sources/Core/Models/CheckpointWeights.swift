public import Checkpoints
public import Layers
public import Tensors

/// Weights from files on disk; values are converted to float32 when a layer asks for them.
public struct CheckpointWeights: WeightSource, Sendable {
    /// Where they lie.
    public let checkpoint: Checkpoint

    /// The weights of an open checkpoint.
    public init(_ checkpoint: Checkpoint) { self.checkpoint = checkpoint }

    /// The shape that the header gives, nil when there is no such tensor.
    public func shape(of name: String, expected: [Int]) -> [Int]? { checkpoint.entry(name)?.shape }

    /// The values.
    ///
    /// Throws `CheckpointError`.
    public func tensor(_ name: String, shape: [Int], initial: InitialWeights) throws -> Tensor {
        try checkpoint.tensor(name)
    }
}

extension Weights {
    /// The view of a sub-module, or of this module itself where the source was saved without that prefix: the tensor
    /// `name` tells.
    func module(_ prefix: String, ifHolding name: String, shape: [Int]) -> Weights {
        let hasPrefix = contains("\(prefix).\(name)", shape: shape)
        return !hasPrefix && contains(name, shape: shape) ? self : at(prefix)
    }

    /// The view of a sub-module that files spell in several ways: the first under which the tensor `name` is, else the
    /// first of all.
    func module(_ spellings: [String], ifHolding name: String, shape: [Int]) -> Weights {
        at(spellings.first { contains("\($0).\(name)", shape: shape) } ?? spellings[0])
    }
}
