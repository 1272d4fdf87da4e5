import Artifacts
import StageKit
import Testing

private enum Direction: String, SettingChoice {
    case forward
    case backwardOnly = "backward-only"
}

private struct Settings: StageSettings {
    @Setting("optimiser steps", in: 1...1000) var steps = 600
    @Setting("learning rate", in: 0...1) var learningRate = 5e-4
    @Setting("whether to") var usesEMA = false
    @Setting("where to") var direction = Direction.forward
    @Setting("a word") var note = "none"
    @Setting("seeds", in: 0...99) var seeds = [1, 2]
    @Setting("at most", in: 1...9) var limit: Int? = nil
    @Setting("by name") var outputs: [String: String] = [:]
    @Setting("hosts") var hosts: [String]? = nil
}

private struct Work: Stage {
    static let kind: StageKind = "work"
    static let version = 3
    static let summary = "works"
    static let inputs = [InputPort("frames", .frames, help: "frames")]
    static let outputs = [OutputPort("scores", .scores, help: "scores")]

    func modelParts(_ settings: Settings) -> [ModelPart] { settings.usesEMA ? [.unet] : [] }

    func check(_ settings: Settings, _ request: StageRequest) -> [StageProblem] {
        settings.steps > 500 ? [StageProblem(.setting("steps"), "too many")] : []
    }

    func run(_ settings: Settings, _ context: StageContext) throws {}
}

@Suite struct SettingsTests {
    private let descriptor = StageDescriptor(Work.self)

    @Test("specs come in the order of the struct, in kebab case, with shape, default, range and help")
    func specs() {
        #expect(
            Settings.specs == [
                SettingSpec(
                    name: "steps", shape: .int, defaultValue: .int(600), range: 1...1000, help: "optimiser steps"),
                SettingSpec(
                    name: "learning-rate", shape: .double, defaultValue: .double(5e-4), range: 0...1,
                    help: "learning rate"),
                SettingSpec(name: "uses-ema", shape: .bool, defaultValue: .bool(false), range: nil, help: "whether to"),
                SettingSpec(
                    name: "direction", shape: .choice(["forward", "backward-only"]), defaultValue: .string("forward"),
                    range: nil, help: "where to"),
                SettingSpec(name: "note", shape: .string, defaultValue: .string("none"), range: nil, help: "a word"),
                SettingSpec(
                    name: "seeds", shape: .list(.int), defaultValue: .list([.int(1), .int(2)]), range: 0...99,
                    help: "seeds"),
                SettingSpec(name: "limit", shape: .optional(.int), defaultValue: .null, range: 1...9, help: "at most"),
                SettingSpec(
                    name: "outputs", shape: .map(.string), defaultValue: .map([:]), range: nil, help: "by name"),
                SettingSpec(
                    name: "hosts", shape: .optional(.list(.string)), defaultValue: .null, range: nil, help: "hosts"),
            ])
    }

    @Test("without any word of the user's, complete values are the defaults and decode into them")
    func defaults() throws {
        let complete = try descriptor.complete([:])
        #expect(complete == Settings().values)
        #expect(try Settings(complete: complete).values == Settings().values)
    }

    @Test("given values are normalised, merged and decoded")
    func merging() throws {
        let complete = try descriptor.complete([
            "steps": .int(10), "learning-rate": .int(1), "uses-ema": .bool(true), "direction": .string("backward-only"),
            "seeds": .list([.int(7)]), "limit": .int(3), "outputs": .map(["smallOne": .string("video")]),
            "hosts": .list([.string("a")]),
        ])
        #expect(complete["learning-rate"] == .double(1))
        let settings = try Settings(complete: complete)
        #expect(settings.steps == 10)
        #expect(settings.learningRate == 1)
        #expect(settings.usesEMA)
        #expect(settings.direction == .backwardOnly)
        #expect(settings.note == "none")
        #expect(settings.seeds == [7])
        #expect(settings.limit == 3)
        #expect(settings.outputs == ["smallOne": "video"])
        #expect(settings.hosts == ["a"])
        #expect(try descriptor.complete(complete) == complete)
    }

    @Test("negative zero is zero, so that the key cannot tell them apart")
    func negativeZero() throws {
        guard case .double(let zero)? = try descriptor.complete(["learning-rate": .double(-0.0)])["learning-rate"]
        else {
            Issue.record("no double")
            return
        }
        #expect(zero.sign == .plus)
    }

    @Test(
        "wrong values say what was expected and what was found",
        arguments: [
            ("steps", Value.string("many"), "expected a whole number, found the text \"many\""),
            ("steps", .double(1.5), "expected a whole number, found the number 1.5"),
            ("steps", .int(0), "0 is out of range: 1 to 1000"),
            ("steps", .null, "expected a whole number, found null"),
            ("learning-rate", .double(.nan), "nan is not a finite number"),
            ("learning-rate", .double(.infinity), "inf is not a finite number"),
            ("learning-rate", .double(1.25), "1.25 is out of range: 0 to 1"),
            ("uses-ema", .string("yes"), "expected true or false, found the text \"yes\""),
            ("direction", .string("forwards"), "\"forwards\" is not one of forward, backward-only"),
            ("note", .int(1), "expected text, found the number 1"),
            ("seeds", .int(1), "expected a list (each item: a whole number), found the number 1"),
            ("seeds", .list([.int(1), .int(100)]), "100 is out of range: 0 to 99"),
            ("limit", .int(10), "10 is out of range: 1 to 9"),
            ("limit", .bool(true), "expected a whole number, or null, found true"),
            ("outputs", .list([]), "expected a map (each value: text), found an empty list"),
        ])
    func mismatches(name: String, value: Value, message: String) throws {
        let spec = try #require(descriptor.setting(name))
        let mismatch = #expect(throws: SettingMismatch.self) { try spec.normalised(value) }
        #expect(mismatch?.message == message)
    }

    @Test("a wrong item knows where in the list it is")
    func path() throws {
        let spec = try #require(descriptor.setting("seeds"))
        let mismatch = #expect(throws: SettingMismatch.self) { try spec.normalised(.list([.int(1), .string("b")])) }
        #expect(mismatch?.path == [.index(1)])
    }

    @Test("all problems of a stage are told at once")
    func allAtOnce() {
        let error = #expect(throws: SettingsError.self) {
            try descriptor.complete(["stepz": .int(1), "steps": .int(0), "note": .bool(true)])
        }
        #expect(
            error?.description == """
                setting note of stage work: expected text, found true
                setting steps of stage work: 0 is out of range: 1 to 1000
                stage work has no setting stepz
                """)
    }

    @Test("a descriptor hands decoded settings to its stage")
    func descriptorCalls() throws {
        let request = StageRequest(sources: [:], element: nil, model: nil)
        #expect(try descriptor.check(descriptor.complete([:]), request).map(\.message) == ["too many"])
        #expect(try descriptor.check(descriptor.complete(["steps": .int(5)]), request).isEmpty)
        #expect(try descriptor.modelParts(descriptor.complete(["uses-ema": .bool(true)])) == [.unet])
        #expect(throws: DecodingError.self) { try descriptor.modelParts(["steps": .int(5)]) }
        #expect(StageTable([descriptor])["work"]?.version == 3)
        #expect(StageTable([descriptor])["play"] == nil)
    }
}
