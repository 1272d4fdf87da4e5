import Artifacts
import Execution
import Formats
import Foundation
import Lineage

/// The JSON of `lineage`: the tree, and all behind it as lists (`docs/schemas/lineage.json`).
///
/// Fields are added, never taken away or given another meaning, as long as `schema_version` stays.
struct LineageDocument {
    let text: String

    init(_ answer: LineageAnswer, _ facts: LineageFacts) {
        let closure = answer.closure
        var fields: [(String, Value)] = [
            ("direction", .string(answer.tree.direction.rawValue)), ("root", Self.value(answer.tree.root)),
            ("match", answer.match.map(Self.value) ?? .null), ("note", JSON.optional(answer.note)),
            ("steps", .list(closure.steps.map { Self.value($0, facts) })),
            (
                "artifacts",
                .list(closure.artifacts.values.sorted { $0.digest < $1.digest }.map { Self.value($0, closure) })
            ),
            ("deliveries", .list(closure.deliveries.map(Self.value))),
        ]
        switch answer.tree.direction {
        case .up:
            fields += [
                (
                    "costs",
                    .map([
                        "run": closure.run.map { .string($0.id.text) } ?? .null, "fresh": Self.value(closure.fresh),
                        "reused": Self.value(closure.reused),
                    ])
                ),
                (
                    "scores",
                    .list(
                        facts.scores.map { scores in
                            .map([
                                "video": .string(scores.video), "attempt": .string(scores.by.id.text),
                                "values": .map(
                                    Dictionary(
                                        scores.values.map { ($0.name, JSON.number($0.value)) },
                                        uniquingKeysWith: { $1 })),
                            ])
                        })
                ),
                (
                    "captions",
                    .list(
                        facts.captions.sorted { $0.key < $1.key }.map { artifact, captions in
                            .map([
                                "artifact": .string(artifact.hex), "author": .string(captions.author),
                                "when": .string(captions.moment),
                                "captions": .list(
                                    captions.captions.map {
                                        .map([
                                            "clip": .int($0.clip), "base": .string($0.base),
                                            "caption": .string($0.caption), "difference": .string($0.difference.text),
                                        ])
                                    }),
                            ])
                        })
                ),
                (
                    "frames",
                    .list(
                        facts.moments.sorted { $0.key < $1.key }.map { artifact, moments in
                            .map([
                                "artifact": .string(artifact.hex),
                                "clips": .list(
                                    moments.map {
                                        .map([
                                            "clip": .int($0.clip), "indices": .list($0.indices.map(Value.int)),
                                            "seconds": .list($0.times.map(JSON.number)),
                                        ])
                                    }),
                            ])
                        })
                ),
            ]
        case .down: fields.append(("groups", .list(Descendants(answer).groups.map { Self.value($0) })))
        }
        text = JSON.document(fields)
    }

    private static func value(_ node: LineageTree.Node) -> Value {
        .map([
            "kind": .string(node.kind.rawValue), "id": .string(node.id), "title": .string(node.title),
            "repeated": .bool(node.isRepeated),
            "facts": .list(node.facts.map { .map(["name": .string($0.name), "value": .string($0.value)]) }),
            "settings": .map(
                Dictionary(node.settings.map { ($0.name, .string($0.value)) }, uniquingKeysWith: { $1 })),
            "edges": .list(node.edges.map { .map(["label": .string($0.label), "node": value($0.node)]) }),
        ])
    }

    private static func value(_ match: FileMatch) -> Value {
        var fields: [String: Value] = [
            "by": .string(match.word), "certainty": .string(match.certainty), "artifact": .string(match.artifact.hex),
            "path": .string(match.path), "sentence": .string(match.description),
        ]
        switch match.evidence {
        case .frames(let distance), .tags(.alike(let distance)), .tags(.others(let distance?)):
            fields["distance"] = .int(distance.bits)
            fields["bits"] = .int(distance.of)
            fields["runner_up"] = distance.runnerUp.map(Value.int) ?? .null
        case .bytes, .delivery, .tags: break
        }
        return .map(fields)
    }

