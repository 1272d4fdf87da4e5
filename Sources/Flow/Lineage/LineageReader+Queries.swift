public import Artifacts
public import Foundation

extension LineageReader {
    /// What a key is known to give. Takes some 20 µs.
    public func result(for key: Digest) throws -> StepResult? { fatalError() }

    /// Runs, the latest first.
    public func runs(pipeline: String? = nil, limit: Int = 100) throws -> [RunRecord] { fatalError() }

    /// One run.
    public func run(_ id: RunID) throws -> RunRecord? { fatalError() }

    /// What a run decided about its steps, in the order of their recording.
    public func steps(of run: RunID) throws -> [RunStep] { fatalError() }

    /// The attempts of a run, in the order of their start.
    public func attempts(of run: RunID) throws -> [AttemptRecord] { fatalError() }

    /// The attempts at a step in all runs, the latest first.
    public func attempts(
        ofStep step: String, pipeline: String? = nil, outcome: AttemptOutcome? = nil, limit: Int = 100
    ) throws -> [AttemptRecord] { fatalError() }

    /// One attempt.
    public func attempt(_ id: AttemptID) throws -> AttemptRecord? { fatalError() }

    /// What an attempt logged, nil when there is no such attempt.
    public func log(of id: AttemptID) throws -> String? { fatalError() }

    /// The key record of the latest attempt at a step, whatever its outcome: what `explain` compares with.
    public func latestRecord(ofStep step: String, pipeline: String) throws -> KeyRecord? { fatalError() }

    /// One artifact.
    public func artifact(_ digest: Digest) throws -> ArtifactRecord? { fatalError() }

    /// All artifacts, in the order of their recording.
    public func artifacts() throws -> [ArtifactRecord] { fatalError() }

    /// The artifacts that runs read and gave: what gc keeps for them.
    public func artifacts(ofRuns runs: [RunID]) throws -> Set<Digest> { fatalError() }

    /// The attempts that gave an artifact, in the order of their start.
    public func producers(of artifact: Digest) throws -> [AttemptRecord] { fatalError() }

    /// The ancestors or descendants of artifacts.
    public func graph(from artifacts: [Digest], _ direction: LineageGraph.Direction) throws -> LineageGraph {
        fatalError()
    }

    /// Everything whose digest or name begins with a text of four characters or more.
    public func matches(_ prefix: String) throws -> [LineageMatch] { fatalError() }

    /// Artifacts that hold a file with these bytes.
    public func artifacts(withFile digest: Digest) throws -> [(artifact: Digest, path: String)] { fatalError() }

    /// Where files with these bytes were seen.
    public func sources(of digest: Digest) throws -> [SourceRecord] { fatalError() }

    /// All source files ever seen.
    public func sources() throws -> [SourceRecord] { fatalError() }

    /// All pins.
    public func pins() throws -> [Pin] { fatalError() }

    /// All revocations.
    public func revocations() throws -> [Revocation] { fatalError() }

    /// All evictions, the latest first.
    public func evictions(limit: Int = 1000) throws -> [Eviction] { fatalError() }
}
