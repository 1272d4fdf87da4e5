public import Artifacts
import Foundation
import Lineage
import Storage

extension Engine {
    /// Where something comes from, down to sources, settings and model digests; or what was made of it.
    ///
    /// - Parameter subject: a file on disk (known by its bytes), a digest or the beginning of one (of an artifact, a file, a
    ///   key, a model), an attempt, or a step (its latest outputs).
    /// - Throws: `ExecutionError.notFound`, `.ambiguous`, `LineageError`.
    public func lineageTree(of subject: String, _ direction: LineageTree.Direction) throws -> LineageTree {
        try lineageAnswer(of: subject, direction).tree
    }

    /// The same with all that stands behind it as values, and how a file was recognised.
    ///
    /// - Parameters:
    ///   - inspector: who reads videos, for files whose bytes are not known; nil to go by bytes alone.
    ///   - annotate: adds facts to artifacts and attempts of the tree, such as what only who knows their formats can tell.
    /// - Throws: `ExecutionError.notFound`, `.ambiguous`, `LineageError`, and what `annotate` throws.
    public func lineageAnswer(
        of subject: String, _ direction: LineageTree.Direction, inspecting inspector: VideoInspector? = nil,
        annotating annotate: (LineageClosure) throws -> LineageAnnotations = { _ in LineageAnnotations() }
    ) throws -> LineageAnswer {
        let (target, match, note) = try resolve(subject, inspecting: inspector)
        let closure = try lineage.read { reader in
            let artifacts = try target.artifacts(reader)
            let graph = try reader.graph(from: artifacts, direction == .up ? .upstream : .downstream)
            switch direction {
            case .up:
                return try LineageClosure(
                    upstreamOf: target.results(reader), path: target.path, reader: reader, store: store, graph: graph)
            case .down:
                return try LineageClosure(downstreamOf: artifacts, reader: reader, store: store, graph: graph)
            }
        }
        let annotations = try annotate(closure)
        let tree = try lineage.read { reader in
            let graph = try reader.graph(
                from: target.artifacts(reader), direction == .up ? .upstream : .downstream)
            var builder = TreeBuilder(
                engine: self, reader: reader, store: store, graph: graph, direction: direction,
                annotations: annotations)
            return LineageTree(direction: direction, root: try builder.root(target))
        }
        return LineageAnswer(tree: tree, closure: closure, match: match, note: note)
    }

    /// The artifacts that a name on the command line stands for: one by its digest, those that hold a file, or all that an
    /// attempt or a step gave.
    ///
    /// - Throws: `ExecutionError.notFound`, `.ambiguous`, `LineageError`.
    public func artifacts(named subject: String) throws -> [Digest] {
        switch try resolve(subject) {
        case .artifact(let digest): [digest]
        case .file(_, _, let holders): Array(Set(holders.map(\.artifact))).sorted()
        case .attempt(let attempt): attempt.outputs.map(\.artifact)
        case .step(_, let attempts): attempts.flatMap { $0.outputs.map(\.artifact) }
        case .model:
            throw ExecutionError.notFound(subject, help: "it is a model's digest, and models are not in the store")
        }
    }

    /// What a name on the command line stands for.
    enum Target: Sendable {
        case artifact(Digest)
        /// A file by its bytes, with the artifacts that hold it.
        case file(Digest, name: String, holders: [(artifact: Digest, path: String)])
        case attempt(AttemptRecord)
        /// The latest successful attempts at a step, one for each part.
        case step(String, [AttemptRecord])
        case model(Digest, part: String)

        /// Where the walk through the graph begins.
        func artifacts(_ reader: LineageReader) throws -> [Digest] {
            switch self {
            case .artifact(let digest): [digest]
            case .file(_, _, let holders): holders.map(\.artifact)
            case .attempt(let attempt): Self.ends(of: attempt)
            case .step(_, let attempts): attempts.flatMap(Self.ends)
            case .model: []
            }
        }

        /// What the walk to the origins begins with: what is asked for, or what it gave; not what it read.
        func results(_ reader: LineageReader) throws -> [Digest] {
            switch self {
            case .attempt(let attempt) where !attempt.outputs.isEmpty: attempt.outputs.map(\.artifact)
            case .step(_, let attempts): attempts.flatMap(\.outputs).map(\.artifact)
            default: try artifacts(reader)
            }
        }

