public import Artifacts
import Foundation
public import Lineage

/// A run as an RO-Crate: a folder with its results, the pipeline file, and `ro-crate-metadata.json`, which tells how one
/// came from the other.
///
/// RO-Crate 1.1, with the profiles Provenance, Workflow and Process Run Crate 0.5 and Workflow RO-Crate 1.0. What is in
/// the folder is described as a file; what is not, as a work with its digest.
public struct ResearchCrate: Sendable {
    /// What those who share a crate say about it.
    public struct Terms: Hashable, Sendable {
        /// Who ran it.
        public var author: String?
        /// A URL or a sentence.
        public var license: String?

        /// Terms as they are.
        public init(author: String? = nil, license: String? = nil) {
            self.author = author
            self.license = license
        }
    }

    /// A file of the crate.
    public struct File: Hashable, Sendable {
        /// Its place in the crate.
        public let path: String
        /// Its bytes in the store.
        public let digest: Digest
    }

    /// The metadata document.
    public let metadata: Value
    /// The text of `pipeline.yaml`.
    public let pipeline: String
    /// The results.
    public let files: [File]

    /// The name of the metadata document in the crate.
    public static let metadataPath = "ro-crate-metadata.json"
    /// The name of the pipeline file in the crate.
    public static let pipelinePath = "pipeline.yaml"

    /// The crate of a run.
    ///
    /// - Parameter holding: whether the bytes of a result are to be in the crate.
    public init(_ account: RunAccount, terms: Terms = Terms(), holding: (Digest) -> Bool) {
        var builder = Builder(account: account, terms: terms)
        builder.place(holding)
        builder.describe()
        metadata = .map([
            "@context": .list([
                "https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context",
            ]),
            "@graph": .list(builder.entities),
        ])
        pipeline = account.run.run.text
        files = builder.files
    }

    private struct Builder {
        let account: RunAccount
        let terms: Terms
        private(set) var entities: [Value] = []
        private(set) var files: [File] = []
        /// The places of artifacts that are in the crate: the entries with the ids of their files.
        private var placed: [Digest: [(entry: Manifest.Entry, id: String, parameter: String)]] = [:]
        private var described: Set<String> = []
        private let sources: Set<Digest>
        private var run: NewRun { account.run.run }
        private var runID: String { "#run-\(account.run.id)" }
        private static let tool = "urn:motrans:tool"

        init(account: RunAccount, terms: Terms) {
            self.account = account
            self.terms = terms
            sources = Set(account.inputs)
        }

        /// Decides where results lie.
        mutating func place(_ holding: (Digest) -> Bool) {
            var folders: Set<String> = []
            for output in account.results {
                let entries = account.entries(of: output.use.artifact)
                guard !entries.isEmpty, entries.allSatisfy({ holding($0.digest) }) else { continue }
                let plain = "results/" + output.name.split(separator: "/").map(Self.plain).joined(separator: "/")
                var folder = plain
                var number = 2
                while !folders.insert(folder).inserted {
                    folder = "\(plain)-\(number)"
                    number += 1
                }
                let parameter = Self.parameter(output)
                placed[output.use.artifact] = entries.map { entry in
                    let path = "\(folder)/\(entry.path)"
                    files.append(File(path: path, digest: entry.digest))
                    return (entry, Self.escaped(path), parameter)
                }
            }
        }

        private static func parameter(_ output: RunAccount.Output) -> String {
            "#output-" + plain(output.step) + "-" + plain(output.use.port)
        }

        /// A name that is the same as a folder and in a URI.
        private static func plain(_ text: some StringProtocol) -> String {
            var name = String(text.map { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) ? $0 : "-" })
            while name.hasSuffix("-") { name.removeLast() }
            return name.isEmpty || name.allSatisfy({ $0 == "." }) ? "-" : name
        }

