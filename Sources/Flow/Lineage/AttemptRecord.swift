public import Artifacts
public import Foundation

/// The name of an attempt: `19a8c3f2b1e-7c41f09d`, sortable by time.
public struct AttemptID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Its text.
    public let text: String

    /// A name as it is.
    public init(_ text: String) { self.text = text }

    /// A new name for an attempt that starts now.
    public init(at date: Date) {
        let milliseconds = String(Int(date.timeIntervalSince1970 * 1000), radix: 16)
        text = milliseconds + "-" + String(UInt32.random(in: 0x1000_0000...UInt32.max), radix: 16)
    }

    /// Its text.
    public var description: String { text }

    /// Orders attempts by their start.
    public static func < (left: AttemptID, right: AttemptID) -> Bool { left.text < right.text }
}

/// How an attempt ended.
public enum AttemptOutcome: String, Sendable, Hashable, CaseIterable {
    /// Not yet.
    case running
    case succeeded
    case failed
    case cancelled
    /// Its process died, or somebody else took its lease.
    case abandoned
}

/// An artifact at an input or output port.
public struct ArtifactUse: Hashable, Sendable {
    /// The port.
    public var port: String
    /// From 0, for ports that take many.
    public var position: Int
    /// The digest of its manifest.
    public var artifact: Digest
    /// Its kind, empty when it was never recorded.
    public var kind: ArtifactKind

    /// A use as it is.
    public init(port: String, position: Int = 0, artifact: Digest, kind: ArtifactKind) {
        self.port = port
        self.position = position
        self.artifact = artifact
        self.kind = kind
    }
}

/// A part of a model set that an attempt read.
public struct ModelUse: Hashable, Sendable {
    /// The name of the part, such as `unet`.
    public var part: String
    /// The digest of the folder's content.
    public var digest: Digest
    /// Where it lay.
    public var path: String

    /// A use as it is.
    public init(part: String, digest: Digest, path: String) {
        self.part = part
        self.digest = digest
        self.path = path
    }
}

/// What is known when an attempt starts.
public struct NewAttempt: Hashable, Sendable {
    /// In which run.
    public var run: RunID
    /// The step's name in the plan.
    public var step: String
    /// The kind of stage.
    public var stage: String
    /// The version of the stage.
    public var stageVersion: Int
    /// All that decides the output; its digest is the key.
    public var record: KeyRecord
    /// Where each setting that a file or a flag gave was given: `p.yaml:14:30`; never part of the key.
    public var settingPlaces: [String: String]
    /// The element of the step's for-each.
    public var element: Value?
    /// Why it runs.
    public var cause: String
    /// What it reads.
    public var inputs: [ArtifactUse]
    /// The model parts that it reads.
    public var models: [ModelUse]
    /// When.
    public var started: Date

    /// An attempt as it is.
    public init(
        run: RunID, step: String, stage: String, stageVersion: Int, record: KeyRecord,
        settingPlaces: [String: String] = [:], element: Value? = nil, cause: String, inputs: [ArtifactUse] = [],
        models: [ModelUse] = [], started: Date = Date()
    ) {
        self.run = run
        self.step = step
        self.stage = stage
        self.stageVersion = stageVersion
        self.record = record
        self.settingPlaces = settingPlaces
        self.element = element
        self.cause = cause
        self.inputs = inputs
        self.models = models
        self.started = started
    }
}

/// What is known when an attempt ends.
public struct AttemptResult: Hashable, Sendable {
    /// An artifact that it gave.
    public struct Output: Hashable, Sendable {
        /// The port.
        public var port: String
        /// From 0.
        public var position: Int
        /// The digest of the manifest.
        public var artifact: Digest
        /// The manifest, which is recorded with it.
        public var manifest: Manifest

        /// An output as it is.
        public init(port: String, position: Int = 0, artifact: Digest, manifest: Manifest) {
            self.port = port
            self.position = position
            self.artifact = artifact
            self.manifest = manifest
        }
    }

    /// How it ended; not `.running`.
    public var outcome: AttemptOutcome
    /// What it gave; empty unless it succeeded.
    public var outputs: [Output]
    /// The sentence that a user reads, nil unless it failed.
    public var error: String?
    /// What the stage logged.
    public var log: String
    /// When.
    public var ended: Date
    /// What it cost.
    public var usage: AttemptUsage

    /// A result as it is.
    public init(
        outcome: AttemptOutcome, outputs: [Output] = [], error: String? = nil, log: String = "", ended: Date = Date(),
        usage: AttemptUsage = AttemptUsage()
    ) {
        self.outcome = outcome
        self.outputs = outputs
        self.error = error
        self.log = log
        self.ended = ended
        self.usage = usage
    }
}

/// What an attempt cost, and which kernels computed it.
public struct AttemptUsage: Hashable, Sendable {
    /// Seconds by the clock on the wall.
    public var wallSeconds: Double
    /// Seconds of processor time, of all threads.
    public var cpuSeconds: Double
    /// Bytes at the peak.
    public var peakMemory: Int
    /// The description of the kernels, empty when none ran.
    public var kernels: String
    /// Threads that computed.
    public var threads: Int

    /// Usage as it is.
    public init(
        wallSeconds: Double = 0, cpuSeconds: Double = 0, peakMemory: Int = 0, kernels: String = "", threads: Int = 0
    ) {
        self.wallSeconds = wallSeconds
        self.cpuSeconds = cpuSeconds
        self.peakMemory = peakMemory
        self.kernels = kernels
        self.threads = threads
    }
}

/// One try at one step.
public struct AttemptRecord: Hashable, Sendable {
    /// Its name.
    public let id: AttemptID
    /// What was known when it started; inputs carry their kinds.
    public let attempt: NewAttempt
    /// The key: the digest of the record.
    public let key: Digest
    /// How it ended.
    public let outcome: AttemptOutcome
    /// What it gave.
    public let outputs: [ArtifactUse]
    /// The sentence that a user reads.
    public let error: String?
    /// When it ended, nil while it runs.
    public let ended: Date?
    /// What it cost.
    public let usage: AttemptUsage
}

/// What a key is known to give: the latest attempt that succeeded with it and was not revoked.
public struct StepResult: Hashable, Sendable {
    /// The key.
    public let key: Digest
    /// The attempt.
    public let attempt: AttemptID
    /// Its run.
    public let run: RunID
    /// When it ended.
    public let ended: Date
    /// What it gave, by port and position.
    public let outputs: [ArtifactUse]
    /// Every object that the outputs need: manifests and files.
    ///
    /// The store may have lost some.
    public let objects: [Digest]
}
