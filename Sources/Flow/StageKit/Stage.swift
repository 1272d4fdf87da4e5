public import Artifacts

/// A kind of work: typed inputs and outputs, settings, a version, and the code that does it.
///
/// A stage is a value without state. It does not know the store, the database, the pipeline or other stages: it reads
/// the artifacts it is handed and fills the folders it is given.
public protocol Stage: Sendable {
    /// What a pipeline file may set on it.
    associatedtype Settings: StageSettings

    /// Its name in pipeline files, such as `frame-extraction`.
    static var kind: StageKind { get }
    /// Raised whenever the output for equal inputs changes; part of the key.
    static var version: Int { get }
    /// One line for `motrans schema` and error messages.
    static var summary: String { get }
    /// What it takes.
    static var inputs: [InputPort] { get }
    /// What it gives; the first is what `${step}` means.
    static var outputs: [OutputPort] { get }
    /// What it competes for while it runs.
    static var pool: ResourcePool { get }
    /// What the elements of its `for-each` are, nil when the stage cannot use any.
    static var element: ElementKind? { get }
    /// Whether each step names its own inputs and outputs, as `command` does; `inputs` and `outputs` are empty then.
    static var declaresOwnPorts: Bool { get }

    init()

    /// The parts of the model set that it reads under these settings; their digests enter the key.
    func modelParts(_ settings: Settings) -> [ModelPart]

    /// The settings that say only how far the work goes, as `steps` of a training: with another value of these it goes on
    /// from the same checkpoints. Nil when the stage keeps none.
    ///
    /// Under the others equal, what is done up to some unit must be the same whatever these say.
    func progressSettings(_ settings: Settings) -> Set<String>?

    /// Looks at all that is already there before anything runs: settings that contradict each other, source files that
    /// are not what they should be, a model folder that lacks a tensor. Finds everything, writes nothing.
    func check(_ settings: Settings, _ request: StageRequest) -> [StageProblem]

    /// Does the work. Called on a thread of its own, never on the cooperative pool. Looks for cancellation once a step.
    func run(_ settings: Settings, _ context: StageContext) throws
}

extension Stage {
    /// Compute, unless a stage says otherwise.
    public static var pool: ResourcePool { .compute }
    /// None, unless a stage says otherwise.
    public static var element: ElementKind? { nil }
    /// The stage's ports are the same for every step, unless a stage says otherwise.
    public static var declaresOwnPorts: Bool { false }
    /// None, unless a stage says otherwise.
    public func modelParts(_ settings: Settings) -> [ModelPart] { [] }
    /// No checkpoints, unless a stage says otherwise.
    public func progressSettings(_ settings: Settings) -> Set<String>? { nil }
    /// Nothing to find, unless a stage says otherwise.
    public func check(_ settings: Settings, _ request: StageRequest) -> [StageProblem] { [] }
}

/// The name of a stage.
public struct StageKind: Hashable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
    /// As in pipeline files.
    public let name: String

    /// A kind by name.
    public init(_ name: String) { self.name = name }

    /// A kind by name.
    public init(stringLiteral value: String) { name = value }

    /// Its name.
    public var description: String { name }
}

/// An input of a stage.
public struct InputPort: Hashable, Sendable {
    /// Its name in `inputs:`.
    public let name: String
    /// What it takes.
    public let kind: ArtifactKind
    /// Whether a step may leave it out.
    public let isOptional: Bool
    /// Whether it takes the outputs of a whole `for-each` or `matrix`, in order.
    ///
    /// Otherwise exactly one artifact.
    public let takesMany: Bool
    /// Whether a file or a folder of the user's may stand for the artifact, as a LoRA from elsewhere does.
    public let acceptsFiles: Bool
    /// One line of help.
    public let help: String

    /// A port as it is.
    public init(
        _ name: String, _ kind: ArtifactKind, isOptional: Bool = false, takesMany: Bool = false,
        acceptsFiles: Bool = false, help: String
    ) {
        self.name = name
        self.kind = kind
        self.isOptional = isOptional
        self.takesMany = takesMany
        self.acceptsFiles = acceptsFiles
        self.help = help
    }
}

/// An output of a stage.
public struct OutputPort: Hashable, Sendable {
    /// Its name: `${step.name}`.
    public let name: String
    /// What it gives.
    public let kind: ArtifactKind
    /// One line of help.
    public let help: String

    /// A port as it is.
    public init(_ name: String, _ kind: ArtifactKind, help: String) {
        self.name = name
        self.kind = kind
        self.help = help
    }
}

/// What a running stage competes for.
public enum ResourcePool: String, Sendable, Hashable, CaseIterable {
    /// Uses every core by itself: one at a time.
    case compute
    /// Mostly waits or is short: up to `--jobs` at once.
    case light
}

/// What the elements of a `for-each` are.
public enum ElementKind: String, Sendable, Hashable {
    /// A prompt: `.map(["prompt": …, "entity": …])`, entity optional.
    case prompt
    /// Any value.
    case value
}
