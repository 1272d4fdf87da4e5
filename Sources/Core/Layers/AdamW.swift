public import Autograd
public import Tensors

/// Adam with decoupled weight decay, exactly as `torch.optim.AdamW` (reference section 7.1).
///
/// Step k of a parameter p with gradient g: p ← p·(1 − lr·wd); m ← β₁·m + (1 − β₁)·g; v ← β₂·v + (1 − β₂)·g²;
/// p ← p − lr/(1 − β₁ᵏ) · m / (√v/√(1 − β₂ᵏ) + ε).
public struct AdamW {
    /// What goes into a checkpoint, so that training goes on as if it had never stopped.
    public struct State: Sendable, Equatable {
        /// Steps done.
        public var step: Int
        /// m of each parameter.
        public var means: [Tensor]
        /// v of each parameter.
        public var squares: [Tensor]

        /// Makes a state, as read from a checkpoint.
        public init(step: Int, means: [Tensor], squares: [Tensor]) {
            self.step = step
            self.means = means
            self.squares = squares
        }
    }

    /// lr.
    public var learningRate: Double
    /// β₁ and β₂.
    public var betas: (Double, Double)
    /// ε.
    public var epsilon: Double
    /// wd.
    public var weightDecay: Double
    /// Steps done and moments; empty before the first step.
    public var state: State

    /// An optimiser before its first step.
    public init(
        learningRate: Double = 5e-4, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8,
        weightDecay: Double = 1e-2
    ) {
        self.learningRate = learningRate
        self.betas = betas
        self.epsilon = epsilon
        self.weightDecay = weightDecay
        state = State(step: 0, means: [], squares: [])
    }

    /// One step: assigns the parameters.
    ///
    /// They must be the same, in the same order, at every step.
    public mutating func step(_ parameters: [Variable], _ gradients: [Tensor]) {
        precondition(
            parameters.count == gradients.count,
            "\(gradients.count) gradients for \(parameters.count) parameters")
        if state.means.isEmpty {
            state.means = parameters.map { Tensor(zeros: $0.shape) }
            state.squares = state.means
        }
        precondition(
            state.means.count == parameters.count,
            "the optimiser has the moments of \(state.means.count) parameters, not of \(parameters.count)"
        )
        state.step += 1
        let factors = Factors(self)
        for (index, (parameter, gradient)) in zip(parameters, gradients).enumerated() {
            precondition(
                gradient.shape == parameter.shape && state.means[index].shape == parameter.shape,
                "a gradient of shape \(gradient.shape) for a parameter of shape \(parameter.shape)")
            var value = parameter.value
            value.write { p in
                state.means[index].write { m in
                    state.squares[index].write { v in
                        gradient.read { g in factors.update(p, m, v, g) }
                    }
                }
            }
            parameter.assign(value)
        }
    }

    /// The numbers of one step.
    ///
    /// Computed in double, as Python does, and used as float, as torch's kernels do.
    private struct Factors {
        static let block = 1 << 16

        let decay: Float
        let meanShare: Float
        let squareKept: Float
        let squareShare: Float
        let step: Float
        let rootCorrection: Float
        let epsilon: Float

        init(_ adam: AdamW) {
            let k = adam.state.step
            decay = Float(1 - adam.learningRate * adam.weightDecay)
            meanShare = Float(1 - adam.betas.0)
            squareKept = Float(adam.betas.1)
            squareShare = Float(1 - adam.betas.1)
            step = Float(-adam.learningRate / (1 - Factors.power(adam.betas.0, k)))
            rootCorrection = Float((1 - Factors.power(adam.betas.1, k)).squareRoot())
            epsilon = Float(adam.epsilon)
        }

        /// Decay first; ε outside the corrected root.
        func update(
            _ p: UnsafeMutableBufferPointer<Float>, _ m: UnsafeMutableBufferPointer<Float>,
            _ v: UnsafeMutableBufferPointer<Float>, _ g: UnsafeBufferPointer<Float>
        ) {
            ThreadPool.shared.parallel((p.count + Factors.block - 1) / Factors.block) { chunk in
                let start = chunk * Factors.block
                for i in start..<min(start + Factors.block, p.count) {
                    let decayed = p[i] * decay
                    m[i] += meanShare * (g[i] - m[i])
                    v[i] = v[i] * squareKept + squareShare * g[i] * g[i]
                    p[i] = decayed + step * m[i] / (v[i].squareRoot() / rootCorrection + epsilon)
                }
            }
        }

        static func power(_ base: Double, _ exponent: Int) -> Double {
            var (result, factor, left) = (1.0, base, exponent)
            while left > 0 {
                if left & 1 == 1 { result *= factor }
                factor *= factor
                left >>= 1
            }
            return result
        }
    }
}
