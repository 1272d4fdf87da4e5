import Foundation
import Testing
import Tracing

@Suite("A trace is a JSON array of events whose spans lie inside each other", .serialized)
struct TraceRecorderTests {
    private let path = FileManager.default.temporaryDirectory.appending(path: "trace-\(UUID().uuidString).json").path

    private func events() throws -> [[String: Any]] {
        let data = try Data(contentsOf: URL(filePath: path))
        return try #require(try JSONSerialization.jsonObject(with: data) as? [[String: Any]])
    }

    private func spans(_ name: String) throws -> [[String: Any]] {
        try events().filter { $0["name"] as? String == name && $0["ph"] as? String != "M" }
    }

    @Test("what a thread computes lies inside the spans of the track that it follows")
    func nesting() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let recorder = try TraceRecorder(to: path, name: "test", unitLimit: 10)
        recorder.begin("step", .step, on: "a")
        recorder.follow("a")
        Trace.record(to: recorder)
        defer { Trace.record(to: nil) }
        let unit = Trace.unit("training step")
        let phase = Trace.phase("forward")
        let sum = Trace.operation("linear", [[2, 3], [4, 3]], flops: { 6 * $0 }) { 40 + 2 }
        phase.end()
        unit.end()
        recorder.end(on: "a", [("outcome", .text("ran"))])
        recorder.mark("hit", .step, on: "b")
        #expect(sum == 42)
        #expect(try recorder.close() == Data(contentsOf: URL(filePath: path)).count)

        let operation = try #require(try spans("linear").first)
        #expect(operation["ph"] as? String == "X")
        #expect(operation["cat"] as? String == "operation")
        let arguments = try #require(operation["args"] as? [String: Any])
        #expect(arguments["shapes"] as? String == "[2,3] [4,3]")
        #expect(arguments["flops"] as? Int == 252)
        let names = ["linear", "forward", "training step"]
        let times = try names.map { name in
            let span = try #require(try spans(name).first)
            #expect(span["tid"] as? Int == operation["tid"] as? Int)
            let start = try #require(span["ts"] as? Double)
            return (start: start, end: start + (try #require(span["dur"] as? Double)))
        }
        for (inner, outer) in zip(times, times.dropFirst()) {
            #expect(outer.start < inner.start && inner.end < outer.end)
        }
        let step = try spans("step")
        #expect(step.map { $0["ph"] as? String } == ["B", "E"])
        let bounds = step.compactMap { $0["ts"] as? Double }
        #expect(bounds[0] < times[2].start && times[2].end < bounds[1])
        #expect(try spans("hit").first?["tid"] as? Int != operation["tid"] as? Int)
    }

    @Test("of the later units only their own spans and phases are kept")
    func limit() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let recorder = try TraceRecorder(to: path, name: "test", unitLimit: 2)
        recorder.follow("a")
        Trace.record(to: recorder)
        defer { Trace.record(to: nil) }
        for _ in 0..<5 {
            let unit = Trace.unit("training step")
            let phase = Trace.phase("update")
            Trace.operation("AdamW", []) {}
            phase.end()
            unit.end()
        }
        Trace.operation("add", []) {}
        let other = Trace.unit("frame")
        Trace.operation("add", []) {}
        other.end()
        try recorder.close()
        #expect(try spans("training step").compactMap { ($0["args"] as? [String: Int])?["number"] } == [1, 2, 3, 4, 5])
        #expect(try spans("update").count == 5)
        #expect(try spans("AdamW").count == 2)
        #expect(try spans("add").count == 2, "another kind of unit, and what lies outside, is counted apart")
    }

    @Test(
        "any name and text comes back as it was",
        arguments: ["plain", "a \"b\" \\ c", "tab\tline\nbell\u{7}", "回す 🎲", ""])
    func escaping(text: String) throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let recorder = try TraceRecorder(to: path, name: text, unitLimit: 1)
        recorder.mark(text, .step, on: text, [(text, .text(text)), ("number", .number(-7))])
        try recorder.close()
        let found = try events()
        #expect((found[0]["args"] as? [String: String])?["name"] == text)
        let mark = try #require(found.last)
        #expect(mark["name"] as? String == text)
        #expect((mark["args"] as? [String: Any])?[text] as? String == text)
    }

    @Test("every time has the digits of its nanoseconds, and grows along a track")
    func times() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let recorder = try TraceRecorder(to: path, name: "test", unitLimit: 1)
        for _ in 0..<2000 { recorder.mark("now", .step, on: "a") }
        try recorder.close()
        let times = try spans("now").compactMap { $0["ts"] as? Double }
        #expect(times.count == 2000)
        #expect(zip(times, times.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test("what is open when the trace ends is ended; what comes later is dropped")
    func ending() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let recorder = try TraceRecorder(to: path, name: "test", unitLimit: 1)
        recorder.begin("outer", .step, on: "a")
        recorder.begin("inner", .phase, on: "a")
        #expect(recorder.depth(of: "a") == 2)
        try recorder.close()
        recorder.mark("late", .step, on: "a")
        let ends = try events().filter { $0["ph"] as? String == "E" }.compactMap { $0["name"] as? String }
        #expect(ends == ["inner", "outer"])
        #expect(try spans("late").isEmpty)
    }

    @Test("a file without its end lacks only the bracket")
    func cut() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let recorder = try TraceRecorder(to: path, name: "test", unitLimit: 1)
        recorder.begin("step", .step, on: "a")
        // Not closed: as a killed process leaves it.
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let found = try JSONSerialization.jsonObject(with: Data((text + "]").utf8)) as? [[String: Any]]
        #expect(found?.last?["name"] as? String == "step")
        withExtendedLifetime(recorder) {}
    }

    @Test("an older trace is written over, and nothing else is")
    func overwriting() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        try TraceRecorder(to: path, name: "a longer name for the first", unitLimit: 1).close()
        try TraceRecorder(to: path, name: "second", unitLimit: 1).close()
        #expect(try events().count == 1)
        try Data("version: 1".utf8).write(to: URL(filePath: path))
        #expect(throws: TraceError.notATrace(path: path)) { try TraceRecorder(to: path, name: "third", unitLimit: 1) }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "version: 1")
        #expect(throws: TraceError.self) { try TraceRecorder(to: "/nowhere/at/all.json", name: "x", unitLimit: 1) }
    }

    @Test("a disk that is full ends the trace, not the work")
    func fullDisk() throws {
        guard FileManager.default.fileExists(atPath: "/dev/full") else { return }
        let recorder = try TraceRecorder(to: "/dev/full", name: "test", unitLimit: 1)
        for _ in 0..<10000 { recorder.mark("now", .step, on: "a") }
        #expect(throws: TraceError.unwritable(path: "/dev/full", reason: "No space left on device")) {
            try recorder.close()
        }
    }

    @Test("without a trace an operation only runs")
    func off() {
        #expect(Trace.operation("add", [[1]]) { 1 + 1 } == 2)
        Trace.unit("training step").end()
    }
}
