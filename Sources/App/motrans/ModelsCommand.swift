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
        subcommands: [List.self, Check.self, Initialise.self], defaultSubcommand: List.self)

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

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check", abstract: "What a model set has, and what is wrong with it.",
            discussion: ExitStatus.help)

        @Argument(help: "A model set: a YAML file, its folder, or its name.") var set: String
        @Flag(help: "One JSON document.") var json = false
        @OptionGroup var pipelineOptions: PipelineOptions

        func run() throws {
            let console = Console()
            let reader = pipelineOptions.reader()
            let model = try ModelsCommand.set(set, reader)
            var table = Table([("part", .left), ("", .left), ("class", .left), ("size", .right), ("folder", .left)])
            var parts: [Value] = []
            var problems: [String] = []
            for part in ModelPart.allCases {
                guard let folder = model.folders[part] else {
                    table.add([part.rawValue, "–", "", "", ""])
                    continue
                }
                let wrong = [.tokenizer, .scheduler].contains(part) ? [] : ModelFolder.check(folder)
                let size = ModelsCommand.size(of: folder)
                let name = (try? ModelFolder.className(of: folder)) ?? ""
                problems += wrong.map { "\(part.rawValue): \($0)" }
                table.add([
                    part.rawValue, wrong.isEmpty ? "✓" : "✗", name, Readable.bytes(size), folder.relativePath,
                ])
                parts.append(
                    .map([
                        "part": .string(part.rawValue), "class": .string(name), "bytes": .int(size),
                        "folder": .string(folder.relativePath), "problems": .list(wrong.map(Value.string)),
                    ]))
            }
            if json {
                let precision = JSON.optional(model.precision)
                console.result(
                    JSON.document([("name", .string(model.name)), ("precision", precision), ("parts", .list(parts))]))
            } else {
                console.result(table.text)
                if let precision = model.precision { console.result("\nprecision: \(precision)") }
            }
            guard problems.isEmpty else {
                throw CommandFailure(
                    status: .usage,
                    message: "model set \(model.name) is not complete\n  " + problems.joined(separator: "\n  "))
            }
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
    static func set(_ name: String, _ reader: PipelineReader) throws -> ModelSet {
        let named = reader.modelFolders.flatMap(sets).first { $0.name == name }?.file
        return try reader.modelSet(named ?? URL(filePath: name), named: name)
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

    private static func size(of folder: URL) -> Int {
        let path = folder.path(percentEncoded: false)
        let files = (try? FileManager.default.subpathsOfDirectory(atPath: path)) ?? []
        return files.reduce(0) { sum, file in
            let facts = try? FileManager.default.attributesOfItem(atPath: folder.appending(path: file).path)
            return sum + ((facts?[.size] as? NSNumber)?.intValue ?? 0)
        }
    }
}
