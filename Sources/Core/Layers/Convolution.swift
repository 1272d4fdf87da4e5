public import Autograd
public import Tensors

/// A two-dimensional convolution: [n, h, w, in] → [n, oh, ow, out].
public struct Convolution2D {
    /// [out, kh, kw, in].
    public let weight: WeightMatrix
    /// [out].
    public let bias: Variable?
    /// Steps between windows.
    public let stride: Kernels.Stride
    /// Zeros around the input.
    public let padding: Kernels.Padding

    /// Asks `weights` for `name.weight` ([out, in, kernel, kernel] in the file) and `name.bias`.
    public init(
        _ weights: Weights, _ name: String, in inputs: Int, out outputs: Int, kernel: Int = 3, stride: Int = 1,
        padding: Kernels.Padding, bias: Bool = true
    ) {
        let initial = InitialWeights.pytorchLinear(fanIn: inputs * kernel * kernel)
        weight = weights.matrix(
            names: ["\(name).weight"], shape: [outputs, inputs, kernel, kernel], initial: initial,
            layout: .convolution2D)
        self.bias = bias ? weights.parameter("\(name).bias", shape: [outputs], initial: initial) : nil
        self.stride = Kernels.Stride(stride)
        self.padding = padding
    }

    /// As the other, with as many zeros on all sides.
    public init(
        _ weights: Weights, _ name: String, in inputs: Int, out outputs: Int, kernel: Int = 3, stride: Int = 1,
        padding: Int = 0, bias: Bool = true
    ) {
        self.init(
            weights, name, in: inputs, out: outputs, kernel: kernel, stride: stride, padding: Kernels.Padding(padding),
            bias: bias)
    }

    /// A convolution over three frames, one frame of zeros before and after: [b, f, s, c] → the same.
    ///
    /// Asks for `name.weight` ([c, c, 3, 1, 1] in the file) and `name.bias`. `zeros`: whether a model without training
    /// begins with zeros, as the last one of a temporal layer does.
    public init(_ weights: Weights, _ name: String, temporal channels: Int, zeros: Bool = false) {
        let initial = zeros ? InitialWeights.zeros : .pytorchLinear(fanIn: channels * 3)
        weight = weights.matrix(
            names: ["\(name).weight"], shape: [channels, channels, 3, 1, 1], initial: initial,
            layout: .temporalConvolution)
        bias = weights.parameter("\(name).bias", shape: [channels], initial: initial)
        stride = Kernels.Stride(1)
        padding = Kernels.Padding(1, 0)
    }

    /// The convolution of `x` [n, h, w, in], plus an addend: of the result's shape, or rows [m, out] each for n/m images.
    public func callAsFunction(_ x: Variable, adding addend: Variable? = nil) -> Variable {
        convolution(x, weight: weight, bias: bias, stride: stride, padding: padding, adding: addend)
    }
}
