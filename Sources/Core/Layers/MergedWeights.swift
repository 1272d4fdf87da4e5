import Autograd
public import Tensors

/// Weights with LoRAs in them: W + Σ scale · up · down for every linear layer that a LoRA has factors for.
///
/// `PATH.weight` is [out, in], or [out, in, 1] and [out, in, 1, 1] as older files have it; every other tensor is the
/// base's. Sums are float32 and exact up to its rounding; what packs the result in bfloat16 rounds it once, so of a LoRA
/// little remains whose numbers are below the last bits of W. A merged model is for inference: it takes no more memory
/// and time than the base, and its LoRAs are not to be handed to it as adapters again. Injections are no part of weights
/// and stay adapters.
public struct MergedWeights: WeightSource {
    private let base: any WeightSource
    private let loras: [(lora: LoRA, scale: Float)]

    /// The weights of `base` with `loras` in them, each with its scale; one of scale 0 changes no bit.
    public init(_ base: any WeightSource, _ loras: [(lora: LoRA, scale: Float)]) {
        self.base = base
        self.loras = loras.filter { $0.scale != 0 }
    }

    /// The base's.
    public func shape(of name: String, expected: [Int]) -> [Int]? { base.shape(of: name, expected: expected) }

    /// The base's tensor and what is added to it.
    ///
    /// Throws `WeightProblem.unreadable` where the factors are of another shape, and what the base throws.
    public func tensor(_ name: String, shape: [Int], initial: InitialWeights) throws -> Tensor {
        var weight = try base.tensor(name, shape: shape, initial: initial)
        let suffix = ".weight"
        guard name.hasSuffix(suffix) else { return weight }
        let path = String(name.dropLast(suffix.count))
        for (lora, scale) in loras {
            guard let factors = lora.factors(at: path) else { continue }
            let product = [factors.site.outputs, factors.site.inputs]
            guard WeightLayout.squeezed.accepts(shape, expected: product) else {
                throw WeightProblem.unreadable(
                    name: name, reason: "it has shape \(shape), and a LoRA of shape \(product) shall go into it")
            }
            let addition = Kernels.matmul(factors.up.value, factors.down.value)
            Kernels.accumulate(scale, addition.reshaped(shape), into: &weight)
        }
        return weight
    }
}
