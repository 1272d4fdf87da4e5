public import Artifacts
public import Foundation
import Lineage
import Storage

extension Engine {
    /// Finds what may go, and why the rest stays.
    ///
    /// Writes nothing.
    public func planCollection(_ policy: CollectionPolicy) throws -> CollectionPlan {
        let date = Date()
        // The store first: what is published from here on is not in the list, and so stays.
        let objects = try store.allObjects()
        return try lineage.read { reader in
            var collector = try Collector(reader, objects, policy, date)
            return try collector.plan()
        }
    }

    /// Writes down what a plan names as gone, and deletes it.
    ///
    /// In this order: a crash between leaves objects that nobody misses, and never a loss that nobody knows of. What a run
    /// has come to use since the plan was made stays, and so do objects that were published again.
    ///
    /// - Parameter remember: asked what is to be kept of a file that goes, with the file; nil for nothing.
    /// - Returns: The bytes that were freed.
    @discardableResult
    public func collect(
        _ plan: CollectionPlan, remember: ((URL) -> (facts: [String: Value], picture: Data?)?)? = nil
    ) throws -> Int {
        try checkWritable()
        // Pictures are nice to have; room is what is wanted, and a full disk has none for them.
        if let remember { try? lineage.record(remains(of: plan.evicted, remember)) }
        let checkpoints = try lineage.read { try $0.checkpoints() }
        var freed = 0
        // Some at a time, so that a run that begins meanwhile never has to wait for long to know what is gone.
        for first in stride(from: 0, to: plan.objects.count, by: 256) {
            let date = Date()
            let gone = try lineage.record(
                plan.objects[first..<min(first + 256, plan.objects.count)].map { object in
                    Eviction(
                        digest: object.digest, bytes: object.bytes,
                        reason: object.revocation.map { "revoked: \($0.reason)" }
                            ?? (object.isOrphan ? "no artifact needs it" : "gc"), date: date)
                }, unlessUsedSince: plan.date, sparesPinned: !plan.isOfRevoked)
            let names = Set(gone.map(\.digest))
            for checkpoint in checkpoints where names.contains(checkpoint.artifact) { _ = try lineage.drop(checkpoint) }
            for eviction in gone {
                // What was written down long ago may have been found since, and used: it is left to the next collection.
                guard date.timeIntervalSinceNow > -Self.collectionPatience / 2 else { break }
                freed += try store.remove(eviction.digest, unlessPublishedSince: plan.date - 0.01)
            }
        }
        return freed
    }
}

extension Engine {
    /// What is kept of the videos among artifacts that go; what cannot be read leaves nothing.
    private func remains(
        of items: [CollectionPlan.Item], _ remember: (URL) -> (facts: [String: Value], picture: Data?)?
    ) throws -> [Remains] {
        let scratch = try store.makeScratch("remains-\(UUID().uuidString)")
        defer { try? store.removeScratch(scratch.lastPathComponent) }
        return try items.flatMap { item in
            let entries = try lineage.read { try $0.artifact(item.digest) }?.manifest.entries ?? []
            return entries.filter { $0.mediaType.hasPrefix("video/") }.compactMap { entry -> Remains? in
                let file = scratch.appending(path: (entry.path as NSString).lastPathComponent)
                defer { try? FileManager.default.removeItem(at: file) }
                guard (try? store.copy(entry.digest, size: entry.size, to: file)) != nil, let rest = remember(file)
                else { return nil }
                return Remains(artifact: item.digest, path: entry.path, facts: rest.facts, picture: rest.picture)
            }
        }
    }
}

/// Weighs every artifact that steps gave against the policy.
private struct Collector {
    /// An object that was published this recently, in seconds, may belong to an attempt that has not ended.
    static let grace = 3600.0

    private let policy: CollectionPolicy
    private let date: Date
    private let objects: [Digest: StoredObject]
    private let artifacts: [ArtifactRecord]
    private var steps: [Digest: String] = [:]
    private var lastUsed: [Digest: Date] = [:]
    private var recent: [Digest: RunID] = [:]
    private var pinned: Set<Digest> = []
    private var inUse: Set<Digest> = []
    private var revoked: [Digest: Revocation]

