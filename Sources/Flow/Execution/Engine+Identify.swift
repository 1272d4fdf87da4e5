import Artifacts
import Foundation
import Lineage
import Storage

extension Engine {
    /// Finds the artifact that a file comes from: by its bytes, by the words in it, by the look of its frames, in this order.
    ///
    /// - Parameter inspector: who reads videos; nil to go by the bytes alone.
    /// - Returns: The digest of the file's bytes, and the match; nil for a file that nothing here is like.
    func identify(_ file: URL, with inspector: VideoInspector?) throws -> (Digest, FileMatch?, reason: String?) {
        guard let digest = try lineage.digests(of: [file], remembering: false).first?.digest else {
            throw ExecutionError.notFound(file.path, help: "it cannot be read")
        }
        let byBytes = try lineage.read { reader -> FileMatch? in
            if let holder = try reader.artifacts(withFile: digest).first {
                return FileMatch(evidence: .bytes, artifact: holder.artifact, path: holder.path)
            }
            return try reader.deliveries(withDigest: digest).first.map {
                FileMatch(evidence: .delivery($0), artifact: $0.artifact, path: $0.path)
            }
        }
        if let byBytes { return (digest, byBytes, nil) }
        // What is no video has no words and no frames.
        guard let inspector, let tags = try? inspector.tags(file) else { return (digest, nil, nil) }
        let origin = Recipe.Origin(tags: tags)
        let isKnown = try origin.map { origin in try lineage.read { try $0.artifact(origin.artifact) != nil } } ?? false
        guard let own = try? inspector.fingerprint(file) else {
            guard let origin, isKnown else { return (digest, nil, nil) }
            return (
                digest, FileMatch(evidence: .tags(.others(nil)), artifact: origin.artifact, path: origin.path), nil
            )
        }
        let known = try fingerprints(with: inspector)
        let ranking = Ranking(of: own, among: known)
        if let origin, isKnown {
            let named = known.first { $0.artifact == origin.artifact && $0.path == origin.path }
            let pictures = named.map { ranking.pictures(of: $0) } ?? .unknown
            // Words can be pasted into any file: what its frames look like is believed before them.
            guard case .others = pictures, let nearest = ranking.nearest else {
                return (
                    digest, FileMatch(evidence: .tags(pictures), artifact: origin.artifact, path: origin.path), nil
                )
            }
            return (
                digest, nearest,
                "its metadata names artifact \(origin.artifact.short), but it does not look like that"
            )
        }
        let stranger = origin.map {
            "its metadata says that it is \($0.path) of artifact \($0.artifact.short)… of run \($0.run ?? "?"), which this "
                + "cache does not know"
        }
        if let nearest = ranking.nearest { return (digest, nearest, stranger) }
        let reason =
            ranking.candidates.first.map { best in
                "the nearest of \(known.count) known \(known.count == 1 ? "video" : "videos"), \(best.record.path) of artifact "
                    + "\(best.record.artifact.short), differs in \(best.bits) of \(own.frames.count * 64) bits of the frame "
                    + "hashes; more than \(FileMatch.FrameDistance.limit(of: own.frames.count * 64)) is no copy"
            }
        return (digest, nil, [stranger, reason].compactMap(\.self).joined(separator: "; "))
    }

    /// The fingerprints of all videos that were ever made here, as far as they are known or can still be taken.
    ///
    /// Those taken now are written down: they outlive the videos.
    func fingerprints(with inspector: VideoInspector) throws -> [FingerprintRecord] {
        let (known, missing) = try lineage.read { reader in
            let known = try reader.fingerprints()
            let names = Set(known.map { [$0.artifact.hex, $0.path] })
            let missing = try reader.artifacts().flatMap { record in
                record.manifest.entries.filter {
                    $0.mediaType.hasPrefix("video/") && !names.contains([record.digest.hex, $0.path])
                }.map { (artifact: record.digest, entry: $0) }
            }
            return (known, missing)
        }
        let taken = try missing.compactMap { try fingerprint(of: $0.entry, in: $0.artifact, with: inspector) }
        // A cache that cannot be written is asked all the same.
        try? lineage.record(taken)
        return known + taken
    }

    /// The fingerprint of a video in the store; nil when it is not there or cannot be decoded.
    private func fingerprint(
        of entry: Manifest.Entry, in artifact: Digest, with inspector: VideoInspector
    ) throws -> FingerprintRecord? {
        guard store.contains(entry.digest) else { return nil }
        let folder = FileManager.default.temporaryDirectory.appending(path: "motrans-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: (entry.path as NSString).lastPathComponent)
        do throws(StorageError) {
            try store.copy(entry.digest, size: entry.size, to: file)
        } catch {
            guard error.isLoss else { throw error }
            return nil
        }
        guard let fingerprint = try? inspector.fingerprint(file) else { return nil }
        return FingerprintRecord(artifact: artifact, path: entry.path, fingerprint: fingerprint)
    }
}

/// Known videos in the order of their distance from one.
private struct Ranking {
    let own: VideoFingerprint
    let candidates: [(record: FingerprintRecord, bits: Int)]

    init(of own: VideoFingerprint, among known: [FingerprintRecord]) {
        self.own = own
        candidates = known.compactMap { record in
            own.distance(to: record.fingerprint).map { (record, $0) }
        }.sorted { ($0.bits, $0.record.artifact, $0.record.path) < ($1.bits, $1.record.artifact, $1.record.path) }
    }

    /// How far one of them is, and the nearest of the others whose pictures are not the same.
    private func distance(_ candidate: (record: FingerprintRecord, bits: Int)) -> FileMatch.FrameDistance {
        let next = candidates.first { $0.record.fingerprint.packets != candidate.record.fingerprint.packets }
        return FileMatch.FrameDistance(
            bits: candidate.bits, of: own.frames.count * 64, runnerUp: next?.bits,
            runnerUpArtifact: next?.record.artifact)
    }

    /// The nearest one, if it is near enough.
    var nearest: FileMatch? {
        guard let best = candidates.first else { return nil }
        let distance = distance(best)
        guard distance.isNear else { return nil }
        return FileMatch(evidence: .frames(distance), artifact: best.record.artifact, path: best.record.path)
    }

    func pictures(of named: FingerprintRecord) -> FileMatch.Pictures {
        if named.fingerprint.packets == own.packets { return .same }
        guard
            let found = candidates.first(where: { $0.record.artifact == named.artifact && $0.record.path == named.path }
            )
        else { return .others(nil) }
        let distance = distance(found)
        return distance.isNear ? .alike(distance) : .others(distance)
    }
}
