public import Artifacts
public import Foundation

/// What is already known of a step before anything runs; what `Stage.check` looks at.
public struct StageRequest: Sendable {
    /// Files of the user's, by input port.
    ///
    /// Ports fed by other steps are absent.
    public let sources: [String: [SourceInput]]
    /// Files of the user's that other steps hand on, changed or not, by the port at which what was made of them comes
    /// in: the clips behind `frames`.
    public let upstream: [String: [SourceInput]]
    /// The element of the step's `for-each`.
    public let element: Value?
    /// The model set, nil when the step has none.
    public let model: ModelSet?
    /// What was found out for other steps.
    public let findings: Findings

    /// A request as it is.
    public init(
        sources: [String: [SourceInput]], upstream: [String: [SourceInput]] = [:], element: Value?, model: ModelSet?,
        findings: Findings = Findings()
    ) {
        self.sources = sources
        self.upstream = upstream
        self.element = element
        self.model = model
        self.findings = findings
    }
}

/// Files of the user's that enter a pipeline as one artifact.
public struct SourceInput: Hashable, Sendable {
    /// One file.
    public struct File: Hashable, Sendable {
        /// Its path inside the artifact: no name of the user's, so that a renamed file is the same content.
        public let path: String
        /// Where it lies.
        public let url: URL

        /// A file as it is.
        public init(path: String, url: URL) {
            self.path = path
            self.url = url
        }
    }

    /// `clips`, `file` or `files`.
    public let kind: ArtifactKind
    /// In order.
    public let files: [File]
    /// For clips: a list with one `.map(["prompt": …])` per file.
    ///
    /// Otherwise `.null`.
    public let attributes: Value

    /// An input as it is.
    public init(kind: ArtifactKind, files: [File], attributes: Value = .null) {
        self.kind = kind
        self.files = files
        self.attributes = attributes
    }
}

/// Something wrong with a step, found before anything ran.
public struct StageProblem: Error, Hashable, Sendable {
    /// What in the pipeline file it is about; the engine turns this into a line and a caret.
    public enum Subject: Hashable, Sendable {
        /// A setting by name.
        case setting(String)
        /// A file of an input port, counted through its `sources` or its `upstream`.
        case input(port: String, index: Int)
        /// The element of the for-each.
        case element
        /// A part of the model set.
        case model(ModelPart?)
        /// The step as a whole.
        case step
    }

    /// What it is about.
    public let subject: Subject
    /// What is wrong and why, one sentence without a full stop.
    public let message: String
    /// What to do, nil when the message says it.
    public let help: String?

    /// A problem as it is.
    public init(_ subject: Subject, _ message: String, help: String? = nil) {
        self.subject = subject
        self.message = message
        self.help = help
    }
}
