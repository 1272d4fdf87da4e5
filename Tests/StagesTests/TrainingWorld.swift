import Artifacts
import Formats
import Foundation
import Layers
import Logging
import Models
import StageKit
import Synchronization
import Tensors
import Testing

/// A tiny model set, a small clip, and a room to run a stage in: what the tests of training and sampling share.
enum TrainingWorld {
    /// Where the model set lies until the process ends.
    private static let folder: URL = {
        atexit { try? FileManager.default.removeItem(at: TrainingWorld.folder) }
        return FileManager.default.temporaryDirectory.appending(path: "training-world-\(UUID().uuidString)")
    }()

    /// The tiny model set, written once for all tests.
    static let model: ModelSet = {
        do { try TinyModelSet.write(to: folder, seed: 7) } catch { preconditionFailure("\(error)") }
        let parts: [(ModelPart, String)] = [
            (.unet, "unet"), (.vae, "vae"), (.textEncoder, "text_encoder"), (.tokenizer, "tokenizer"),
            (.scheduler, "scheduler"),
        ]
        return ModelSet(
            name: "tiny", folders: Dictionary(uniqueKeysWithValues: parts.map { ($0, folder.appending(path: $1)) }))
    }()

    /// A square that moves to the right over a gradient.
    static func clip(
        frames: Int = 4, width: Int = 32, height: Int = 16, prompt: String = "A red ball is zigzagging on the grass"
    ) -> ClipFrames {
        var pixels: [UInt8] = []
        for frame in 0..<frames {
            for y in 0..<height {
                for x in 0..<width {
                    let isInside = (4..<10).contains(y) && (4 * frame + 3..<4 * frame + 10).contains(x)
                    pixels += isInside ? [230, 30, 40] : [UInt8(4 * x % 256), UInt8(8 * y % 256), 90]
                }
            }
        }
        return ClipFrames(pixels: pixels, frames: frames, height: height, width: width, fps: 8, prompt: prompt)
    }

    /// Embeddings as an image encoder of width 64 would give.
    static func embeddings(_ clips: [ClipFrames]) -> [ClipEmbeddings] {
        clips.enumerated().map { index, clip in
            ClipEmbeddings(frames: ReferenceFill.input("embeddings \(index)", [clip.frames, 64]))
        }
    }
}

/// Runs a stage as the engine would: folders for its outputs, artifacts made of what lies in them.
final class StageRoom {
    let root: URL
    private let descriptor: StageDescriptor
    private let model: ModelSet?
    private var runs = 0

