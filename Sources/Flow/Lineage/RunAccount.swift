public import Artifacts

/// All that lineage knows of one run: what it decided, what it made or found, and from what.
///
/// What the run found made already is there too, with the attempt of the earlier run that made it.
public struct RunAccount: Hashable, Sendable {
    /// The run.
    public let run: RunRecord
    /// What it decided, in the order of the plan; empty when it never came to its end.
    public let steps: [RunStep]
    /// Every attempt that it made, failed ones too, and those of earlier runs whose outputs it used; by their start.
    public let attempts: [AttemptRecord]
    /// The artifacts that these read and gave.
    public let artifacts: [Digest: ArtifactRecord]
    /// Where the files of artifacts lay that none of the attempts made, by file digest.
    public let sources: [Digest: [SourceRecord]]

    /// Whether an attempt is of an earlier run.
    public func isReused(_ attempt: AttemptRecord) -> Bool { attempt.attempt.run != run.id }

    /// The attempt whose outputs the run used, or that failed, by step; nil for what was never tried.
    public func attempt(at step: String) -> AttemptRecord? {
        if let decided = steps.first(where: { $0.step == step }) {
            return decided.attempt.flatMap { id in attempts.first { $0.id == id } }
        }
        return attempts.last { $0.attempt.step == step }
    }

    /// The names of the steps: of the plan, or of the attempts where the run never came to its end.
    public var stepNames: [String] {
        guard steps.isEmpty else { return steps.map(\.step) }
        var seen: Set<String> = []
        return attempts.map(\.attempt.step).filter { seen.insert($0).inserted }
    }

    /// The artifacts that the run's steps gave, each under the step and port that gave it first.
    public var outputs: [Output] {
        var seen: Set<Digest> = []
        return stepNames.compactMap(attempt(at:)).flatMap { attempt in
            attempt.outputs.filter { seen.insert($0.artifact).inserted }.map { use in
                Output(step: attempt.attempt.step, use: use, attempt: attempt)
            }
        }
    }

    /// What the run was made for: outputs that no step of it reads, and those that are only read to be scored.
    public var results: [Output] {
        let readers = Dictionary(
            grouping: attempts.flatMap { attempt in attempt.attempt.inputs.map { ($0.artifact, attempt) } }, by: \.0)
        return outputs.filter { output in
            (readers[output.use.artifact] ?? []).allSatisfy { _, reader in
                !reader.outputs.isEmpty && reader.outputs.allSatisfy { $0.kind == .scores }
            }
        }
    }

    /// The artifacts that the run read and that no attempt of it gave: the user's own files.
    public var inputs: [Digest] {
        let made = Set(attempts.flatMap(\.outputs).map(\.artifact))
        var seen: Set<Digest> = []
        return attempts.flatMap(\.attempt.inputs).map(\.artifact).filter {
            !made.contains($0) && seen.insert($0).inserted
        }
    }

    /// The parts of models that the run read.
    public var models: [ModelUse] {
        var seen: Set<Digest> = []
        return attempts.flatMap(\.attempt.models).filter { seen.insert($0.digest).inserted }
    }

    /// An artifact that a step gave.
    public struct Output: Hashable, Sendable {
        /// The step.
        public let step: String
        /// The port and the artifact.
        public let use: ArtifactUse
        /// The attempt that gave it.
        public let attempt: AttemptRecord
    }
}

extension LineageReader {
    /// All that is known of a run.
    ///
    /// - Throws: `LineageError.record` for records that cannot be read.
    public func account(of run: RunRecord) throws -> RunAccount {
        let steps = try steps(of: run.id)
        var attempts = try attempts(of: run.id)
        let own = Set(attempts.map(\.id))
        var seen = own
        for id in steps.compactMap(\.attempt) where seen.insert(id).inserted {
            if let attempt = try attempt(id) { attempts.append(attempt) }
        }
        attempts.sort { $0.id < $1.id }
        let made = Set(attempts.flatMap(\.outputs).map(\.artifact))
        var artifacts: [Digest: ArtifactRecord] = [:]
        var sources: [Digest: [SourceRecord]] = [:]
        for use in attempts.flatMap({ $0.attempt.inputs + $0.outputs }) where artifacts[use.artifact] == nil {
            guard let record = try artifact(use.artifact) else { continue }
            artifacts[use.artifact] = record
            guard !made.contains(use.artifact) else { continue }
            for entry in record.manifest.entries where sources[entry.digest] == nil {
                sources[entry.digest] = try self.sources(of: entry.digest)
            }
        }
        return RunAccount(run: run, steps: steps, attempts: attempts, artifacts: artifacts, sources: sources)
    }
}
