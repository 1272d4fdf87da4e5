public import Tensors

/// Where the weights of a model come from: a file, a generator of random numbers, a formula.
///
/// Names, shapes and values are those of the reference's file; `Weights` turns them into the layouts of the kernels.
public protocol WeightSource {
    /// The shape in which the source holds the tensor; nil where it has none of that name.
    ///
    /// A source that makes its tensors up has each in the `expected` shape; that is what the default says.
    func shape(of name: String, expected: [Int]) -> [Int]?

    /// The tensor, of a shape that `shape(of:expected:)` gave.
    func tensor(_ name: String, shape: [Int], initial: InitialWeights) throws -> Tensor
}

extension WeightSource {
    /// Any name exists in the shape it is asked for in.
    public func shape(of name: String, expected: [Int]) -> [Int]? { expected }
}

/// What a tensor holds before any training.
///
/// Only sources that make tensors up look at it.
public enum InitialWeights: Sendable, Hashable {
    /// All 0.
    case zeros
    /// All 1.
    case ones
    /// All the same.
    case value(Float)
    /// Uniform in ± the bound.
    case uniform(bound: Float)
    /// Normal around 0.
    case normal(deviation: Float)
    /// Uniform in ± 1/√fanIn: what torch gives the weight and the bias of a linear or convolution layer.
    case pytorchLinear(fanIn: Int)
}
