import ArgumentParser
import Artifacts
import Foundation

struct TraceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace", abstract: "Where the time went in a run that was traced.",
        discussion: """
            Reads what `motrans run --trace` wrote. For each kind of work that a step repeats (training steps, denoising
            steps, frames), a table of its operations: calls, time and share of one piece of work, the mean of all that
            were traced. Time that lies in no operation stands as `(between operations)`; what takes less than a
            thousandth is summed up, but for --json.

            \(ExitStatus.help)
            """)

    @Argument(help: "The trace.") var file: String
    @Argument(help: "Only these steps.") var steps: [String] = []
    @Flag(help: "As Markdown.") var md = false
    @Flag(help: "One JSON document.") var json = false

    func validate() throws {
        if md && json { throw ValidationError("--md and --json are forms of one table: give one") }
    }

    func run() throws {
        let summary = try TraceSummary(of: file)
        for step in steps where !summary.tracks.contains(step) {
            throw CommandFailure(
                status: .notFound, message: "\(file) has no step \(step)",
                help: "it has \(summary.tracks.joined(separator: ", "))")
        }
        let works = summary.works.filter { steps.isEmpty || steps.contains($0.track) }
        guard !json else { return Console().result(JSON.document([("work", .list(works.map(\.value)))])) }
        guard !works.isEmpty else {
            throw CommandFailure(
                status: .notFound, message: "no operations were traced",
                help: """
                    a step that is a hit computes nothing: `motrans run FILE STEP --force --trace \(file)` does it again
                    """)
        }
        Console().result(
            works.map { "\($0.title)\n\n\(md ? $0.table.markdown : $0.table.text)" }.joined(separator: "\n\n"))
    }
}

extension TraceSummary.Work {
    /// `motion: 1 training step = 283.07 ms (mean of 3): backward 150.21, forward 131.05, update 1.81`.
    fileprivate var title: String {
        let phases = Dictionary(rows.map { ($0.phase, $0.nanoseconds) }, uniquingKeysWith: +)
            .filter { !$0.key.isEmpty }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        let parts = phases.map { "\($0.key) \(milliseconds($0.value))" }.joined(separator: ", ")
        return "\(track): 1 \(name) = \(milliseconds(nanoseconds)) ms (mean of \(count))"
            + (parts.isEmpty ? "" : ": \(parts)")
    }

    fileprivate var table: Table {
        var table = Table([
            ("phase", .left), ("operation", .left), ("calls", .right), ("ms", .right), ("share", .right),
            ("GFLOP/s", .right),
        ])
        for row in readableRows {
            let rate = row.flops > 0 && row.nanoseconds > 0 ? row.flops / row.nanoseconds : nil
            table.add([
                row.phase, row.operation, row.calls.map(calls) ?? "", milliseconds(row.nanoseconds),
                String(format: "%.1f %%", 100 * row.nanoseconds / max(1, nanoseconds)),
                rate.map { String(format: "%.1f", $0) } ?? "",
            ])
        }
        return table
    }

    /// What takes less than a thousandth stands in one row.
    private var readableRows: [TraceSummary.Row] {
        let small = rows.filter { $0.nanoseconds < nanoseconds / 1000 }
        guard small.count > 1 else { return rows }
        let others = TraceSummary.Row(
            phase: "", operation: "(\(small.count) others)", calls: small.reduce(0) { $0 + ($1.calls ?? 0) },
            nanoseconds: small.reduce(0) { $0 + $1.nanoseconds }, flops: 0)
        return rows.dropLast(small.count) + [others]
    }

    fileprivate var value: Value {
        .map([
            "step": .string(track), "work": .string(name), "count": .int(count),
            "milliseconds": .double(nanoseconds / 1e6),
            "operations": .list(
                rows.map { row in
                    .map([
                        "phase": .string(row.phase), "operation": .string(row.operation),
                        "calls": row.calls.map { .double($0) } ?? .null, "milliseconds": .double(row.nanoseconds / 1e6),
                        "flops": .double(row.flops),
                    ])
                }),
        ])
    }

    private func calls(_ number: Double) -> String {
        abs(number - number.rounded()) < 0.05 ? String(format: "%.0f", number) : String(format: "%.1f", number)
    }

    private func milliseconds(_ nanoseconds: Double) -> String { String(format: "%.2f", nanoseconds / 1e6) }
}
