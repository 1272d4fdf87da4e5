public import Autograd
import Layers
public import StageKit
import Tensors
import Tracing

/// Parameters that are trained together, and their optimiser.
public struct TrainedGroup {
    /// What is trained.
    public let variables: [Variable]
    private var optimiser: AdamW

    /// AdamW's learning rate of the next step.
    public var learningRate: Double {
        get { optimiser.learningRate }
        set { optimiser.learningRate = newValue }
    }

    /// What its optimiser knows: for checkpoints.
    var state: AdamW.State {
        get { optimiser.state }
        set { optimiser.state = newValue }
    }

    /// A group before its first step.
    ///
    /// - Parameter betas: β₁ and β₂ of AdamW.
    public init(
        _ variables: [Variable], learningRate: Double, weightDecay: Double, betas: [Double], epsilon: Double
    ) {
        precondition(betas.count == 2, "AdamW has two betas, not \(betas.count)")
        self.variables = variables
        optimiser = AdamW(
            learningRate: learningRate, betas: (betas[0], betas[1]), epsilon: epsilon, weightDecay: weightDecay)
    }

    mutating func step(_ gradients: [Tensor]) { optimiser.step(variables, gradients) }
}

/// One optimiser step on several groups: gradients, optional clipping by their common norm, update.
///
/// - Parameters:
///   - clip: the largest norm of all gradients together; 0 for any.
///   - step: for the error.
/// - Returns: the loss and the norm of the gradients before clipping.
/// Throws `TrainingError.diverged` when either is not finite (nothing is updated then), or a parameter no longer is.
public func trainStep(
    _ groups: inout [TrainedGroup], loss: Variable, clip: Double, step: Int
) throws -> (loss: Double, gradientNorm: Double) {
    let value = Double(loss.value.scalar)
    guard value.isFinite else { throw TrainingError.diverged(step: step, what: "loss", value: value) }
    let backward = Trace.phase("backward")
    var all = gradients(of: loss, for: groups.flatMap(\.variables))
    backward.end()
    let update = Trace.phase("update")
    defer { update.end() }
    var total = 0.0
    for gradient in all { gradient.read { for g in $0 { total += Double(g) * Double(g) } } }
    let norm = total.squareRoot()
    guard norm.isFinite else { throw TrainingError.diverged(step: step, what: "norm of the gradients", value: norm) }
    if clip > 0, norm > clip {
        let scale = Float(clip / (norm + 1e-6))
        all = all.map { Kernels.scale($0, by: scale) }
    }
    var start = 0
    for index in groups.indices {
        let end = start + groups[index].variables.count
        Trace.operation("AdamW", []) { groups[index].step(Array(all[start..<end])) }
        start = end
    }
    let isFinite = groups.allSatisfy { $0.variables.allSatisfy { $0.value.read { $0.allSatisfy(\.isFinite) } } }
    guard isFinite else { throw TrainingError.diverged(step: step, what: "size of a weight", value: .infinity) }
    return (value, norm)
}

/// What is wrong with β₁ and β₂ of AdamW as settings give them.
public func betaProblems(_ betas: [Double]) -> [StageProblem] {
    if betas.count != 2 { return [StageProblem(.setting("betas"), "AdamW has two betas, not \(betas.count)")] }
    guard betas.allSatisfy({ $0 < 1 }) else {
        return [StageProblem(.setting("betas"), "a beta of 1 never forgets its first value, 0: both must be below 1")]
    }
    return []
}