        /// The path of the file in the first artifact, if it is one file.
        var path: String? {
            guard case .file(_, _, let holders) = self else { return nil }
            return holders.first?.path
        }

        /// What an attempt read and gave: one that failed has no outputs to start from.
        private static func ends(of attempt: AttemptRecord) -> [Digest] {
            (attempt.outputs + attempt.attempt.inputs).map(\.artifact)
        }
    }

    /// Finds what a name on the command line stands for, for a file also how it was recognised and what else there is to
    /// say of it.
    func resolve(
        _ subject: String, inspecting inspector: VideoInspector?
    ) throws -> (target: Target, match: FileMatch?, note: String?) {
        let url = URL(filePath: subject)
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder), !isFolder.boolValue else {
            return (try resolve(subject), nil, nil)
        }
        let (digest, match, note) = try identify(url, with: inspector)
        guard let match else {
            throw ExecutionError.notFound(
                subject,
                help: (note.flatMap { $0.isEmpty ? nil : $0 + "; and " } ?? "")
                    + "no artifact holds these bytes (SHA-256 \(digest.short)…): the file was not made with this "
                    + "cache, or was changed since")
        }
        var holders = [(artifact: match.artifact, path: match.path)]
        if match.evidence == .bytes { holders = try lineage.read { try $0.artifacts(withFile: digest) } }
        return (.file(digest, name: url.lastPathComponent, holders: holders), match, note)
    }

    /// Finds what a name on the command line stands for; a file by its bytes alone.
    func resolve(_ subject: String) throws -> Target {
        let url = URL(filePath: subject)
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder), !isFolder.boolValue {
            return try resolve(subject, inspecting: nil).target
        }
        return try lineage.read { reader in
            if let attempt = try reader.attempt(AttemptID(subject)) { return .attempt(attempt) }
            if subject.count >= 4, let target = try match(subject, reader) { return target }
            let names: [String]
            do {
                names = try self.names(of: subject, nil, nil, reader)
            } catch is ExecutionError {
                throw Self.unknown(subject)
            }
            let attempts = try names.compactMap {
                try reader.attempts(ofStep: $0, outcome: .succeeded, limit: 1).first
            }
            guard !attempts.isEmpty else { throw Self.unknown(subject) }
            return .step(subject, attempts)
        }
    }

    private static func unknown(_ subject: String) -> ExecutionError {
        .notFound(
            subject,
            help: "give a file, four or more digits of a digest, an attempt as `motrans show` lists them, or a step")
    }

    private func match(_ subject: String, _ reader: LineageReader) throws -> Target? {
        var digests: Set<Digest> = []
        var found: Target?
        var holders: [(artifact: Digest, path: String)] = []
        for match in try reader.matches(subject) {
            switch match {
            case .artifact(let digest):
                digests.insert(digest)
                found = .artifact(digest)
            case .file(let digest, let artifact, let path):
                digests.insert(digest)
                holders.append((artifact, path))
                found = .file(digest, name: path, holders: holders)
            case .key(let digest):
                digests.insert(digest)
                guard let result = try reader.result(for: digest), let attempt = try reader.attempt(result.attempt)
                else {
                    continue
                }
                found = .attempt(attempt)
            case .attempt(let id): found = try reader.attempt(id).map(Target.attempt) ?? found
            case .model(let digest, let part):
                digests.insert(digest)
                found = .model(digest, part: part)
            case .run(let run):
                let attempts = try reader.attempts(of: run).filter { $0.outcome == .succeeded }
                if !attempts.isEmpty { found = .step("run \(run)", attempts) }
            }
        }
        guard digests.count <= 1 else { throw ExecutionError.ambiguous(subject, digests.sorted()) }
        return found
    }
}

/// Walks the graph from its root and writes every thing down once in full.
private struct TreeBuilder {
    let engine: Engine
    let reader: LineageReader
    let store: ObjectStore
    let graph: LineageGraph
    let direction: LineageTree.Direction
    let annotations: LineageAnnotations
    private let makers: [Digest: [AttemptRecord]]
    private let users: [Digest: [AttemptRecord]]
    private var seen: Set<String> = []

