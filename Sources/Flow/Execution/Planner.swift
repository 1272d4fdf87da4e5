import Artifacts
import Lineage
import Pipelines
import StageKit

/// What lineage knows, as far as decisions need it: a snapshot.
struct History {
    /// What a key is known to give.
    struct Known: Sendable {
        let attempt: AttemptID
        /// Artifacts by port.
        let outputs: [String: Digest]
        /// A port whose bytes are not all in the store; nil when everything is there.
        let missing: String?
    }

    /// An earlier attempt at a step.
    struct Past: Sendable {
        let record: KeyRecord
        let outcome: AttemptOutcome
    }

    /// The result of a key; nil when no attempt succeeded with it.
    let result: (Digest) throws -> Known?
    /// The latest attempts at a step, the latest first.
    let attempts: (StepID) throws -> [Past]
}

/// Decides what happens to each step, and names the first cause.
///
/// A pure function of the plan, the digests and a snapshot of lineage: the same code forecasts a run and decides during
/// one.
struct Planner {
    /// What happens to a step whose inputs are known.
    enum Judgement: Sendable {
        case hit(attempt: AttemptID, outputs: [String: Digest])
        case run(Cause)
    }

    let steps: [PlannedStep]
    let stages: StageTable
    let digests: SourceDigests
    let forced: Set<StepID>
    /// Whether what is known is good enough for steps that are forced or volatile too.
    var takesKnown = false

    /// The same for a key that the run has computed: what was wanted anew is new now, whichever step wanted it.
    var satisfied: Planner {
        var planner = self
        planner.takesKnown = true
        return planner
    }

    /// The key of a step; nil as long as a step that feeds it has not ended.
    ///
    /// - Parameter outputs: the artifacts by port of the steps that have ended.
    func key(of step: PlannedStep, outputs: (StepID) -> [String: Digest]?) throws(ArtifactError) -> StepKey? {
        var isComplete = true
        let work = work(of: step) { id, port in
            let digest = outputs(id)?[port]
            if digest == nil { isComplete = false }
            return digest
        }
        return isComplete ? StepKey(try KeyRecord(describing: work)) : nil
    }

    private func work(of step: PlannedStep, output: (StepID, String) -> Digest?) -> StepWork {
        guard let stage = stages[step.stage] else { preconditionFailure("no stage \(step.stage)") }
        let inputs = step.inputs.mapValues { list in
            list.compactMap { input in
                switch input {
                case .output(let id, let port): output(id, port)
                case .source(let source): digests[source].digest
                }
            }
        }
        return StepWork(
            stage: step.stage, version: stage.version, settings: step.settings, inputs: inputs,
            models: digests.models(of: step).mapValues(\.digest), element: step.element,
            outputs: stage.declaresOwnPorts ? step.outputs : [])
    }

    /// Whether a step with this key is a hit, or why it runs.
    func judge(_ step: PlannedStep, _ key: StepKey, _ history: History) throws -> Judgement {
        if !takesKnown, forced.contains(step.id) { return .run(.forced) }
        if !takesKnown, step.isVolatile { return .run(.volatile) }
        guard let known = try history.result(key.digest) else { return .run(try cause(of: step, key.record, history)) }
        let lacking = step.outputs.first { known.outputs[$0.name] == nil }?.name
        if let missing = known.missing ?? lacking { return .run(.outputMissing(port: missing)) }
        return .hit(attempt: known.attempt, outputs: known.outputs)
    }

    /// Why a step without a result runs: the difference from the nearest of the latest attempts at it.
    private func cause(of step: PlannedStep, _ record: KeyRecord, _ history: History) throws -> Cause {
        let past = try history.attempts(step.id)
        guard let (attempt, changes) = nearest(to: record, in: past) else { return .newStep }
        guard changes.isEmpty else { return .changed(changes) }
        switch attempt.outcome {
        case .failed: return .lastAttempt(.failed)
        case .cancelled: return .lastAttempt(.cancelled)
        case .abandoned: return .lastAttempt(.abandoned)
        case .running: return .lastAttempt(.running)
        case .succeeded: return .outputMissing(port: step.outputs.first?.name ?? "")
        }
    }

    /// A setting that was changed there and back again is no news: of the attempts with the fewest changes, the latest.
    private func nearest(to record: KeyRecord, in past: [History.Past]) -> (History.Past, [KeyChange])? {
        past.map { ($0, record.changes(from: $0.record)) }.min { $0.1.count < $1.1.count }
    }

    /// What a run would do.
    func forecast(_ history: History) throws -> Forecast {
        var outputs: [StepID: [String: Digest]] = [:]
        return Forecast(
            steps: try steps.map { step in
                guard let key = try key(of: step, outputs: { outputs[$0] }) else {
                    return try forecast(step, outputs: outputs, history)
                }
                switch try judge(step, key, history) {
                case .hit(let attempt, let known):
                    outputs[step.id] = known
                    return Forecast.Step(
                        id: step.id, stage: step.stage, decision: .hit, cause: nil, key: key, outputs: known,
                        attempt: attempt, estimate: nil)
                case .run(let cause):
                    return Forecast.Step(
                        id: step.id, stage: step.stage, decision: .run, cause: cause, key: key, outputs: [:],
                        attempt: nil, estimate: nil)
                }
            })
    }

    /// A step downstream of one that runs: what is known of it already may be reason enough.
    private func forecast(
        _ step: PlannedStep, outputs: [StepID: [String: Digest]], _ history: History
    ) throws -> Forecast.Step {
        func result(_ decision: Decision, _ cause: Cause) -> Forecast.Step {
            Forecast.Step(
                id: step.id, stage: step.stage, decision: decision, cause: cause, key: nil, outputs: [:], attempt: nil,
                estimate: nil)
        }
        if forced.contains(step.id) { return result(.run, .forced) }
        if step.isVolatile { return result(.run, .volatile) }
        // Inputs that are not known yet are left out of the comparison.
        var openPorts: Set<String> = []
        var first: Cause?
        for (port, list) in step.inputs.sorted(by: { $0.key < $1.key }) {
            for case .output(let id, let output) in list where outputs[id]?[output] == nil {
                openPorts.insert(port)
                first = first ?? .upstream(id, port: port)
            }
        }
        let record = try KeyRecord(describing: work(of: step) { id, port in outputs[id]?[port] })
        let past = try history.attempts(step.id)
        let changes = past.map { attempt in
            record.changes(from: attempt.record).filter { change in
                if case .input(let port) = change.subject { return !openPorts.contains(port) }
                return true
            }
        }
        guard let nearest = changes.min(by: { $0.count < $1.count }) else { return result(.maybe, .newStep) }
        return result(.maybe, nearest.isEmpty ? first ?? .newStep : .changed(nearest))
    }
}
