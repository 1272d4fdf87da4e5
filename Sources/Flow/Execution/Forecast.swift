public import Artifacts
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
    }

    /// The steps that are wanted, in the order of the plan.
    public let steps: [Step]
    /// The same by name.
    public let byID: [StepID: Step]

    init(steps: [Step]) {
        self.steps = steps
        byID = Dictionary(uniqueKeysWithValues: steps.map { ($0.id, $0) })
    }

    /// Whether there is nothing to do.
    public var isUpToDate: Bool { steps.allSatisfy { $0.decision == .hit } }

    /// How many steps have a decision.
    public func count(of decision: Decision) -> Int { steps.count { $0.decision == decision } }
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
