import Artifacts
import Execution
import Foundation
import Lineage
import Pipelines
import StageKit
import Synchronization
import Tracing

/// Puts a run into a trace: a track for each step, on it the step and its phases, and inside what the core computes.
final class RunTrace: Sendable {
    private static let runTrack = "run"
    private let path: String
    private let recorder: TraceRecorder
    private let stages = Mutex<[StepID: String]>([:])

    /// Makes the file and begins to record.
    ///
    /// - Parameter unitLimit: of how many training steps, denoising steps, frames … of a step the operations are kept.
    init(to path: String, pipeline: String, unitLimit: Int) throws {
        self.path = path
        recorder = try TraceRecorder(to: path, name: "motrans run \(pipeline)", unitLimit: unitLimit)
        recorder.begin("plan", .phase, on: Self.runTrack)
        Trace.record(to: recorder)
    }

    /// Takes an event in; on the thread from which the engine tells it, which of a body is the body's.
    func note(_ event: RunEvent) {
        switch event {
        case .planned(let forecast):
            recorder.end(on: Self.runTrack)
            stages.withLock { $0 = Dictionary(uniqueKeysWithValues: forecast.steps.map { ($0.id, $0.stage.name) }) }
            for step in forecast.steps { recorder.addTrack(step.id.description) }
        case .hit(let step, let key, _):
            endAll(step, "superseded")
            recorder.mark(
                "\(step) (hit)", .step, on: step.description, [("outcome", .text("hit")), ("key", .text(key.hex))])
        case .started(let step, let attempt, let key, let cause):
            endAll(step, "superseded")
            recorder.follow(step.description)
            let stage = stages.withLock { $0[step] } ?? ""
            recorder.begin(
                step.description, .step, on: step.description,
                [
                    ("stage", .text(stage)), ("key", .text(key.hex)), ("attempt", .text(attempt.text)),
                    ("why", .text(cause.description)),
                ])
        case .phase(let step, let phase):
            if recorder.depth(of: step.description) > 1 { recorder.end(on: step.description) }
            recorder.begin(phase.rawValue, .phase, on: step.description)
        case .waiting(let step, let holder):
            recorder.mark("waiting", .step, on: step.description, [("holder", .text(holder))])
        case .recomputing(_, _, let neededBy): endAll(neededBy, "waits for inputs that are made again")
        case .finished(let step, _, _, _): endAll(step, "ran")
        case .failed(let step, _, let error, _): endAll(step, "failed", [("error", .text(error))])
        case .retrying(let step, let error, _, _, _): endAll(step, "failed", [("error", .text(error))])
        case .cancelled(let step, _): endAll(step, "cancelled")
        case .hashing, .runStarted, .progress, .log, .skipped, .notStarted, .runEnded: break
        }
    }

    /// Ends the file and says where it is; what went wrong with it is no failure of the run.
    func close(_ console: Console, isQuiet: Bool) {
        Trace.record(to: nil)
        do {
            let size = try recorder.close()
            guard !isQuiet else { return }
            console.note(
                "trace: \(path), \(Readable.bytes(size)); `motrans trace \(path)` sums it up, https://ui.perfetto.dev shows it"
            )
        } catch {
            console.note("warning: \(error); what is there can be read")
        }
    }

    /// Ends the step's span and all that is open in it.
    private func endAll(_ step: StepID, _ outcome: String, _ facts: [(name: String, value: TraceArgument)] = []) {
        let track = step.description
        while recorder.depth(of: track) > 1 { recorder.end(on: track) }
        recorder.end(on: track, [("outcome", .text(outcome))] + facts)
    }
}
