public import Artifacts
public import Lineage
public import Pipelines
public import StageKit

/// What a run of a plan would do, step by step.
///
/// Found without writing anything.
public struct Forecast: Sendable {
    /// One step.
    public struct Step: Sendable {
        /// Its name.
        public let id: StepID
        /// What kind of work.
        public let stage: StageKind
        /// What will happen.
        public let decision: Decision
        /// The first reason to run; nil for a hit.
        public let cause: Cause?
        /// Its key record and key; nil as long as an input is not known.
        public let key: StepKey?
        /// For a hit, the artifacts by output port.
        public let outputs: [String: Digest]
        /// For a hit, the attempt that gave them.
        public let attempt: AttemptID?
        /// What it is likely to take; nil for a hit, and where nothing is known.
        public var estimate: StepEstimate?
    }

    /// The steps that are wanted, in the order of the plan.
    public let steps: [Step]

    init(steps: [Step]) { self.steps = steps }

    /// Whether there is nothing to do.
    public var isUpToDate: Bool { steps.allSatisfy { $0.decision == .hit } }

    /// How many steps have a decision.
    public func count(of decision: Decision) -> Int { steps.count { $0.decision == decision } }
}

/// What a step is likely to take, by what it took before, or by what other steps of its stage took.
public struct StepEstimate: Hashable, Sendable {
    /// Wall time, in seconds.
    public let seconds: Double
    /// Bytes of its outputs.
    public let bytes: Int
    /// Bytes of memory at the peak.
    public let memory: Int
    /// Whether only other steps of the stage were there to tell.
    public let isByStage: Bool
}

/// A key record with its digest.
public struct StepKey: Hashable, Sendable {
    /// SHA-256 of the text of the record.
    public let digest: Digest
    /// What was hashed.
    public let record: KeyRecord

    /// The key of a record.
    public init(_ record: KeyRecord) {
        self.record = record
        digest = record.digest
    }
}