        private static func escaped(_ path: String) -> String {
            path.addingPercentEncoding(
                withAllowedCharacters: CharacterSet(
                    charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/")) ?? path
        }

        private mutating func add(_ id: String, _ type: Value, _ fields: [String: Value?]) {
            guard described.insert(id).inserted else { return }
            entities.append(.map(present: fields.merging(["@id": .string(id), "@type": type]) { $1 }))
        }

        private static func reference(_ id: String) -> Value { .map(["@id": .string(id)]) }

        /// None, one or a list, as JSON-LD has them flattened.
        private static func references(_ ids: [String]) -> Value? {
            var seen: Set<String> = []
            let unique = ids.filter { seen.insert($0).inserted }.map(reference)
            return unique.count < 2 ? unique.first : .list(unique)
        }

        private var profiles: [(id: String, name: String, version: String)] {
            [
                ("https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate", "0.5"),
                ("https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate", "0.5"),
                ("https://w3id.org/ro/wfrun/provenance/0.5", "Provenance Run Crate", "0.5"),
                ("https://w3id.org/workflowhub/workflow-ro-crate/1.0", "Workflow RO-Crate", "1.0"),
            ]
        }

        private var author: String? { terms.author.map { "#author-" + Self.plain($0) } }

        mutating func describe() {
            root()
            for profile in profiles {
                add(
                    profile.id, "CreativeWork",
                    ["name": .string(profile.name), "version": .string(profile.version)])
            }
            if let author, let name = terms.author { add(author, "Person", ["name": .string(name)]) }
            workflow()
            for files in placed.values.joined().sorted(by: { $0.id < $1.id }) {
                file(files.entry, files.id, files.parameter)
            }
            for (index, step) in account.stepNames.enumerated() { self.step(step, index + 1) }
            for attempt in account.attempts { self.attempt(attempt) }
            runs()
        }

        /// The id of the terms of use.
        private var license: String {
            terms.license.flatMap { URL(string: $0)?.scheme == nil ? nil : $0 } ?? "#license"
        }

        private mutating func root() {
            add(license, "CreativeWork", ["name": .string(terms.license ?? "None was stated: ask whoever made it.")])
            add(
                metadataPath, "CreativeWork",
                [
                    "about": Self.reference("./"),
                    "conformsTo": Self.references(["https://w3id.org/ro/crate/1.1", profiles[3].id]),
                ])
            let actions = [runID, engineRunID] + account.attempts.map(Self.id)
            add(
                "./", "Dataset",
                [
                    "name": .string("\(run.pipeline), run \(account.run.id)"),
                    "description": .string(
                        "What run \(account.run.id) of the pipeline \(run.pipeline) made, and how: it \(account.run.outcome.rawValue)."
                    ),
                    "datePublished": Self.time(account.ended), "author": author.map(Self.reference),
                    "license": Self.reference(license),
                    "conformsTo": Self.references(profiles.map(\.id)), "mainEntity": Self.reference(pipelinePath),
                    "hasPart": Self.references([pipelinePath] + placed.values.joined().map(\.id).sorted()),
                    "mentions": Self.references(actions),
                ])
        }

        private mutating func workflow() {
            let tools = account.attempts.map(Self.tool)
            let results = account.results.filter { placed[$0.use.artifact] != nil }
            add(
                pipelinePath, .list(["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"]),
                [
                    "name": .string(run.pipeline), "alternateName": .string(account.pipelineFile),
                    "encodingFormat": "application/yaml", "version": .string(account.pipelineDigest.hex),
                    "contentSize": .string("\(run.text.utf8.count)"), "sha256": .string(account.pipelineDigest.hex),
                    "conformsTo": Self.reference("https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"),
                    "programmingLanguage": Self.reference("#pipeline-file"),
                    "output": Self.references(results.map(Self.parameter)),
                    "step": Self.references(account.stepNames.filter { account.attempt(at: $0) != nil }.map(Self.step)),
                    "hasPart": Self.references(tools),
                ])
            add(
                "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE", "CreativeWork",
                ["name": "ComputationalWorkflow", "version": "1.0-RELEASE"])
            add("#pipeline-file", "ComputerLanguage", ["name": "motrans pipeline file", "version": "1"])
            add(
                Self.tool, "SoftwareApplication",
                ["name": "motrans", "softwareVersion": .string(run.toolVersion)])
            for output in results {
                let files = placed[output.use.artifact] ?? []
                add(
                    Self.parameter(output), "FormalParameter",
                    [
                        "name": .string("\(output.step).\(output.use.port)"), "additionalType": "File",
                        "conformsTo": Self.reference("https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"),
                        "workExample": Self.references(files.map(\.id)),
                    ])
                add(
                    "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE", "CreativeWork",
                    ["name": "FormalParameter", "version": "1.0-RELEASE"])
            }
        }

        private mutating func file(_ entry: Manifest.Entry, _ id: String, _ parameter: String) {
            add(
                id, "File",
                [
                    "name": .string(entry.path), "contentSize": .string("\(entry.size)"),
                    "encodingFormat": .string(entry.mediaType), "sha256": .string(entry.digest.hex),
                    "exampleOfWork": Self.reference(parameter),
                ])
        }

        // MARK: Steps and what was done about them

        private static func step(_ name: String) -> String {
            "#step-" + plain(name) + "-" + Digest(of: name).hex.prefix(8)
        }
        private static func tool(_ attempt: AttemptRecord) -> String {
            "urn:motrans:stage:\(plain(attempt.attempt.stage)):\(attempt.attempt.stageVersion)"
        }
        private static func id(_ attempt: AttemptRecord) -> String { "#attempt-\(attempt.id)" }
        private var engineRunID: String { "#engine-\(account.run.id)" }
        private static func control(_ step: String) -> String {
            "#control-" + self.step(step).dropFirst("#step-".count)
        }

        private mutating func step(_ name: String, _ position: Int) {
            guard let attempt = account.attempt(at: name) else { return }
            add(
                Self.step(name), "HowToStep",
                [
                    "name": .string(name), "position": .string("\(position)"),
                    "workExample": Self.reference(Self.tool(attempt)),
                ])
            add(
                Self.tool(attempt), "SoftwareApplication",
                [
                    "name": .string(attempt.attempt.stage),
                    "softwareVersion": .string("\(attempt.attempt.stageVersion)"),
                    "isPartOf": Self.reference(Self.tool),
                ])
            let decision = account.steps.first { $0.step == name }?.decision == .hit
            add(
                Self.control(name), "ControlAction",
                [
                    "name": .string(decision ? "\(name): known already" : "\(name): run"),
                    "instrument": Self.reference(Self.step(name)),
                    "object": Self.references(
                        account.attempts.filter { $0.attempt.step == name || $0.id == attempt.id }.map(Self.id)),
                ])
        }

        private mutating func attempt(_ record: AttemptRecord) {
            let work = record.attempt
            let objects = work.inputs.flatMap { artifact($0) } + work.models.map { model($0) }
            let results = record.outputs.flatMap { artifact($0) }
            let settings = record.settings.map { name, value in
                property("\(Self.id(record))/\(Self.plain(name))", name, value)
            }
            let usage = [
                usage(record, "wall-time", "Wall time", "SEC", .seconds(record.usage.wallSeconds)),
                usage(record, "cpu-time", "Processor time", "SEC", .seconds(record.usage.cpuSeconds)),
                usage(record, "peak-memory", "Peak memory", "AD", .int(record.usage.peakMemory)),
            ]
            add(
                Self.id(record), "CreateAction",
                [
                    "name": .string(work.step),
                    "description": .string(
                        account.isReused(record)
                            ? "Of run \(work.run), found again. \(work.cause)" : "Ran because: \(work.cause)"),
                    "identifier": .string(record.key.hex), "instrument": Self.reference(Self.tool(record)),
                    "object": Self.references(objects + settings), "result": Self.references(results),
                    "startTime": Self.time(work.started), "endTime": record.ended.map(Self.time),
                    "actionStatus": Self.status(record.outcome == .succeeded),
                    "error": record.outcome == .succeeded ? nil : .string(record.error ?? record.outcome.rawValue),
                    "agent": author.map(Self.reference), "resourceUsage": Self.references(usage),
                ])
        }

        private static func status(_ isDone: Bool) -> Value {
            .string("http://schema.org/" + (isDone ? "CompletedActionStatus" : "FailedActionStatus"))
        }

        /// Times with an offset: the profile's validator does not take `Z`.
        private static func time(_ date: Date) -> Value {
            .string(
                date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)).replacing("Z", with: "+00:00")
            )
        }

