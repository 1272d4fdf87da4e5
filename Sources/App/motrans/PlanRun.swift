import Command
import Execution
import Foundation
import Pipelines
import Storage

/// A plan on its way: events to a printer, signals to a cancellation, the outcome to an exit code.
struct PlanRun {
    let plan: Plan
    let request: RunRequest
    let engine: Engine
    let printer: any RunPrinter
    var trace: RunTrace? = nil

    /// Runs, shows how it went, and gives the exit code.
    ///
    /// A result that turns out damaged when it is shown was set aside by that: the same run once more makes it again.
    func perform(show: (RunReport) throws -> Void) async throws -> Int32 {
        Orphans.adopt()
        let (console, trace, printer, engine, plan, request) = (Console(), trace, printer, engine, plan, request)
        let tell: @Sendable (RunEvent) -> Void = { event in
            trace?.note(event)
            printer.show(event)
        }
        let work = Task { try await engine.run(plan, request, report: tell) }
        let signals = Signals(console: console) { work.cancel() }
        var report: RunReport
        do {
            report = try await work.value
        } catch is CancellationError {
            console.note("interrupted before anything was begun")
            return signals.status ?? ExitStatus.interrupted.rawValue
        }
        do {
            try show(report)
        } catch let error as StorageError where error.isLoss {
            console.note("\(error)")
            let again = Task { try await engine.run(plan, request, report: tell) }
            report = try await again.value
            try show(report)
        }
        return switch report.outcome {
        case .succeeded: ExitStatus.done.rawValue
        case .failed: ExitStatus.stepFailed.rawValue
        case .cancelled: signals.status ?? ExitStatus.interrupted.rawValue
        }
    }
}
