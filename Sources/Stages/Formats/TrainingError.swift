/// What can go wrong while weights are trained.
public enum TrainingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The loss or a gradient is infinite or not a number.
    case diverged(step: Int, what: String, value: Double)
    /// Inputs of a step do not belong together.
    case mismatch(String)

    /// The sentence for people.
    public var description: String {
        switch self {
        case .diverged(let step, let what, let value):
            "training diverged at step \(step): the \(what) is \(value); lower `learning-rate` or set `gradient-clip`"
        case .mismatch(let why): why
        }
    }
}
