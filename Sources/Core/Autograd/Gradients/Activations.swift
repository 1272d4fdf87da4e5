public import Tensors
import Tracing

extension Variable {
    /// x·σ(x), elementwise.
    public func silu() -> Variable { activated("SiLU", Kernels.silu, Kernels.siluBackward(_:x:)) }

    /// x·Φ(x) with the exact error function, elementwise (torch's `gelu`, approximate "none").
    public func gelu() -> Variable { activated("GELU", Kernels.gelu, Kernels.geluBackward(_:x:)) }

    /// x·σ(1.702·x), elementwise (CLIP's `quick_gelu`).
    public func quickGelu() -> Variable {
        activated("quick GELU", Kernels.quickGelu, Kernels.quickGeluBackward(_:x:))
    }

    /// a·GELU(b) where a and b are the first and the second half of the last axis: [.., 2c] → [.., c].
    public func geglu() -> Variable { activated("GEGLU", Kernels.geglu, Kernels.gegluBackward(_:x:)) }

    /// The activation that a product can end with.
    public func activated(_ activation: Epilogue.Activation) -> Variable {
        switch activation {
        case .none: self
        case .silu: silu()
        case .gelu: gelu()
        case .quickGelu: quickGelu()
        case .geglu: geglu()
        }
    }

    /// An op of one input whose backward takes the gradient and the input.
    private func activated(
        _ name: String, _ forward: (Tensor) -> Tensor, _ backward: @escaping (Tensor, Tensor) -> Tensor
    ) -> Variable {
        let y = Trace.operation(name, [shape]) { forward(value) }
        guard let parent = recorded(self) else { return Variable(y) }
        let saved = value
        return Variable(y, parent: parent) { gradient in
            Trace.operation("\(name) backward", [gradient.shape]) { backward(gradient, saved) }
        }
    }
}
