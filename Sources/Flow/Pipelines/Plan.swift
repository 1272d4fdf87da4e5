public import Artifacts
public import StageKit

/// A place in a file: what an error points at.
public struct SourcePlace: Hashable, Sendable, CustomStringConvertible {
    /// The file as the user named it, or the flag that stands for one: `--set motion.rank=8`.
    public let file: String
    /// From 1.
    public let line: Int
    /// From 1, in characters.
    public let column: Int

    /// A place as it is.
    public init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }

    /// `p.yaml:14:30`, or the flag.
    public var description: String { file.hasPrefix("--set ") ? file : "\(file):\(line):\(column)" }
}

/// The name of a step in a plan: `motion`, or `samples[a-cat]` for an element, or `motion[rank=8]` for a matrix cell.
public struct StepID: Hashable, Sendable, CustomStringConvertible {
    /// The step's name in the pipeline file.
    public let name: String
    /// What tells apart the elements and cells of one step; nil for a step that is only one.
    public let part: String?

    /// An identifier as it is.
    public init(_ name: String, part: String? = nil) {
        self.name = name
        self.part = part
    }

    /// `name` or `name[part]`.
    public var description: String { part.map { "\(name)[\($0)]" } ?? name }
}

/// What feeds an input port.
public enum PlannedInput: Hashable, Sendable {
    /// An output of another step.
    case output(StepID, port: String)
    /// Files of the user's.
    case source(SourceInput)
}

/// One stage in one plan, after templates, matrices and for-each have been expanded.
public struct PlannedStep: Sendable {
    /// Its name; unique in the plan.
    public let id: StepID
    /// What kind of work.
    public let stage: StageKind
    /// All settings, defaults filled in, normalised to the type that the stage declares.
    public let settings: [String: Value]
    /// Where each setting that the pipeline file or the model set gives is given.
    public let settingPlaces: [String: SourcePlace]
    /// By port, in order.
    public let inputs: [String: [PlannedInput]]
    /// Where each input was given.
    public let inputPlaces: [String: SourcePlace]
    /// The element of its for-each.
    public let element: Value?
    /// Where the element was given.
    public let elementPlace: SourcePlace?
    /// The model set, nil when the stage reads none.
    public let model: ModelSet?
    /// Which parts of it are read.
    public let modelParts: [ModelPart]
    /// What it gives; the first is the primary one.
    public let outputs: [OutputPort]
    /// Runs each time; downstream is still cut off when its output is equal.
    public let isVolatile: Bool
    /// What it may take; never part of its key.
    public let limits: StepLimits
    /// Where the step was declared.
    public let place: SourcePlace

    /// A step as it is.
    public init(
        id: StepID, stage: StageKind, settings: [String: Value], settingPlaces: [String: SourcePlace],
        inputs: [String: [PlannedInput]], inputPlaces: [String: SourcePlace], element: Value?,
        elementPlace: SourcePlace?, model: ModelSet?, modelParts: [ModelPart], outputs: [OutputPort],
        isVolatile: Bool, limits: StepLimits = StepLimits(), place: SourcePlace
    ) {
        self.id = id
        self.stage = stage
        self.settings = settings
        self.settingPlaces = settingPlaces
        self.inputs = inputs
        self.inputPlaces = inputPlaces
        self.element = element
        self.elementPlace = elementPlace
        self.model = model
        self.modelParts = modelParts
        self.outputs = outputs
        self.isVolatile = isVolatile
        self.limits = limits
        self.place = place
    }
}

/// What a step may take and how often it is tried: `timeout:`, `retries:`, `memory:` in a pipeline file.
///
/// Never changes a result.
public struct StepLimits: Hashable, Sendable {
    /// Seconds after which it is ended.
    public var timeout: Double?
    /// How often it is tried again after a failure.
    public var retries: Int?
    /// Bytes that it needs: it starts only where so much is free, or alone.
    public var memory: Int?

    /// Limits as they are.
    public init(timeout: Double? = nil, retries: Int? = nil, memory: Int? = nil) {
        self.timeout = timeout
        self.retries = retries
        self.memory = memory
    }
}

/// A pipeline ready to run: steps in an order in which each comes after all that feed it.
public struct Plan: Sendable {
    /// The pipeline's `name:`.
    public let name: String
    /// The file it was read from.
    public let file: String
    /// The text of the file, kept with the run.
    public let text: String
    /// In topological order; ties in the order of the file.
    public let steps: [PlannedStep]
    /// What the file read from the environment.
    public let environment: [String: String]
    /// Resources of the chosen profile.
    public let profile: Profile

    /// A plan as it is.
    public init(
        name: String, file: String, text: String, steps: [PlannedStep], environment: [String: String] = [:],
        profile: Profile = Profile()
    ) {
        self.name = name
        self.file = file
        self.text = text
        self.steps = steps
        self.environment = environment
        self.profile = profile
    }
}

/// What a run may use.
///
/// Never changes a result.
public struct Profile: Hashable, Sendable {
    /// Its name in `profiles:`, nil when none was chosen.
    public let name: String?
    /// Light steps at once.
    public let jobs: Int?
    /// Threads of a computing step.
    public let threads: Int?
    /// Bytes that all steps at work may take together.
    public let memory: Int?
    /// Steps of a stage at once.
    public let limits: [StageKind: Int]

    /// A profile as it is.
    public init(
        name: String? = nil, jobs: Int? = nil, threads: Int? = nil, memory: Int? = nil, limits: [StageKind: Int] = [:]
    ) {
        self.name = name
        self.jobs = jobs
        self.threads = threads
        self.memory = memory
        self.limits = limits
    }
}

extension Plan {
    /// The steps that a person means: `samples` every part, `samples[a-cat]` one by name, `samples[2]` one by its place
    /// from 1; empty when there is none.
    public func steps(named name: String) -> [StepID] {
        let exact = steps.map(\.id).filter { $0.description == name || $0.name == name }
        guard exact.isEmpty, name.last == "]", let bracket = name.firstIndex(of: "["),
            let place = Int(name[name.index(after: bracket)...].dropLast())
        else { return exact }
        let parts = steps.map(\.id).filter { $0.name == name[..<bracket] }
        return parts.indices.contains(place - 1) ? [parts[place - 1]] : []
    }
}
