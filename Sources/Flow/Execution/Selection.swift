import Pipelines

/// The steps of a plan that a run is about: those that were named, and all that feeds them.
struct Selection: Sendable {
    /// In the order of the plan.
    let steps: [PlannedStep]
    /// Those that are done again though their outputs are known.
    let forced: Set<StepID>
    private let indices: [StepID: Int]

    /// - Throws: `ExecutionError.unknownStep`.
    init(_ plan: Plan, _ request: RunRequest) throws {
        var wanted: Set<StepID> = []
        for name in request.steps {
            let named = plan.steps(named: name)
            guard !named.isEmpty else {
                var known: [String] = []
                for step in plan.steps where !known.contains(step.id.name) { known.append(step.id.name) }
                throw ExecutionError.unknownStep(name, known: known)
            }
            wanted.formUnion(named)
        }
        if request.steps.isEmpty { wanted = Set(plan.steps.map(\.id)) }
        let named = wanted
        // Each step comes after all that feed it, so one walk backwards finds every ancestor.
        for step in plan.steps.reversed() where wanted.contains(step.id) { wanted.formUnion(step.feedingSteps) }
        steps = plan.steps.filter { wanted.contains($0.id) }
        forced =
            switch request.force {
            case .none, .never: []
            case .all: wanted
            case .named: named
            }
        indices = Dictionary(uniqueKeysWithValues: steps.enumerated().map { ($1.id, $0) })
    }

    /// The place of a step in `steps`.
    func node(of id: StepID) -> NodeID {
        guard let index = indices[id] else { preconditionFailure("step \(id) is not wanted, or comes too late") }
        return NodeID(index: index)
    }

    /// For each step, what feeds it.
    var dependencies: [Set<NodeID>] { steps.map { Set($0.feedingSteps.map(node)) } }
}

extension PlannedStep {
    /// The steps whose outputs it takes.
    var feedingSteps: [StepID] {
        inputs.values.flatMap { $0 }.compactMap { input in
            guard case .output(let id, _) = input else { return nil }
            return id
        }
    }
}
