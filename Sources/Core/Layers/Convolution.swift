public import Autograd
public import Tensors

/// A two-dimensional convolution: [n, h, w, in] → [n, oh, ow, out].
public struct Convolution2D {
    /// [out, kh, kw, in].
    public let weight: Variable
    /// [out].
    public let bias: Variable?
    /// Steps between windows.
    public let stride: Kernels.Stride
    /// Zeros around the input.
    public let padding: Kernels.Padding

    /// Asks `weights` for `name.weight` ([out, in, kh, kw] in the file) and `name.bias`.
    public init(
        _ weights: Weights, _ name: String, in inputs: Int, out outputs: Int, kernel: Int = 3,
        stride: Int = 1,
        padding: Kernels.Padding = Kernels.Padding(0), bias: Bool = true
    ) {
        let initial = InitialWeights.pytorchLinear(fanIn: inputs * kernel * kernel)
        weight = weights.parameter(
            "\(name).weight", shape: [outputs, inputs, kernel, kernel], initial: initial,
            layout: .convolution2D)
        self.bias = bias ? weights.parameter("\(name).bias", shape: [outputs], initial: initial) : nil
        self.stride = Kernels.Stride(stride)
        self.padding = padding
    }

    /// The convolution of `x` [n, h, w, in].
    public func callAsFunction(_ x: Variable) -> Variable {
        convolution(x, weight: weight, bias: bias, stride: stride, padding: padding)
    }
}

/// A (3, 1, 1) convolution over frames, one frame of zeros before and after: [b, f, s, in] → [b, f, s, out].
public struct TemporalConvolution {
    /// [out, 3, 1, in].
    public let weight: Variable
    /// [out].
    public let bias: Variable

    /// Asks `weights` for `name.weight` ([out, in, 3, 1, 1] in the file) and `name.bias`.
    ///
    /// `zeroed`: whether a model without training begins with zeros, as the last one of a temporal layer does.
    public init(
        _ weights: Weights, _ name: String, in inputs: Int, out outputs: Int, zeroed: Bool = false
    ) {
        let initial = zeroed ? InitialWeights.zeros : .pytorchLinear(fanIn: inputs * 3)
        weight = weights.parameter(
            "\(name).weight", shape: [outputs, inputs, 3, 1, 1], initial: initial,
            layout: .temporalConvolution)
        bias = weights.parameter("\(name).bias", shape: [outputs], initial: initial)
    }

    /// The convolution of `x` [b, f, s, in] along f.
    public func callAsFunction(_ x: Variable) -> Variable {
        convolution(x, weight: weight, bias: bias, padding: Kernels.Padding(1, 0))
    }
}
