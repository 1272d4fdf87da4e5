public import Autograd
public import Tensors

/// y = x·Wᵀ + b, and what adapters add: [.., in] → [.., out].
///
/// Weight [out, in] and bias [out] as `torch.nn.Linear` has them; a weight kept as a 1×1 convolution is taken too.
public struct Linear {
    /// W: [out, in].
    public let weight: WeightMatrix
    /// b: [out].
    public let bias: Variable?
    /// Where the layer sits: its name for adapters.
    public let site: LinearSite

    /// Asks `weights` for `name.weight` and `name.bias`.
    ///
    /// - Parameters:
    ///   - weights: The module that holds the layer.
    ///   - name: The layer's name in it.
    ///   - legacy: Other names under which older files have it.
    ///   - inputs: Input channels.
    ///   - outputs: Output channels.
    ///   - bias: Whether there is one.
    public init(
        _ weights: Weights, _ name: String, legacy: [String] = [], in inputs: Int, out outputs: Int,
        bias: Bool = true
    ) {
        let names = [name] + legacy
        let initial = InitialWeights.pytorchLinear(fanIn: inputs)
        weight = weights.matrix(
            names: names.map { "\($0).weight" }, shape: [outputs, inputs], initial: initial,
            layout: .squeezed)
        self.bias =
            bias
            ? weights.parameter(names: names.map { "\($0).bias" }, shape: [outputs], initial: initial)
            : nil
        site = LinearSite(path: weights.full(name), inputs: inputs, outputs: outputs)
        weights.note(site)
    }

    /// The layer on `x` [.., in], with what `adapters` have for its path, plus an addend of the result's shape.
    public func callAsFunction(_ x: Variable, _ adapters: Adapters = .none, adding addend: Variable? = nil) -> Variable
    {
        adapters.adapting(self, x, adding: addend)
    }

    /// An activation of what the layer gives, with what `adapters` have for its path; gated, a·GELU(b) of its two halves.
    public func callAsFunction(
        _ x: Variable, _ adapters: Adapters = .none, activation: Epilogue.Activation
    ) -> Variable {
        adapters.isActive(at: site.path)
            ? self(x, adapters).activated(activation) : linear(x, weight: weight, bias: bias, activation: activation)
    }
}
