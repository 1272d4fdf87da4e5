import Artifacts
import Foundation
import Logging
import StageKit
import Synchronization

/// Runs one stage by its descriptor, as the engine would, in a folder of its own that is gone afterwards.
final class StageBench {
    let folder: URL
    let log = LogRecord()
    private var runs = 0

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "stage-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// Runs a stage and gives its outputs by port.
    func run(
        _ stage: StageDescriptor, _ settings: [String: Value] = [:], inputs: [String: [InputArtifact]] = [:],
        element: Value? = nil, model: ModelSet? = nil
    ) throws -> [String: InputArtifact] {
        let (context, outputs) = try context(stage, inputs: inputs, element: element, model: model)
        try stage.run(stage.complete(settings), context)
        return try outputs.mapValues(artifact)
    }

    /// What a stage finds wrong before anything runs.
    func check(
        _ stage: StageDescriptor, _ settings: [String: Value] = [:], sources: [String: [SourceInput]] = [:],
        upstream: [String: [SourceInput]] = [:], model: ModelSet? = nil
    ) throws -> [StageProblem] {
        try stage.check(
            stage.complete(settings),
            StageRequest(sources: sources, upstream: upstream, element: nil, model: model))
    }

    func context(
        _ stage: StageDescriptor, inputs: [String: [InputArtifact]], element: Value? = nil, model: ModelSet? = nil,
        checkCancellation: @escaping @Sendable () throws -> Void = {}
    ) throws -> (StageContext, [String: (OutputFolder, ArtifactKind)]) {
        runs += 1
        let attempt = folder.appending(path: "attempt-\(runs)")
        func make(_ name: String) throws -> URL {
            let url = attempt.appending(path: name)
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
            return url
        }
        var outputs: [String: (OutputFolder, ArtifactKind)] = [:]
        for port in stage.outputs { outputs[port.name] = (OutputFolder(try make(port.name)), port.kind) }
        let record = log
        let context = StageContext(
            inputs: inputs, element: element, model: model, outputs: outputs.mapValues(\.0),
            scratch: try make("scratch"), log: Logger(label: "test") { _ in record.handler }, report: { _ in },
            checkCancellation: checkCancellation)
        return (context, outputs)
    }

    /// What a stage put into a folder, as the next stage gets it.
    func artifact(_ output: (folder: OutputFolder, kind: ArtifactKind)) throws -> InputArtifact {
        var files: [String: URL] = [:]
        for path in try FileManager.default.subpathsOfDirectory(atPath: output.folder.url.path(percentEncoded: false)) {
            files[path] = output.folder.file(path)
        }
        return StageBench.artifact(
            output.kind, files, output.folder.attributes, folder: output.folder.url)
    }

    static func artifact(
        _ kind: ArtifactKind, _ files: [String: URL], _ attributes: Value, folder: URL? = nil
    ) -> InputArtifact {
        guard let digest = Digest(hex: String(repeating: "0", count: 64)) else { preconditionFailure("64 zeros") }
        return InputArtifact(digest: digest, kind: kind, files: files, folder: folder, attributes: attributes)
    }
}

/// Everything that a stage logged.
final class LogRecord: Sendable {
    private let lines = Mutex<[String]>([])

    var text: String { lines.withLock { $0.joined(separator: "\n") } }

    var handler: Handler { Handler(record: self) }

    struct Handler: LogHandler {
        let record: LogRecord
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            record.lines.withLock { $0.append("\(event.level): \(event.message)") }
        }
    }
}
