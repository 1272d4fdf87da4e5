public import Artifacts

/// A stage with its type erased: what plans and the engine work with.
public struct StageDescriptor: Sendable {
    /// Its name.
    public let kind: StageKind
    /// Part of the key.
    public let version: Int
    /// One line.
    public let summary: String
    /// What it takes.
    ///
    /// Empty with `declaresOwnPorts`: any names are welcome.
    public let inputs: [InputPort]
    /// What it gives.
    ///
    /// Empty with `declaresOwnPorts`: the step declares them under `outputs:`.
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
    /// `Stage.progressSettings` of complete settings.
    public let progressSettings: @Sendable (_ settings: [String: Value]) throws -> Set<String>?
    /// `Stage.check` on complete settings.
    public let check: @Sendable (_ settings: [String: Value], _ request: StageRequest) throws -> [StageProblem]
    /// `Stage.run` on complete settings.
    public let run: @Sendable (_ settings: [String: Value], _ context: StageContext) throws -> Void
}

extension StageDescriptor {
    /// The descriptor of a stage type.
    public init<S: Stage>(_ type: S.Type) {
        self.init(
            kind: S.kind, version: S.version, summary: S.summary, inputs: S.inputs, outputs: S.outputs, pool: S.pool,
            element: S.element, settings: S.Settings.specs, declaresOwnPorts: S.declaresOwnPorts,
            modelParts: { try S().modelParts(S.Settings(complete: $0)) },
            progressSettings: { try S().progressSettings(S.Settings(complete: $0)) },
            check: { try S().check(S.Settings(complete: $0), $1) },
            run: { try S().run(S.Settings(complete: $0), $1) })
    }

    /// The spec of a setting.
    public func setting(_ name: String) -> SettingSpec? { settings.first { $0.name == name } }

    /// All settings: those given, normalised, and the defaults of the rest.
    ///
    /// - Throws: every unknown name and every wrong value at once.
    public func complete(_ given: [String: Value]) throws(SettingsError) -> [String: Value] {
        var complete = Dictionary(uniqueKeysWithValues: settings.map { ($0.name, $0.defaultValue) })
        var problems: [SettingsError.Problem] = []
        for (name, value) in given.sorted(by: { $0.key < $1.key }) {
            guard let spec = setting(name) else {
                problems.append(.unknown(name))
                continue
            }
            do throws(SettingMismatch) {
                complete[name] = try spec.normalised(value)
            } catch {
                problems.append(.mismatch(name, error))
            }
        }
        guard problems.isEmpty else { throw SettingsError(stage: kind, problems: problems) }
        return complete
    }
}