    private static func value(_ step: LineageClosure.Step, _ facts: LineageFacts) -> Value {
        guard case .map(var fields) = JSON.attempt(step.attempt) else { return .null }
        fields["fresh"] = .bool(step.isFresh)
        fields["settings"] = .map(
            Dictionary(
                step.attempt.attempt.record.fields.filter { $0.path.hasPrefix("settings.") }.map {
                    (String($0.path.dropFirst("settings.".count)), $0.value)
                }, uniquingKeysWith: { $1 }))
        fields["setting_places"] = .map(step.attempt.attempt.settingPlaces.mapValues(Value.string))
        fields["element"] = step.attempt.attempt.element ?? .null
        fields["tool_version"] = JSON.optional(step.run?.run.toolVersion)
        fields["host"] = JSON.optional(step.run?.run.process.host)
        fields["trained"] = .list(
            step.trained.map { segment in
                .map([
                    "part": .string(segment.part), "first": .int(segment.first),
                    "last": segment.last.map(Value.int) ?? .null, "attempt": .string(segment.attempt.text),
                    "outcome": JSON.optional(segment.outcome?.rawValue), "run": JSON.optional(segment.run?.text),
                ])
            })
        fields["unsuccessful"] = .list(step.unsuccessful.map(JSON.attempt))
        fields["motion"] = .list(
            (facts.motions[step.attempt.id] ?? []).map { place in
                .map([
                    "prompt": .string(place.prompt), "word": .string(place.word),
                    "tokens": place.tokens.map { .list($0.map(Value.int)) } ?? .null,
                ])
            })
        return .map(fields)
    }

    private static func value(_ record: ArtifactRecord, _ closure: LineageClosure) -> Value {
        .map([
            "artifact": .string(record.digest.hex), "kind": .string(record.manifest.kind.name),
            "in_store": .bool(closure.stored.contains(record.digest)),
            "made": .bool(closure.maker(of: record.digest) != nil), "attributes": record.manifest.attributes,
            "files": .list(
                record.manifest.entries.map { entry in
                    .map([
                        "path": .string(entry.path), "sha256": .string(entry.digest.hex), "size": .int(entry.size),
                        "type": .string(entry.mediaType),
                        "places": .list((closure.sources[entry.digest] ?? []).map { .string($0.path) }),
                    ])
                }),
        ])
    }

    private static func value(_ delivery: Delivery) -> Value {
        .map([
            "sha256": .string(delivery.digest.hex), "artifact": .string(delivery.artifact.hex),
            "path": .string(delivery.path), "run": JSON.optional(delivery.run?.text), "date": JSON.time(delivery.date),
        ])
    }

    private static func value(_ cost: LineageClosure.Cost) -> Value {
        .map([
            "steps": .int(cost.steps), "wall_seconds": JSON.number(cost.wallSeconds),
            "cpu_seconds": JSON.number(cost.cpuSeconds), "peak_memory": .int(cost.peakMemory),
        ])
    }

    private static func value(_ group: Descendants.Group) -> Value {
        .map([
            "name": .string(group.name),
            "artifacts": .list(
                group.items.map { item in
                    .map([
                        "artifact": .string(item.record.digest.hex), "kind": .string(item.record.manifest.kind.name),
                        "step": .string(item.step.attempt.attempt.step),
                        "attempt": .string(item.step.attempt.id.text),
                        "pipeline": JSON.optional(item.step.run?.run.pipeline),
                        "run": .string(item.step.attempt.attempt.run.text), "in_store": .bool(item.isStored),
                        "files": .list(item.record.manifest.entries.map { .string($0.path) }),
                        "deliveries": .list(item.deliveries.map(value)),
                    ])
                }),
        ])
    }
}