    init(_ reader: LineageReader, _ objects: [StoredObject], _ policy: CollectionPolicy, _ date: Date) throws {
        self.policy = policy
        self.date = date
        self.objects = Dictionary(uniqueKeysWithValues: objects.map { ($0.digest, $0) })
        let taint = try reader.taint()
        revoked = taint.artifacts
        var artifacts: [ArtifactRecord] = []
        let writers = Dictionary(try reader.checkpoints().map { ($0.artifact, $0.attempt) }) { $1 }
        for artifact in try reader.artifacts() where self.objects[artifact.digest] != nil {
            // What the user supplied is not in the store.
            if let maker = try reader.producers(of: artifact.digest).last {
                steps[artifact.digest] = maker.attempt.step
            } else if let writer = try writers[artifact.digest].flatMap({ try reader.attempt($0) }) {
                steps[artifact.digest] = "\(writer.attempt.step) (checkpoint)"
                revoked[artifact.digest] = revoked[artifact.digest] ?? taint.attempts[writer.id]
                let run = try reader.run(writer.attempt.run)
                if run?.outcome == .running, run?.run.process.liveness != .dead { inUse.insert(artifact.digest) }
            } else {
                continue
            }
            lastUsed[artifact.digest] = artifact.recorded
            artifacts.append(artifact)
        }
        self.artifacts = artifacts
        for pin in try reader.pins() {
            switch pin.target {
            case .artifact(let digest): pinned.insert(digest)
            case .run(let run): pinned.formUnion(try reader.artifacts(ofRuns: [run]))
            }
        }
        let runs = try reader.runs(limit: 100_000)
        // A run of some of the steps does not count as the latest of its pipeline: what the others used would go.
        var widths: [RunID: Int] = [:]
        var widest: [[String]: Int] = [:]
        for run in runs {
            let width = try reader.steps(of: run.id).count
            widths[run.id] = width
            widest[[run.run.pipeline, run.run.text]] = max(widest[[run.run.pipeline, run.run.text]] ?? 0, width)
        }
        var kept: [String: Int] = [:]
        for run in runs {
            let used = try reader.artifacts(ofRuns: [run.id])
            if run.outcome == .running, run.run.process.liveness != .dead {
                inUse.formUnion(used)
                // What attempts of it went on from, until they have written their own.
                for attempt in try reader.attempts(of: run.id) {
                    inUse.formUnion(try reader.continuations(of: attempt.id).map(\.artifact))
                }
            }
            let isRecent = kept[run.run.pipeline, default: 0] < policy.keepRuns ?? 1
            if widths[run.id] == widest[[run.run.pipeline, run.run.text]] { kept[run.run.pipeline, default: 0] += 1 }
            for digest in used {
                lastUsed[digest] = max(lastUsed[digest] ?? .distantPast, run.ended ?? run.run.started)
                if isRecent, recent[digest] == nil { recent[digest] = run.id }
            }
        }
    }

    mutating func plan() throws -> CollectionPlan {
        let oldestFirst = artifacts.sorted {
            let (left, right) = (lastUsed[$0.digest] ?? $0.recorded, lastUsed[$1.digest] ?? $1.recorded)
            return (left, $0.digest) < (right, $1.digest)
        }
        // How many artifacts need each object: a shared one is freed with the last of them.
        var needs: [Digest: Int] = [:]
        for artifact in artifacts { for digest in Self.objects(of: artifact) { needs[digest, default: 0] += 1 } }
        let stored = objects.values.reduce(0) { $0 + $1.storedBytes }
        var gone: [CollectionPlan.StoredDigest] = []
        for object in objects.values where needs[object.digest] == nil && !policy.revoked {
            guard object.published < date - Self.grace else { continue }
            gone.append(
                CollectionPlan.StoredDigest(
                    digest: object.digest, bytes: object.storedBytes, isOrphan: true, revocation: nil))
        }
        var size = stored - gone.reduce(0) { $0 + $1.bytes }
        var evicted: [CollectionPlan.Item] = []
        var kept: [CollectionPlan.Item] = []
        for artifact in oldestFirst {
            let reason = reason(toKeep: artifact, size: size)
            let item = CollectionPlan.Item(
                digest: artifact.digest, kind: artifact.manifest.kind, size: artifact.manifest.size,
                step: steps[artifact.digest] ?? "", lastUsed: lastUsed[artifact.digest] ?? artifact.recorded,
                reason: reason, revocation: revoked[artifact.digest])
            guard reason == nil else {
                kept.append(item)
                continue
            }
            evicted.append(item)
            for digest in Self.objects(of: artifact) {
                needs[digest, default: 0] -= 1
                guard needs[digest] == 0, let object = objects[digest] else { continue }
                size -= object.storedBytes
                gone.append(
                    CollectionPlan.StoredDigest(
                        digest: digest, bytes: object.storedBytes, isOrphan: false,
                        revocation: item.revocation))
            }
        }
        return CollectionPlan(
            evicted: evicted, kept: kept, objects: gone.sorted { $0.digest < $1.digest }, storedBytes: stored,
            date: date, isOfRevoked: policy.revoked)
    }

    private func reason(toKeep artifact: ArtifactRecord, size: Int) -> CollectionPlan.Reason? {
        let digest = artifact.digest
        if policy.revoked { return revoked[digest] == nil ? .notRevoked : inUse.contains(digest) ? .inUse : nil }
        if pinned.contains(digest) { return .pinned }
        if inUse.contains(digest) { return .inUse }
        if let run = recent[digest] { return .recentRun(run) }
        guard policy.hasLimit else { return .noLimit }
        if let age = policy.olderThan, date.timeIntervalSince(lastUsed[digest] ?? artifact.recorded) < age {
            return .young
        }
        if let limit = policy.maxSize, size <= limit { return .fits }
        return nil
    }

    private static func objects(of artifact: ArtifactRecord) -> Set<Digest> {
        Set(artifact.manifest.entries.map(\.digest) + [artifact.digest])
    }
}
