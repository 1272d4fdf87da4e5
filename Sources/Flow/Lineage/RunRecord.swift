public import Artifacts
public import Foundation

/// The name of a run: `20261122-101530-4f3a9c`, sortable by time.
public struct RunID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Its text.
    public let text: String

    /// A name as it is.
    public init(_ text: String) { self.text = text }

    /// A new name for a run that starts now (UTC).
    public init(at date: Date) {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute, .second], from: date)
        func digits(_ number: Int?, _ width: Int) -> String {
            let text = String(number ?? 0)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        text =
            digits(parts.year, 4) + digits(parts.month, 2) + digits(parts.day, 2) + "-" + digits(parts.hour, 2)
            + digits(parts.minute, 2) + digits(parts.second, 2) + "-"
            + String(UInt32.random(in: 0x10_0000...0xFF_FFFF), radix: 16)
    }

    /// Its text.
    public var description: String { text }

    /// Orders runs by their start.
    public static func < (left: RunID, right: RunID) -> Bool { left.text < right.text }
}

/// How a run ended.
public enum RunOutcome: String, Sendable, Hashable, CaseIterable {
    /// Not yet.
    case running
    case succeeded
    case failed
    case cancelled
    /// Its process died without saying so.
    case abandoned
}

/// What is known when a run starts.
public struct NewRun: Hashable, Sendable {
    /// The pipeline's `name:`.
    public var pipeline: String
    /// The file it was read from.
    public var file: String
    /// The text of the file.
    public var text: String
    /// The arguments of the command, the program's name first.
    public var commandLine: [String]
    /// The variables of the environment that the file read.
    public var environment: [String: String]
    /// The version of the tool.
    public var toolVersion: String
    /// Who runs it.
    public var process: ProcessIdentity
    /// When.
    public var started: Date

    /// A run as it is.
    public init(
        pipeline: String, file: String, text: String, commandLine: [String], environment: [String: String] = [:],
        toolVersion: String, process: ProcessIdentity = .current, started: Date = Date()
    ) {
        self.pipeline = pipeline
        self.file = file
        self.text = text
        self.commandLine = commandLine
        self.environment = environment
        self.toolVersion = toolVersion
        self.process = process
        self.started = started
    }
}

/// One invocation.
public struct RunRecord: Hashable, Sendable {
    /// Its name.
    public let id: RunID
    /// What was known when it started.
    public let run: NewRun
    /// When it ended, nil while it runs.
    public let ended: Date?
    /// How it ended.
    public let outcome: RunOutcome
}

/// What a run did about one step.
public struct RunStep: Hashable, Sendable {
    /// Hit or run.
    public enum Decision: String, Sendable, Hashable, CaseIterable {
        /// An earlier attempt had the same key.
        case hit
        /// An attempt was made.
        case run
        /// Not tried, because something before it failed or the run was cancelled.
        case skipped
    }

    /// The step's name in the plan.
    public var step: String
    /// Its stage.
    public var stage: String
    /// What was decided.
    public var decision: Decision
    /// The first cause, nil for a hit.
    public var cause: String?
    /// The attempt that produced its outputs or tried to.
    public var attempt: AttemptID?

    /// A decision as it is.
    public init(step: String, stage: String, decision: Decision, cause: String? = nil, attempt: AttemptID? = nil) {
        self.step = step
        self.stage = stage
        self.decision = decision
        self.cause = cause
        self.attempt = attempt
    }
}
