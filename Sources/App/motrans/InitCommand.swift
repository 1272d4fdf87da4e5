import ArgumentParser
import Foundation
import Pipelines

struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Write a pipeline file to start from, or the one that made a video.",
        discussion: """
            --from reads the recipe that `motrans get` puts into videos; of a video that lost it, this cache is asked for the
            artifact that its bytes or its frames are of.

            \(ExitStatus.help)
            """)

    @Argument(help: "The word that names the motion, such as `zigzagging`; with --from the file to write.")
    var motion: String?
    @Argument(help: "The file to write; must not be there (default: MOTION.yaml; with --from the pipeline's name).")
    var file: String?
    @Option(help: ArgumentHelp("Write the pipeline file of this video back.", valueName: "video")) var from: String?
    @Option(help: "A clip of the motion.") var clip: String?
    @Option(help: "The template.") var template: String?
    @OptionGroup var cache: CacheOptions

    func validate() throws {
        let names = Templates.all.map(\.name)
        if let template, !names.contains(template) {
            throw ValidationError("there is no template \(template); there are \(names.joined(separator: ", "))")
        }
        if from != nil {
            guard file == nil else { throw ValidationError("with --from there is one name: that of the file to write") }
            guard clip == nil, template == nil else {
                throw ValidationError("--from takes clips and template from the video: leave --clip and --template out")
            }
        } else if motion == nil {
            throw ValidationError("name the motion, as in `motrans init zigzagging`, or a video with --from")
        }
    }

    func run() throws {
        if let from {
            return try WrittenRecipe(of: from, cache: cache).write(to: motion)
        }
        guard let motion else { preconditionFailure("validate() lets no command through without a motion") }
        let place = file ?? "\(motion).yaml"
        let text = StarterPipeline.text(
            motion: motion, clip: clip ?? "clips/clip-1.mp4", template: template ?? "motrans")
        try Self.write(text, to: place)
        Console().note("\(place): put your clips and prompts in, then `motrans run \(place)`")
    }

    /// Writes a file that must not be there.
    static func write(_ text: String, to place: String) throws {
        do {
            try Data(text.utf8).write(to: URL(filePath: place), options: .withoutOverwriting)
        } catch CocoaError.fileWriteFileExists {
            throw CommandFailure(
                status: .usage, message: "\(place) is there already; nothing was written", help: "name another file")
        }
    }
}
