import ArgumentParser
import Artifacts
import Diffusion
import Execution
import Formats
import Foundation
import Models
import Pipelines
import StageKit
import Tensors

struct ModelsCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "What a model set has, what is missing or wrong, and the memory it needs.",
        discussion: """
            Digests are those of keys and lineage. A file is read for them once: the store remembers it until it changes.

            Memory is what sampling one video and training a LoRA on one clip take at most, by measurements on ZeroScope's
            network: an estimate. Size and frames are those that the set recommends for sampling, unless told.

            \(ExitStatus.help)
            """)

    @Argument(help: "A model set: a YAML file, its folder, or its name.") var set: String
    @Option(help: ArgumentHelp("The video's columns and rows.", valueName: "576x320")) var size: String?
    @Option(help: "The video's frames.") var frames: Int?
    @Option(help: "The LoRA's rank.") var rank = 32
    @Flag(help: "One JSON document.") var json = false
    @OptionGroup var pipelineOptions: PipelineOptions
    @OptionGroup var cache: CacheOptions

    /// What was found out of one part.
    private struct Part {
        let part: ModelPart
        let folder: URL
        var className = ""
        var bytes = 0
        var digest: Digest?
        var problems: [String] = []
    }

    func validate() throws {
        guard (1...4096).contains(rank), (1...1000).contains(frames ?? 1) else {
            throw ValidationError("--rank is a number from 1 to 4096, --frames one from 1 to 1000")
        }
        guard size == nil || dimensions != nil else {
            throw ValidationError("--size is columns and rows, at most 8192 each, such as 576x320, not \(size ?? "")")
        }
    }

    func run() throws {
        let console = Console()
        let model = try ModelsCommand.set(set, pipelineOptions.reader(), requiresFolders: false)
        let engine = try cache.engine()
        let wrong = Self.problems(of: model)
        let parts = try ModelPart.allCases.compactMap { part in
            try model.folders[part].map { try look(at: part, $0, wrong[part] ?? [], engine, console) }
        }
        let need = memory(model)
        let problems = parts.flatMap(\.problems)
        console.result(json ? document(model, parts, need) : text(model, parts, need))
        guard problems.isEmpty else {
            throw CommandFailure(
                status: .usage,
                message: "model set \(model.name) cannot be used as it is\n  " + problems.joined(separator: "\n  "))
        }
    }

    /// What stages would say before they run: of each part by itself, and of what the sound ones promise each other.
    private static func problems(of model: ModelSet) -> [ModelPart: [String]] {
        var problems: [ModelPart: [String]] = [:]
        for (part, folder) in model.folders {
            guard isFolder(folder) else {
                problems[part] = ["\(part.rawValue): there is no folder \(folder.relativePath)"]
                continue
            }
            let alone = checkModel(model, parts: [part]).map(\.message)
            if !alone.isEmpty { problems[part] = alone }
        }
        let sound = ModelPart.allCases.filter { model.folders[$0] != nil && problems[$0] == nil }
        for problem in checkModel(model, parts: sound) {
            if case .model(let part?) = problem.subject { problems[part, default: []].append(problem.message) }
        }
        return problems
    }

    private static func isFolder(_ url: URL) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: url.path(percentEncoded: false), isDirectory: &isFolder)
            && isFolder.boolValue
    }

    private func look(
        at part: ModelPart, _ folder: URL, _ problems: [String], _ engine: Engine, _ console: Console
    ) throws -> Part {
        var found = Part(part: part, folder: folder, problems: problems)
        guard Self.isFolder(folder) else { return found }
        // Tokenizers have no class.
        found.className = (try? ModelFolder.className(of: folder)) ?? ""
        found.bytes = Self.bytes(of: folder)
        found.digest = try engine.digest(ofPart: folder) { path, bytes in
            if bytes > 1 << 28 { console.note("reading \(path) (\(Readable.bytes(bytes))) for its digest") }
        }
        return found
    }

    private func text(_ model: ModelSet, _ parts: [Part], _ need: (video: Video, bytes: MemoryNeed)?) -> String {
        var table = Table([
            ("part", .left), ("", .left), ("class", .left), ("size", .right), ("sha256", .left), ("folder", .left),
        ])
        for part in ModelPart.allCases {
            guard let found = parts.first(where: { $0.part == part }) else {
                table.add([part.rawValue, "–", "", "", "", ""])
                continue
            }
            table.add([
                part.rawValue, found.problems.isEmpty ? "✓" : "✗", found.className,
                found.digest == nil ? "" : Readable.bytes(found.bytes), found.digest?.short ?? "not there",
                found.folder.relativePath,
            ])
        }
        var lines = [table.text]
        if let precision = model.precision { lines.append("\nprecision: \(precision)") }
        if let need {
            lines.append(
                """

                memory for \(need.video.frames) frames of \(need.video.width) x \(need.video.height), in \
                \(precision(model).rawValue): sampling about \(Readable.bytes(need.bytes.sampling)), training (rank \
                \(rank), checkpointing) about \(Readable.bytes(need.bytes.training))
                """)
        }
        return lines.joined(separator: "\n")
    }

    private func document(_ model: ModelSet, _ parts: [Part], _ need: (video: Video, bytes: MemoryNeed)?) -> String {
        let list = parts.map { part -> Value in
            .map([
                "part": .string(part.part.rawValue), "class": .string(part.className), "bytes": .int(part.bytes),
                "digest": JSON.optional(part.digest?.hex), "folder": .string(part.folder.relativePath),
                "problems": .list(part.problems.map(Value.string)),
            ])
        }
        return JSON.document([
            ("name", .string(model.name)), ("precision", JSON.optional(model.precision)), ("parts", .list(list)),
            (
                "memory",
                need.map { need in
                    .map([
                        "frames": .int(need.video.frames), "width": .int(need.video.width),
                        "height": .int(need.video.height), "rank": .int(rank),
                        "precision": .string(precision(model).rawValue), "sampling": .int(need.bytes.sampling),
                        "training": .int(need.bytes.training),
                    ])
                } ?? .null
            ),
        ])
    }

    private var dimensions: (width: Int, height: Int)? {
        let sides = (size ?? "").split(separator: "x", omittingEmptySubsequences: false)
            .map { side in side.allSatisfy(\.isNumber) ? Int(side) : nil }
        guard sides.count == 2, let width = sides[0], let height = sides[1], min(width, height) > 0,
            max(width, height) <= 8192
        else { return nil }
        return (width, height)
    }

    /// A video's size.
    private struct Video {
        let width: Int
        let height: Int
        let frames: Int
    }

    /// What is asked for, else what the set recommends, else what the stage takes; nil where the parts cannot be read.
    private func memory(_ model: ModelSet) -> (video: Video, bytes: MemoryNeed)? {
        func setting(_ name: String) -> Int {
            let standard = Stages.table["sampling"]?.setting(name)?.defaultValue
            guard case .int(let number)? = model.recommended["sampling"]?[name] ?? standard else { return 0 }
            return number
        }
        func read<T>(_ part: ModelPart, _ read: (URL) throws -> T) -> T? {
            model.folders[part].flatMap { try? read(ModelFolder.configuration(of: $0)) }
        }
        guard let unet = read(.unet, UNet3DConditionModel.Configuration.init(file:)),
            let autoencoder = read(.vae, AutoencoderKL.Configuration.init(file:))
        else { return nil }
        let size = dimensions ?? (setting("width"), setting("height"))
        let video = Video(width: size.width, height: size.height, frames: frames ?? setting("frames"))
        return (
            video,
            MemoryNeed(
                unet: unet, autoencoder: autoencoder, precision: precision(model), frames: video.frames,
                height: video.height, width: video.width, rank: rank)
        )
    }

    private func precision(_ model: ModelSet) -> Precision {
        model.precision.flatMap(Precision.init(rawValue:)) ?? .float32
    }

    private static func bytes(of folder: URL) -> Int {
        let path = folder.path(percentEncoded: false)
        let files = (try? FileManager.default.subpathsOfDirectory(atPath: path)) ?? []
        return files.reduce(0) { sum, file in
            let facts = try? FileManager.default.attributesOfItem(atPath: folder.appending(path: file).path)
            return sum + ((facts?[.size] as? NSNumber)?.intValue ?? 0)
        }
    }
}
