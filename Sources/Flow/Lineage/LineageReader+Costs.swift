public import Artifacts
import GRDB

/// What an attempt took.
public struct AttemptCost: Hashable, Sendable {
    /// Wall time, in seconds.
    public let seconds: Double
    /// Bytes of its outputs.
    public let bytes: Int
    /// Bytes of memory at the peak.
    public let memory: Int
}

extension LineageReader {
    /// What the latest attempt with a key that succeeded took; nil when there is none.
    public func cost(ofKey key: Digest) throws -> AttemptCost? {
        try cost(
            """
            SELECT a.wall_seconds AS seconds, a.peak_memory AS memory, \(Self.outputBytes) AS bytes
            FROM attempts AS a WHERE a.key = ? AND a.outcome = 'succeeded' ORDER BY a.id DESC LIMIT 1
            """, [key.hex])
    }

    /// What the latest attempt at a step that succeeded took; nil when there is none.
    public func cost(ofStep step: String, pipeline: String) throws -> AttemptCost? {
        try cost(
            """
            SELECT a.wall_seconds AS seconds, a.peak_memory AS memory, \(Self.outputBytes) AS bytes
            FROM attempts AS a JOIN runs AS r ON r.id = a.run
            WHERE a.step = ? AND r.pipeline = ? AND a.outcome = 'succeeded' ORDER BY a.id DESC LIMIT 1
            """, [step, pipeline])
    }

    /// What the latest attempts of a stage took: the mean of twenty, of memory the most.
    public func cost(ofStage stage: String) throws -> AttemptCost? {
        try cost(
            """
            SELECT avg(wall_seconds) AS seconds, max(peak_memory) AS memory, CAST(avg(bytes) AS INTEGER) AS bytes
            FROM (SELECT a.wall_seconds, a.peak_memory, \(Self.outputBytes) AS bytes FROM attempts AS a
                WHERE a.stage = ? AND a.outcome = 'succeeded' ORDER BY a.id DESC LIMIT 20)
            HAVING count(*) > 0
            """, [stage])
    }

    private static let outputBytes = """
        (SELECT coalesce(sum(f.size), 0) FROM attempt_outputs AS o JOIN artifacts AS f ON f.digest = o.artifact
            WHERE o.attempt = a.id)
        """

    private func cost(_ query: String, _ arguments: StatementArguments) throws -> AttemptCost? {
        try database.row(query, arguments).map {
            AttemptCost(seconds: $0["seconds"], bytes: $0["bytes"], memory: $0["memory"])
        }
    }
}
