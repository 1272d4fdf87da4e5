import Artifacts
import Foundation
import Lineage
import Logging
import Pipelines
import Storage
import Synchronization
import Testing

@testable import Execution
@testable import StageKit

/// A cache in a temporary folder, small stages, and what happened in each run.
///
/// The folder goes with it.
final class Workbench: Sendable {
    let folder: URL
    let store: ObjectStore
    let lineage: LineageDatabase
    private let ran = Mutex<[String]>([])
    private let bodies = Mutex<[String: @Sendable (StageContext, [String: Value]) throws -> Void]>([:])

    private let isOurs: Bool

    /// - Parameter shared: a folder that another process works in too, and that somebody else removes.
    init(in shared: String? = nil) throws {
        isOurs = shared == nil
        folder =
            shared.map { URL(filePath: $0) }
            ?? FileManager.default.temporaryDirectory.appending(path: "engine-\(UUID().uuidString)")
        let cache = folder.appending(path: "cache")
        store = try ObjectStore(at: cache)
        lineage = try LineageDatabase(in: cache)
    }

    deinit { if isOurs { try? FileManager.default.removeItem(at: folder) } }

    /// An engine whose stages are at these versions (1 for those that are not named).
    func engine(versions: [String: Int] = [:]) -> Engine {
        Engine(
            stages: StageTable(
                [
                    stage("join", versions, [.text]), stage("trim", versions, [.text]),
                    stage("fail", versions, [.text]), stage("heavy", versions, [.text], pool: .compute),
                    stage("grow", versions, [.text], progress: ["text"]),
                    stage("command", versions, [], declaresOwnPorts: true),
                ]), store: store, lineage: lineage, version: "test", facts: ["kernels": "none", "threads": "2"])
    }

    /// What `stage` does in place of its own body.
    func setBody(of stage: String, _ body: @escaping @Sendable (StageContext, [String: Value]) throws -> Void) {
        bodies.withLock { $0[stage] = body }
    }

    /// The texts that bodies were run for since the last call, sorted.
    func takeRan() -> [String] {
        ran.withLock { ran in
            defer { ran = [] }
            return ran.sorted()
        }
    }

    /// Every stage joins its inputs, its element and its setting into one file; `trim` drops white space first.
    private func stage(
        _ name: String, _ versions: [String: Int], _ settings: [SettingSpec], pool: ResourcePool = .light,
        declaresOwnPorts: Bool = false, progress: Set<String>? = nil
    ) -> StageDescriptor {
        StageDescriptor(
            kind: StageKind(name), version: versions[name] ?? 1, summary: "a stage of the tests",
            inputs: declaresOwnPorts ? [] : [InputPort("in", .any, isOptional: true, takesMany: true, help: "")],
            outputs: declaresOwnPorts ? [] : [OutputPort("out", .file, help: "")], pool: pool, element: .value,
            settings: settings, declaresOwnPorts: declaresOwnPorts, modelParts: { _ in [] },
            progressSettings: { _ in progress },
            check: { _, _ in [] },
            run: { settings, context in
                let text = settings["text"].map(KeyChange.text) ?? ""
                self.ran.withLock { $0.append(context.element.map(KeyChange.text) ?? text) }
                if let body = self.bodies.withLock({ $0[name] }) { return try body(context, settings) }
                context.log.info("\(name) \(text)")
                guard name != "fail" else { throw Failure.asked }
                var parts = try context.inputs.sorted { $0.key < $1.key }.flatMap(\.value).map(Self.text)
                if name == "trim" { parts = parts.map { $0.filter { !$0.isWhitespace } } }
                let joined = (parts + [text, context.element.map(KeyChange.text) ?? ""]).joined(separator: "|")
                for output in context.outputs.values {
                    try joined.write(to: output.file("out.txt"), atomically: true, encoding: .utf8)
                }
            })
    }

    /// The text of the first file of an artifact.
    static func text(_ artifact: InputArtifact) throws -> String {
        try artifact.files.sorted { $0.key < $1.key }.first.map { try String(contentsOf: $0.value, encoding: .utf8) }
            ?? ""
    }

    /// A source file with some text, outside the cache.
    func source(_ name: String, _ text: String) throws -> PlannedInput {
        let url = folder.appending(path: name)
        try text.write(to: url, atomically: true, encoding: .utf8)
        return .source(SourceInput(kind: .file, files: [SourceInput.File(path: "0.txt", url: url)]))
    }