        private mutating func property(_ id: String, _ name: String, _ value: Value) -> String {
            let text = value.string ?? value.lineText
            add(id, "PropertyValue", ["name": .string(name), "value": .string(text)])
            return id
        }

        private mutating func usage(
            _ record: AttemptRecord, _ id: String, _ name: String, _ unit: String, _ value: Value
        ) -> String {
            let id = "\(Self.id(record))/usage/\(id)"
            add(
                id, "PropertyValue",
                [
                    "name": .string(name),
                    "propertyID": .string("urn:motrans:usage:\(id.split(separator: "/").last ?? "")"),
                    // UN/CEFACT: seconds, bytes.
                    "unitCode": .string(unit), "value": .string(value.lineText),
                ])
            return id
        }

        private mutating func runs() {
            let results = account.results.flatMap { artifact($0.use) }
            let sources = account.inputs.flatMap { source($0) } + account.models.map { model($0) }
            let isDone = account.run.outcome == .succeeded
            add(
                runID, "CreateAction",
                [
                    "name": .string("Run \(account.run.id) of \(run.pipeline)"),
                    "description": .string(account.arguments.compactMap(\.string).joined(separator: " ")),
                    "instrument": Self.reference(pipelinePath), "object": Self.references(sources),
                    "result": Self.references(results), "startTime": Self.time(run.started),
                    "endTime": Self.time(account.ended),
                    "actionStatus": Self.status(isDone),
                    "error": isDone ? nil : .string(account.run.outcome.rawValue), "agent": author.map(Self.reference),
                ])
            let controls = account.stepNames.filter { account.attempt(at: $0) != nil }.map(Self.control)
            guard !controls.isEmpty else { return }
            add(
                engineRunID, "OrganizeAction",
                [
                    "name": .string("motrans \(run.toolVersion) on \(run.process.host)"),
                    "instrument": Self.reference(Self.tool), "object": Self.references(controls),
                    "result": Self.reference(runID), "startTime": Self.time(run.started),
                    "endTime": Self.time(account.ended),
                    "agent": author.map(Self.reference),
                ])
        }

