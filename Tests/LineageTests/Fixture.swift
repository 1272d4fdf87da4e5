import Artifacts
import Foundation
import GRDB
@testable import Lineage

/// A cache folder that is gone with the test.
struct TemporaryCache: ~Copyable {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: "lineage-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    func database() throws -> LineageDatabase { try LineageDatabase(in: url) }
}

let epoch = Date(timeIntervalSince1970: 1_790_000_000)

/// A manifest of one file with the given text.
func manifest(_ kind: ArtifactKind, _ text: String, path: String = "0.bin") -> Manifest {
    Manifest(
        kind: kind,
        entries: [.init(path: path, digest: Digest(of: text), size: text.utf8.count, mediaType: "text/plain")],
        attributes: .map(["text": .string(text)]))
}

func keyRecord(_ fields: [String: Value]) throws -> KeyRecord {
    var record = KeyRecord()
    for (path, value) in fields.sorted(by: { $0.key < $1.key }) { try record.add(path, value) }
    return record
}

extension LineageDatabase {
    func newRun(
        _ pipeline: String = "golf", process: ProcessIdentity = .current, at date: Date = epoch
    ) throws -> RunID {
        try begin(
            NewRun(
                pipeline: pipeline, file: "golf.yaml", text: "name: golf\n",
                commandLine: ["motrans", "run", "golf.yaml"],
                toolVersion: "0.1", process: process, started: date))
    }

    /// One attempt from start to success, giving one artifact of the given text.
    @discardableResult
    func succeed(
        _ step: String, in run: RunID, key: [String: Value], reading inputs: [Manifest] = [], giving output: Manifest,
        models: [ModelUse] = [], at date: Date = epoch
    ) throws -> AttemptID {
        let attempt = try begin(
            NewAttempt(
                run: run, step: step, stage: "command", stageVersion: 1, record: keyRecord(key),
                cause: "no earlier result",
                inputs: inputs.enumerated().map { index, manifest in
                    ArtifactUse(port: "in", position: index, artifact: try manifest.digest(), kind: manifest.kind)
                }, models: models, started: date))
        try finish(
            attempt,
            AttemptResult(
                outcome: .succeeded,
                outputs: [.init(port: "out", artifact: output.digest(), manifest: output)], log: "done",
                ended: date.addingTimeInterval(1)))
        return attempt
    }
}
