import Execution

/// Shows a run as it goes: one printer for people, one for programs.
protocol RunPrinter: Sendable {
    func show(_ event: RunEvent)
}
