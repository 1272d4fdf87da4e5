public import Artifacts
import Foundation
import Lineage
import Pipelines
import StageKit

/// What a video says of itself: how it was made, in full, so that somebody who has nothing else can make it again.
///
/// It travels as tags that every container with words has: `title` is the prompt, `comment` a line for people with the
/// artifact's id, `synopsis` the recipe as JSON (`docs/schemas/recipe.json`). No host or user is in it, and of
/// paths only what the pipeline file itself says.
public struct Recipe: Hashable, Sendable {
    /// Raised when the JSON changes its meaning.
    public static let version = 1

    /// Which artifact a file is of.
    public struct Origin: Hashable, Sendable {
        /// The digest of its manifest.
        public let artifact: Digest
        /// The file's path in it.
        public let path: String
        /// The run that made it, as far as it is said.
        public let run: String?
    }

    /// A clip that the video was made from.
    public struct Clip: Hashable, Sendable {
        /// Its path from the folder of the pipeline file, or its name where it lay elsewhere.
        public let file: String
        /// SHA-256 of its bytes.
        public let digest: Digest
        /// What the user said that it shows.
        public let prompt: String
    }

    /// A piece of the work.
    public struct Step: Hashable, Sendable {
        /// Its name in the pipeline of the recipe.
        public let name: String
        /// Its stage.
        public let stage: String
        /// The version of the stage.
        public let version: Int
        /// Every setting.
        public let settings: [String: Value]
        /// The element of its for-each.
        public let element: Value?
    }

    /// Which artifact.
    public let origin: Origin
    /// The version of the tool that made it.
    public let tool: String
    /// What it shows.
    public let prompt: String?
    /// The seed of its noise.
    public let seed: Int?
    /// The pipeline's name.
    public let pipeline: String
    /// A pipeline file's text.
    public let text: String
    /// Whether the text is the user's own; otherwise it has every step written out, because the user's needs other files or
    /// flags.
    public let isAsWritten: Bool
    /// The clips, in the order of the pipeline.
    public let clips: [Clip]
    /// Other files of the user's: their paths as those of clips.
    public let files: [Clip]
    /// The parts of the model that were read.
    public let models: [String: Digest]
    /// The work, sources first.
    public let steps: [Step]
}

extension Recipe {
    /// The tags of a file.
    public var tags: [String: String] {
        var comment = "made by motrans \(tool), artifact \(origin.artifact.hex) file \(origin.path)"
        if let run = origin.run { comment += ", run \(run)" }
        return ["title": prompt ?? origin.path, "comment": comment + ", ask: motrans lineage FILE", "synopsis": json]
    }

    /// The JSON of `synopsis`.
    public var json: String {
        func files(_ clips: [Clip], prompts: Bool) -> Value {
            .list(
                clips.map { clip in
                    var fields: [String: Value] = ["file": .string(clip.file), "sha256": .string(clip.digest.hex)]
                    if prompts { fields["prompt"] = .string(clip.prompt) }
                    return .map(fields)
                })
        }
        let steps = steps.map { step -> Value in
            var fields: [String: Value] = [
                "name": .string(step.name), "stage": .string(step.stage), "stage_version": .int(step.version),
                "settings": .map(step.settings),
            ]
            if let element = step.element { fields["element"] = element }
            return .map(fields)
        }
        let value = Value.map([
            "motrans-recipe": .int(Self.version), "tool_version": .string(tool),
            "artifact": .string(origin.artifact.hex), "path": .string(origin.path),
            "run": origin.run.map(Value.string) ?? .null, "prompt": prompt.map(Value.string) ?? .null,
            "seed": seed.map(Value.int) ?? .null,
            "pipeline": .map([
                "name": .string(pipeline), "text": .string(text), "as_written": .bool(isAsWritten),
                "sha256": .string(Digest(of: text).hex),
            ]),
            "clips": files(clips, prompts: true), "files": files(self.files, prompts: false),
            "models": .map(models.mapValues { .string($0.hex) }), "steps": .list(steps),
        ])
        do {
            return try value.canonicalText()
        } catch {
            preconditionFailure("settings come from canonical JSON: \(error)")
        }
    }

