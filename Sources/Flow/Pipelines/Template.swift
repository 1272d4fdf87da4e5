import Foundation

/// A graph with parameters that a pipeline file may name.
struct Template {
    let name: String
    let parameters: [Planner.ParameterDeclaration]
    let steps: [Written.Entry]
    let defaults: Written?
}

extension Planner {
    /// The template of a file, nil when it names none.
    func template(of document: Document) -> Template? {
        guard let entry = document["template"], let name = text(entry.value, "`template`") else { return nil }
        if document["parameters"] != nil, document["steps"] != nil {
            problems.add(
                entry.keyPlace, "this file declares the template `\(name)`: it is not a pipeline itself",
                help: ["a pipeline uses it with `template: \(name)` and values for its parameters"])
            return nil
        }
        guard let (data, shown, folder) = templateText(name, entry.value) else { return nil }
        guard let source = YAMLReader.source(data, named: shown, in: folder, problems),
            let written = YAMLReader.document(source, problems)
        else { return nil }
        let document = Document(source: source, entries: entries(written, "a template"))
        checkVersion(document)
        allow(
            ["version", "template", "description", "parameters", "steps", "defaults"], in: document.entries,
            of: "a template")
        guard let steps = document["steps"] else {
            problems.add(Place(source), "the template has no `steps`")
            return nil
        }
        return Template(
            name: name, parameters: parameterDeclarations(document["parameters"]?.value),
            steps: entries(steps.value, "`steps`"), defaults: document["defaults"]?.value)
    }

    private func templateText(_ name: String, _ written: Written) -> (Data, String, URL)? {
        func load(_ file: URL, _ shown: String) -> (Data, String, URL)? {
            do throws(PipelineError) {
                return (try SourceText.load(file, named: shown), shown, file.deletingLastPathComponent())
            } catch {
                problems.add(written.place, "the template `\(name)` cannot be read: \(error.reason)")
                return nil
            }
        }
        if name.contains("/") || name.hasSuffix(".yaml") || name.hasSuffix(".yml") {
            let file = url(name, from: written.place.source.folder)
            return exists(file, written, "template") ? load(file, name) : nil
        }
        var names = Templates.all.map(\.name)
        for folder in reader.templateFolders {
            let file = folder.appending(path: "\(name).yaml")
            if FileManager.default.fileExists(atPath: file.path(percentEncoded: false)) {
                return load(file, file.path(percentEncoded: false))
            }
            let others =
                (try? FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false))) ?? []
            names += others.filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) }.sorted()
        }
        if let text = Templates.all.first(where: { $0.name == name })?.text {
            return (Data(text.utf8), "template \(name)", written.place.source.folder)
        }
        problems.add(
            written.place, "there is no template `\(name)`", help: Suggestion.help(name, among: names, all: "templates")
        )
        return nil
    }
}
