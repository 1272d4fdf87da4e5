public import Artifacts
public import Foundation
public import Lineage

/// What a revocation reaches.
public struct RevocationReach: Sendable {
    /// What was revoked.
    public let targets: [Revocation.Target]
    /// Every artifact that falls under it, with the step that gave it, in the order of their recording.
    public let derived: [(artifact: ArtifactRecord, step: String?)]
}

/// Whether something is among what a result comes from.
public struct AbsenceProof: Sendable {
    /// The bytes that were looked for.
    public let digest: Digest
    /// From the bytes to the result, step by step; nil when they are nowhere among what it comes from.
    public let path: [String]?
    /// What the result comes from, by the names of its source files.
    public let sources: [SourceRecord]
    /// How many artifacts were looked at.
    public let artifacts: Int
    /// How many attempts.
    public let attempts: Int
    /// How many model parts.
    public let modelParts: Int
    /// Artifacts of which nothing is recorded, so that nobody can tell what they come from.
    public let unknown: [Digest]
}

extension Engine {
    /// Revokes a file by its bytes, an artifact, or all that a step gave: nothing that comes from it is used any more.
    ///
    /// - Parameter subject: a file on disk, or four or more digits of a digest of a file or an artifact, or a step.
    /// - Throws: `ExecutionError.notFound`, `.ambiguous`, `LineageError`.
    public func revoke(_ subject: String, reason: String, at date: Date = Date()) throws -> RevocationReach {
        let targets = try revocationTargets(subject)
        for target in targets { try lineage.revoke(Revocation(target, reason: reason, date: date)) }
        return try reach(of: targets)
    }

    /// Takes a revocation back.
    ///
    /// - Throws: `ExecutionError.notFound` when there is none.
    public func withdraw(_ subject: String) throws {
        let targets = try revocationTargets(subject)
        let found = try targets.filter { try lineage.withdraw($0) }
        guard !found.isEmpty else {
            throw ExecutionError.notFound(subject, help: "it is not revoked; `motrans revoke` lists what is")
        }
    }

    /// What falls under revocations of these.
    public func reach(of targets: [Revocation.Target]) throws -> RevocationReach {
        try lineage.read { reader in
            let taint = try reader.taint()
            let derived = try reader.artifacts().filter {
                taint.artifacts[$0.digest].map { targets.contains($0.target) } ?? false
            }
            return RevocationReach(
                targets: targets,
                derived: try derived.map { ($0, try reader.producers(of: $0.digest).last?.attempt.step) })
        }
    }

    private func revocationTargets(_ subject: String) throws -> [Revocation.Target] {
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: subject, isDirectory: &isFolder), !isFolder.boolValue {
            // A file that nobody has used yet may be revoked too: it never will be.
            return [.file(try storedDigest(of: URL(filePath: subject)))]
        }
        switch try resolve(subject) {
        case .file(let digest, _, _): return [.file(digest)]
        case .artifact(let digest): return [.artifact(digest)]
        case .attempt(let attempt): return attempt.outputs.map { .artifact($0.artifact) }
        case .step(_, let attempts): return attempts.flatMap { $0.outputs.map { .artifact($0.artifact) } }
        case .model:
            throw ExecutionError.notFound(subject, help: "a model part is revoked by one of its files: give its path")
        }
    }

    /// The digest of a file's bytes; of one that was handed out with words in it, that of the bytes in the store.
    private func storedDigest(of file: URL) throws -> Digest {
        guard let digest = try lineage.digests(of: [file], remembering: false).first?.digest else {
            throw ExecutionError.notFound(file.path, help: "it cannot be read")
        }
        return try lineage.read { reader in
            guard let delivery = try reader.deliveries(withDigest: digest).first else { return digest }
            let entries = try reader.artifact(delivery.artifact)?.manifest.entries ?? []
            return entries.first { $0.path == delivery.path }?.digest ?? digest
        }
    }

    /// Looks for bytes among all that a result comes from: sources, results between, and the files of models.
    ///
    /// - Parameters:
    ///   - subject: a file on disk, or the digest of one.
    ///   - result: a file on disk, a digest, or a step.
    /// - Throws: `ExecutionError.notFound` for a result that this cache does not know, `LineageError`.
    public func prove(absenceOf subject: String, from result: String) throws -> AbsenceProof {
        let digest: Digest
        if FileManager.default.fileExists(atPath: subject) {
            digest = try storedDigest(of: URL(filePath: subject))
        } else if let whole = Digest(hex: subject) {
            digest = whole
        } else if case .file(let found, _, _) = try resolve(subject) {
            digest = found
        } else {
            throw ExecutionError.notFound(subject, help: "give a file, or the digest of one")
        }
        var roots = try artifacts(named: result)
        return try lineage.read { reader in
            var graph = try reader.graph(from: roots, .upstream)
            // A file of the user's may be one that this cache made and handed out: then that is where it comes from.
            while true {
                let made = try Set(
                    graph.sources.keys.flatMap { file in
                        try reader.artifacts(withFile: file).map(\.artifact)
                            + reader.deliveries(withDigest: file).map(\.artifact)
                    }
                ).subtracting(graph.artifacts.keys)
                guard !made.isEmpty else { break }
                roots += made.sorted()
                graph = try reader.graph(from: roots, .upstream)
            }
            let search = AncestorSearch(graph: graph)
            let parts = Set(graph.attempts.flatMap { $0.attempt.models.map(\.digest) })
            let seen = Set(graph.artifacts.keys)
            let named = Set(roots + graph.attempts.flatMap { $0.attempt.inputs.map(\.artifact) })
            return AbsenceProof(
                digest: digest, path: try search.path(to: digest, from: roots, reader),
                sources: Array(Set(graph.sources.values.flatMap { $0 })).sorted { $0.path < $1.path },
                artifacts: seen.count, attempts: graph.attempts.count, modelParts: parts.count,
                unknown: named.subtracting(seen).sorted())
        }
    }
}

/// Looks through the ancestors of results, the nearest first.
private struct AncestorSearch {
    let graph: LineageGraph

    /// From a file's bytes down to the result, as people read it; nil when the bytes are nowhere.
    func path(to digest: Digest, from roots: [Digest], _ reader: LineageReader) throws -> [String]? {
        var makers: [Digest: [AttemptRecord]] = [:]
        for attempt in graph.attempts {
            for use in attempt.outputs { makers[use.artifact, default: []].append(attempt) }
        }
        var cameFrom: [Digest: (artifact: Digest, step: String)] = [:]
        var visited = Set(roots)
        var queue = roots[...]
        while let artifact = queue.popFirst() {
            if let entry = graph.artifacts[artifact]?.manifest.entries.first(where: { $0.digest == digest }) {
                let name = graph.sources[digest]?.first?.path ?? entry.path
                return [name] + chain(from: artifact, cameFrom)
            }
            for attempt in makers[artifact] ?? [] {
                for model in attempt.attempt.models
                where try reader.sources(of: digest).contains(where: { $0.path.hasPrefix("\(model.path)/") }) {
                    return ["model part \(model.part)", attempt.attempt.step] + chain(from: artifact, cameFrom)
                }
                for input in attempt.attempt.inputs where visited.insert(input.artifact).inserted {
                    cameFrom[input.artifact] = (artifact, attempt.attempt.step)
                    queue.append(input.artifact)
                }
            }
        }
        return nil
    }

    private func chain(from artifact: Digest, _ cameFrom: [Digest: (artifact: Digest, step: String)]) -> [String] {
        var steps: [String] = []
        var current = artifact
        while let next = cameFrom[current] {
            steps.append(next.step)
            current = next.artifact
        }
        return steps
    }
}