    /// Reads a recipe from a file's tags; nil when there is none of this version.
    public init?(tags: [String: String]) {
        guard let text = tags["synopsis"], let value = try? Value(canonicalText: text),
            value["motrans-recipe"]?.int == Self.version, let pipeline = value["pipeline"],
            let name = pipeline["name"]?.string, let body = pipeline["text"]?.string, let origin = Origin(recipe: value)
        else { return nil }
        func files(_ key: String) -> [Clip] {
            (value[key]?.list ?? []).compactMap { item in
                guard let file = item["file"]?.string, let digest = item["sha256"]?.string.flatMap(Digest.init(hex:))
                else { return nil }
                return Clip(file: file, digest: digest, prompt: item["prompt"]?.string ?? "")
            }
        }
        self.origin = origin
        tool = value["tool_version"]?.string ?? ""
        prompt = value["prompt"]?.string
        seed = value["seed"]?.int
        self.pipeline = name
        self.text = body
        isAsWritten = pipeline["as_written"]?.bool ?? false
        clips = files("clips")
        self.files = files("files")
        models = value["models"]?.map?.compactMapValues { $0.string.flatMap(Digest.init(hex:)) } ?? [:]
        steps = (value["steps"]?.list ?? []).compactMap { item in
            guard let name = item["name"]?.string, let stage = item["stage"]?.string else { return nil }
            return Step(
                name: name, stage: stage, version: item["stage_version"]?.int ?? 0,
                settings: item["settings"]?.map ?? [:], element: item["element"])
        }
    }
}

extension Recipe.Origin {
    /// Finds the id in a file's tags: in the recipe, or in the line for people, which every container keeps.
    public init?(tags: [String: String]) {
        if let value = tags["synopsis"].flatMap({ try? Value(canonicalText: $0) }), let origin = Self(recipe: value) {
            self = origin
            return
        }
        for line in [tags["comment"], tags["description"]].compactMap(\.self) {
            guard let start = line.range(of: ", artifact "), line.hasPrefix("made by motrans "),
                let digest = Digest(hex: String(line[start.upperBound...].prefix(64)))
            else { continue }
            let rest = line[start.upperBound...].dropFirst(64)
            guard rest.hasPrefix(" file ") else { continue }
            let ends = [rest.range(of: ", run "), rest.range(of: ", ask: ")].compactMap(\.self)
            let end = ends.first?.lowerBound ?? rest.endIndex
            artifact = digest
            path = String(rest[rest.index(rest.startIndex, offsetBy: 6)..<end])
            run = rest.range(of: ", run ").map { String(rest[$0.upperBound...].prefix { $0 != "," }) }
            return
        }
        return nil
    }

    fileprivate init?(recipe value: Value) {
        guard value["motrans-recipe"]?.int != nil, let path = value["path"]?.string,
            let digest = value["artifact"]?.string.flatMap(Digest.init(hex:))
        else { return nil }
        artifact = digest
        self.path = path
        run = value["run"]?.string
    }
}

extension Recipe {
    /// The recipe of a file in an artifact, from what lineage knows; nil when no attempt is known to have made it.
    init?(of artifact: Digest, path: String, closure: LineageClosure, stages: StageTable) {
        guard let maker = closure.maker(of: artifact), let run = maker.run else { return nil }
        let line = closure.artifacts[artifact]?.manifest.attributes.list?.first { $0["file"]?.string == path }
        origin = Origin(artifact: artifact, path: path, run: run.id.text)
        tool = run.run.toolVersion
        prompt = line?["prompt"]?.string ?? maker.attempt.attempt.element?["prompt"]?.string
        seed = line?["seed"]?.int
        pipeline = run.run.pipeline
        models = Dictionary(
            closure.steps.flatMap(\.attempt.attempt.models).map { ($0.part, $0.digest) }, uniquingKeysWith: { $1 })
        let written = PipelineText(run.run.text)
        let hasFlags = run.run.commandLine.contains { $0 == "--set" || $0.hasPrefix("--set=") }
        let namer = SourceNamer(text: run.run.text, sources: closure.sources)
        let explicit = closure.explicitPipeline(
            name: run.run.pipeline, model: written?.text(of: "model"), stages: stages, namer: namer)
        isAsWritten = written?.standsAlone == true && !hasFlags && explicit.clipLists <= 1
        text = isAsWritten ? run.run.text : explicit.pipeline.text
        clips = explicit.clips
        files = explicit.files
        steps = zip(closure.steps, explicit.pipeline.steps).map { [isAsWritten] step, written in
            Step(
                name: isAsWritten ? step.attempt.attempt.step : written.name, stage: written.stage,
                version: step.attempt.attempt.stageVersion, settings: written.settings, element: written.element)
        }
    }
}

