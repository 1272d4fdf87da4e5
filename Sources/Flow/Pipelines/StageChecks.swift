import Artifacts
import StageKit

/// Asks stages what they think of their steps, and puts the answers where they belong in the files.
struct StageChecks {
    private let pipeline: Pipeline
    private let steps: Set<StepID>?
    private let byID: [StepID: PlannedStep]
    private let findings = Findings()

    init(_ pipeline: Pipeline, _ steps: Set<StepID>?) {
        self.pipeline = pipeline
        self.steps = steps
        byID = Dictionary(uniqueKeysWithValues: pipeline.plan.steps.map { ($0.id, $0) })
    }

    func diagnostics() -> [Diagnostic] {
        let problems = Problems()
        for source in pipeline.sources { problems.opened(source) }
        for step in pipeline.plan.steps where steps?.contains(step.id) ?? true {
            guard let stage = pipeline.stages[step.stage], let places = pipeline.places[step.id] else { continue }
            do {
                let upstream = step.inputs.mapValues(files)
                for problem in try stage.check(step.settings, request(step, upstream)) {
                    problems.add(
                        place(problem.subject, places, upstream), problem.message,
                        help: problem.help.map { [$0] } ?? [])
                }
            } catch {
                problems.add(places.step, "the step `\(step.id)` cannot be checked: \(error)")
            }
        }
        return problems.sorted
    }

    /// The user's files behind what other steps give to a port, each once, with their places.
    private func files(behind inputs: [PlannedInput]) -> [(source: SourceInput, places: [Place])] {
        var found: [(source: SourceInput, places: [Place])] = []
        var seen: Set<StepID> = []
        var waiting = inputs
        while !waiting.isEmpty {
            guard case .output(let id, _) = waiting.removeFirst(), seen.insert(id).inserted, let step = byID[id] else {
                continue
            }
            for (port, inputs) in step.inputs.sorted(by: { $0.key < $1.key }) {
                for case .source(let source) in inputs where !found.contains(where: { $0.source == source }) {
                    found.append((source, pipeline.places[id]?.files[port] ?? []))
                }
                waiting += inputs
            }
        }
        return found
    }

    private func request(
        _ step: PlannedStep, _ upstream: [String: [(source: SourceInput, places: [Place])]]
    ) -> StageRequest {
        var sources: [String: [SourceInput]] = [:]
        for (port, inputs) in step.inputs {
            for case .source(let source) in inputs { sources[port, default: []].append(source) }
        }
        return StageRequest(
            sources: sources, upstream: upstream.mapValues { $0.map(\.source) }, element: step.element,
            model: step.model, findings: findings)
    }

    private func place(
        _ subject: StageProblem.Subject, _ places: StepPlaces,
        _ upstream: [String: [(source: SourceInput, places: [Place])]]
    ) -> Place {
        switch subject {
        case .setting(let name): places.settings[name] ?? places.step
        case .input(let port, let index):
            file(index, of: port, places, upstream[port] ?? []) ?? places.inputs[port] ?? places.step
        case .element: places.element ?? places.step
        case .model: places.model ?? places.step
        case .step: places.step
        }
    }

    /// A file at a port: the step's own, or when other steps feed the port, one of those behind them.
    private func file(
        _ index: Int, of port: String, _ places: StepPlaces, _ upstream: [(source: SourceInput, places: [Place])]
    ) -> Place? {
        let own = places.files[port] ?? []
        let files = own.isEmpty ? upstream.flatMap(\.places) : own
        return files.indices.contains(index) ? files[index] : nil
    }
}
