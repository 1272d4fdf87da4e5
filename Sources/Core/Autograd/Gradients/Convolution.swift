public import Tensors
import Tracing

/// A two-dimensional convolution, channels last.
///
/// `x` [n, h, w, in], `weight` [out, kh, kw, in], `bias` [out] → [n, oh, ow, out] with
/// oh = (h + top + bottom − kh) / stride.h + 1, rounded down, and ow likewise. A temporal (3, 1, 1) convolution is
/// this on [b, f, h·w, c] with a weight [out, 3, 1, in] and padding 1 above and below.
public func convolution(
    _ x: Variable, weight: Variable, bias: Variable? = nil,
    stride: Kernels.Stride = Kernels.Stride(1),
    padding: Kernels.Padding = Kernels.Padding(0)
) -> Variable {
    let taps = weight.value.count / max(1, weight.shape[0])
    let y = Trace.operation("convolution", [x.shape, weight.shape], flops: { 2 * $0.count * taps }) {
        Kernels.convolution(x.value, weight.value, bias?.value, stride: stride, padding: padding)
    }
    guard let parents = recorded([x, weight, bias]) else { return Variable(y) }
    let inputShape = x.shape
    let weightShape = weight.shape
    let savedWeight = parents[0] == nil ? nil : weight.value
    let savedInput = parents[1] == nil ? nil : x.value
    let needsBias = parents[2] != nil
    return Variable(y, parents: parents) { gradient in
        [
            savedWeight.map { weight in
                Trace.operation(
                    "convolution backward input", [gradient.shape, weightShape],
                    flops: { _ in 2 * gradient.count * taps }
                ) {
                    Kernels.convolutionBackwardInput(
                        gradient, weight: weight, inputShape: inputShape, stride: stride, padding: padding)
                }
            },
            savedInput.map { x in
                Trace.operation(
                    "convolution backward weight", [gradient.shape, inputShape],
                    flops: { _ in 2 * gradient.count * taps }
                ) {
                    Kernels.convolutionBackwardWeight(
                        gradient, x: x, weightShape: weightShape, stride: stride, padding: padding)
                }
            },
            needsBias
                ? Trace.operation("convolution backward bias", [gradient.shape]) {
                    Kernels.convolutionBackwardBias(gradient)
                } : nil,
        ]
    }
}