/// Names for files of the user's that say nothing of the machine.
private struct SourceNamer {
    let text: String
    let sources: [Digest: [SourceRecord]]

    /// The longest end of a path that the pipeline file says, itself or as a folder; else the file's name.
    func name(of digest: Digest, otherwise: String) -> String {
        guard let path = sources[digest]?.first?.path else { return otherwise }
        let parts = path.split(separator: "/").map(String.init)
        for start in parts.indices.dropLast() {
            let end = parts[start...].joined(separator: "/")
            let folder = parts[start..<parts.count - 1].joined(separator: "/")
            if text.contains(end) || text.contains(folder + "/") || text.contains(": " + folder) { return end }
        }
        return parts.last ?? otherwise
    }
}

extension LineageClosure {
    /// The steps written out, with every setting that its attempt had.
    fileprivate func explicitPipeline(
        name: String, model: String?, stages: StageTable, namer: SourceNamer
    ) -> (pipeline: ExplicitPipeline, clipLists: Int, clips: [Recipe.Clip], files: [Recipe.Clip]) {
        var names: [AttemptID: String] = [:]
        var lists: Set<Digest> = []
        var clips: [Recipe.Clip] = []
        var files: [Recipe.Clip] = []
        func source(_ use: ArtifactUse) -> ExplicitPipeline.Input? {
            guard let manifest = artifacts[use.artifact]?.manifest else { return nil }
            if manifest.kind == .clips {
                // Their files are named by their number.
                let entries = manifest.entries.sorted { (Int($0.path) ?? 0, $0.path) < (Int($1.path) ?? 0, $1.path) }
                let found = entries.enumerated().map { index, entry in
                    Recipe.Clip(
                        file: namer.name(of: entry.digest, otherwise: entry.path), digest: entry.digest,
                        prompt: manifest.attributes.list.flatMap {
                            $0.indices.contains(index) ? $0[index]["prompt"]?.string : nil
                        } ?? "")
                }
                if lists.insert(use.artifact).inserted { clips += found }
                return .clips(found.map { ($0.file, $0.prompt) })
            }
            let found = manifest.entries.map { entry in
                Recipe.Clip(
                    file: namer.name(of: entry.digest, otherwise: entry.path), digest: entry.digest, prompt: "")
            }
            if lists.insert(use.artifact).inserted { files += found }
            guard let only = manifest.entries.first, manifest.entries.count == 1, only.path.hasPrefix("0") else {
                // The folder is what is before the path of a file in it.
                let first = manifest.entries.first?.path ?? ""
                let whole = found.first?.file ?? ""
                return .files(whole.hasSuffix("/" + first) ? String(whole.dropLast(first.count + 1)) : ".")
            }
            return .file(found[0].file)
        }
        let steps = self.steps.map { step -> ExplicitPipeline.Step in
            let work = step.attempt.attempt
            let name = ExplicitPipeline.stepName(work.step, among: Array(names.values))
            names[step.attempt.id] = name
            let stage = stages[StageKind(work.stage)]
            var settings: [String: Value] = [:]
            for field in work.record.fields where field.path.hasPrefix("settings.") {
                settings[String(field.path.dropFirst("settings.".count))] = field.value
            }
            var ports: [String] = []
            for use in work.inputs where !ports.contains(use.port) { ports.append(use.port) }
            let inputs = ports.map { port -> (port: String, takesMany: Bool, feeds: [ExplicitPipeline.Input]) in
                let declared = stage?.inputs.first { $0.name == port }
                let feeds = work.inputs.filter { $0.port == port }.compactMap { use -> ExplicitPipeline.Input? in
                    guard let maker = maker(of: use.artifact), let other = names[maker.attempt.id],
                        let output = maker.attempt.outputs.first(where: { $0.artifact == use.artifact })
                    else { return source(use) }
                    return .output(step: other, port: output.port)
                }
                return (port, declared?.takesMany ?? true, feeds)
            }
            return ExplicitPipeline.Step(
                name: name, stage: work.stage, settings: settings, element: work.element, inputs: inputs,
                declaresOwnPorts: stage?.declaresOwnPorts ?? false)
        }
        let count = lists.count { artifacts[$0]?.manifest.kind == .clips }
        return (ExplicitPipeline(name: name, model: model, steps: steps), count, clips, files)
    }
}
