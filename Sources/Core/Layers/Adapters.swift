public import Autograd
public import Tensors

/// What changes a model for one forward, handed down through its modules: the model itself never changes.
public struct Adapters {
    /// The LoRAs that act, each with its scale.
    public var loras: [(lora: LoRA, scale: Float)]
    /// Rows that meet the input of the transformer, or the output of the linear layer, at a path: [b, C], one for each clip
    /// (MoTrans' appearance injector).
    public var injections: [String: Variable]
    /// How injected rows meet the hidden states.
    public var fusion: Fusion
    /// Whether dropout acts.
    public var isTraining: Bool
    /// Where dropout draws from.
    ///
    /// Give each step its own (`generator.split("step 7")`): a layer splits its own off by
    /// path, so that a checkpoint's second forward meets the same masks.
    public var generator: Generator

    /// Adapters of the given parts.
    public init(
        loras: [(lora: LoRA, scale: Float)] = [], injections: [String: Variable] = [:], fusion: Fusion = .add,
        isTraining: Bool = false,
        generator: Generator = Generator(seed: 0)
    ) {
        self.loras = loras
        self.injections = injections
        self.fusion = fusion
        self.isTraining = isTraining
        self.generator = generator
    }

    /// How injected rows r meet hidden states x.
    public enum Fusion: String, Sendable, CaseIterable {
        /// x + r.
        case add
        /// x·(1 + r).
        case multiply
    }

    /// One LoRA, at scale 1 unless told.
    public init(_ lora: LoRA, scale: Float = 1) { self.init(loras: [(lora, scale)]) }

    /// Nothing: the model as it is.
    public static var none: Adapters { Adapters() }

    /// Whether a LoRA or an injection acts on the layer at `path`.
    public func isActive(at path: String) -> Bool {
        injections[path] != nil || loras.contains { $0.scale != 0 && $0.lora.factors(at: path) != nil }
    }

    /// `layer` on `x`, with what the LoRAs and injections add to it, plus the addend.
    public func adapting(_ layer: Linear, _ x: Variable, adding addend: Variable? = nil) -> Variable {
        let path = layer.site.path
        guard isActive(at: path) else { return linear(x, weight: layer.weight, bias: layer.bias, adding: addend) }
        var additions = loras.enumerated().compactMap { index, entry -> Addition? in
            guard entry.scale != 0, let factors = entry.lora.factors(at: path) else { return nil }
            let dropout = isTraining ? entry.lora.dropout : 0
            return Addition(index: index, factors: factors, scale: entry.scale, dropout: dropout)
        }
        let hasInjection = injections[path] != nil
        // An injection multiplies what the layer gives, so the addend comes after it.
        let early = hasInjection ? nil : addend
        var y: Variable
        if case .frozen(let packed) = layer.weight, let first = additions.first, first.dropout == 0 {
            y = linear(
                x, weight: packed, bias: layer.bias, down: first.factors.down, up: first.factors.up,
                scale: first.scale, adding: early)
            additions.removeFirst()
        } else {
            y = linear(x, weight: layer.weight, bias: layer.bias, adding: early)
        }
        for addition in additions { y = y + addition(x, generator.split("lora \(addition.index) \(path)")) }
        guard hasInjection else { return y }
        y = injecting(y, at: path)
        return addend.map { y + $0.reshaped(y.shape) } ?? y
    }

    /// What one LoRA adds to a layer.
    private struct Addition {
        let index: Int
        let factors: LoRA.Factors
        let scale: Float
        let dropout: Float

        func callAsFunction(_ x: Variable, _ generator: Generator) -> Variable {
            let hidden = linear(x, weight: factors.down)
            // Scaled where it is small; dropout after it comes to the same.
            let addition = linear(scale == 1 ? hidden : hidden.scaled(by: scale), weight: factors.up)
            return dropout > 0 ? addition.dropout(dropout, using: generator) : addition
        }
    }

    /// `x` [n, .., C] with the rows [b, C] injected at `path`, n = b·r; `x` itself where there are none.
    public func injecting(_ x: Variable, at path: String) -> Variable {
        guard let rows = injections[path] else { return x }
        switch fusion {
        case .add: return x.addingBroadcast(rows)
        case .multiply: return x + x * Variable(Tensor(zeros: x.shape)).addingBroadcast(rows)
        }
    }
}