    init(
        engine: Engine, reader: LineageReader, store: ObjectStore, graph: LineageGraph,
        direction: LineageTree.Direction, annotations: LineageAnnotations
    ) {
        self.engine = engine
        self.annotations = annotations
        self.reader = reader
        self.store = store
        self.graph = graph
        self.direction = direction
        var makers: [Digest: [AttemptRecord]] = [:]
        var users: [Digest: [AttemptRecord]] = [:]
        for attempt in graph.attempts {
            for use in attempt.outputs { makers[use.artifact, default: []].append(attempt) }
            for artifact in Set(attempt.attempt.inputs.map(\.artifact)) where attempt.outcome == .succeeded {
                users[artifact, default: []].append(attempt)
            }
        }
        self.makers = makers
        self.users = users
    }

    mutating func root(_ target: Engine.Target) throws -> LineageTree.Node {
        switch target {
        case .artifact(let digest): return try artifact(digest)
        case .attempt(let attempt): return try self.attempt(attempt)
        case .model(let digest, let part): return model(ModelUse(part: part, digest: digest, path: ""))
        case .file(let digest, let name, let holders):
            let edges = try holders.map {
                LineageTree.Edge(label: "file \($0.path) of", node: try artifact($0.artifact))
            }
            return LineageTree.Node(
                kind: .object, id: digest.hex, title: name, facts: [("sha256", digest.hex)], edges: edges,
                isRepeated: false)
        case .step(let name, let attempts):
            if let only = attempts.first, attempts.count == 1 { return try attempt(only) }
            let edges = try attempts.map {
                LineageTree.Edge(label: $0.attempt.step, node: try attempt($0))
            }
            return LineageTree.Node(
                kind: .attempt, id: name, title: name, facts: [("parts", "\(attempts.count)")], edges: edges,
                isRepeated: false)
        }
    }

    private mutating func artifact(_ digest: Digest) throws -> LineageTree.Node {
        guard let record = try graph.artifacts[digest] ?? reader.artifact(digest) else {
            return LineageTree.Node(
                kind: .artifact, id: digest.hex, title: "artifact \(digest.short) (not recorded)", facts: [], edges: [],
                isRepeated: false)
        }
        let manifest = record.manifest
        let count = manifest.entries.count
        let title = "\(manifest.kind) \(digest.short), \(count) \(count == 1 ? "file" : "files")"
        guard seen.insert(digest.hex).inserted else { return repeated(.artifact, digest.hex, title) }
        var facts: [(name: String, value: String)] = [("digest", digest.hex)]
        let shown = 16
        facts += manifest.entries.prefix(shown).map { ($0.path, "\($0.size) bytes, sha256 \($0.digest.hex)") }
        if count > shown { facts.append(("and", "\(count - shown) more files")) }
        // The user's own files are not in the store.
        if makers[digest] != nil, !manifest.entries.allSatisfy({ store.contains($0.digest) }) {
            let gone = manifest.entries.map(\.digest).first { !store.contains($0) } ?? digest
            let eviction = try reader.eviction(of: gone).map {
                "evicted \($0.date.formatted(.iso8601)) (\($0.reason))"
            }
            facts.append(("bytes", eviction ?? "not in the store any more"))
            facts.append(("recomputable", try engine.recomputation(of: digest, reader).description))
            for rest in try reader.remains(of: digest) {
                facts.append(
                    (
                        rest.path,
                        rest.facts.sorted { $0.key < $1.key }.map {
                            "\($0.key) \(KeyChange.text($0.value))"
                        }.joined(separator: ", ")
                    ))
            }
        }
        if manifest.attributes != .null { facts.append(("attributes", KeyChange.text(manifest.attributes))) }
        facts += annotations.artifacts[digest] ?? []
        var edges: [LineageTree.Edge] = []
        switch direction {
        case .up:
            let attempts = (makers[digest] ?? []).filter { $0.outcome == .succeeded }
            // The same bytes may have been made again: what first made them is where they come from.
            if let first = attempts.first {
                edges.append(LineageTree.Edge(label: "made by", node: try attempt(first)))
                if attempts.count > 1 { facts.append(("made again by", "\(attempts.count - 1) later attempts")) }
            } else {
                edges = try manifest.entries.map { entry in
                    LineageTree.Edge(label: "source", node: try source(entry))
                }
            }
        case .down:
            edges = try (users[digest] ?? []).map {
                LineageTree.Edge(label: "used by", node: try attempt($0))
            }
        }
        return LineageTree.Node(
            kind: .artifact, id: digest.hex, title: title, facts: facts, edges: edges, isRepeated: false)
    }

