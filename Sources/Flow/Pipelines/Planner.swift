import Artifacts
import Foundation
import StageKit

/// Makes a plan of one file.
///
/// Lives for one call; everything that is wrong goes to `problems`.
///
/// In order: the document with its includes, the template, the parameters, the steps as declared, what feeds what, and
/// the steps as planned. Each part goes on after errors of the one before where that says something new.
final class Planner {
    let reader: PipelineReader
    let problems = Problems()
    /// Files being included, outermost first.
    var including: [(name: String, file: URL)] = []
    var included: Set<URL> = []
    /// Parameters being resolved, outermost first.
    var resolving: [Parameter] = []
    var usedEnvironment: [String: String] = [:]
    var modelSets: [URL: PlacedModelSet?] = [:]
    /// Whether the parts of model sets must be there.
    var requiresModelFolders = true
    /// Parameters look back at their scopes, which nobody else keeps.
    var scopes: [Scope] = []
    var declarations: [StepDeclaration] = []
    var stepIndex: [String: Int] = [:]
    var feeds: [String: [String: [Feed]]] = [:]
    var each: [String: Each] = [:]
    var blocks: [MatrixBlock] = []

    let outputKinds: [String]

    init(_ reader: PipelineReader) {
        self.reader = reader
        outputKinds = Self.outputKinds(of: reader.stages)
    }

    func pipeline(_ data: Data, named name: String, in folder: URL) throws(PipelineError) -> Pipeline {
        var pipeline: Pipeline?
        if var document = document(data, named: name, in: folder) {
            let overrides = overrides(&document)
            pipeline = plan(document, overrides: overrides)
        }
        guard problems.isEmpty, let pipeline else { throw .invalid(problems.sorted) }
        return pipeline
    }

    private func plan(_ document: Document, overrides: [Override]) -> Pipeline? {
        let source = document.source
        checkVersion(document)
        let name =
            document["name"].flatMap { text($0.value, "`name`") }
            ?? (source.name as NSString).lastPathComponent.split(separator: ".").first.map(String.init) ?? "pipeline"
        let template = template(of: document)
        if template == nil, document["template"] != nil, document["parameters"] != nil { return nil }
        let scope = userScope(document, template: template)
        let profile = profile(document)
        declareSteps(document, scope: scope, template: template)
        checkKeys(document, scope: scope, template: template)
        guard !declarations.isEmpty else {
            if problems.isEmpty {
                problems.add(
                    Place(source), "there is nothing to do: the file names no template and has no steps",
                    help: ["add `template: motrans`, or `steps:`"])
            }
            return nil
        }
        giveSettings(document, scope: scope, template: template, overrides: overrides)
        readMatrices(document, scope: scope)
        connect()
        guard let order = sortedSteps() else { return nil }
        let expansion = expand(order, fileModel: document["model"]?.value, scope: scope)
        if problems.isEmpty { checkUse(scopes) }
        guard problems.isEmpty else { return nil }
        let plan = Plan(
            name: name, file: source.name, text: source.text, steps: expansion.steps, environment: usedEnvironment,
            profile: profile)
        return Pipeline(plan: plan, stages: reader.stages, places: expansion.places, sources: problems.sources)
    }

    // MARK: Small readers

    func checkVersion(_ document: Document) {
        guard let version = document["version"] else {
            problems.add(
                Place(document.source), "the file does not say which version of the format it is in",
                help: ["add the line `version: 1`"])
            return
        }
        if version.value.value() != .int(1) {
            problems.add(
                version.value.place, "`version` must be 1, found \(version.value.value().inWords)",
                help: ["this motrans reads version 1 of the format"])
        }
    }

    /// The text of a scalar; numbers and words as they are written.
    func text(_ written: Written, _ what: String) -> String? {
        if let text = written.text { return text }
        problems.add(written.place, "\(what) must be text, found \(written.value().inWords)")
        return nil
    }

    /// A text or a list of texts.
    func texts(_ written: Written, _ what: String) -> [Written] {
        if case .list(let items) = written.content { return items.filter { text($0, "an item of \(what)") != nil } }
        return text(written, what) == nil ? [] : [written]
    }

    /// The entries of a map.
    func entries(_ written: Written, _ what: String) -> [Written.Entry] {
        if !written.isMap { problems.add(written.place, "\(what) must be a map, found \(written.value().inWords)") }
        return written.entries
    }

