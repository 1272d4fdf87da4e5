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

    /// `y`, the output of the linear layer at `path` for `input`, with what the LoRAs and injections add to it.
    public func adapting(_ y: Variable, input: Variable, at path: String) -> Variable {
        var y = y
        for (index, (lora, scale)) in loras.enumerated() where scale != 0 {
            guard let factors = lora.factors(at: path) else { continue }
            let hidden = linear(input, weight: factors.down)
            // Scaled where it is small; dropout after it comes to the same.
            var addition = linear(scale == 1 ? hidden : hidden.scaled(by: scale), weight: factors.up)
            if isTraining && lora.dropout > 0 {
                addition = addition.dropout(lora.dropout, using: generator.split("lora \(index) \(path)"))
            }
            y = y + addition
        }
        return injecting(y, at: path)
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
