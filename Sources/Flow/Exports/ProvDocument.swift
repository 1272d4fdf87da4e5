public import Artifacts
import Foundation
public import Lineage

/// A run as W3C PROV: artifacts are entities, attempts are activities, the tool is an agent.
///
/// PROV-JSON, the W3C Member Submission of 24 April 2013. A file is an entity of its own, a member of the artifacts that
/// hold it, so that documents of several runs join where they share bytes.
public struct ProvDocument: Sendable {
    /// The document.
    public let value: Value

    /// The document of a run, however it ended.
    public init(_ account: RunAccount) {
        var builder = Builder(account: account)
        builder.run()
        for attempt in account.attempts { builder.attempt(attempt) }
        value = builder.document
    }

    private struct Builder {
        let account: RunAccount
        private var sections: [String: [String: Value]] = [:]
        private var tool: String { "tool:motrans-\(account.run.run.toolVersion)" }
        private var runName: String { "run:\(account.run.id)" }
        private var pipeline: String { "file:\(account.pipelineDigest.hex)" }

        private let sources: Set<Digest>

        init(account: RunAccount) {
            self.account = account
            sources = Set(account.inputs)
        }

        private static let prefixes: [String: Value] = [
            "motrans": "urn:motrans:ns:", "tool": "urn:motrans:tool:", "run": "urn:motrans:run:",
            "attempt": "urn:motrans:attempt:", "artifact": "urn:motrans:artifact:", "model": "urn:motrans:model:",
            "file": "urn:sha256:",
        ]

        var document: Value { .map(sections.mapValues { .map($0) }.merging(["prefix": .map(Self.prefixes)]) { $1 }) }

        private mutating func add(_ section: String, _ name: String, _ fields: [String: Value?]) {
            sections[section, default: [:]][name] = .map(present: fields)
        }

        /// A relation; its name only has to be unique and the same each time.
        private mutating func relate(_ section: String, _ fields: [String: Value?]) {
            add(section, "_:\(section)\((sections[section]?.count ?? 0) + 1)", fields)
        }

        mutating func run() {
            let run = account.run.run
            add(
                "agent", tool,
                ["prov:type": Self.name("prov:SoftwareAgent"), "prov:label": .string("motrans \(run.toolVersion)")])
            add(
                "entity", pipeline,
                [
                    "prov:type": Self.name("prov:Plan"), "prov:label": .string(account.pipelineFile),
                    "prov:value": .string(run.text), "motrans:sha256": .string(account.pipelineDigest.hex),
                ])
            var fields: [String: Value?] = [
                "prov:type": Self.name("motrans:Run"), "prov:startTime": .time(run.started),
                "prov:endTime": account.run.ended.map(Value.time), "prov:label": .string(run.pipeline),
                "motrans:outcome": .string(account.run.outcome.rawValue), "motrans:host": .string(run.process.host),
                "motrans:commandLine": .string(Value.list(account.arguments).lineText),
            ]
            for (name, value) in run.environment { fields["motrans:variable.\(Self.local(name))"] = .string(value) }
            add("activity", runName, fields)
            relate(
                "wasAssociatedWith",
                ["prov:activity": .string(runName), "prov:agent": .string(tool), "prov:plan": .string(pipeline)])
        }

