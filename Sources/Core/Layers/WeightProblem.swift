/// What is wrong with one tensor of a model's weights.
public enum WeightProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// None of the accepted names is there.
    case missing(names: [String], expected: [Int])
    /// The tensor has another shape than the model's configuration asks for.
    case misshapen(name: String, found: [Int], expected: [Int])
    /// The source could not read it.
    case unreadable(name: String, reason: String)

    /// A sentence: which tensor, and both shapes.
    public var description: String {
        switch self {
        case .missing(let names, let expected):
            let others = names.dropFirst().map { "`\($0)`" }.joined(separator: ", ")
            let also = others.isEmpty ? "" : " (nor under \(others))"
            return "`\(names.first ?? "")`, of shape \(expected), is missing\(also)"
        case .misshapen(let name, let found, let expected):
            return "`\(name)` has shape \(found) where the configuration asks for \(expected)"
        case .unreadable(let name, let reason):
            return "`\(name)` cannot be read: \(reason)"
        }
    }
}

/// All that is wrong with the weights of a model.
public struct WeightsError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was being loaded, as its user knows it; empty where nobody said.
    public var subject: String
    /// The problems, in the order of the model's layers.
    public var problems: [WeightProblem]

    /// Makes the error of loading `subject`.
    public init(subject: String = "", problems: [WeightProblem]) {
        self.subject = subject
        self.problems = problems
    }

    /// How many tensors do not fit, each on a line of its own, twenty at most, and what to do.
    public var description: String {
        let place = subject.isEmpty ? "the weights" : subject
        let noun = problems.count == 1 ? "tensor of \(place) does" : "tensors of \(place) do"
        var lines = ["\(problems.count) \(noun) not fit the model's configuration:"]
        lines += problems.prefix(20).map { "  \($0)" }
        if problems.count > 20 { lines.append("  … and \(problems.count - 20) more") }
        lines.append("Check that the configuration and the weights belong together and are complete.")
        return lines.joined(separator: "\n")
    }
}
