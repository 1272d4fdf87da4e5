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
    /// Throws when a file of the user's is not any more what the key says: what was made of it must not be kept.
    let checkSources: @Sendable () throws -> Void
    /// Tells people.
    let note: @Sendable (String) -> Void
    private let kept = Kept()

    /// When the next one is due, how many there were, and of which parts.
    private final class Kept: Sendable {
        let state = Mutex((next: ContinuousClock.now, count: 0, parts: Set<String>()))
    }

    init(
        engine: Engine, attempt: AttemptID, lease: Lease, prefix: KeyRecord, scratch: URL, interval: Double,
        checkSources: @escaping @Sendable () throws -> Void, note: @escaping @Sendable (String) -> Void
    ) {
        self.engine = engine
        self.attempt = attempt
        self.lease = lease
        self.prefix = prefix
        self.scratch = scratch
        self.interval = interval
        self.checkSources = checkSources
        self.note = note
        kept.state.withLock { $0.next = .now + .seconds(interval) }
    }

    /// As a stage sees them.
    var checkpoints: StageCheckpoints {
        StageCheckpoints(
            latest: latest, isDue: { kept.state.withLock { .now >= $0.next } }, keep: keep)
    }

    /// Raised when what stages write down changes: old checkpoints are then never taken for new ones.
    private static let format = 1

    /// The kernels are part of it, unlike of keys: work that went on with others would be what no processor gives.
    private func digest(of part: String) -> Digest {
        let kernels = engine.facts["kernels"] ?? ""
        return Digest(of: "\(prefix.text)checkpoint = \(part)\nformat = \(Self.format)\nkernels = \(kernels)\n")
    }

    private func freshFolder() -> URL {
        let number = kept.state.withLock { state in
            state.count += 1
            return state.count
        }
        return scratch.appending(path: "checkpoints/\(number)", directoryHint: .isDirectory)
    }

    /// The furthest that can be had; what is damaged or gone is forgotten, and the one before it taken.
    private func latest(_ part: String, most: Int) throws -> StageCheckpoints.Checkpoint? {
        kept.state.withLock { _ = $0.parts.insert(part) }
        for record in try engine.lineage.read({ try $0.checkpoints(of: digest(of: part)) }) where record.done <= most {
            let folder = freshFolder()
            do throws(StorageError) {
                try engine.store.restore(record.artifact, to: folder)
            } catch {
                guard error.isLoss else { throw error }
                note("the checkpoint after \(record.done) cannot be used, and is left out: \(error)")
                // What cannot be removed, as what is in quarantine already, is left to gc.
                let began = Date()
                for digest in try engine.lineage.drop(record) { _ = try? remove(digest, since: began) }
                continue
            }
            try engine.lineage.record(attempt, wentOnFrom: record, part: part)
            note("goes on after \(record.done), from a checkpoint of attempt \(record.attempt)")
            return StageCheckpoints.Checkpoint(done: record.done, folder: folder)
        }
        return nil
    }

    /// Keeps one, or tells why not.
    ///
    /// Work that goes well does not end because it could not be written down. Only a lease that was lost ends it, and a
    /// source that changed.
    private func keep(_ part: String, _ done: Int, _ write: (URL) throws -> Void) throws {
        let start = ContinuousClock.now
        let folder = freshFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try write(folder)
            try publish(folder, part, done)
        } catch LineageError.leaseLost(let key) {
            throw LineageError.leaseLost(key: key)
        } catch let error as ExecutionError {
            // A source that changed.
            throw error
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            note("there is no checkpoint after \(done): \(error); the work goes on")
        }
        // Large ones more rarely: they shall not take more than a twentieth of the time.
        let pause = interval > 0 ? max(.seconds(interval), (ContinuousClock.now - start) * 20) : .zero
        kept.state.withLock { $0.next = .now + pause }
    }

    private func publish(_ folder: URL, _ part: String, _ done: Int) throws {
        try checkSources()
        kept.state.withLock { _ = $0.parts.insert(part) }
        let began = Date()
        var batch = engine.store.batch()
        let artifact = try batch.add(folder: folder, kind: Self.kind)
        try engine.lineage.announce(batch.objects, by: attempt)
        try batch.commit()
        let free = try engine.lineage.record(
            checkpoint: artifact.digest, artifact.manifest, of: digest(of: part), done: done, by: attempt, lease: lease)
        for digest in free { try remove(digest, since: began) }
    }

    /// After success: of work that can go no further nothing need be kept, of other work the last.
    func finish(isComplete: Bool) throws {
        for part in kept.state.withLock({ $0.parts }) {
            let records = try engine.lineage.read { try $0.checkpoints(of: digest(of: part)) }
            for record in records.dropFirst(isComplete ? 0 : 1) {
                let began = Date()
                for digest in try engine.lineage.drop(record) { try remove(digest, since: began) }
            }
        }
    }

    /// What another attempt has published again since then stays; times of files lag some milliseconds behind.
    private func remove(_ digest: Digest, since date: Date) throws {
        try engine.store.remove(digest, unlessPublishedSince: date - 0.01)
    }
}