        mutating func attempt(_ record: AttemptRecord) {
            let work = record.attempt
            let name = "attempt:\(record.id)"
            var fields: [String: Value?] = [
                "prov:type": Self.name("motrans:Attempt"), "prov:startTime": .time(work.started),
                "prov:endTime": record.ended.map(Value.time), "prov:label": .string(work.step),
                "motrans:stage": .string(work.stage), "motrans:stageVersion": .int(work.stageVersion),
                "motrans:key": .string(record.key.hex), "motrans:outcome": .string(record.outcome.rawValue),
                "motrans:cause": .string(work.cause), "motrans:error": Value.optional(record.error),
                "motrans:element": work.element.map { .string($0.lineText) },
                "motrans:wallSeconds": .seconds(record.usage.wallSeconds),
                "motrans:cpuSeconds": .seconds(record.usage.cpuSeconds),
                "motrans:peakMemory": .int(record.usage.peakMemory), "motrans:kernels": .string(record.usage.kernels),
                "motrans:threads": .int(record.usage.threads),
            ]
            for (name, value) in record.settings {
                fields["motrans:setting.\(Self.local(name))"] = Self.literal(value)
            }
            add("activity", name, fields)
            relate("wasAssociatedWith", ["prov:activity": .string(name), "prov:agent": .string(tool)])
            let run = "run:\(work.run)"
            if account.isReused(record) {
                add("activity", run, ["prov:type": Self.name("motrans:Run")])
                relate("wasInformedBy", ["prov:informed": .string(runName), "prov:informant": .string(name)])
            }
            relate("wasInformedBy", ["prov:informed": .string(name), "prov:informant": .string(run)])
            for use in work.inputs {
                artifact(use)
                relate(
                    "used",
                    [
                        "prov:activity": .string(name), "prov:entity": Self.artifact(use),
                        "prov:role": .string(use.port), "prov:time": .time(work.started),
                    ])
            }
            for model in work.models {
                add(
                    "entity", "model:\(model.digest)",
                    ["prov:type": Self.name("motrans:ModelPart"), "prov:label": .string(model.part)])
                relate(
                    "used",
                    [
                        "prov:activity": .string(name), "prov:entity": .string("model:\(model.digest)"),
                        "prov:role": .string(model.part),
                    ])
            }
            for use in record.outputs {
                artifact(use)
                relate(
                    "wasGeneratedBy",
                    [
                        "prov:entity": Self.artifact(use), "prov:activity": .string(name),
                        "prov:role": .string(use.port), "prov:time": record.ended.map(Value.time),
                    ])
                relate("wasAttributedTo", ["prov:entity": Self.artifact(use), "prov:agent": .string(tool)])
                for source in Set(work.inputs.map(\.artifact)).sorted() {
                    relate(
                        "wasDerivedFrom",
                        [
                            "prov:generatedEntity": Self.artifact(use),
                            "prov:usedEntity": .string("artifact:\(source)"), "prov:activity": .string(name),
                        ])
                }
            }
        }

        /// An artifact with its files, once.
        private mutating func artifact(_ use: ArtifactUse) {
            let name = "artifact:\(use.artifact)"
            guard sections["entity"]?[name] == nil else { return }
            let record = account.artifacts[use.artifact]
            let isSource = sources.contains(use.artifact)
            add(
                "entity", name,
                [
                    "prov:type": .list([
                        Self.name("prov:Collection"), Self.name(isSource ? "motrans:Source" : "motrans:Artifact"),
                    ]),
                    "prov:label": .string(use.kind.name), "motrans:kind": .string(use.kind.name),
                    "motrans:sha256": .string(use.artifact.hex),
                    "motrans:attributes": record.flatMap {
                        $0.manifest.attributes == .null ? nil : .string($0.manifest.attributes.lineText)
                    },
                ])
            for entry in record?.manifest.entries ?? [] {
                let label = isSource ? account.name(of: entry) : entry.path
                add(
                    "entity", "file:\(entry.digest)",
                    [
                        "prov:type": Self.name("motrans:File"), "prov:label": .string(label),
                        "motrans:sha256": .string(entry.digest.hex), "motrans:size": .int(entry.size),
                        "motrans:mediaType": .string(entry.mediaType),
                    ])
                relate("hadMember", ["prov:collection": .string(name), "prov:entity": .string("file:\(entry.digest)")])
            }
        }

        private static func artifact(_ use: ArtifactUse) -> Value { .string("artifact:\(use.artifact)") }

        private static func name(_ name: String) -> Value { .map(["$": .string(name), "type": "prov:QUALIFIED_NAME"]) }

        /// Attributes are single values: what is more is JSON in a string.
        private static func literal(_ value: Value) -> Value {
            switch value {
            case .bool, .int, .double, .string: value
            case .null, .list, .map: .string(value.lineText)
            }
        }

        /// A name that may stand behind a prefix.
        private static func local(_ name: String) -> String {
            String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) ? $0 : "-" })
        }
    }
}
