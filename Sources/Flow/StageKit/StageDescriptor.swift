public import Artifacts

/// A stage with its type erased: what plans and the engine work with.
public struct StageDescriptor: Sendable {
    /// Its name.
    public let kind: StageKind
    /// Part of the key.
    public let version: Int
    /// One line.
    public let summary: String
    /// What it takes. Empty with `declaresOwnPorts`: any names are welcome.
    public let inputs: [InputPort]
    /// What it gives. Empty with `declaresOwnPorts`: the step declares them under `outputs:`.
    public let outputs: [OutputPort]
    /// What it competes for.
    public let pool: ResourcePool
    /// What its for-each elements are.
    public let element: ElementKind?
    /// All settings, in the order of the struct.
    public let settings: [SettingSpec]
    /// Whether each step names its own inputs and outputs (the `command` stage).
    public let declaresOwnPorts: Bool
    /// The model parts read under these complete settings.
    public let modelParts: @Sendable (_ settings: [String: Value]) throws -> [ModelPart]
    /// `Stage.check` on complete settings.
    public let check: @Sendable (_ settings: [String: Value], _ request: StageRequest) throws -> [StageProblem]
    /// `Stage.run` on complete settings.
    public let run: @Sendable (_ settings: [String: Value], _ context: StageContext) throws -> Void
}
