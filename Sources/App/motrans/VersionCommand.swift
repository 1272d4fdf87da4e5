import ArgumentParser
import Artifacts
import StageKit

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "The version of the tool and of each stage.", discussion: ExitStatus.help)

    @Flag(help: "One JSON document.") var json = false

    func run() {
        let console = Console()
        let stages = Stages.table.stages
        guard !json else {
            let versions = Dictionary(uniqueKeysWithValues: stages.map { ($0.kind.name, Value.int($0.version)) })
            return console.result(
                JSON.document([("version", .string(ToolVersion.text)), ("stages", .map(versions))]))
        }
        console.result("motrans \(ToolVersion.text)")
        var table = Table([("stage", .left), ("version", .right), ("", .left)])
        for stage in stages { table.add([stage.kind.name, "\(stage.version)", stage.summary]) }
        console.result(table.text)
    }
}
