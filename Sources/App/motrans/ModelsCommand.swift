import ArgumentParser
import Artifacts
import Execution
import Foundation
import Models
import Pipelines
import StageKit

struct ModelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models", abstract: "Model sets: list them, check one, make a tiny one.",
        subcommands: [List.self, ModelsCheckCommand.self, Initialise.self], defaultSubcommand: List.self)

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "The model sets that pipeline files can name.", discussion: ExitStatus.help)

        @Flag(help: "One JSON document.") var json = false
        @OptionGroup var pipelineOptions: PipelineOptions

        func run() throws {
            let console = Console()
            let reader = pipelineOptions.reader()
            let found = reader.modelFolders.flatMap(ModelsCommand.sets).map { set in
                // What is wrong with a set is told by `check`; it has its line here all the same.
                (name: set.name, precision: (try? reader.modelSet(set.file))?.precision, file: set.file)
            }
            guard !json else {
                let sets: [Value] = found.map {
                    .map([
                        "name": .string($0.name), "precision": JSON.optional($0.precision),
                        "file": .string($0.file.relativePath),
                    ])
                }
                return console.result(JSON.document([("models", .list(sets))]))
            }
            guard !found.isEmpty else {
                let places = reader.modelFolders.map(\.relativePath).joined(separator: ", ")
                return console.note(
                    "no model set in \(places); `motrans models init tiny models/tiny --seed 1` makes one")
            }
            var table = Table([("name", .left), ("precision", .left), ("file", .left)])
            for set in found { table.add([set.name, set.precision ?? "–", set.file.relativePath]) }
            console.result(table.text)
        }
    }

    struct Initialise: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "init",
            abstract: "Write a tiny model set of the right architectures with seeded random weights: untrained.",
            discussion: ExitStatus.help)

        enum Family: String, ExpressibleByArgument, CaseIterable {
            case tiny
        }

        @Argument(help: "The family: tiny.") var family: Family
        @Argument(help: "The folder to write; must not be there, or be empty.") var folder: String
        @Option(help: "The seed of the weights: equal seeds give equal bytes.") var seed: UInt64 = 0

        func run() throws {
            let url = URL(filePath: folder, directoryHint: .isDirectory)
            let there = (try? FileManager.default.contentsOfDirectory(atPath: url.path(percentEncoded: false))) ?? []
            guard there.isEmpty else {
                throw CommandFailure(
                    status: .usage, message: "\(folder) is there already and not empty; nothing was written",
                    help: "name another folder")
            }
            try TinyModelSet.write(to: url, seed: seed)
            Console().note("an untrained tiny model set, seed \(seed): \(folder)/model.yaml")
        }
    }

    /// A set by its name, else by the path of its YAML file or of the folder of that.
    static func set(_ name: String, _ reader: PipelineReader, requiresFolders: Bool = true) throws -> ModelSet {
        let known = reader.modelFolders.flatMap(sets)
        let named = known.first { $0.name == name }?.file
        guard named != nil || (!name.isEmpty && FileManager.default.fileExists(atPath: name)) else {
            let names = known.map(\.name)
            throw CommandFailure(
                status: .usage, message: "there is no model set '\(name)', neither by name nor as a file",
                help: Suggestion.help(name, among: names, all: "sets").first
                    ?? "`motrans models` lists those that are known")
        }
        return try reader.modelSet(named ?? URL(filePath: name), named: name, requiresFolders: requiresFolders)
    }

    /// The model sets in a folder: `NAME.yaml`, and `NAME/model.yaml`.
    private static func sets(in folder: URL) -> [(name: String, file: URL)] {
        let path = folder.path(percentEncoded: false)
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
        return names.compactMap { name in
            let inner = folder.appending(path: "\(name)/model.yaml")
            if FileManager.default.fileExists(atPath: inner.path(percentEncoded: false)) { return (name, inner) }
            guard name.hasSuffix(".yaml") else { return nil }
            return (String(name.dropLast(5)), folder.appending(path: name))
        }
    }
}
