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

/// A convolution whose weight may be frozen, + addend: of the result's shape, or rows [m, out] each for a run of as many
/// images or positions.
public func convolution(
    _ x: Variable, weight: WeightMatrix, bias: Variable? = nil, stride: Kernels.Stride = Kernels.Stride(1),
    padding: Kernels.Padding = Kernels.Padding(0), adding addend: Variable? = nil
) -> Variable {
    switch weight {
    case .variable(let weight):
        let y = convolution(x, weight: weight, bias: bias, stride: stride, padding: padding)
        return addend.map { y.adding($0) } ?? y
    case .frozen(let packed):
        let epilogue = Epilogue(bias: bias?.value, addend: addend?.value)
        let taps = packed.shape[1...].reduce(1, *)
        let y = Trace.operation("convolution", [x.shape, packed.shape], flops: { 2 * $0.count * taps }) {
            Kernels.convolution(x.value, packed, epilogue, stride: stride, padding: padding)
        }
        guard let parents = recorded([x, bias, addend]) else { return Variable(y) }
        let (shape, needs, addendShape) = (x.shape, parents.map { $0 != nil }, addend?.shape ?? [])
        return Variable(y, parents: parents) { gradient in
            [
                needs[0]
                    ? Trace.operation(
                        "convolution backward input", [gradient.shape, shape],
                        flops: { _ in 2 * gradient.count * taps }
                    ) {
                        Kernels.convolutionBackwardInput(
                            gradient, weight: packed, inputShape: shape, stride: stride, padding: padding)
                    } : nil,
                needs[1] ? Kernels.convolutionBackwardBias(gradient) : nil,
                needs[2] ? Variable.gradient(ofAddend: addendShape, gradient) : nil,
            ]
        }
    }
}
