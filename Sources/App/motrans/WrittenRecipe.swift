import Artifacts
import Execution
import Foundation
import Lineage
import Media
import Pipelines
import StageKit

/// The recipe of a video as a pipeline file again, with its clips as they are found here.
struct WrittenRecipe {
    private let video: String
    private let recipe: Recipe
    /// Whether it was read out of the video; otherwise the cache knew it.
    private let isFromVideo: Bool
    private let match: FileMatch?
    private let engine: Engine?

    /// Reads the recipe in a video, or asks the cache for it.
    ///
    /// - Throws: `MediaError` as a usage error, `CommandFailure`, and what the cache throws.
    init(of video: String, cache: CacheOptions) throws {
        self.video = video
        let url = URL(filePath: video)
        engine = cache.isThere ? try cache.existingEngine() : nil
        let tags: [String: String]
        do {
            tags = try VideoTags.read(url)
        } catch {
            throw CommandFailure(status: .usage, message: "\(error)")
        }
        match = try engine?.match(of: url, inspecting: .libAV)
        if let own = Recipe(tags: tags) {
            recipe = own
            isFromVideo = true
            return
        }
        guard let engine, let match else {
            throw CommandFailure(
                status: .notFound,
                message: "\(video) carries no recipe"
                    + (engine == nil
                        ? ", and there is no store that may know it" : ", and this cache knows nothing like it"),
                help: "`motrans get` puts recipes into videos; another store is named with --cache DIR")
        }
        guard let known = try engine.recipe(of: match.artifact, path: match.path) else {
            throw CommandFailure(
                status: .notFound, message: "nothing is known of what made artifact \(match.artifact.short)")
        }
        recipe = known
        isFromVideo = false
    }

    /// Writes the file, tells which clips it wants and where they are, and checks what it gives.
    func write(to name: String?) throws {
        let console = Console()
        let place = name ?? "\(Self.fileName(recipe.pipeline)).yaml"
        let folder = URL(filePath: place).standardizedFileURL.deletingLastPathComponent()
        let clips = try recipe.clips.map { ($0, try find($0, from: folder)) }
        let files = try recipe.files.map { ($0, try find($0, from: folder)) }
        let text = try text(clips, in: folder)
        try InitCommand.write(text, to: place)
        console.note("\(place): the pipeline \(recipe.pipeline) of \(video)")
        console.note(
            isFromVideo
                ? "  read from the video's own metadata"
                : "  the video carries no recipe; " + (match?.description ?? ""))
        if isFromVideo, let match {
            console.note("  this cache: " + match.description)
        }
        if !recipe.isAsWritten {
            console.note("  every step is written out: the file that made it needs other files or flags")
        }
        if recipe.tool != ToolVersion.text {
            console.note("  it was made by motrans \(recipe.tool), this is \(ToolVersion.text)")
        }
        for (clip, found) in clips + files {
            console.note(
                "  \(clip.file)  sha256 \(clip.digest.hex)  "
                    + (found.map { "found: \($0)" } ?? "NOT FOUND: put it there before you run"))
        }
        if let difference = difference(from: place) { console.note("  \(difference)") }
        console.result(place)
    }

    /// The recipe's text; its clips as they are found, where the text as it is would not find them.
    private func text(_ clips: [(clip: Recipe.Clip, found: String?)], in folder: URL) throws -> String {
        guard !clips.isEmpty, !finds(clips.map(\.clip), in: folder) else { return recipe.text }
        let list = clips.map { (file: $0.found ?? $0.clip.file, prompt: $0.clip.prompt) }
        return PipelineText(recipe.text)?.replacing(clips: list) ?? recipe.text
    }

    /// Whether the text read in a folder means just these clips.
    private func finds(_ clips: [Recipe.Clip], in folder: URL) -> Bool {
        guard
            let plan = try? PipelineOptions.reader(overrides: []).read(
                Data(recipe.text.utf8), named: "recipe", in: folder
            ).plan
        else { return false }
        var found: [(Digest, String)] = []
        for step in plan.steps {
            for case .source(let source) in step.inputs.values.flatMap(\.self) where source.kind == .clips {
                for (index, file) in source.files.enumerated() {
                    guard let digest = Self.digest(of: file.url) else { return false }
                    found.append((digest, source.attributes.list?[index]["prompt"]?.string ?? ""))
                }
            }
        }
        return !found.isEmpty
            && found.allSatisfy { pair in clips.contains { $0.digest == pair.0 && $0.prompt == pair.1 } }
            && clips.allSatisfy { clip in found.contains { $0.0 == clip.digest && $0.1 == clip.prompt } }
    }

    /// Where a file with the wanted bytes lies: where the recipe says, where this cache saw it, or here by its name.
    private func find(_ clip: Recipe.Clip, from folder: URL) throws -> String? {
        let name = (clip.file as NSString).lastPathComponent
        var candidates = [folder.appending(path: clip.file)]
        candidates += try engine?.lineage.read { try $0.sources(of: clip.digest).map { URL(filePath: $0.path) } } ?? []
        let here = URL(filePath: FileManager.default.currentDirectoryPath, directoryHint: .isDirectory)
        for base in [folder, here] {
            candidates += [clip.file, name, "clips/\(name)"].map { base.appending(path: $0) }
        }
        guard let found = candidates.first(where: { Self.digest(of: $0) == clip.digest }) else { return nil }
        let (path, base) = (found.standardizedFileURL.path(percentEncoded: false), folder.path(percentEncoded: false))
        let prefix = base.hasSuffix("/") ? base : base + "/"
        return path.hasPrefix(prefix) ? String(path.dropFirst(prefix.count)) : path
    }

    private static func digest(of file: URL) -> Digest? {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: file.path(percentEncoded: false), isDirectory: &isFolder),
            !isFolder.boolValue, let handle = try? FileHandle(forReadingFrom: file)
        else { return nil }
        defer { try? handle.close() }
        var hasher = Digest.Hasher()
        while let data = try? handle.read(upToCount: 1 << 20), !data.isEmpty {
            data.withUnsafeBytes { hasher.update($0) }
        }
        return hasher.finish()
    }

    /// What of the written file differs from the recipe; nil when its steps do the very same, or cannot be looked at yet.
    private func difference(from place: String) -> String? {
        guard let plan = try? PipelineOptions.reader(overrides: []).read(URL(filePath: place), named: place).plan else {
            return nil
        }
        for step in recipe.steps {
            guard
                let planned = plan.steps.first(where: {
                    $0.stage.name == step.stage && $0.element == step.element
                        && ($0.id.description == step.name || $0.id.name == step.name)
                })
            else {
                return
                    "the step \(step.name) of the recipe is not in the file: this motrans reads its template otherwise"
            }
            for (name, value) in step.settings.sorted(by: { $0.key < $1.key }) where planned.settings[name] != value {
                return "\(step.name): setting \(name) was \(KeyChange.text(value)) and would be "
                    + (planned.settings[name].map(KeyChange.text) ?? "unknown")
            }
        }
        return nil
    }

    /// A pipeline's name as the name of a file.
    private static func fileName(_ name: String) -> String {
        let plain = name.map { character in
            character.isLetter || character.isNumber || "-_.".contains(character) ? character : "-"
        }
        let text = String(plain).drop { $0 == "." || $0 == "-" }
        return text.isEmpty ? "pipeline" : String(text)
    }
}
