import ArgumentParser
import Artifacts
import Pipelines

struct SchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema", abstract: "The JSON Schema of pipeline files, for editors that complete and lint.",
        discussion: ExitStatus.help)

    func run() throws {
        Console().result(try PipelineSchema(stages: Stages.table).text())
    }
}
