/// The stages that a pipeline file may name.
///
/// Put together by the app alone.
public struct StageTable: Sendable {
    /// In the order in which they are shown to people.
    public let stages: [StageDescriptor]
    private let byKind: [StageKind: StageDescriptor]

    /// A table of stages with different names.
    public init(_ stages: [StageDescriptor]) {
        self.stages = stages
        var byKind: [StageKind: StageDescriptor] = [:]
        for stage in stages {
            precondition(byKind.updateValue(stage, forKey: stage.kind) == nil, "two stages are called \(stage.kind)")
        }
        self.byKind = byKind
    }

    /// The stage of a name, nil when there is none.
    public subscript(kind: StageKind) -> StageDescriptor? { byKind[kind] }
}