    /// Runs and returns the report with the events.
    @discardableResult
    func run(
        _ steps: [PlannedStep], _ request: RunRequest = RunRequest(jobs: 2), versions: [String: Int] = [:]
    ) async throws -> (report: RunReport, events: [RunEvent]) {
        let events = Events()
        let report = try await engine(versions: versions).run(Self.plan(steps), request) { events.add($0) }
        return (report, events.all)
    }

    /// Why each step would run: `name: decision, cause`.
    func forecast(
        _ steps: [PlannedStep], _ request: RunRequest = RunRequest(), versions: [String: Int] = [:]
    ) throws -> [String] {
        try engine(versions: versions).forecast(Self.plan(steps), request).steps.map { step in
            "\(step.id): \(step.decision.rawValue)" + (step.cause.map { ", \($0)" } ?? "")
        }
    }

    static func plan(_ steps: [PlannedStep]) -> Plan {
        Plan(name: "test", file: "test.yaml", text: "", steps: steps)
    }

    /// The text of an artifact's only file.
    func text(of artifact: Digest) throws -> String {
        let manifest = try store.manifest(of: artifact)
        guard let entry = manifest.entries.first else { return "" }
        return String(decoding: try store.read(entry.digest), as: UTF8.self)
    }

    /// Where an object lies.
    func file(of object: Digest) -> URL {
        store.root.appending(path: "objects/\(object.hex.prefix(2))/\(object.hex.dropFirst(2)).zst")
    }

    /// Every file of the cache with its size and time: equal when nothing was written.
    func contents() throws -> [String: String] {
        var contents: [String: String] = [:]
        let root = store.root.path
        for case let path as String in FileManager.default.enumerator(atPath: root) ?? .init() {
            // A reader takes its mark in the shared-memory index of SQLite: that is no content.
            guard !path.hasSuffix("-shm") else { continue }
            let facts = try FileManager.default.attributesOfItem(atPath: "\(root)/\(path)")
            guard facts[.type] as? FileAttributeType == .typeRegular else { continue }
            contents[path] = "\(facts[.size] ?? 0) \((facts[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0)"
        }
        return contents
    }
}

/// What the `fail` stage throws.
enum Failure: Error, CustomStringConvertible {
    case asked

    var description: String { "it was asked to fail" }
}

/// Events in the order in which they came.
final class Events: Sendable {
    private let events = Mutex<[RunEvent]>([])

    func add(_ event: RunEvent) { events.withLock { $0.append(event) } }

    var all: [RunEvent] { events.withLock { $0 } }
}

extension SettingSpec {
    static let text = SettingSpec(name: "text", shape: .string, defaultValue: .string(""), range: nil, help: "")
}

extension PlannedStep {
    /// A step with one setting; `feeds` are the steps whose `out` it takes, in order.
    static func step(
        _ name: String, _ stage: StageKind = "join", text: String = "", after feeds: [String] = [],
        sources: [PlannedInput] = [], model: ModelSet? = nil, element: String? = nil, part: String? = nil,
        volatile: Bool = false,
        outputs: [OutputPort] = [OutputPort("out", .file, help: "")], settings: [String: Value]? = nil,
        settingPlaces: [String: SourcePlace] = [:]
    ) -> PlannedStep {
        let place = SourcePlace(file: "test.yaml", line: 1, column: 1)
        let list = sources + feeds.map { PlannedInput.output(id($0), port: "out") }
        return PlannedStep(
            id: StepID(name, part: part), stage: stage, settings: settings ?? ["text": .string(text)],
            settingPlaces: settingPlaces, inputs: list.isEmpty ? [:] : ["in": list], inputPlaces: [:],
            element: element.map { .map(["prompt": .string($0)]) }, elementPlace: nil, model: model,
            modelParts: model == nil ? [] : [.unet],
            outputs: outputs, isVolatile: volatile, place: place)
    }

    private static func id(_ text: String) -> StepID {
        guard let open = text.firstIndex(of: "[") else { return StepID(text) }
        return StepID(String(text[..<open]), part: String(text[text.index(after: open)...].dropLast()))
    }
}

extension RunReport {
    /// `name: outcome` of each step.
    var summary: [String] {
        steps.map { step in
            let outcome =
                switch step.outcome {
                case .hit: "hit"
                case .done: "done"
                case .failed(_, let error): "failed, \(error)"
                case .cancelled: "cancelled"
                case .skipped(let cause): "skipped, \(cause)"
                case .notStarted: "not started"
                }
            return "\(step.id): \(outcome)"
        }
    }

    /// The artifact of a step's `out`.
    func output(_ name: String) throws -> Digest {
        try #require(steps.first { $0.id.description == name }?.outputs["out"])
    }
}
