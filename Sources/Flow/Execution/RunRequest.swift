public import Pipelines
public import StageKit

/// What a person asks of a run, beside the plan.
public struct RunRequest: Sendable {
    /// Which steps are done again though their outputs are known.
    public enum Force: Hashable, Sendable {
        /// None.
        case none
        /// None, and volatile steps neither: for whoever looks for results.
        case never
        /// All that are wanted.
        case all
        /// All that were named under `steps`.
        case named
    }

    /// The steps that are wanted, each with all that feeds it: `samples` means every part, `samples[2]` one.
    ///
    /// Empty: all.
    public var steps: [String]
    /// Which steps are done again.
    public var force: Force
    /// How many steps of the light pool run at once; the compute pool runs one.
    public var jobs: Int
    /// After a failure: go on with all that does not depend on it.
    ///
    /// Otherwise nothing new starts, and what runs may end.
    public var keepsGoing: Bool
    /// The words of the command line, for the record.
    public var commandLine: [String]
    /// Seconds between two checkpoints of a stage that keeps them.
    public var checkpointInterval: Double

    /// How often a step is tried again after a failure, where it does not say itself.
    ///
    /// A failure that may pass by itself is tried again twice in any case.
    public var retries: Int
    /// Seconds after which a step is ended, where it does not say itself.
    public var timeout: Double?
    /// Bytes that all steps at work may take together, by what they took before; nil: no limit.
    public var memory: Int?
    /// Steps of a stage at once.
    public var limits: [StageKind: Int]

    /// Looks at steps before anything runs, and throws when it finds something wrong with them; nil stands for all.
    public var inspect: @Sendable (Set<StepID>?) throws -> Void

    /// All steps, in the ordinary way.
    public init(
        steps: [String] = [], force: Force = .none, jobs: Int = 1, keepsGoing: Bool = false, commandLine: [String] = [],
        checkpointInterval: Double = 60, retries: Int = 0, timeout: Double? = nil, memory: Int? = nil,
        limits: [StageKind: Int] = [:], inspect: @escaping @Sendable (Set<StepID>?) throws -> Void = { _ in }
    ) {
        self.steps = steps
        self.force = force
        self.jobs = jobs
        self.keepsGoing = keepsGoing
        self.commandLine = commandLine
        self.checkpointInterval = checkpointInterval
        self.retries = retries
        self.timeout = timeout
        self.memory = memory
        self.limits = limits
        self.inspect = inspect
    }

    /// Whether the plan has all the steps that are asked for.
    ///
    /// - Throws: `ExecutionError.unknownStep`.
    public func check(against plan: Plan) throws { _ = try Selection(plan, self) }
}
