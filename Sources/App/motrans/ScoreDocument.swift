import Artifacts
import Foundation
import Lineage
import Storage

/// `scores.json`, read as any program could: the app does not know how scores are made.
struct ScoreDocument: Decodable {
    struct Video: Decodable {
        let prompt: String
        let seed: Int
        let entity: String?
        let values: [String: Double]
    }

    let videos: [Video]
    let mean: [String: Double]

    /// Reads an artifact of kind `scores`.
    init(of artifact: Digest, in store: ObjectStore) throws {
        let manifest = try store.manifest(of: artifact)
        guard let entry = manifest.entries.first(where: { $0.path == "scores.json" }) else {
            throw CommandFailure(status: .integrity, message: "artifact \(artifact.short) has no scores.json")
        }
        self = try JSONDecoder().decode(Self.self, from: store.read(entry.digest))
    }

    /// The scores of the paper, in its order, and then those of the world's judge; others follow by name.
    static let known = [
        ("clip_t", "CLIP-T"), ("clip_e", "CLIP-E"), ("temp_cons", "TempCons"), ("mofid", "MoFid"),
        ("motion_right", "motion"), ("path", "path"), ("subject_right", "subject"), ("colour_right", "colour"),
        ("place_right", "place"), ("subject_leak", "subject leak"), ("colour_leak", "colour leak"),
        ("place_leak", "place leak"),
    ]

    /// The scores that are known, in their order, of those that are there.
    static func columns(of present: Set<String>) -> [(key: String, title: String)] {
        known.filter { present.contains($0.0) }.map { (key: $0.0, title: $0.1) }
    }

    /// Whether less of a score is better.
    static func isBetterLow(_ key: String) -> Bool { key.hasSuffix("_leak") }
}

extension RunAccount {
    /// The scores of a run by step, of those that the store still has; and the steps whose scores it has not.
    func scores(in store: ObjectStore) throws -> (found: [(step: String, scores: ScoreDocument)], gone: [String]) {
        var found: [(step: String, scores: ScoreDocument)] = []
        var gone: [String] = []
        for step in stepNames {
            guard let use = attempt(at: step)?.outputs.first(where: { $0.kind == .scores }) else { continue }
            let needed = [use.artifact] + (artifacts[use.artifact]?.manifest.entries.map(\.digest) ?? [])
            if needed.allSatisfy(store.contains) {
                found.append((step, try ScoreDocument(of: use.artifact, in: store)))
            } else {
                gone.append(step)
            }
        }
        return (found, gone)
    }
}
