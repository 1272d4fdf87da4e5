public import Tensors

/// A two-dimensional convolution, channels last.
///
/// `x` [n, h, w, in], `weight` [out, kh, kw, in], `bias` [out] → [n, oh, ow, out] with
/// oh = (h + top + bottom − kh) / stride.height + 1, rounded down, and ow likewise. A temporal (3, 1, 1) convolution is
/// this on [b, f, h·w, c] with a weight [out, 3, 1, in] and padding 1 above and below.
public func convolution(
    _ x: Variable, weight: Variable, bias: Variable? = nil, stride: (height: Int, width: Int) = (1, 1),
    padding: Padding = .none
) -> Variable {
    fatalError()
}
