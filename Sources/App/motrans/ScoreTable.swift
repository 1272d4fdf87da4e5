import Artifacts
import Foundation
import Storage

/// The scores of one or more scoring steps as rows.
struct ScoreTable {
    /// Those that any video has; the paper's always.
    private let columns: [(key: String, title: String)]
    private let documents: [(step: String, scores: ScoreDocument)]

    /// Scoring steps by name, each with its `scores` artifact.
    init(_ scored: [(step: String, artifact: Digest)], store: ObjectStore) throws {
        documents = try scored.map { ($0.step, try ScoreDocument(of: $0.artifact, in: store)) }
        let present = Set(documents.flatMap { $0.scores.mean.keys })
        let isPaper = !present.isDisjoint(with: ScoreDocument.known.prefix(4).map(\.0)) || present.isEmpty
        columns = ScoreDocument.known.enumerated().filter { $0 < 4 ? isPaper : present.contains($1.0) }.map {
            ($1.0, $1.1)
        }
    }

    /// A row per video, and for people the means; with several steps, a column that says which.
    func table(withMeans: Bool = true) -> Table {
        let isSeveral = documents.count > 1
        var table = Table(
            (isSeveral ? [("step", .left)] : []) + [("prompt", .left), ("seed", .right)]
                + columns.map { ($0.title, .right) })
        for (step, scores) in documents {
            let first = isSeveral ? [step] : []
            for video in scores.videos {
                table.add(first + [video.prompt, "\(video.seed)"] + cells(video.values))
            }
            if withMeans { table.add(first + ["mean of \(scores.videos.count)", ""] + cells(scores.mean)) }
        }
        return table
    }

    /// Steps side by side: see ``ScoreComparison``.
    func comparison(by keys: [String]) throws -> ScoreComparison {
        try ScoreComparison(
            documents.map { .init(step: $0.step, means: $0.scores.mean) }, by: keys, columns: columns)
    }

    /// The fields of a document for programs: every score that there is.
    var fields: [(String, Value)] {
        let steps: [Value] = documents.map { step, scores in
            .map([
                "step": .string(step), "mean": .map(scores.mean.mapValues(JSON.number)),
                "videos": .list(
                    scores.videos.map {
                        .map([
                            "prompt": .string($0.prompt), "seed": .int($0.seed), "entity": JSON.optional($0.entity),
                            "values": .map($0.values.mapValues(JSON.number)),
                        ])
                    }),
            ])
        }
        return [("scores", .list(steps))]
    }

    private func cells(_ values: [String: Double]) -> [String] {
        columns.map { name, _ in values[name].map { String(format: "%.4f", $0) } ?? "–" }
    }
}
