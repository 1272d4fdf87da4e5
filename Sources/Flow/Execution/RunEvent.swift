public import Artifacts
public import Lineage
public import Logging
public import Pipelines
public import StageKit

/// What happens in a run, in the order in which it happens; for printers.
///
/// Every step that is wanted ends with exactly one of `hit`, `finished`, `failed`, `cancelled`, `skipped` or `notStarted`
/// (a step that is recomputed for another may end twice).
public enum RunEvent: Sendable {
    /// A source or model file is new or changed and has to be read; its size in bytes. Only before `planned`.
    case hashing(path: String, bytes: Int)
    /// What will be done.
    case planned(Forecast)
    /// A row of this number is in lineage: something will be written.
    case runStarted(RunID)
    /// Its outputs are known and there.
    case hit(StepID, key: Digest, outputs: [String: Digest])
    /// A body starts.
    ///
    /// This and what follows up to its end come from the thread on which the body runs, `log` perhaps from another.
    case started(StepID, attempt: AttemptID, key: Digest, cause: Cause)
    /// The next part of an attempt begins, and ends the one before.
    case phase(StepID, AttemptPhase)
    /// How far a body is; as often as the stage says.
    case progress(StepID, StageProgress)
    /// A line of the attempt's log.
    case log(StepID, Logger.Level, String)
    /// Another process does the same work; this one waits and then uses the result.
    case waiting(StepID, holder: String)
    /// An output of the step is damaged or gone though a later step wants it: it is made again.
    case recomputing(StepID, port: String, neededBy: StepID)
    /// Its outputs are published.
    case finished(StepID, attempt: AttemptID, outputs: [String: Digest], usage: ResourceUsage)
    /// Its body threw, or what it gave is not what it declares. `logTail`: the last lines of its log.
    case failed(StepID, attempt: AttemptID?, error: String, logTail: [String])
    /// It failed, and is tried again after some seconds.
    case retrying(StepID, error: String, after: Double, number: Int, of: Int)
    /// It was interrupted.
    case cancelled(StepID, attempt: AttemptID?)
    /// It will not run, because a step that feeds it failed.
    case skipped(StepID, because: StepID)
    /// It was not started, because the run is stopping.
    case notStarted(StepID)
    /// The last one.
    case runEnded(RunReport)
}

/// The parts of an attempt, in their order.
public enum AttemptPhase: String, Hashable, Sendable {
    /// Its inputs are put where the stage can read them.
    case restore
    /// The stage works.
    case body
    /// The outputs go into the store and into lineage.
    case publication
}

/// What a step took.
public struct ResourceUsage: Hashable, Sendable {
    /// Wall time, in seconds.
    public let seconds: Double
    /// Processor time of this process and its children meanwhile, in seconds.
    public let cpuSeconds: Double
    /// The most memory that the process had meanwhile, in bytes.
    public let peakMemory: Int
}

/// How a run went.
public struct RunReport: Sendable {
    /// How it ended.
    public enum Outcome: String, Hashable, Sendable {
        /// Every step that was wanted is done.
        case succeeded
        /// A step failed.
        case failed
        /// It was interrupted.
        case cancelled
    }

    /// How a step ended.
    public enum StepOutcome: Hashable, Sendable {
        /// Its outputs were known.
        case hit
        /// It ran.
        case done(AttemptID)
        /// It threw; the sentence.
        case failed(AttemptID?, String)
        /// It was interrupted.
        case cancelled(AttemptID?)
        /// A step that feeds it failed.
        case skipped(because: StepID)
        /// The run was stopping.
        case notStarted
    }

    /// One step.
    public struct Step: Sendable {
        /// Its name.
        public let id: StepID
        /// What kind of work.
        public let stage: StageKind
        /// How it ended.
        public let outcome: StepOutcome
        /// Why it ran; nil when it did not.
        public let cause: Cause?
        /// Its key; nil when that was never known.
        public let key: Digest?
        /// Its artifacts by output port.
        public let outputs: [String: Digest]
        /// What it took; nil when it did not run.
        public let usage: ResourceUsage?
    }

    /// The row in lineage; nil when nothing was written, because the latest run used just these results.
    public let run: RunID?
    /// How it ended.
    public let outcome: Outcome
    /// The steps that were wanted, in the order of the plan.
    public let steps: [Step]
    /// Wall time, in seconds.
    public let seconds: Double

    /// Whether every step was a hit.
    public var wasUpToDate: Bool { steps.allSatisfy { $0.outcome == .hit } }
}
