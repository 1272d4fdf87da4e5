import ArgumentParser
import Foundation
import Pipelines

struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Write a pipeline file to start from.", discussion: ExitStatus.help)

    @Argument(help: "The word that names the motion, such as `zigzagging`.") var motion: String
    @Argument(help: "The file to write; must not be there (default: MOTION.yaml).") var file: String?
    @Option(help: "A clip of the motion.") var clip = "clips/clip-1.mp4"
    @Option(help: "The template.") var template = "motrans"

    func validate() throws {
        let names = Templates.all.map(\.name)
        guard names.contains(template) else {
            throw ValidationError("there is no template \(template); there are \(names.joined(separator: ", "))")
        }
    }

    func run() throws {
        let place = file ?? "\(motion).yaml"
        let text = StarterPipeline.text(motion: motion, clip: clip, template: template)
        do {
            try Data(text.utf8).write(to: URL(filePath: place), options: .withoutOverwriting)
        } catch CocoaError.fileWriteFileExists {
            throw CommandFailure(
                status: .usage, message: "\(place) is there already; nothing was written", help: "name another file")
        }
        Console().note("\(place): put your clips and prompts in, then `motrans run \(place)`")
    }
}
