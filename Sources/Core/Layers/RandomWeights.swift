public import Tensors

/// Weights of a model before any training: what `InitialWeights` says, drawn from a seed.
///
/// Each tensor has a generator of its own, split off by its name: the numbers do not depend on the order of layers.
public struct RandomWeights: WeightSource, Sendable {
    private let generator: Generator

    /// The source that belongs to `seed`.
    public init(seed: UInt64) { generator = Generator(seed: seed).split("weights") }

    /// A tensor of the asked shape.
    public func tensor(_ name: String, shape: [Int], initial: InitialWeights) -> Tensor {
        switch initial {
        case .zeros: return Tensor(zeros: shape)
        case .ones: return Tensor(shape, repeating: 1)
        case .value(let value): return Tensor(shape, repeating: value)
        case .uniform(let bound): return uniform(name, shape, bound)
        case .normal(let deviation):
            var generator = generator.split(name)
            return Kernels.scale(generator.normal(shape), by: deviation)
        case .pytorchLinear(let fanIn):
            return uniform(name, shape, 1 / Float(max(1, fanIn)).squareRoot())
        }
    }

    private func uniform(_ name: String, _ shape: [Int], _ bound: Float) -> Tensor {
        var generator = generator.split(name)
        var tensor = generator.uniform(shape)
        tensor.write { for i in $0.indices { $0[i] = (2 * $0[i] - 1) * bound } }
        return tensor
    }
}
