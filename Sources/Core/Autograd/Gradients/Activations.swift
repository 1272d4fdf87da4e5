import Tensors

extension Variable {
    /// x·σ(x), elementwise.
    public func silu() -> Variable { activated(Kernels.silu, Kernels.siluBackward(_:x:)) }

    /// x·Φ(x) with the exact error function, elementwise (torch's `gelu`, approximate "none").
    public func gelu() -> Variable { activated(Kernels.gelu, Kernels.geluBackward(_:x:)) }

    /// x·σ(1.702·x), elementwise (CLIP's `quick_gelu`).
    public func quickGelu() -> Variable {
        activated(Kernels.quickGelu, Kernels.quickGeluBackward(_:x:))
    }

    /// a·GELU(b) where a and b are the first and the second half of the last axis: [.., 2c] → [.., c].
    public func geglu() -> Variable { activated(Kernels.geglu, Kernels.gegluBackward(_:x:)) }

    /// An op of one input whose backward takes the gradient and the input.
    private func activated(
        _ forward: (Tensor) -> Tensor, _ backward: @escaping (Tensor, Tensor) -> Tensor
    ) -> Variable {
        let y = forward(value)
        guard let parent = recorded(self) else { return Variable(y) }
        let saved = value
        return Variable(y, parent: parent) { backward($0, saved) }
    }
}