    /// Complains about keys that are not among those allowed.
    func allow(_ keys: [String], in entries: [Written.Entry], of what: String) {
        for entry in entries where !keys.contains(entry.name) {
            if problems.isEnough() { break }
            problems.add(
                entry.keyPlace, "\(what) has no key `\(entry.name)`",
                help: Suggestion.help(entry.name, among: keys, all: "keys"))
        }
    }

    func bool(_ written: Written, _ what: String) -> Bool? {
        if case .bool(let value) = written.value() { return value }
        problems.add(written.place, "\(what) must be true or false, found \(written.value().inWords)")
        return nil
    }

    func whole(_ written: Written, _ what: String, in range: ClosedRange<Int>) -> Int? {
        if case .int(let number) = written.value(), range.contains(number) { return number }
        problems.add(
            written.place,
            "\(what) must be a whole number from \(range.lowerBound) to \(range.upperBound), "
                + "found \(written.value().inWords)")
        return nil
    }

    /// A size such as `18GB`.
    func bytes(_ written: Written, _ what: String) -> Int? {
        if let bytes = written.text.flatMap(Amount.bytes), bytes > 0 { return bytes }
        problems.add(written.place, "\(what) must be a size such as 18GB, found \(written.value().inWords)")
        return nil
    }

    /// A time such as `10m`.
    func seconds(_ written: Written, _ what: String) -> Double? {
        if let seconds = written.text.flatMap(Amount.seconds), seconds > 0 { return seconds }
        problems.add(written.place, "\(what) must be a time such as 90s, 10m or 2h, found \(written.value().inWords)")
        return nil
    }

    /// A path of the user's; relative ones start at the folder of the file that says them.
    func url(_ path: String, from folder: URL) -> URL {
        (path.hasPrefix("/") ? URL(filePath: path) : folder.appending(path: path)).standardizedFileURL
    }

    /// Whether something is there; otherwise says so, with what is there instead.
    func exists(_ file: URL, _ written: Written, _ what: String) -> Bool {
        let path = file.path(percentEncoded: false)
        if !path.utf8.contains(0), FileManager.default.fileExists(atPath: path) { return true }
        let folder = file.deletingLastPathComponent()
        let neighbours =
            (try? FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false))) ?? []
        var help: [String] = []
        if let near = Suggestion.nearest(file.lastPathComponent, among: neighbours.sorted().prefix(2000).map { $0 }) {
            let parent = (written.text ?? "").parentPath
            help = ["did you mean `\(parent.isEmpty ? near : "\(parent)/\(near)")`?"]
        } else if neighbours.isEmpty {
            help = ["there is nothing in \(folder.path(percentEncoded: false))"]
        } else {
            help = ["paths start at the folder of the file that says them"]
        }
        problems.add(written.place, "there is no \(what) `\(written.text ?? "")`", help: help)
        return false
    }

    private func profile(_ document: Document) -> Profile {
        var chosen = Profile()
        let profiles = document["profiles"].map { entries($0.value, "`profiles`") } ?? []
        for entry in profiles {
            let keys = entries(entry.value, "the profile `\(entry.name)`")
            allow(["jobs", "threads", "memory", "limits", "executor"], in: keys, of: "a profile")
            func count(_ key: String) -> Int? { entry.value[key].flatMap { count($0, key) } }
            func count(_ written: Written, _ key: String) -> Int? { whole(written, "`\(key)`", in: 1...4096) }
            var limits: [StageKind: Int] = [:]
            for limit in entry.value["limits"].map({ entries($0, "`limits`") }) ?? [] {
                guard let stage = stage(limit.name, at: limit.keyPlace) else { continue }
                limits[stage.kind] = count(limit.value, "limits.\(limit.name)")
            }
            if let executor = entry.value["executor"], executor.text != "local" {
                problems.add(executor.place, "`executor` must be local, found \(executor.value().inWords)")
            }
            let profile = Profile(
                name: entry.name, jobs: count("jobs"), threads: count("threads"),
                memory: entry.value["memory"].flatMap { bytes($0, "`memory`") }, limits: limits)
            if entry.name == reader.profile { chosen = profile }
        }
        if let wanted = reader.profile, chosen.name == nil {
            let names = profiles.map(\.name)
            problems.add(
                Diagnostic(
                    place: nil, origin: "--profile \(wanted)", message: "the file has no profile `\(wanted)`",
                    help: Suggestion.help(wanted, among: names, all: "profiles")))
        }
        return chosen
    }
}
