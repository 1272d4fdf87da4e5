import Foundation
import Testing

@Suite("A traced run")
struct TraceTests {
    /// A span as viewers draw it.
    private struct Span {
        let name: String
        let category: String
        let track: Int
        let start: Double
        let end: Double
        let arguments: [String: Any]
    }

    private struct Events {
        var spans: [Span] = []
        var marks: [[String: Any]] = []
        var tracks: [Int: String] = [:]

        func spans(on track: String, _ category: String) -> [Span] {
            spans.filter { tracks[$0.track] == track && $0.category == category }.sorted { $0.start < $1.start }
        }
    }

    /// Reads a trace, and holds every event to the format.
    private func read(_ text: String) throws -> Events {
        let list = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]])
        var events = Events()
        var open: [Int: [(event: [String: Any], start: Double)]] = [:]
        for event in list {
            let name = try #require(event["name"] as? String)
            let track = try #require(event["tid"] as? Int)
            let start = try #require(event["ts"] as? Double)
            #expect(event["pid"] as? Int == 1)
            #expect(track > 0 && start >= 0)
            let arguments = event["args"] as? [String: Any] ?? [:]
            let category = event["cat"] as? String ?? ""
            switch event["ph"] as? String {
            case "M": if name == "thread_name" { events.tracks[track] = arguments["name"] as? String }
            case "X":
                let duration = try #require(event["dur"] as? Double)
                #expect(duration >= 0)
                events.spans.append(
                    Span(
                        name: name, category: category, track: track, start: start, end: start + duration,
                        arguments: arguments))
            case "B": open[track, default: []].append((event, start))
            case "E":
                let innermost = open[track]?.popLast()
                let begin = try #require(innermost)
                #expect(begin.event["name"] as? String == name)
                let all = (begin.event["args"] as? [String: Any] ?? [:]).merging(arguments) { $1 }
                events.spans.append(
                    Span(name: name, category: category, track: track, start: begin.start, end: start, arguments: all))
            case "i": events.marks.append(event)
            case let other: Issue.record("an event \(other ?? "without ph")")
            }
        }
        let left = open.values.flatMap { $0 }
        #expect(left.isEmpty)
        return events
    }

    private func expectNested(_ events: Events) {
        for (track, spans) in Dictionary(grouping: events.spans, by: \.track) {
            var open: [Span] = []
            for span in spans.sorted(by: { ($0.start, $1.end) < ($1.start, $0.end) }) {
                while let last = open.last, last.end <= span.start { open.removeLast() }
                if let last = open.last, span.end > last.end {
                    Issue.record("\(span.name) sticks out of \(last.name) on track \(events.tracks[track] ?? "?")")
                }
                open.append(span)
            }
        }
    }

    @Test("shows every step, its phases and its operations, and changes no result; the next one shows hits")
    func wholeMethod() throws {
        let workspace = try Workspace()
        try TurnBox.prepare(workspace)
        let outcome = try workspace.motrans("run", "p.yaml", "--trace", "t.json", "--trace-steps", "1")
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.errors.contains("trace: t.json, "))
        let events = try read(try workspace.read("t.json"))
        expectNested(events)
        #expect(Array(events.tracks.sorted { $0.key < $1.key }.map(\.value)) == ["run"] + TurnBox.steps)
        for step in TurnBox.steps {
            let span = try #require(events.spans(on: step, "step").first)
            #expect(span.name == step && span.arguments["outcome"] as? String == "ran")
            #expect((span.arguments["key"] as? String)?.count == 64)
            let parts = ["restore", "body", "publication"]
            #expect(events.spans(on: step, "phase").map(\.name).filter(parts.contains) == parts)
        }
        let units = events.spans(on: "motion", "unit").filter { $0.name == "training step" }
        #expect(units.compactMap { $0.arguments["number"] as? Int } == [1, 2])
        let operations = events.spans(on: "motion", "operation")
        #expect(operations.contains { $0.name == "linear" && ($0.arguments["flops"] as? Int ?? 0) > 0 })
        #expect(operations.contains { $0.name == "convolution backward input" })
        let inside = units.map { unit in operations.count { $0.start > unit.start && $0.end < unit.end } }
        #expect(inside[0] > 100 && inside[1] == 0, "only one training step was to have operations: \(inside)")
        #expect(events.spans(on: TurnBox.robot, "unit").contains { $0.name == "denoising step" })

        // The same bytes as without a trace.
        let digests = { (folder: URL) in
            let other = try Workspace(copyOf: folder)
            let steps = try other.motrans("run", "p.yaml", "--json").documents().last?["steps"] as? [[String: Any]]
            return try #require(steps).map { $0["outputs"] as? [String: String] }
        }
        #expect(try digests(workspace.folder) == digests(TurnBox.done))

        let summary = try workspace.motrans("trace", "t.json", "motion")
        #expect(summary.status == 0, "\(summary.errors)")
        #expect(summary.output.contains("motion: 1 training step = ") && summary.output.contains("AdamW"))
        let works = try workspace.motrans("trace", "t.json", "motion", "--json").document()["work"] as? [[String: Any]]
        let work = try #require(works?.first { $0["work"] as? String == "training step" })
        let parts = try #require(work["operations"] as? [[String: Any]]).compactMap { $0["milliseconds"] as? Double }
        let whole = try #require(work["milliseconds"] as? Double)
        #expect(abs(parts.reduce(0, +) - whole) < 1e-3 * whole, "the parts are not the whole")
        #expect(try workspace.motrans("trace", "t.json", "nonsense").status == 3)
        #expect(try workspace.motrans("trace", "p.yaml").status == 2)

        let again = try workspace.motrans("run", "p.yaml", "--trace", "t.json")
        #expect(again.status == 0, "\(again.errors)")
        let hits = try read(try workspace.read("t.json"))
        #expect(
            hits.marks.compactMap { ($0["args"] as? [String: String])?["outcome"] }
                == Array(repeating: "hit", count: TurnBox.steps.count))
        #expect(hits.spans.filter { $0.category == "step" }.isEmpty)
    }

    @Test("a place that cannot be written, or is something else, ends it before anything is done")
    func unwritable() throws {
        let workspace = try Workspace()
        try workspace.write(
            "p.yaml",
            """
            version: 1
            name: one
            steps:
              one: {stage: command, run: [sh, -c, 'echo x > "$0"', "{outputs.x}"], outputs: {x: file}}

            """)
        let nowhere = try workspace.motrans("run", "p.yaml", "--trace", "no/folder/t.json")
        #expect(nowhere.status == 2)
        #expect(
            nowhere.errors
                == "error: the trace cannot be written to no/folder/t.json: No such file or directory\n")
        let foreign = try workspace.motrans("run", "p.yaml", "--trace", "p.yaml")
        #expect(foreign.status == 2)
        #expect(try workspace.read("p.yaml").hasPrefix("version: 1"))
        #expect(try workspace.motrans("run", "p.yaml", "-n", "--trace", "t.json").status == 2)
        #expect(try workspace.motrans("run", "p.yaml", "--trace-steps", "2").status == 2)
        #expect(try workspace.names() == ["p.yaml"])
    }

    @Test("what a killed run leaves lacks only its last bracket")
    func killed() throws {
        let workspace = try Workspace()
        try workspace.write(
            "p.yaml",
            """
            version: 1
            name: sleeper
            steps:
              sleeper: {stage: command, run: [sh, -c, 'sleep 1000; echo x > "$0"', "{outputs.x}"], outputs: {x: file}}

            """)
        let process = try workspace.start(Workspace.binary, ["run", "p.yaml", "--trace", "t.json"])
        for _ in 0..<300 where !((try? workspace.read("t.json")) ?? "").contains("\"body\"") {
            Thread.sleep(forTimeInterval: 0.05)
        }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        let text = try workspace.read("t.json")
        let events = try JSONSerialization.jsonObject(with: Data((text + "]").utf8)) as? [[String: Any]]
        #expect(events?.last?["name"] as? String == "body")
        #expect(try workspace.motrans("trace", "t.json").status == 3, "there is nothing in it to sum up")
    }
}