        // MARK: What was read and made

        private mutating func artifact(_ use: ArtifactUse) -> [String] {
            if let files = placed[use.artifact] { return files.map(\.id) }
            if sources.contains(use.artifact) { return source(use.artifact) }
            let id = "#artifact-\(use.artifact)"
            let entries = account.entries(of: use.artifact)
            let files = entries.map { "\($0.path) (\($0.size) bytes, sha256 \($0.digest))" }
            add(
                id, "CreativeWork",
                [
                    "name": .string(use.kind.name), "sha256": .string(use.artifact.hex),
                    "description": .string("Not in the crate: " + files.joined(separator: ", ")),
                ])
            return [id]
        }

        private mutating func source(_ artifact: Digest) -> [String] {
            account.entries(of: artifact).map { entry in
                let id = "#source-\(entry.digest)"
                add(
                    id, "CreativeWork",
                    [
                        "name": .string(account.name(of: entry)), "sha256": .string(entry.digest.hex),
                        "contentSize": .string("\(entry.size)"), "encodingFormat": .string(entry.mediaType),
                    ])
                return id
            }
        }

        private mutating func model(_ use: ModelUse) -> String {
            let id = "#model-\(use.digest)"
            add(
                id, "CreativeWork",
                ["name": .string("model part \(use.part)"), "identifier": .string("motransFolder:\(use.digest)")])
            return id
        }
    }
}
