public import Artifacts
public import Foundation
public import Logging
import Synchronization

/// An artifact in the hands of a stage: plain files that may be read, and must not be written.
public struct InputArtifact: Sendable {
    /// The digest of its manifest.
    public let digest: Digest
    /// Its type.
    public let kind: ArtifactKind
    /// Its files: relative path to where it lies now.
    ///
    /// A source file lies where the user has it.
    public let files: [String: URL]
    /// The folder that holds exactly these files, nil for source files that lie wherever the user has them.
    public let folder: URL?
    /// The attributes of the manifest.
    public let attributes: Value

    /// An artifact as it is.
    public init(digest: Digest, kind: ArtifactKind, files: [String: URL], folder: URL?, attributes: Value) {
        self.digest = digest
        self.kind = kind
        self.files = files
        self.folder = folder
        self.attributes = attributes
    }
}

/// What a running stage sees: its inputs, places to write, and ways to say how far it is.
public struct StageContext: Sendable {
    /// The artifacts of each input port, in order.
    public let inputs: [String: [InputArtifact]]
    /// The element of the step's `for-each`, nil without one.
    public let element: Value?
    /// The model set, nil when the step has none.
    public let model: ModelSet?
    /// Where each output port's files go; already there, empty.
    public let outputs: [String: OutputFolder]
    /// A folder for anything else; gone when the attempt ends.
    public let scratch: URL
    /// Where the work was when it was last written down.
    public let checkpoints: StageCheckpoints
    /// Goes into the attempt's log.
    public let log: Logger
    /// Says how far the work is.
    ///
    /// Cheap: call it once a step.
    public let report: @Sendable (StageProgress) -> Void
    /// Throws `CancellationError` once the run is being cancelled.
    ///
    /// Call it once a step.
    public let checkCancellation: @Sendable () throws -> Void

    /// A context as it is.
    public init(
        inputs: [String: [InputArtifact]], element: Value?, model: ModelSet?, outputs: [String: OutputFolder],
        scratch: URL, checkpoints: StageCheckpoints = .none, log: Logger,
        report: @escaping @Sendable (StageProgress) -> Void,
        checkCancellation: @escaping @Sendable () throws -> Void
    ) {
        self.inputs = inputs
        self.element = element
        self.model = model
        self.outputs = outputs
        self.scratch = scratch
        self.checkpoints = checkpoints
        self.log = log
        self.report = report
        self.checkCancellation = checkCancellation
    }

    /// The single artifact of a port that the engine has already checked to be there.
    public func input(_ port: String) -> InputArtifact {
        guard let artifact = inputs[port]?.first else {
            preconditionFailure("stage asked for undeclared input \(port)")
        }
        return artifact
    }

    /// The artifact of an optional port.
    public func optionalInput(_ port: String) -> InputArtifact? { inputs[port]?.first }

    /// The folder of a declared output port.
    public func output(_ port: String) -> OutputFolder {
        guard let folder = outputs[port] else { preconditionFailure("stage asked for undeclared output \(port)") }
        return folder
    }
}

/// Where a stage puts the files of one output, and the facts that go with them.
public final class OutputFolder: Sendable {
    /// The folder.
    public let url: URL
    private let facts = Mutex<Value>(.null)

    /// A folder that exists and is empty.
    public init(_ url: URL) { self.url = url }

    /// Facts that become the manifest's attributes; from any thread of the stage.
    public var attributes: Value {
        get { facts.withLock { $0 } }
        set { facts.withLock { $0 = newValue } }
    }

    /// The place of a file in this folder.
    public func file(_ path: String) -> URL { url.appending(path: path) }
}

/// How far a stage is.
public struct StageProgress: Sendable {
    /// A number that people watch, such as the loss.
    public struct Reading: Sendable {
        /// Its name.
        public let name: String
        /// Its value now.
        public let value: Double

        /// A reading as it is.
        public init(_ name: String, _ value: Double) {
            self.name = name
            self.value = value
        }
    }

    /// Units done.
    public let done: Int
    /// Units in all.
    public let total: Int
    /// What a unit is: `step`, `frame`, `video`.
    public let unit: String
    /// Numbers that people watch.
    public let readings: [Reading]

    /// Progress as it is.
    public init(_ done: Int, of total: Int, unit: String, readings: [Reading] = []) {
        self.done = done
        self.total = total
        self.unit = unit
        self.readings = readings
    }
}
