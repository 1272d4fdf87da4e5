import Artifacts
import Foundation
import Lineage
import Pipelines
import StageKit
import Storage
import Synchronization

/// The checkpoints of one attempt: artifacts under the key of the work without the settings that only say how far it
/// goes.
///
/// They exist by publication, as outputs do: a killed attempt leaves the last one whole.
struct CheckpointKeeper: Sendable {
    /// Their type.
    static let kind: ArtifactKind = "checkpoint"

    let engine: Engine
    let attempt: AttemptID
    let lease: Lease
    /// What decides the work before a checkpoint.
    let prefix: KeyRecord
    /// Where checkpoints are written and restored; gone when the attempt ends.
    let scratch: URL
    /// Seconds between two.
    let interval: Double
    /// Whether one that is there may be used.
    let mayResume: Bool
    /// Tells people.
    let note: @Sendable (String) -> Void
    private let kept = Kept()

    /// When the next one is due, and how many there were.
    private final class Kept: Sendable {
        let state = Mutex((next: ContinuousClock.now, count: 0))
    }

    init(
        engine: Engine, attempt: AttemptID, lease: Lease, prefix: KeyRecord, scratch: URL, interval: Double,
        mayResume: Bool, note: @escaping @Sendable (String) -> Void
    ) {
        self.engine = engine
        self.attempt = attempt
        self.lease = lease
        self.prefix = prefix
        self.scratch = scratch
        self.interval = interval
        self.mayResume = mayResume
        self.note = note
        kept.state.withLock { $0.next = .now + .seconds(interval) }
    }

    /// As a stage sees them.
    var checkpoints: StageCheckpoints {
        StageCheckpoints(
            latest: latest, isDue: { kept.state.withLock { .now >= $0.next } }, keep: keep)
    }

    private func digest(of part: String) -> Digest { Digest(of: "\(prefix.text)checkpoint = \(part)\n") }

    private func freshFolder() -> URL {
        let number = kept.state.withLock { state in
            state.count += 1
            return state.count
        }
        return scratch.appending(path: "checkpoints/\(number)", directoryHint: .isDirectory)
    }

    /// The furthest that can be had; what is damaged or gone is forgotten, and the one before it taken.
    private func latest(_ part: String, most: Int) throws -> StageCheckpoints.Checkpoint? {
        guard mayResume else { return nil }
        for record in try engine.lineage.read({ try $0.checkpoints(of: digest(of: part)) }) where record.done <= most {
            let folder = freshFolder()
            do throws(StorageError) {
                try engine.store.restore(record.artifact, to: folder)
            } catch {
                guard error.isLoss else { throw error }
                note("the checkpoint after \(record.done) cannot be used (\(error)); the one before it is taken")
                _ = try engine.lineage.drop(record)
                continue
            }
            try engine.lineage.record(attempt, wentOnFrom: record, part: part)
            note("goes on after \(record.done), from a checkpoint of attempt \(record.attempt)")
            return StageCheckpoints.Checkpoint(done: record.done, folder: folder)
        }
        return nil
    }

    private func keep(_ part: String, _ done: Int, _ write: (URL) throws -> Void) throws {
        let start = ContinuousClock.now
        let folder = freshFolder()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try write(folder)
        let began = Date()
        var batch = engine.store.batch()
        let artifact = try batch.add(folder: folder, kind: Self.kind)
        try batch.commit()
        let free = try engine.lineage.record(
            checkpoint: artifact.digest, artifact.manifest, of: digest(of: part), done: done, by: attempt, lease: lease)
        // What another attempt has published again since then stays.
        for digest in free { _ = try engine.store.remove(digest, unlessPublishedSince: began) }
        // Large ones more rarely: they shall not take more than a twentieth of the time.
        let pause = interval > 0 ? max(.seconds(interval), (ContinuousClock.now - start) * 20) : .zero
        kept.state.withLock { $0.next = .now + pause }
    }
}
