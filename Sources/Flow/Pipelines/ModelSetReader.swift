import Artifacts
import Foundation
import StageKit

// A model set is a YAML file: a name, a folder for each part, and settings that suit it.

/// A model set, and where it says each setting that it recommends.
struct PlacedModelSet {
    let set: ModelSet
    let places: [StageKind: [String: Place]]
}

/// A setting that a model set recommends.
private struct Recommendation {
    let value: Value
    let place: Place
}

extension Planner {
    /// A model set that somebody asked for by its path alone.
    func modelSet(_ file: URL, named name: String) throws(PipelineError) -> ModelSet {
        var path = file.standardizedFileURL
        var shown = name
        if path.hasDirectoryPath || isExistingFolder(path) {
            path = path.appending(path: "model.yaml")
            shown = "\(name.hasSuffix("/") ? String(name.dropLast()) : name)/model.yaml"
        }
        let data = try SourceText.load(path, named: shown)
        guard let model = modelSet(data, named: shown, in: path.deletingLastPathComponent()), problems.isEmpty else {
            throw .invalid(problems.sorted)
        }
        return model.set
    }

    private func isExistingFolder(_ url: URL) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: url.path(percentEncoded: false), isDirectory: &isFolder)
            && isFolder.boolValue
    }

    /// The model set that a pipeline file names: a path, or a name in the model folders.
    func model(_ written: Written, in scope: Scope) -> PlacedModelSet? {
        if let text = written.text, let reference = Reference.whole(text), reference.path.count == 1,
            let parameter = scope.parameters[reference.name], parameter.type == .model
        {
            parameter.isUsed = true
            guard case .model(let model, _) = bound(parameter) else { return nil }
            return model
        }
        guard let resolved = resolved(written, in: scope, item: nil), let name = text(resolved, "`model`") else {
            return nil
        }
        let folder = resolved.place.source.folder
        var file: URL
        if name.contains("/") || name.hasSuffix(".yaml") || name.hasSuffix(".yml") {
            file = url(name, from: folder)
            guard exists(file, resolved, "model set") else { return nil }
            if isExistingFolder(file) {
                file = file.appending(path: "model.yaml")
                guard FileManager.default.fileExists(atPath: file.path(percentEncoded: false)) else {
                    problems.add(
                        resolved.place, "the folder `\(name)` has no `model.yaml`",
                        help: ["a model set is a YAML file that names the folders of its parts"])
                    return nil
                }
            }
        } else {
            guard let found = lookUp(name, from: folder) else {
                let names = knownModels(from: folder)
                var help = Suggestion.help(name, among: names, all: "models")
                if name == "tiny" {
                    help = ["`motrans models init tiny models/tiny` writes it beside the pipeline file"]
                } else if names.isEmpty {
                    help = ["`model:` takes the path of a model set too; `motrans models` lists those that are known"]
                }
                problems.add(resolved.place, "there is no model `\(name)`", help: help)
                return nil
            }
            file = found
        }
        if let known = modelSets[file] { return known }
        var model: PlacedModelSet?
        do throws(PipelineError) {
            let shown =
                name.contains("/") || name.hasSuffix("ml")
                ? relativeName(name, file, resolved) : file.path(percentEncoded: false)
            model = modelSet(
                try SourceText.load(file, named: shown), named: shown, in: file.deletingLastPathComponent())
        } catch {
            problems.add(resolved.place, "the model `\(name)` cannot be read: \(error.reason)")
        }
        modelSets[file] = .some(model)
        return model
    }

    private func relativeName(_ name: String, _ file: URL, _ written: Written) -> String {
        let parent = written.place.source.name.parentPath
        let path = name.hasPrefix("/") || parent.isEmpty || written.place.source.isFlag ? name : "\(parent)/\(name)"
        return file.lastPathComponent == (path as NSString).lastPathComponent
            ? path
            : "\(path)/model.yaml"
                .replacingOccurrences(of: "//", with: "/")
    }

    private func searched(from folder: URL) -> [URL] { [folder.appending(path: "models")] + reader.modelFolders }

    private func lookUp(_ name: String, from folder: URL) -> URL? {
        for place in searched(from: folder) {
            for candidate in ["\(name).yaml", "\(name)/model.yaml"] {
                let file = place.appending(path: candidate)
                if FileManager.default.fileExists(atPath: file.path(percentEncoded: false)) {
                    return file.standardizedFileURL
                }
            }
        }
        return nil
    }

    private func knownModels(from folder: URL) -> [String] {
        var names: Set<String> = []
        for place in searched(from: folder) {
            let path = place.path(percentEncoded: false)
            for entry in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] {
                let name = entry.hasSuffix(".yaml") ? String(entry.dropLast(5)) : entry
                if lookUp(name, from: folder) != nil { names.insert(name) }
            }
        }
        return names.sorted()
    }

    private func modelSet(_ data: Data, named name: String, in folder: URL) -> PlacedModelSet? {
        guard let source = YAMLReader.source(data, named: name, in: folder, problems),
            let written = YAMLReader.document(source, problems)
        else { return nil }
        let before = problems.count
        guard written.isMap else {
            problems.add(written.place, "a model set is a map of keys, this is \(written.value().inWords)")
            return nil
        }
        let parts = ModelPart.allCases.map(\.rawValue)
        allow(
            ["name", "description", "notice", "diffusers", "parts", "precision", "recommended"] + parts,
            in: written.entries,
            of: "a model set")
        var folders: [ModelPart: URL] = [:]
        if let diffusers = written["diffusers"] { addDiffusers(diffusers, to: &folders) }
        var given = written.entries.filter { parts.contains($0.name) }
        if let nested = written["parts"] {
            let entries = entries(nested, "`parts`")
            allow(parts, in: entries, of: "`parts`")
            given += entries
        }
        for entry in given {
            guard let part = ModelPart(rawValue: entry.name), let path = text(entry.value, "`\(entry.name)`") else {
                continue
            }
            let folder = url(path, from: source.folder)
            guard !requiresModelFolders || exists(folder, entry.value, "folder") else { continue }
            guard !requiresModelFolders || isExistingFolder(folder) else {
                problems.add(
                    entry.value.place, "`\(path)` is a file; a part is the folder with its config.json and weights")
                continue
            }
            folders[part] = folder
        }
        if folders.isEmpty, problems.count == before {
            problems.add(
                Place(source), "the model set has no parts",
                help: ["add `diffusers: FOLDER`, or a folder for each of \(parts.joined(separator: ", "))"])
        }
        let recommended = recommended(by: written)
        guard problems.count == before else { return nil }
        let standard =
            (name as NSString).lastPathComponent == "model.yaml"
            ? folder.lastPathComponent : ((name as NSString).lastPathComponent as NSString).deletingPathExtension
        let set = ModelSet(
            name: written["name"].flatMap { text($0, "`name`") } ?? standard, folders: folders,
            recommended: recommended.mapValues { $0.mapValues(\.value) }, precision: written["precision"]?.text)
        return PlacedModelSet(set: set, places: recommended.mapValues { $0.mapValues(\.place) })
    }

    /// One folder as `save_pretrained` writes a whole pipeline.
    private func addDiffusers(_ written: Written, to folders: inout [ModelPart: URL]) {
        guard let path = text(written, "`diffusers`") else { return }
        let root = url(path, from: written.place.source.folder)
        guard !requiresModelFolders || exists(root, written, "folder") else { return }
        let names: [(ModelPart, String)] = [
            (.unet, "unet"), (.vae, "vae"), (.textEncoder, "text_encoder"), (.tokenizer, "tokenizer"),
            (.scheduler, "scheduler"),
        ]
        for (part, name) in names {
            let folder = root.appending(path: name).standardizedFileURL
            if !requiresModelFolders || isExistingFolder(folder) {
                folders[part] = folder
            } else {
                problems.add(written.place, "the diffusers folder `\(path)` has no `\(name)`")
            }
        }
    }

    /// What the set recommends: its `precision` to every stage that has the setting, which knows the words that are
    /// allowed; above that, what it says of one kind of stage.
    private func recommended(by set: Written) -> [StageKind: [String: Recommendation]] {
        var recommended: [StageKind: [String: Recommendation]] = [:]
        func recommend(_ written: Written, _ spec: SettingSpec, to stage: StageDescriptor) {
            guard let value = normalised(written, spec) else { return }
            recommended[stage.kind, default: [:]][spec.name] = Recommendation(value: value, place: written.place)
        }
        if let precision = set["precision"] {
            for stage in reader.stages.stages {
                if let spec = stage.setting("precision") { recommend(precision, spec, to: stage) }
            }
        }
        guard let written = set["recommended"] else { return recommended }
        for entry in entries(written, "`recommended`") {
            guard let stage = stage(entry.name, at: entry.keyPlace) else { continue }
            for setting in entries(entry.value, "the settings of `\(entry.name)`") {
                if let spec = spec(setting, of: stage) { recommend(setting.value, spec, to: stage) }
            }
        }
        return recommended
    }

    /// The stage of a name, or a problem.
    func stage(_ name: String, at place: Place) -> StageDescriptor? {
        if let stage = reader.stages[StageKind(name)] { return stage }
        problems.add(
            place, "there is no stage `\(name)`",
            help: Suggestion.help(name, among: reader.stages.stages.map(\.kind.name), all: "stages"))
        return nil
    }

    /// The spec of a setting that somebody gives to a stage, or a problem.
    func spec(_ entry: Written.Entry, of stage: StageDescriptor) -> SettingSpec? {
        let names = stage.settings.map(\.name).filter {
            !stage.declaresOwnPorts || !["inputs", "outputs"].contains($0)
        }
        if names.contains(entry.name), let spec = stage.setting(entry.name) { return spec }
        problems.add(
            entry.keyPlace, "stage \(stage.kind) has no setting `\(entry.name)`",
            help: Suggestion.help(entry.name, among: names, all: "settings"))
        return nil
    }
}
