public import Pipelines

/// Why a step runs.
///
/// `description` is the sentence that people read; tests and scripts rely on the words.
public enum Cause: Hashable, Sendable, CustomStringConvertible {
    /// Nothing is known of this step: it never ran in this pipeline.
    case newStep
    /// Its key differs from that of the latest attempt at it; the first change is the one that is told. Never empty.
    case changed([KeyChange])
    /// The same work was tried before, and did not end well.
    case lastAttempt(Ending)
    /// The same work was done before, but an output of it is not there any more.
    case outputMissing(port: String)
    /// An object of its output was found damaged or missing when a later step wanted it.
    case outputDamaged(port: String)
    /// A step that feeds it runs, and may give something else than before.
    case upstream(StepID, port: String)
    /// `--force`.
    case forced
    /// `volatile: true`.
    case volatile

    /// How an attempt ended, other than well.
    public enum Ending: String, Hashable, Sendable {
        /// It threw.
        case failed
        /// The run was interrupted.
        case cancelled
        /// Its process died.
        case abandoned
        /// It has not ended: another process is at it.
        case running
    }

    /// For example `setting rank changed from 4 to 8`, `input frames changed`, `new step`.
    public var description: String {
        switch self {
        case .newStep: "new step"
        case .changed(let changes): changes.first?.description ?? "changed"
        case .lastAttempt(.failed): "the last attempt failed"
        case .lastAttempt(.cancelled): "the last attempt was cancelled"
        case .lastAttempt(.abandoned): "the last attempt never ended"
        case .lastAttempt(.running): "an attempt is running"
        case .outputMissing(let port): "output \(port) missing in the store"
        case .outputDamaged(let port): "output \(port) damaged in the store"
        case .upstream(let step, let port): "input \(port) may change: \(step) runs"
        case .forced: "forced"
        case .volatile: "volatile"
        }
    }

    /// One word for programs: `new`, `changed`, `failed`, `cancelled`, `abandoned`, `running`, `missing`, `damaged`, `upstream`,
    /// `forced`, `volatile`.
    public var word: String {
        switch self {
        case .newStep: "new"
        case .changed: "changed"
        case .lastAttempt(let ending): ending.rawValue
        case .outputMissing: "missing"
        case .outputDamaged: "damaged"
        case .upstream: "upstream"
        case .forced: "forced"
        case .volatile: "volatile"
        }
    }
}

/// What will happen to a step.
public enum Decision: String, Hashable, Sendable {
    /// Its outputs are known and there.
    case hit
    /// It must run.
    case run
    /// A step that feeds it runs; whether this one does is known once that has ended.
    case maybe
}
