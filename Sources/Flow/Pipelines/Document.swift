import Foundation
import StageKit

/// A pipeline file and all that it includes as one list of keys, not yet understood.
struct Document {
    let source: SourceText
    var entries: [Written.Entry]

    subscript(name: String) -> Written.Entry? { entries.first { $0.name == name } }

    /// Keys that mean the same in every pipeline file.
    static let fixedKeys = [
        "version", "name", "template", "parameters", "steps", "settings", "defaults", "matrix", "include", "profiles",
        "env",
    ]
}

extension Planner {
    /// Reads a file with what it includes; nil when nothing can be made of it.
    func document(_ data: Data, named name: String, in folder: URL, file: URL? = nil) -> Document? {
        guard let source = YAMLReader.source(data, named: name, in: folder, problems),
            let written = YAMLReader.document(source, problems)
        else { return nil }
        guard written.isMap else {
            problems.add(
                written.place, "a pipeline file is a map of keys, this is \(written.value().inWords)",
                help: ["`motrans init` writes one to start from"])
            return nil
        }
        guard let include = written["include"] else { return Document(source: source, entries: written.entries) }
        let path = (file ?? folder.appending(path: (name as NSString).lastPathComponent)).standardizedFileURL
        including.append((name, path))
        defer { including.removeLast() }
        included.insert(path)
        var entries: [Written.Entry] = []
        for written in texts(include, "`include`") { entries = merged(entries, with: self.included(written)) }
        return Document(source: source, entries: merged(entries, with: written.entries))
    }

    private func included(_ written: Written) -> [Written.Entry] {
        guard let text = written.text else { return [] }
        let source = written.place.source
        let file = url(text, from: source.folder)
        let parent = source.name.parentPath
        let name = text.hasPrefix("/") || parent.isEmpty ? text : "\(parent)/\(text)"
        if let start = including.firstIndex(where: { $0.file == file }) {
            let path = (including[start...].map(\.name) + [including[start].name]).joined(separator: " -> ")
            problems.add(written.place, "files include each other: \(path)")
            return []
        }
        // A file that two others include says its part once.
        guard included.insert(file).inserted, exists(file, written, "file") else { return [] }
        do throws(PipelineError) {
            let data = try SourceText.load(file, named: name)
            return document(data, named: name, in: file.deletingLastPathComponent(), file: file)?.entries ?? []
        } catch {
            problems.add(written.place, "cannot read `\(text)`: \(error.reason)")
            return []
        }
    }

    /// Later words win; settings are merged one by one, steps are put together.
    private func merged(_ base: [Written.Entry], with over: [Written.Entry]) -> [Written.Entry] {
        var entries = base
        for entry in over where entry.name != "include" {
            guard let index = entries.firstIndex(where: { $0.name == entry.name }) else {
                entries.append(entry)
                continue
            }
            let old = entries[index]
            let value: Written
            switch entry.name {
            case "steps", "parameters":
                for step in entry.value.entries {
                    guard let first = old.value.entries.first(where: { $0.name == step.name }) else { continue }
                    problems.add(
                        step.keyPlace, "the \(entry.name.dropLast()) `\(step.name)` is there twice",
                        help: ["the first one is in \(first.keyPlace.source.name):\(first.keyPlace.line)"])
                }
                value = deepMerged(old.value, entry.value, levels: 1)
            case "settings", "defaults", "profiles": value = deepMerged(old.value, entry.value, levels: 2)
            case "matrix": value = deepMerged(old.value, entry.value, levels: 1)
            default: value = entry.value
            }
            entries[index] = Written.Entry(name: entry.name, keyPlace: entry.keyPlace, value: value)
        }
        return entries
    }

    private func deepMerged(_ base: Written, _ over: Written, levels: Int) -> Written {
        guard levels > 0, base.isMap, over.isMap else { return over }
        var entries = base.entries
        for entry in over.entries {
            if let index = entries.firstIndex(where: { $0.name == entry.name }) {
                let value = deepMerged(entries[index].value, entry.value, levels: levels - 1)
                entries[index] = Written.Entry(name: entry.name, keyPlace: entry.keyPlace, value: value)
            } else {
                entries.append(entry)
            }
        }
        return Written(content: .map(entries), place: over.place)
    }
}

extension PipelineError {
    /// Why, without the file.
    var reason: String {
        switch self {
        case .unreadable(_, let why): why
        case .invalid(let diagnostics): diagnostics.first?.message ?? ""
        }
    }
}
