import Artifacts
import Foundation
import Pipelines
import StageKit
import Testing

@testable import Execution

/// The sentences, word for word: people read them, and scripts rely on them.
@Suite("Why a step runs")
struct CauseTests {
    private func record(
        version: Int = 1, settings: [String: Value] = ["rank": .int(4)], inputs: [String: [String]] = ["frames": ["a"]],
        models: [ModelPart: String] = [:], element: Value? = nil, outputs: [OutputPort] = []
    ) throws -> KeyRecord {
        try KeyRecord(
            describing: StepWork(
                stage: "motion-training", version: version, settings: settings,
                inputs: inputs.mapValues { $0.map { Digest(of: $0) } }, models: models.mapValues { Digest(of: $0) },
                element: element, outputs: outputs))
    }

    private func sentences(_ old: KeyRecord, _ new: KeyRecord) -> [String] {
        new.changes(from: old).map(\.description)
    }

    @Test("settings")
    func settings() throws {
        let old = try record(settings: ["rank": .int(4), "rate": .double(0.5), "seeds": .list([.int(1)])])
        let new = try record(settings: ["rank": .int(8), "rate": .double(0.5), "seeds": .list([.int(1), .int(2)])])
        #expect(
            sentences(old, new) == ["setting rank changed from 4 to 8", "setting seeds changed from [1] to [1, 2]"])
        #expect(
            sentences(try record(), try record(settings: ["size": .string("xl")])) == [
                "setting size is new: \"xl\"", "setting rank is gone",
            ])
    }

    @Test("inputs: a port is named once, whatever changed in it")
    func inputs() throws {
        #expect(sentences(try record(), try record(inputs: ["frames": ["b"]])) == ["input frames changed"])
        #expect(sentences(try record(), try record(inputs: ["frames": ["a", "b"]])) == ["input frames changed"])
        #expect(
            sentences(try record(), try record(inputs: ["captions": ["c"]])) == [
                "input captions is new", "input frames is gone",
            ])
    }

    @Test("stage version, models, element, declared outputs")
    func others() throws {
        #expect(sentences(try record(), try record(version: 2)) == ["stage version changed from 1 to 2"])
        #expect(
            sentences(try record(models: [.unet: "a"]), try record(models: [.unet: "b", .vae: "v"])) == [
                "model part unet changed", "model part vae is new",
            ])
        let cat = Value.map(["prompt": .string("a cat"), "entity": .string("cat")])
        let dog = Value.map(["prompt": .string("a dog"), "entity": .string("dog")])
        #expect(
            sentences(try record(element: cat), try record(element: dog)) == [
                "prompt changed from \"a cat\" to \"a dog\"", "entity changed from \"cat\" to \"dog\"",
            ])
        #expect(
            sentences(
                try record(outputs: [OutputPort("small", .video, help: "")]),
                try record(outputs: [OutputPort("small", .files, help: "")]))
                == ["output small changed from \"video\" to \"files\""])
    }

    @Test("the stage's own changes are told before those of its inputs")
    func order() throws {
        let new = try record(version: 2, settings: ["rank": .int(8)], inputs: ["frames": ["b"]], models: [.vae: "v"])
        #expect(
            sentences(try record(), new) == [
                "stage version changed from 1 to 2", "setting rank changed from 4 to 8", "input frames changed",
                "model part vae is new",
            ])
    }

    @Test("every cause has its sentence and its word")
    func causes() throws {
        let change = try record(settings: ["rank": .int(8)]).changes(from: record())
        let causes: [(Cause, String, String)] = [
            (.newStep, "new step", "new"), (.changed(change), "setting rank changed from 4 to 8", "changed"),
            (.lastAttempt(.failed), "the last attempt failed", "failed"),
            (.lastAttempt(.cancelled), "the last attempt was cancelled", "cancelled"),
            (.lastAttempt(.abandoned), "the last attempt never ended", "abandoned"),
            (.lastAttempt(.running), "an attempt is running", "running"),
            (.outputMissing(port: "frames"), "output frames missing in the store", "missing"),
            (.outputDamaged(port: "frames"), "output frames damaged in the store", "damaged"),
            (.upstream(StepID("frames"), port: "frames"), "input frames may change: frames runs", "upstream"),
            (.forced, "forced", "forced"), (.volatile, "volatile", "volatile"),
        ]
        for (cause, sentence, word) in causes {
            #expect(cause.description == sentence)
            #expect(cause.word == word)
        }
    }

    @Test("a stage version that was raised is the cause, and it is told which of many attempts is compared")
    func wholeRuns() async throws {
        let bench = try Workbench()
        func steps(_ text: String) -> [PlannedStep] { [.step("a", text: text), .step("b", "trim", after: ["a"])] }
        try await bench.run(steps("one"))
        #expect(
            try bench.forecast(steps("one"), versions: ["join": 2]) == [
                "a: run, stage version changed from 1 to 2", "b: maybe, input in may change: a runs",
            ])
        try await bench.run(steps("two"))
        // Back to the first setting is a hit; from there the nearest attempt is the first, not the latest.
        #expect(try bench.forecast(steps("one")) == ["a: hit", "b: hit"])
        #expect(
            try bench.forecast(steps("one"), versions: ["join": 3])[0] == "a: run, stage version changed from 1 to 3")
        // What is known of a step downstream is told before the doubt about its inputs.
        #expect(
            try bench.forecast(steps("three"), versions: ["trim": 2])[1]
                == "b: maybe, stage version changed from 1 to 2")
    }

    @Test("a key is the SHA-256 of a text that says all and nothing else")
    func keyText() throws {
        let record = try record(
            settings: ["rank": .int(4), "rate": .double(0.5)], models: [.unet: "u"],
            element: .map(["prompt": .string("a cat")]))
        #expect(
            record.text == """
                schema = 1
                stage = "motion-training"
                version = 1
                settings.rank = 4
                settings.rate = 0.5
                element.prompt = "a cat"
                inputs.frames.0 = "\(Digest(of: "a").hex)"
                models.unet = "\(Digest(of: "u").hex)"

                """)
        #expect(StepKey(record).digest == Digest(of: record.text))
    }

    @Test("a graph of 1,000 steps with nothing to do")
    func thousandSteps() async throws {
        let bench = try Workbench()
        bench.setBody(of: "join") { context, settings in
            let inputs = (context.inputs["in"] ?? []).map(\.digest.hex)
            try (inputs + ["\(settings)"]).joined(separator: "|")
                .write(to: context.output("out").file("x"), atomically: true, encoding: .utf8)
        }
        let source = try bench.source("in.txt", "x")
        let steps = (0..<1000).map { index in
            PlannedStep.step(
                "s\(index)", text: "\(index)", after: index < 10 ? [] : ["s\(index - 10)", "s\(index - 7)"],
                sources: index < 10 ? [source] : [])
        }
        let first = try await bench.run(steps, RunRequest(jobs: 4)).report
        #expect(first.outcome == .succeeded)
        var times: [Double] = []
        for _ in 0..<5 {
            let report = try await bench.run(steps).report
            #expect(report.wasUpToDate)
            times.append(report.seconds)
        }
        print(
            "1,000 steps: first run \(first.seconds) s (\(first.seconds) ms a step), nothing to do "
                + "\(times.sorted()[2] * 1000) ms (median of 5)")
    }
}
