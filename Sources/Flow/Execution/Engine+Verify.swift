import Artifacts
import Foundation
import Lineage
import Storage

extension Engine {
    /// Looks at every object of the store, and whether all that lineage says is there really is.
    ///
    /// - Parameters:
    ///   - readData: also reads every byte and checks its digest.
    ///   - quarantine: whether damaged objects are moved away, so that the next run makes them again.
    ///   - progress: called with the number of objects done and of all.
    /// - Throws: `StorageError`, `LineageError`.
    public func verify(
        readData: Bool, quarantine: Bool = false, progress: (Int, Int) -> Void = { _, _ in }
    ) throws -> Verification {
        if quarantine { try checkWritable() }
        let (origins, evicted) = try lineage.read(origins)
        let report = try store.verify(
            readData: readData, artifacts: origins.keys.filter { !evicted.contains($0) }.sorted(),
            quarantines: quarantine, progress: progress)
        // A collection beside this one takes what was there a moment ago.
        let later = try lineage.read(self.origins).evicted
        let findings = report.findings.filter { finding in
            guard case .missing(_, let artifact, _) = finding else { return true }
            return !later.contains(artifact)
        }.map { Self.finding($0, origins) }
        return Verification(
            objects: report.objects, storedBytes: report.storedBytes,
            artifacts: origins.count - evicted.count, didReadData: readData,
            findings: findings + (try lineage.read(abandoned)))
    }

    /// Where each artifact that a step gave came from, and which of them were collected since.
    private func origins(_ reader: LineageReader) throws -> (origins: [Digest: String], evicted: Set<Digest>) {
        var evictions: [Digest: Date] = [:]
        for eviction in try reader.evictions(limit: .max) {
            evictions[eviction.digest] = max(evictions[eviction.digest] ?? .distantPast, eviction.date)
        }
        var origins: [Digest: String] = [:]
        var evicted: Set<Digest> = []
        for artifact in try reader.artifacts() {
            // What no attempt gave is the user's: its bytes lie where the user has them.
            let makers = try reader.producers(of: artifact.digest)
            guard let maker = makers.first, let made = makers.compactMap(\.ended).max() else { continue }
            origins[artifact.digest] = "\(artifact.manifest.kind) of \(maker.attempt.step)"
            // What was made again since has to be there again.
            if let date = evictions[artifact.digest], date >= made { evicted.insert(artifact.digest) }
        }
        return (origins, evicted)
    }

    private func abandoned(_ reader: LineageReader) throws -> [Verification.Finding] {
        try reader.runs(limit: 1000).filter { $0.outcome == .running && $0.run.process.liveness == .dead }.map {
            Verification.Finding(
                kind: .abandoned, digest: nil,
                message: "run \($0.id) never ended: its process is gone, and the next run closes it")
        }
    }

    private static func finding(
        _ finding: VerifyReport.Finding, _ origins: [Digest: String]
    ) -> Verification.Finding {
        switch finding {
        case .damaged(let digest, let reason, let quarantine):
            let place = quarantine.map { "; it was moved to \($0)" } ?? ""
            return Verification.Finding(
                kind: .damaged, digest: digest, message: "object \(digest.short) is damaged: \(reason)\(place)")
        case .missing(let digest, let artifact, let path):
            let what = path.map { "\($0) in " } ?? "the manifest of "
            let origin = origins[artifact] ?? "artifact \(artifact.short)"
            return Verification.Finding(
                kind: .missing, digest: digest, message: "object \(digest.short) is missing: \(what)\(origin)")
        case .notAnArtifact(let digest, let reason):
            return Verification.Finding(
                kind: .damaged, digest: digest, message: "object \(digest.short) is no manifest: \(reason)")
        case .stray(let path):
            return Verification.Finding(kind: .stray, digest: nil, message: "\(path) is no object")
        case .unreadable(let path, let reason):
            return Verification.Finding(kind: .damaged, digest: nil, message: "\(path) cannot be read: \(reason)")
        }
    }
}