    init<S: Stage>(_ stage: S.Type, model: ModelSet? = TrainingWorld.model) throws {
        root = FileManager.default.temporaryDirectory.appending(path: "stage-room-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
        descriptor = StageDescriptor(stage)
        self.model = model
    }

    deinit { try? FileManager.default.removeItem(at: root) }

    /// What a run reported, and its outputs.
    struct Result {
        let outputs: [String: InputArtifact]
        let progress: [StageProgress]

        func output(_ port: String) -> InputArtifact {
            guard let artifact = outputs[port] else { preconditionFailure("no output \(port)") }
            return artifact
        }
    }

    /// Runs the stage; `cancelAfter` reports it is being cancelled.
    func run(
        _ settings: [String: Value], inputs: [String: InputArtifact] = [:], element: Value? = nil,
        cancelAfter: Int = .max, checkpoints: StageCheckpoints = .none
    ) throws -> Result {
        runs += 1
        let place = root.appending(path: "run-\(runs)")
        var folders: [String: OutputFolder] = [:]
        for port in descriptor.outputs {
            let folder = place.appending(path: port.name)
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            folders[port.name] = OutputFolder(folder)
        }
        let progress = Mutex<[StageProgress]>([])
        let context = StageContext(
            inputs: inputs.mapValues { [$0] }, element: element, model: model, outputs: folders, scratch: place,
            checkpoints: checkpoints,
            log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            report: { reading in progress.withLock { $0.append(reading) } },
            checkCancellation: { if progress.withLock({ $0.count }) >= cancelAfter { throw CancellationError() } })
        try descriptor.run(descriptor.complete(settings), context)
        let outputs = try Dictionary(
            uniqueKeysWithValues: descriptor.outputs.map { port in
                (port.name, try StageRoom.artifact(folders[port.name], kind: port.kind))
            })
        return Result(outputs: outputs, progress: progress.withLock { $0 })
    }

    /// Runs again with other numbers of threads, and as a training that is interrupted again and again: every output
    /// must have the bytes that it had.
    func expectSame(
        _ result: Result, _ settings: [String: Value], inputs: [String: InputArtifact],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let width = ThreadPool.width
        defer { ThreadPool.setWidth(width) }
        for threads in [1, 3] {
            ThreadPool.setWidth(threads)
            let again = try run(settings, inputs: inputs)
            for (port, artifact) in result.outputs {
                #expect(
                    try contents(again.output(port)) == contents(artifact), "\(port), \(threads) threads",
                    sourceLocation: sourceLocation)
            }
        }
        guard try descriptor.progressSettings(descriptor.complete(settings)) != nil else { return }
        let kept = KeptCheckpoints(in: root)
        for _ in result.progress {
            // Two more steps at most each time, from where the last one was interrupted.
            do {
                _ = try run(settings, inputs: inputs, cancelAfter: 2, checkpoints: kept.checkpoints)
            } catch is CancellationError {}
        }
        let last = try run(settings, inputs: inputs, checkpoints: kept.checkpoints)
        #expect(last.progress.count < result.progress.count, "it went on", sourceLocation: sourceLocation)
        for (port, artifact) in result.outputs {
            #expect(
                try contents(last.output(port)) == contents(artifact), "\(port), interrupted",
                sourceLocation: sourceLocation)
        }
    }

    /// `Stage.check`; other steps feed all ports but `unconnected`.
    func check(
        _ settings: [String: Value] = [:], element: Value? = nil, model other: ModelSet? = nil,
        sources: [String: [SourceInput]] = [:], unconnected: Set<String> = []
    ) throws -> [StageProblem] {
        let fed = descriptor.inputs.map(\.name).filter { !unconnected.contains($0) }
        return try descriptor.check(
            descriptor.complete(settings),
            StageRequest(
                sources: sources, upstream: Dictionary(uniqueKeysWithValues: fed.map { ($0, []) }), element: element,
                model: other ?? model))
    }

    /// An artifact that a stage finds at an input port.
    func artifact(_ kind: ArtifactKind, _ name: String, _ write: (OutputFolder) throws -> Void) throws -> InputArtifact
    {
        let url = root.appending(path: name)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        let folder = OutputFolder(url)
        try write(folder)
        return try StageRoom.artifact(folder, kind: kind)
    }

    private static func artifact(_ folder: OutputFolder?, kind: ArtifactKind) throws -> InputArtifact {
        guard let folder, let digest = Digest(hex: String(repeating: "0", count: 64)) else {
            preconditionFailure("no folder for \(kind)")
        }
        let paths = try FileManager.default.subpathsOfDirectory(atPath: folder.url.path(percentEncoded: false))
        let files = paths.filter { $0.contains(".") }.map { ($0, folder.url.appending(path: $0)) }
        return InputArtifact(
            digest: digest, kind: kind, files: Dictionary(uniqueKeysWithValues: files), folder: folder.url,
            attributes: folder.attributes)
    }
}

/// The bytes of every file of an artifact.
func contents(_ artifact: InputArtifact) throws -> [String: Data] {
    try artifact.files.mapValues { try Data(contentsOf: $0) }
}

/// Checkpoints in a folder, one after every step.
final class KeptCheckpoints: Sendable {
    private let root: URL
    private let kept = Mutex<[String: [(done: Int, folder: URL)]]>([:])

    init(in folder: URL) { root = folder.appending(path: "checkpoints-\(UUID().uuidString)") }

    var checkpoints: StageCheckpoints {
        StageCheckpoints(
            latest: { part, most in
                self.kept.withLock { $0[part]?.last { $0.done <= most } }.map {
                    .init(done: $0.done, folder: $0.folder)
                }
            }, isDue: { true },
            keep: { part, done, write in
                let folder = self.root.appending(path: "\(part)-\(done)")
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
                try write(folder)
                self.kept.withLock { $0[part, default: []].append((done, folder)) }
            })
    }
}