    private mutating func attempt(_ record: AttemptRecord) throws -> LineageTree.Node {
        let work = record.attempt
        let title = "\(work.step): \(work.stage) version \(work.stageVersion)"
        guard seen.insert(record.id.text).inserted else { return repeated(.attempt, record.id.text, title) }
        let run = try reader.run(work.run)?.run
        var facts: [(name: String, value: String)] = []
        if let element = work.element { facts.append(("element", KeyChange.text(element))) }
        let settings = work.record.fields.filter { $0.path.hasPrefix("settings.") }.map { field in
            (name: String(field.path.dropFirst("settings.".count)), value: KeyChange.text(field.value))
        }
        facts += [("key", record.key.hex), ("attempt", record.id.text), ("run", work.run.text)]
        facts.append(("started", work.started.formatted(.iso8601)))
        facts.append(("outcome", record.outcome.rawValue))
        facts.append(("cause", work.cause))
        facts += try continuations(of: record.id).map { ("went on", $0) }
        facts += annotations.attempts[record.id] ?? []
        if !record.usage.kernels.isEmpty { facts.append(("kernels", record.usage.kernels)) }
        if record.usage.threads > 0 { facts.append(("threads", "\(record.usage.threads)")) }
        if let run {
            facts += [("tool", "motrans \(run.toolVersion)"), ("host", run.process.host), ("pipeline", run.pipeline)]
        }
        var edges: [LineageTree.Edge] = []
        switch direction {
        case .up:
            for use in work.inputs {
                edges.append(LineageTree.Edge(label: use.port, node: try artifact(use.artifact)))
            }
            edges += work.models.map { LineageTree.Edge(label: "model", node: model($0)) }
        case .down:
            for use in record.outputs {
                edges.append(LineageTree.Edge(label: use.port, node: try artifact(use.artifact)))
            }
        }
        return LineageTree.Node(
            kind: .attempt, id: record.id.text, title: title, facts: facts, settings: settings, edges: edges,
            isRepeated: false)
    }

    /// Which units of an attempt's work came from which attempts before it, back to the first.
    private func continuations(of attempt: AttemptID) throws -> [String] {
        try reader.continuations(of: attempt).map { part, done, writer, _ in
            var chain = "after \(done), from attempt \(writer)"
            var (writer, seen) = (writer, Set([attempt]))
            while seen.insert(writer).inserted,
                let earlier = try reader.continuations(of: writer).first(where: { $0.part == part })
            {
                chain += ", which went on after \(earlier.done) from attempt \(earlier.from)"
                writer = earlier.from
            }
            return "\(part) \(chain)"
        }
    }

    private func source(_ entry: Manifest.Entry) throws -> LineageTree.Node {
        let places = try graph.sources[entry.digest] ?? reader.sources(of: entry.digest)
        var facts: [(name: String, value: String)] = [("sha256", entry.digest.hex), ("size", "\(entry.size) bytes")]
        facts += places.dropFirst().map { ("also at", $0.path) }
        return LineageTree.Node(
            kind: .source, id: entry.digest.hex, title: places.first?.path ?? entry.path, facts: facts, edges: [],
            isRepeated: false)
    }

    private mutating func model(_ use: ModelUse) -> LineageTree.Node {
        let title = "\(use.part) \(use.digest.short)"
        guard seen.insert(use.digest.hex).inserted else { return repeated(.model, use.digest.hex, title) }
        var facts: [(name: String, value: String)] = [("digest", use.digest.hex)]
        if !use.path.isEmpty { facts.append(("folder", use.path)) }
        return LineageTree.Node(
            kind: .model, id: use.digest.hex, title: title, facts: facts, edges: [], isRepeated: false)
    }

    private func repeated(_ kind: LineageTree.Node.Kind, _ id: String, _ title: String) -> LineageTree.Node {
        LineageTree.Node(kind: kind, id: id, title: title, facts: [], edges: [], isRepeated: true)
    }
}
