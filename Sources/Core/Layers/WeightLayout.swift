import Tensors

/// How a tensor lies in the reference's file and how the kernels want it.
public enum WeightLayout: Sendable, Hashable {
    /// As it is.
    case asIs
    /// [out, in, kh, kw] in the file, [out, kh, kw, in] here.
    case convolution2D
    /// [out, in, 3, 1, 1] in the file, [out, 3, 1, in] here.
    case temporalConvolution
    /// A linear weight [out, in], which older files hold as a 1×1 convolution: [out, in, 1], [out, in, 1, 1].
    case squeezed

    /// Whether a tensor of shape `found` serves where the reference has `expected`.
    func accepts(_ found: [Int], expected: [Int]) -> Bool {
        guard self == .squeezed, found.count > expected.count else { return found == expected }
        return Array(found.prefix(expected.count)) == expected
            && found.dropFirst(expected.count).allSatisfy { $0 == 1 }
    }

    /// From the file's layout to that of the kernels; `reference` is the file's canonical shape.
    func imported(_ tensor: Tensor, reference: [Int]) -> Tensor {
        switch self {
        case .asIs, .squeezed: return tensor.reshaped(reference)
        case .convolution2D, .temporalConvolution:
            let (out, inputs, kernel) = WeightLayout.convolutionShape(reference)
            let flat = tensor.reshaped([out, inputs, kernel[0] * kernel[1]])
            return Kernels.permute(flat, [0, 2, 1]).reshaped([out] + kernel + [inputs])
        }
    }

    /// From the layout of the kernels to that of the file.
    func exported(_ tensor: Tensor, reference: [Int]) -> Tensor {
        switch self {
        case .asIs, .squeezed: return tensor.reshaped(reference)
        case .convolution2D, .temporalConvolution:
            let (out, inputs, kernel) = WeightLayout.convolutionShape(reference)
            let flat = tensor.reshaped([out, kernel[0] * kernel[1], inputs])
            return Kernels.permute(flat, [0, 2, 1]).reshaped(reference)
        }
    }

    /// [out, in, kh, kw] or [out, in, kt, 1, 1], taken apart.
    private static func convolutionShape(_ reference: [Int]) -> (out: Int, inputs: Int, kernel: [Int]) {
        precondition(
            reference.count == 4 || (reference.count == 5 && reference[4] == 1),
            "no convolution weight has shape \(reference)")
        return (reference[0], reference[1], [reference[2], reference[3]])
    }
}
