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
    /// Its link in the chain of records, which stands for all before it; nil while it has not ended.
    public let link: ChainLink?

    /// The names of the steps: of the plan, or of the attempts where the run never came to its end.
    public let stepNames: [String]
    /// The artifacts that the run's steps gave, each under the step and port that gave it first.
    public let outputs: [Output]
    /// What the run was made for: outputs that no step of it reads, and those that are only read to be scored.
    public let results: [Output]
    /// The artifacts that the run read and that no attempt of it gave: the user's own files.
    public let inputs: [Digest]
    /// The parts of models that the run read.
    public let models: [ModelUse]
    private let byStep: [String: AttemptRecord]

    init(
        run: RunRecord, steps: [RunStep], attempts: [AttemptRecord], artifacts: [Digest: ArtifactRecord],
        sources: [Digest: [SourceRecord]], link: ChainLink? = nil
    ) {
        self.link = link
        self.run = run
        self.steps = steps
        self.attempts = attempts
        self.artifacts = artifacts
        self.sources = sources
        let byID = Dictionary(attempts.map { ($0.id, $0) }) { $1 }
        let byStep =
            steps.isEmpty
            ? Dictionary(attempts.map { ($0.attempt.step, $0) }) { $1 }
            : Dictionary(steps.compactMap { step in step.attempt.flatMap { byID[$0] }.map { (step.step, $0) } }) { $1 }
        let names = (steps.isEmpty ? attempts.map(\.attempt.step) : steps.map(\.step)).uniqued()
        let outputs = names.compactMap { byStep[$0] }.flatMap { attempt in
            attempt.outputs.map { Output(step: attempt.attempt.step, use: $0, attempt: attempt) }
        }.uniqued(by: \.use.artifact)
        let reads = attempts.flatMap { attempt in attempt.attempt.inputs.map { (artifact: $0.artifact, by: attempt) } }
        let readers = Dictionary(grouping: reads, by: \.artifact)
        let made = Set(attempts.flatMap(\.outputs).map(\.artifact))
        self.byStep = byStep
        self.outputs = outputs
        stepNames = names
        results = outputs.filter { output in
            (readers[output.use.artifact] ?? []).allSatisfy { read in
                !read.by.outputs.isEmpty && read.by.outputs.allSatisfy { $0.kind == .scores }
            }
        }
        inputs = reads.map(\.artifact).filter { !made.contains($0) }.uniqued()
        models = attempts.flatMap(\.attempt.models).uniqued(by: \.digest)
    }

    /// Whether an attempt is of an earlier run.
    public func isReused(_ attempt: AttemptRecord) -> Bool { attempt.attempt.run != run.id }

    /// The attempt whose outputs the run used, or that failed, by step; nil for what was never tried.
    public func attempt(at step: String) -> AttemptRecord? { byStep[step] }

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
        return RunAccount(
            run: run, steps: steps, attempts: attempts, artifacts: artifacts, sources: sources,
            link: try link(of: .run, run.id.text))
    }
}

extension Sequence {
    /// The elements without those whose key came before.
    fileprivate func uniqued(by key: (Element) -> some Hashable) -> [Element] {
        var seen: Set<AnyHashable> = []
        return filter { seen.insert(AnyHashable(key($0))).inserted }
    }
}

extension Sequence where Element: Hashable {
    fileprivate func uniqued() -> [Element] { uniqued { $0 } }
}
