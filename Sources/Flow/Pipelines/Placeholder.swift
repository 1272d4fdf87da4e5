// The bodies below are on their way; the public face is PipelineReader, Pipeline, PipelineError and Diagnostic.
import Artifacts
import Foundation
public import StageKit

enum SourceText {
    static func load(_ file: URL, named name: String) throws(PipelineError) -> Data { fatalError() }
}
struct Planner {
    init(_ reader: PipelineReader) {}
    func pipeline(_ text: Data, named: String, in: URL) throws(PipelineError) -> Pipeline { fatalError() }
    func modelSet(_ file: URL, named: String) throws(PipelineError) -> ModelSet { fatalError() }
}
struct StepPlaces: Sendable {}
struct StageChecks {
    init(_ pipeline: Pipeline, _ steps: Set<StepID>?) {}
    func diagnostics() -> [Diagnostic] { fatalError() }
}
/// The templates that are built in, and what editors want to know.
public enum Templates {
    /// Names and texts, as in `pipelines/templates`.
    public static let all: [(name: String, text: String)] = []
}
/// The JSON Schema of pipeline files.
public enum PipelineSchema {
    /// The schema, pretty-printed, for these stages.
    public static func text(_ stages: StageTable) -> String { fatalError() }
}
/// The text of `motrans init`.
public enum StarterPipeline {
    /// A commented pipeline file for a template.
    public static func text(name: String, template: String) -> String { fatalError() }
}
