import Artifacts
import Foundation
import Storage

/// The scores of an artifact as rows.
///
/// Reads `scores.json` as any program could: the app does not know how scores are made.
struct ScoreTable {
    private struct Document: Decodable {
        struct Video: Decodable {
            let prompt: String
            let seed: Int
            let values: [String: Double]
        }

        let videos: [Video]
        let mean: [String: Double]
    }

    /// The scores of the paper, in its order.
    private static let paper = [
        ("clip_t", "CLIP-T"), ("clip_e", "CLIP-E"), ("temp_cons", "TempCons"), ("mofid", "MoFid"),
    ]
    private let document: Document

    init(artifact: Digest, store: ObjectStore) throws {
        let manifest = try store.manifest(of: artifact)
        guard let entry = manifest.entries.first(where: { $0.path == "scores.json" }) else {
            throw CommandFailure(status: .integrity, message: "artifact \(artifact.short) has no scores.json")
        }
        document = try JSONDecoder().decode(Document.self, from: store.read(entry.digest))
    }

    /// A row per video and the means.
    func table() -> Table {
        var table = Table([("prompt", .left), ("seed", .right)] + Self.paper.map { ($0.1, .right) })
        for video in document.videos {
            table.add([video.prompt, "\(video.seed)"] + cells(video.values))
        }
        table.add(["mean of \(document.videos.count)", ""] + cells(document.mean))
        return table
    }

    private func cells(_ values: [String: Double]) -> [String] {
        Self.paper.map { name, _ in values[name].map { String(format: "%.4f", $0) } ?? "–" }
    }
}
