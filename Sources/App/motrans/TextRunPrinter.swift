import Artifacts
import Execution
import Foundation
import Lineage
import Logging
import Pipelines
import StageKit
import Synchronization

/// A run for people: a line when something happens, and on a terminal a live line with step, loss, rate and time left.
final class TextRunPrinter: RunPrinter {
    private struct State {
        var total = 0
        var ended = 0
        var tellsHits = true
        var running: [StepID: Running] = [:]
        var drawsLine = false
    }

    private struct Running {
        var began = ContinuousClock.now
        var firstReport: (done: Int, at: ContinuousClock.Instant)?
        var latest: StageProgress?
        var lastPrinted: ContinuousClock.Instant?
    }

    /// Seconds between two plain lines about one step, where no terminal draws.
    private static let plainInterval = Duration.seconds(10)
    private let console: Console
    private let isQuiet: Bool
    private let state = Mutex(State())

    init(console: Console, isQuiet: Bool) {
        self.console = console
        self.isQuiet = isQuiet
    }

    func show(_ event: RunEvent) {
        state.withLock { state in
            let line = update(&state, event)
            if let line, !isQuiet || isTrouble(event) {
                clear(&state)
                console.note(line)
            }
            if !isQuiet { draw(&state) }
        }
    }

    /// Takes an event in and gives the line that it deserves.
    private func update(_ state: inout State, _ event: RunEvent) -> String? {
        switch event {
        case .hashing(let path, let bytes):
            // A file of a gigabyte takes a second: worth a word.
            return bytes > 1 << 30 ? "reading \(path) (\(Readable.bytes(bytes))) for its digest" : nil
        case .planned(let forecast):
            state.total = forecast.steps.count
            state.tellsHits = forecast.count(of: .hit) <= ReportPrinter.mostHits
            return nil
        case .runStarted(let run):
            return "run \(run)"
        case .hit(let step, _, _):
            state.ended += 1
            return state.tellsHits ? line("=", step, "hit") : nil
        case .started(let step, _, _, let cause):
            state.running[step] = Running()
            return line("▸", step, cause.description)
        case .progress(let step, let progress):
            return note(&state, step, progress)
        case .log(let step, let level, let text):
            return level >= .notice ? line(" ", step, text) : nil
        case .waiting(let step, let holder):
            return line("…", step, "the same work is being done by \(holder); waiting for it")
        case .recomputing(let step, let port, let neededBy):
            return line("!", step, "\(port) is damaged or gone, and \(neededBy) needs it: made again")
        case .finished(let step, _, _, let usage):
            let last = state.running.removeValue(forKey: step)?.latest
            state.ended += 1
            let readings = (last?.readings ?? []).map { "\($0.name) \(Self.number($0.value))" }
            return line("✓", step, ([Readable.duration(usage.seconds)] + readings).joined(separator: ", "))
        case .failed(let step, _, let error, let tail):
            state.running[step] = nil
            state.ended += 1
            return ([line("✗", step, error)] + tail.filter { !Self.repeats(error, $0) }.map { "      │ \($0)" }).joined(
                separator: "\n")
        case .retrying(let step, let error, let pause, let number, let count):
            state.running[step] = nil
            let words = error.prefix { !$0.isNewline }
            return line("↻", step, "\(words); tried again in \(Readable.duration(pause)) (\(number) of \(count))")
        case .cancelled(let step, _):
            state.running[step] = nil
            return line("✗", step, "interrupted")
        case .skipped(let step, let because):
            return line("-", step, "skipped: \(because) failed")
        case .notStarted(let step):
            return line("-", step, "not started")
        case .phase, .runEnded:
            return nil
        }
    }

    /// Whether a line of the log only says the error again.
    private static func repeats(_ error: String, _ line: String) -> Bool {
        let words = line.hasPrefix("error: ") ? line.dropFirst(7) : line[...]
        return error.contains(words)
    }

    private func isTrouble(_ event: RunEvent) -> Bool {
        switch event {
        case .failed, .recomputing, .retrying: true
        default: false
        }
    }

    private func line(_ mark: String, _ step: StepID, _ text: String) -> String {
        "\(mark) \(step.description)  \(text)"
    }

    /// Keeps the newest report; without a terminal, gives a plain line now and then.
    private func note(_ state: inout State, _ step: StepID, _ progress: StageProgress) -> String? {
        let now = ContinuousClock.now
        var running = state.running[step] ?? Running()
        running.latest = progress
        if running.firstReport == nil { running.firstReport = (progress.done, now) }
        let isDue = now - (running.lastPrinted ?? running.began) >= Self.plainInterval
        if !console.isLive && isDue { running.lastPrinted = now }
        state.running[step] = running
        return !console.isLive && isDue ? line(" ", step, Self.describe(running, now: now)) : nil
    }

    /// `step 120/600, loss 0.132, 2.3 steps/s, 3 min left`, with so many readings at most.
    private static func describe(_ running: Running, now: ContinuousClock.Instant, readings: Int = .max) -> String {
        guard let progress = running.latest else { return Readable.duration((now - running.began).seconds) }
        var parts = ["\(progress.unit) \(progress.done)/\(progress.total)"]
        parts += progress.readings.prefix(readings).map { "\($0.name) \(number($0.value))" }
        if let first = running.firstReport, progress.done > first.done {
            let rate = Double(progress.done - first.done) / max((now - first.at).seconds, 1e-6)
            parts.append(
                rate >= 1
                    ? String(format: "%.1f %@s/s", rate, progress.unit)
                    : String(format: "%.1f s/%@", 1 / rate, progress.unit))
            if progress.done < progress.total {
                parts.append("\(Readable.duration(Double(progress.total - progress.done) / rate)) left")
            }
        }
        return parts.joined(separator: ", ")
    }

    private static func number(_ value: Double) -> String {
        switch abs(value) {
        case let size where size == size.rounded() && size < 1e9: String(format: "%.0f", value)
        case 1e-3..<1e4: String(format: "%.4f", value)
        default: String(format: "%.2e", value)
        }
    }

    private func clear(_ state: inout State) {
        guard state.drawsLine else { return }
        console.raw("\r\u{1B}[K")
        state.drawsLine = false
    }

    private func draw(_ state: inout State) {
        guard console.isLive else { return }
        guard !state.running.isEmpty else { return clear(&state) }
        let now = ContinuousClock.now
        let running = state.running.sorted { $0.key.description < $1.key.description }
        let head = "[\(state.ended)/\(state.total)] "
        let room = max(20, console.columns - 1)
        // The time left says more than the third reading.
        let texts = [Int.max, 1, 0].map { readings in
            head
                + running.map { "\($0.key): \(Self.describe($0.value, now: now, readings: readings))" }
                .joined(separator: " · ")
        }
        let text = texts.first { $0.count <= room } ?? texts[1]
        console.raw("\r\u{1B}[K\(text.prefix(room))")
        state.drawsLine = true
    }
}

extension Duration {
    /// As a number of seconds.
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
