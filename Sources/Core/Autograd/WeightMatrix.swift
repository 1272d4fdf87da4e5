public import Tensors

/// The weight of a linear layer or a convolution: a parameter, or a frozen matrix that lies packed for products.
public enum WeightMatrix {
    /// As a graph has it; packed anew for every product.
    case variable(Variable)
    /// Gets no gradient.
    case frozen(PackedMatrix)

    /// [out, in] or [out, kh, kw, in].
    public var shape: [Int] {
        switch self {
        case .variable(let variable): variable.shape
        case .frozen(let packed): packed.shape
        }
    }

    /// Whether gradients reach it.
    public var requiresGradient: Bool {
        if case .variable(let variable) = self { variable.requiresGradient } else { false }
    }

    /// The numbers; those of a frozen matrix as it was rounded.
    public var value: Tensor {
        switch self {
        case .variable(let variable): variable.value
        case .frozen(let packed): packed.weight
        }
    }
}

extension Variable {
    /// The gradient of something added to a product by its epilogue: of the same size, or of rows for runs of rows.
    static func gradient(ofAddend shape: [Int], _ gradient: Tensor) -> Tensor {
        let count = shape.reduce(1, *)
        guard count != gradient.count else { return gradient.reshaped(shape) }
        let width = shape[shape.count - 1]
        let rows = count / width
        return Kernels.addBroadcastBackward(gradient.reshaped([-1, width]), rows: rows).reshaped(shape)
    }
}
