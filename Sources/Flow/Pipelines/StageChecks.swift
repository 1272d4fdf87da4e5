import Artifacts
import StageKit

/// Asks stages what they think of their steps, and puts the answers where they belong in the files.
struct StageChecks {
    private let pipeline: Pipeline
    private let steps: Set<StepID>?

    init(_ pipeline: Pipeline, _ steps: Set<StepID>?) {
        self.pipeline = pipeline
        self.steps = steps
    }

    func diagnostics() -> [Diagnostic] {
        let problems = Problems()
        for source in pipeline.sources { problems.opened(source) }
        for step in pipeline.plan.steps where steps?.contains(step.id) ?? true {
            guard let stage = pipeline.stages[step.stage], let places = pipeline.places[step.id] else { continue }
            do {
                for problem in try stage.check(step.settings, request(step)) {
                    problems.add(
                        place(problem.subject, places), problem.message, help: problem.help.map { [$0] } ?? [])
                }
            } catch {
                problems.add(places.step, "the step `\(step.id)` cannot be checked: \(error)")
            }
        }
        return problems.sorted
    }

    private func request(_ step: PlannedStep) -> StageRequest {
        var sources: [String: [SourceInput]] = [:]
        for (port, inputs) in step.inputs {
            for case .source(let source) in inputs { sources[port, default: []].append(source) }
        }
        return StageRequest(sources: sources, element: step.element, model: step.model)
    }

    private func place(_ subject: StageProblem.Subject, _ places: StepPlaces) -> Place {
        switch subject {
        case .setting(let name): places.settings[name] ?? places.step
        case .input(let port, let index):
            if let files = places.files[port], files.indices.contains(index) {
                files[index]
            } else {
                places.inputs[port] ?? places.step
            }
        case .element: places.element ?? places.step
        case .model: places.model ?? places.step
        case .step: places.step
        }
    }
}
