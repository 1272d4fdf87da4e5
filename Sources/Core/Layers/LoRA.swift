public import Autograd
public import Tensors

/// Low-rank additions to linear layers: y = W·x + b + scale · dropout(up(down(x))).
///
/// The semantics of MotionDirector (reference section 6.2): scale 1 (no alpha/r), rank = min(r, in, out), dropout after
/// `up`, in training only. Files call `down` lora_A and `up` lora_B.
public struct LoRA {
    /// The two factors of the addition to one layer.
    public struct Factors {
        /// The layer they belong to.
        public let site: LinearSite
        /// [r, in].
        public let down: Variable
        /// [out, r].
        public let up: Variable

        /// Makes a pair; shapes that do not fit the site are a programmer's error.
        public init(site: LinearSite, down: Variable, up: Variable) {
            precondition(
                down.shape.count == 2 && up.shape.count == 2 && down.shape[1] == site.inputs
                    && up.shape[0] == site.outputs && up.shape[1] == down.shape[0],
                "factors \(down.shape), \(up.shape) for \(site.path) of [\(site.outputs), \(site.inputs)]")
            self.site = site
            self.down = down
            self.up = up
        }
    }

    /// The factors in the order of the layers.
    public let factors: [Factors]
    /// Probability of setting an element of an addition to zero in training.
    public var dropout: Float
    private let indices: [String: Int]

    /// An adapter of given factors, as read from a file.
    public init(_ factors: [Factors], dropout: Float = 0) {
        self.factors = factors
        self.dropout = dropout
        indices = Dictionary(factors.enumerated().map { ($1.site.path, $0) }, uniquingKeysWith: { $1 })
        precondition(indices.count == factors.count, "a layer has two pairs of factors in one LoRA")
    }

    /// A new adapter to train: down ~ N(0, 1/r²) (its deviation is 1/r), up = 0, so that it adds nothing yet.
    ///
    /// Each layer draws from a generator of its own, split off by its path: another choice of targets leaves the
    /// numbers of a layer as they are.
    public init(targets: [LinearSite], rank: Int, dropout: Float = 0, using generator: Generator) {
        precondition(rank > 0, "a LoRA has a rank above 0, not \(rank)")
        self.init(
            targets.map { site in
                let r = min(rank, site.inputs, site.outputs)
                var generator = generator.split(site.path)
                let down = Kernels.scale(generator.normal([r, site.inputs]), by: 1 / Float(r))
                return Factors(
                    site: site, down: Variable(down, requiresGradient: true),
                    up: Variable(Tensor(zeros: [site.outputs, r]), requiresGradient: true))
            }, dropout: dropout)
    }

    /// The adapter of `targets` whose factors a source has as `PREFIX.PATH.lora_A.weight` and `.lora_B.weight`.
    ///
    /// - Throws: A `WeightsError` with all that is missing or misshapen.
    public init(
        targets: [LinearSite], rank: Int, from source: any WeightSource, prefix: String = "unet",
        trainable: Bool = false,
        dropout: Float = 0
    ) throws {
        let root = Weights(source, trainable: trainable)
        let shapes = targets.map { site in
            let r = min(rank, site.inputs, site.outputs)
            let weights = (prefix.isEmpty ? root : root.at(prefix)).at(site.path)
            let down = weights.parameter(
                "lora_A.weight", shape: [r, site.inputs], initial: .normal(deviation: 1 / Float(r)))
            return (
                site, down, weights.parameter("lora_B.weight", shape: [site.outputs, r], initial: .zeros)
            )
        }
        try root.finish("the LoRA")
        self.init(shapes.map { Factors(site: $0, down: $1, up: $2) }, dropout: dropout)
    }

    /// The factors for the layer at `path`.
    public func factors(at path: String) -> Factors? { indices[path].map { factors[$0] } }

    /// All factors as an optimiser wants them: down and up of the first layer, of the second, and so on.
    public var variables: [Variable] { factors.flatMap { [$0.down, $0.up] } }

    /// How many numbers they hold.
    public var parameterCount: Int { variables.reduce(0) { $0 + $1.value.count } }

    /// The same adapter as constants: it acts, but is not trained, and nothing is kept for it.
    public func frozen() -> LoRA {
        LoRA(
            factors.map { Factors(site: $0.site, down: $0.down.detached(), up: $0.up.detached()) },
            dropout: dropout)
    }

    /// Names and tensors as diffusers and peft write them: `PREFIX.PATH.lora_A.weight`, `PREFIX.PATH.lora_B.weight`.
    ///
    /// `scale` is folded into B, since a file without an alpha is read with scale 1.
    public func exported(prefix: String = "unet", scale: Float = 1) -> [(
        name: String, tensor: Tensor
    )] {
        factors.flatMap { factors -> [(name: String, tensor: Tensor)] in
            let path = prefix.isEmpty ? factors.site.path : "\(prefix).\(factors.site.path)"
            let up = scale == 1 ? factors.up.value : Kernels.scale(factors.up.value, by: scale)
            return [("\(path).lora_A.weight", factors.down.value), ("\(path).lora_B.weight", up)]
        }
    }
}
