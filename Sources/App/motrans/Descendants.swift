import Artifacts
import Execution
import Foundation
import Lineage

/// All that came from a file, sorted by what it is.
struct Descendants {
    /// An artifact that came from it.
    struct Item {
        let record: ArtifactRecord
        let step: LineageClosure.Step
        let isStored: Bool
        let deliveries: [Delivery]
    }

    /// Artifacts of one sort.
    struct Group {
        let name: String
        let items: [Item]
    }

    /// In the order of the work; groups without anything are left out.
    let groups: [Group]
    private let answer: LineageAnswer

    init(_ answer: LineageAnswer) {
        self.answer = answer
        let closure = answer.closure
        var seen = Set(closure.roots)
        var items: [Item] = []
        for step in closure.steps {
            for use in step.attempt.outputs where seen.insert(use.artifact).inserted {
                guard let record = closure.artifacts[use.artifact] else { continue }
                items.append(
                    Item(
                        record: record, step: step, isStored: closure.stored.contains(use.artifact),
                        deliveries: closure.deliveries.filter { $0.artifact == use.artifact }))
            }
        }
        let named = Dictionary(grouping: items) { Self.name(of: $0.record.manifest.kind) }
        groups = Self.names.compactMap { name in named[name].map { Group(name: name, items: $0) } }
    }

    private static let names = [
        "frames", "captions", "embeddings", "LoRAs", "videos", "latents", "scores", "other files",
    ]

    private static func name(of kind: ArtifactKind) -> String {
        switch kind {
        case .frames: "frames"
        case .captions: "captions"
        case .embeddings: "embeddings"
        case .spatialLoRA, .motionAdapter: "LoRAs"
        case .videos, .video: "videos"
        case .latents: "latents"
        case .scores: "scores"
        default: "other files"
        }
    }

    /// The list for people.
    func lines(named subject: String) -> [String] {
        let items = groups.flatMap(\.items)
        let stored = items.count(where: \.isStored)
        var lines: [String] = []
        if let match = answer.match { lines.append("\(subject): \(match.description)") }
        if let note = answer.note { lines.append("  \(note)") }
        guard !items.isEmpty else { return lines + ["nothing came from it"] }
        lines.append(
            "\(items.count) \(items.count == 1 ? "artifact" : "artifacts") came from it, \(stored) still in the store")
        for group in groups {
            var table = Table([
                (group.name, .left), ("artifact", .left), ("files", .right), ("in the store", .left), ("run", .left),
                ("pipeline", .left),
            ])
            for item in group.items {
                table.add([
                    item.step.attempt.attempt.step, item.record.digest.short, "\(item.record.manifest.entries.count)",
                    item.isStored ? "yes" : "no", item.step.attempt.attempt.run.text, item.step.run?.run.pipeline ?? "",
                ])
            }
            lines += ["", table.text]
        }
        let handedOut = items.flatMap(\.deliveries)
        if !handedOut.isEmpty {
            var table = Table([("handed out", .left), ("of artifact", .left), ("sha256", .left), ("when", .left)])
            for delivery in handedOut {
                table.add([
                    delivery.path, delivery.artifact.short, delivery.digest.hex, RunsCommand.when(delivery.date),
                ])
            }
            lines += ["", table.text]
        }
        return lines
    }
}
