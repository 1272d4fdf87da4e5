import Artifacts
import Foundation
import Lineage
import StageKit
import Storage

/// Whether something that is not in the store any more can be made again, and what that takes.
struct Recomputation {
    /// Why not; nil when it can.
    let obstacle: String?
    /// Wall seconds that the work took before, of all steps that have to be done again.
    let seconds: Double

    /// As people read it.
    var description: String {
        if let obstacle { return "no: \(obstacle)" }
        let minutes = seconds / 60
        let time = minutes < 1.5 ? String(format: "%.1f s", seconds) : String(format: "%.0f min", minutes)
        return "yes, in some \(time)"
    }
}

extension Engine {
    /// Finds out by what is there now: the stages of this tool, the user's files, the model folders.
    func recomputation(of artifact: Digest, _ reader: LineageReader) throws -> Recomputation {
        if let revocation = try reader.taint().artifacts[artifact] {
            return Recomputation(obstacle: "it was revoked (\(revocation.reason))", seconds: 0)
        }
        var seen: Set<AttemptID> = []
        var waiting = [artifact]
        var seconds = 0.0
        while let digest = waiting.popLast() {
            guard let maker = try reader.producers(of: digest).last else {
                if let gone = try missingSource(digest, reader) {
                    return Recomputation(obstacle: gone, seconds: seconds)
                }
                continue
            }
            guard seen.insert(maker.id).inserted else { continue }
            let work = maker.attempt
            guard let stage = stages[StageKind(work.stage)] else {
                return Recomputation(obstacle: "this tool has no stage \(work.stage)", seconds: seconds)
            }
            guard stage.version == work.stageVersion else {
                let obstacle =
                    "\(work.step) was made by version \(work.stageVersion) of \(work.stage), and this tool has "
                    + "\(stage.version)"
                return Recomputation(obstacle: obstacle, seconds: seconds)
            }
            for model in work.models {
                // The same content may have lain in several places.
                let places = try reader.places(ofModel: model.digest)
                guard places.contains(where: { FileManager.default.fileExists(atPath: $0) }) else {
                    return Recomputation(
                        obstacle: "the model part \(model.path) is not there any more", seconds: seconds)
                }
            }
            seconds += maker.usage.wallSeconds
            // What is still there has not to be made.
            for input in work.inputs where try !isStored(input.artifact, reader) { waiting.append(input.artifact) }
        }
        return Recomputation(obstacle: nil, seconds: seconds)
    }

    /// A file of the user's that is not where it was, or not what it was; nil when all are.
    private func missingSource(_ artifact: Digest, _ reader: LineageReader) throws -> String? {
        guard let entries = try reader.artifact(artifact)?.manifest.entries else {
            return "nothing is recorded of artifact \(artifact.short)"
        }
        for entry in entries {
            let places = try reader.sources(of: entry.digest)
            let isThere = places.contains { place in
                // Looked at by size alone: a run hashes it, and tells.
                let size = try? FileManager.default.attributesOfItem(atPath: place.path)[.size] as? Int
                return size == entry.size
            }
            guard isThere else { return "\(places.first?.path ?? entry.path) is not there any more" }
        }
        return nil
    }

    private func isStored(_ artifact: Digest, _ reader: LineageReader) throws -> Bool {
        guard store.contains(artifact), let record = try reader.artifact(artifact) else { return false }
        return record.manifest.entries.allSatisfy { store.contains($0.digest) }
    }
}
