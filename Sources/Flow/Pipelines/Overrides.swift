import Foundation

/// What a `--set step.setting=value` flag says.
struct Override {
    let step: String
    let setting: String
    let written: Written
}

extension Planner {
    /// Reads the flags: those without a dot replace keys of the file, the others are settings of steps.
    func overrides(_ document: inout Document) -> [Override] {
        let folder = URL(filePath: FileManager.default.currentDirectoryPath, directoryHint: .isDirectory)
        var overrides: [Override] = []
        for flag in reader.overrides {
            let source = SourceText(flag, name: "--set \(flag)", folder: folder, isFlag: true)
            problems.opened(source)
            let place = Place(source)
            guard let equals = flag.firstIndex(of: "=") else {
                problems.add(place, "there is no `=`", help: ["write `--set step.setting=value`"])
                continue
            }
            let path = flag[..<equals].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
            guard let value = value(String(flag[flag.index(after: equals)...]), source) else { continue }
            switch path.count {
            case 1 where !Document.fixedKeys.contains(path[0]) || path[0] == "name":
                let entry = Written.Entry(name: path[0], keyPlace: place, value: value)
                if let index = document.entries.firstIndex(where: { $0.name == path[0] }) {
                    document.entries[index] = entry
                } else {
                    document.entries.append(entry)
                }
            case 2: overrides.append(Override(step: path[0], setting: path[1], written: value))
            default:
                problems.add(
                    place, "`\(flag[..<equals])` cannot be set",
                    help: ["write `--set step.setting=value`, or `--set parameter=value`"])
            }
        }
        return overrides
    }

    /// The value as YAML, so that `[1, 2]` is a list; what only looks like a map by accident is text.
    private func value(_ text: String, _ source: SourceText) -> Written? {
        let inner = SourceText(text, name: source.name, folder: source.folder, isFlag: true)
        guard var written = YAMLReader.document(inner, problems) else { return nil }
        let isFlow = text.drop { $0 == " " }.first.map { "[{".contains($0) } ?? false
        if written.text == nil, !isFlow, !text.isEmpty, written.isMap || text.contains("#") {
            written = Written(content: .scalar(text, isPlain: false), place: Place(inner))
        } else if text.isEmpty {
            written = Written(content: .scalar("", isPlain: false), place: Place(inner))
        }
        return written
    }
}
