import Artifacts
import StageKit

/// What feeds an input port, as declared.
enum Feed {
    /// An output of a step, all its elements in order.
    case step(String, port: OutputPort, place: Place)
    /// An output of the one element that the for-each is at.
    case item(port: OutputPort, place: Place)
    case source(PlacedSource, place: Place)

    var kind: ArtifactKind {
        switch self {
        case .step(_, let port, _), .item(let port, _): port.kind
        case .source(let source, _): source.input.kind
        }
    }

    /// A file or folder of the user's in the place of an artifact of a kind; other feeds as they are.
    func standing(for kind: ArtifactKind) -> Feed {
        guard case .source(let source, let place) = self, [.file, .files].contains(source.input.kind) else {
            return self
        }
        let input = SourceInput(kind: kind, files: source.input.files, attributes: source.input.attributes)
        return .source(PlacedSource(input: input, places: source.places), place: place)
    }

    var place: Place {
        switch self {
        case .step(_, _, let place), .item(_, let place), .source(_, let place): place
        }
    }
}

/// What a for-each goes through.
enum Each {
    case elements([Element], label: String)
    /// The elements of another for-each, one by one.
    case step(String, port: OutputPort)
}

/// An element of a list.
struct Element {
    /// As the stage sees it, nil when it takes none.
    let value: Value?
    /// As `${item}`.
    let written: Written
    let label: String
}

extension Planner {
    /// Finds out what feeds each port and what each for-each goes through.
    func connect() {
        for declaration in declarations {
            if let forEach = declaration.forEach { each[declaration.name] = readEach(forEach, of: declaration) }
        }
        for declaration in declarations {
            guard let stage = declaration.stage else { continue }
            checkElement(declaration, stage)
            var ports: [String: [Feed]] = [:]
            for entry in declaration.inputs {
                if !stage.declaresOwnPorts, !stage.inputs.contains(where: { $0.name == entry.name }) {
                    problems.add(
                        entry.keyPlace, "stage \(stage.kind) has no input `\(entry.name)`",
                        help: Suggestion.help(entry.name, among: stage.inputs.map(\.name), all: "inputs"))
                    continue
                }
                if stage.declaresOwnPorts, !isName(entry.name) {
                    problems.add(entry.keyPlace, "an input cannot be called `\(entry.name)`")
                    continue
                }
                var feeds = readFeeds(entry.value, of: declaration)
                if let port = stage.inputs.first(where: { $0.name == entry.name }) {
                    if port.acceptsFiles { feeds = feeds.map { $0.standing(for: port.kind) } }
                    check(feeds, entry, port, declaration, stage)
                }
                ports[entry.name] = feeds
            }
            feeds[declaration.name] = ports
            let missing = stage.inputs.filter { port in
                !port.isOptional && !declaration.inputs.contains { $0.name == port.name }
            }
            for port in missing {
                let givers = declarations.filter { other in
                    other.name != declaration.name && other.outputs.contains { $0.kind == port.kind }
                }.map { "`${\($0.name)}`" }
                let name = port.kind == .clips ? ["`${clips}`"] : givers
                problems.add(
                    declaration.place, "the step `\(declaration.name)` lacks its input `\(port.name)` (\(port.help))",
                    help: name.isEmpty ? [] : ["\(port.kind) are given by \(name.joined(separator: ", "))"])
            }
        }
    }

    private func checkElement(_ declaration: StepDeclaration, _ stage: StageDescriptor) {
        // A stage with a setting `prompt` can do without, and says itself when it has neither.
        if stage.element == .prompt, stage.setting("prompt") == nil, declaration.forEach == nil {
            problems.add(
                declaration.place,
                "the step `\(declaration.name)` has no prompts: stage \(stage.kind) works on one prompt at a time",
                help: ["add `for-each: \"${prompts}\"`"])
        }
    }

    private func check(
        _ feeds: [Feed], _ entry: Written.Entry, _ port: InputPort, _ declaration: StepDeclaration,
        _ stage: StageDescriptor
    ) {
        for feed in feeds where port.kind != .any && feed.kind != port.kind {
            problems.add(
                feed.place,
                "the input `\(port.name)` of step `\(declaration.name)` takes \(port.kind), this is \(feed.kind)",
                help: matching(port.kind, except: declaration.name))
        }
        guard !port.takesMany, !feeds.contains(where: { port.kind != .any && $0.kind != port.kind }) else { return }
        if feeds.count > 1 {
            problems.add(
                entry.value.place,
                "the input `\(port.name)` of stage \(stage.kind) takes one artifact, not \(feeds.count)")
        }
        for case .step(let name, _, let place) in feeds where each[name] != nil {
            problems.add(
                place,
                "the input `\(port.name)` of stage \(stage.kind) takes one artifact, but `\(name)` gives one for each element",
                help: ["go through them: `for-each: \"${\(name)}\"` and `\(port.name): \"${item}\"`"])
        }
    }

    private func matching(_ kind: ArtifactKind, except name: String) -> [String] {
        var names: [String] = []
        for other in declarations where other.name != name {
            for (index, port) in other.outputs.enumerated() where port.kind == kind {
                names.append(index == 0 ? "`${\(other.name)}`" : "`${\(other.name).\(port.name)}`")
            }
        }
        return names.isEmpty ? [] : ["\(kind) are given by \(names.joined(separator: ", "))"]
    }

    // MARK: Inputs

    private func readFeeds(_ written: Written, of declaration: StepDeclaration) -> [Feed] {
        if case .list(let items) = written.content { return items.flatMap { readFeeds($0, of: declaration) } }
        if written.isMap {
            let entries = written.entries
            if entries.count == 1, entries[0].name == "file" {
                return file(entries[0].value, in: declaration.scope).map { [.source($0, place: written.place)] } ?? []
            }
            if entries.count == 1, entries[0].name == "files" {
                return files(entries[0].value, in: declaration.scope).map { [.source($0, place: written.place)] } ?? []
            }
            problems.add(
                written.place, "an input that is a map says `file` or `files`, and nothing else",
                help: ["`{file: path}` is one file, `{files: folder}` a whole folder"])
            return []
        }
        guard let text = written.text, let reference = Reference.whole(text) else {
            let hint = written.text.map { text -> String in
                if stepIndex[text] != nil { return "did you mean `${\(text)}`?" }
                return "a step's output is `${step}`, a file of yours `{file: path}`"
            }
            problems.add(
                written.place, "an input must be a reference or a file, found \(written.value().inWords)",
                help: hint.map { [$0] } ?? [])
            return []
        }
        return feed(reference, at: written.place, of: declaration).map { [$0] } ?? []
    }

    private func feed(_ reference: Reference, at place: Place, of declaration: StepDeclaration) -> Feed? {
        if reference.name == "item" { return itemFeed(reference, at: place, of: declaration) }
        if let index = stepIndex[reference.name] {
            guard let port = port(reference, of: declarations[index], at: place) else { return nil }
            return .step(reference.name, port: port, place: place)
        }
        guard let parameter = declaration.scope.parameters[reference.name] else {
            let names = declarations.map(\.name) + declaration.scope.names
            if Self.knownParameters.contains(where: { $0.name == reference.name }) {
                problems.add(
                    place, "the file gives no `\(reference.name)`", help: ["add `\(reference.name):` to the file"])
            } else {
                problems.add(
                    place, "there is no step or parameter `\(reference.name)`",
                    help: Suggestion.help(reference.name, among: names, all: "names"))
            }
            return nil
        }
        parameter.isUsed = true
        switch bound(parameter) {
        case .failed: return nil
        case .source(let source) where reference.path.count == 1: return .source(source, place: place)
        case .source, .data, .model:
            problems.add(
                place, "`\(reference.description)` is not an artifact: it cannot be an input",
                help: parameter.type == .prompts ? ["go through it with `for-each: \"${\(parameter.name)}\"`"] : [])
            return nil
        }
    }

    private func itemFeed(_ reference: Reference, at place: Place, of declaration: StepDeclaration) -> Feed? {
        guard declaration.forEach != nil else {
            problems.add(
                place, "`\(reference.description)` is only known in a step with `for-each`",
                help: ["add `for-each:` to the step"])
            return nil
        }
        guard let each = each[declaration.name] else { return nil }
        guard case .step(let name, let port) = each else {
            problems.add(
                place, "`\(reference.description)` is a value here, not an artifact: it cannot be an input",
                help: ["it can be used in `settings:`"])
            return nil
        }
        guard reference.path.count > 1, let index = stepIndex[name] else { return .item(port: port, place: place) }
        return self.port(reference, of: declarations[index], at: place).map { .item(port: $0, place: place) }
    }

    /// `${step}` is the first output, `${step.port}` the named one.
    private func port(_ reference: Reference, of declaration: StepDeclaration, at place: Place) -> OutputPort? {
        // An unknown stage was reported; what it might give is not known.
        guard declaration.stage != nil, let first = declaration.outputs.first else { return nil }
        guard reference.path.count > 1 else { return first }
        let name = reference.path[1]
        if reference.path.count == 2, let port = declaration.outputs.first(where: { $0.name == name }) { return port }
        problems.add(
            place,
            "the step `\(declaration.name)` has no output `\(reference.path.dropFirst().joined(separator: "."))`",
            help: Suggestion.help(name, among: declaration.outputs.map(\.name), all: "outputs"))
        return nil
    }

    // MARK: For-each

    private func readEach(_ written: Written, of declaration: StepDeclaration) -> Each? {
        if let text = written.text, let reference = Reference.whole(text) {
            let parameter = declaration.scope.parameters[reference.name]
            let isList = parameter.map { $0.type == .prompts || $0.type == .list } ?? false
            if !isList, let index = stepIndex[reference.name] {
                let other = declarations[index]
                guard let port = port(reference, of: other, at: written.place) else { return nil }
                guard other.forEach != nil else {
                    problems.add(
                        written.place, "`for-each` needs many, but the step `\(other.name)` gives one artifact",
                        help: ["it works through lists (`${prompts}`) and through steps that have a `for-each`"])
                    return nil
                }
                return .step(other.name, port: port)
            }
            guard let parameter else {
                if Self.knownParameters.contains(where: { $0.name == reference.name }) {
                    problems.add(
                        written.place, "the file gives no `\(reference.name)`",
                        help: ["add `\(reference.name):` to the file"])
                } else {
                    let names = declaration.scope.names + declarations.map(\.name)
                    problems.add(
                        written.place, "there is no list or step `\(reference.name)`",
                        help: Suggestion.help(reference.name, among: names, all: "names"))
                }
                return nil
            }
            if parameter.type == .clips || parameter.type == .model || parameter.type == .file
                || parameter.type == .files
            {
                problems.add(
                    written.place, "`for-each` needs a list, but `\(parameter.name)` is \(parameter.type.rawValue)",
                    help: ["it works through lists (`${prompts}`) and through steps that have a `for-each`"])
                return nil
            }
        }
        guard let resolved = resolved(written, in: declaration.scope, item: nil) else { return nil }
        guard case .list(let items) = resolved.content else {
            problems.add(
                written.place, "`for-each` needs a list, found \(resolved.value().inWords)",
                help: ["it works through lists (`${prompts}`) and through steps that have a `for-each`"])
            return nil
        }
        guard !items.isEmpty else {
            problems.add(resolved.place, "`for-each` has nothing to go through: the list is empty")
            return nil
        }
        guard let stage = declaration.stage else { return nil }
        if stage.element == nil, !declaration.usesItem {
            problems.add(
                written.place, "the step `\(declaration.name)` is the same for each element",
                help: ["use `${item}` in its settings, or remove the `for-each`"])
            return nil
        }
        var elements: [Element] = []
        var labels = UniqueSlugs()
        for item in items {
            guard let written = stage.element == .prompt ? prompt(item) : item else { continue }
            let value = written.value()
            let label = labels.add(Slug.of(value, written: written), of: "\(value)")
            elements.append(Element(value: stage.element == nil ? nil : value, written: written, label: label))
        }
        return elements.count == items.count ? .elements(elements, label: declaration.name) : nil
    }

    // MARK: Order

    /// Names of the steps that a step waits for.
    func parents(_ name: String) -> [String] {
        var names: [String] = []
        if case .step(let other, _)? = each[name] { names.append(other) }
        for (_, feeds) in (feeds[name] ?? [:]).sorted(by: { $0.key < $1.key }) {
            for case .step(let other, _, _) in feeds where !names.contains(other) { names.append(other) }
        }
        return names
    }

    /// Steps after all that feed them, otherwise in the order of the file; nil with a problem for a cycle.
    func sortedSteps() -> [StepDeclaration]? {
        var waiting: [String: Set<String>] = [:]
        var children: [String: [String]] = [:]
        for declaration in declarations {
            let parents = parents(declaration.name)
            waiting[declaration.name] = Set(parents)
            for parent in parents { children[parent, default: []].append(declaration.name) }
        }
        // The first in the file is the last in the list.
        var ready = Array(declarations.indices.filter { waiting[declarations[$0].name]?.isEmpty ?? true }.reversed())
        var order: [StepDeclaration] = []
        while let index = ready.popLast() {
            let name = declarations[index].name
            order.append(declarations[index])
            for child in children[name] ?? [] {
                waiting[child]?.remove(name)
                guard waiting[child]?.isEmpty == true, let index = stepIndex[child] else { continue }
                var (low, high) = (0, ready.count)
                while low < high {
                    let middle = (low + high) / 2
                    if ready[middle] > index { low = middle + 1 } else { high = middle }
                }
                ready.insert(index, at: low)
            }
        }
        guard order.count < declarations.count else { return order }
        reportCycle(Set(waiting.filter { !$0.value.isEmpty }.keys))
        return nil
    }

    /// Every step that is left waits for another that is left: walking from one to the next must come back.
    private func reportCycle(_ left: Set<String>) {
        guard var name = declarations.first(where: { left.contains($0.name) })?.name else { return }
        var path: [String] = []
        while !path.contains(name) {
            path.append(name)
            guard let next = parents(name).first(where: left.contains) else { return }
            name = next
        }
        let cycle = Array(path[(path.firstIndex(of: name) ?? 0)...])
        // Parents were followed; data flows the other way.
        let inOrder = [cycle[0]] + cycle.dropFirst().reversed() + [cycle[0]]
        guard let first = stepIndex[cycle[0]] else { return }
        let place = (feeds[cycle[0]] ?? [:]).values.flatMap { $0 }.compactMap { feed -> Place? in
            guard case .step(let other, _, let place) = feed, other == inOrder[inOrder.count - 2] else { return nil }
            return place
        }.first
        problems.add(
            place ?? declarations[first].forEach?.place ?? declarations[first].place,
            "steps wait for each other: \(inOrder.joined(separator: " -> "))",
            help: ["remove one of these references"])
    }
}

extension StepDeclaration {
    /// Whether `${item}` is in any of its settings.
    var usesItem: Bool { given.contains { $0.written.mentionsItem } }
}
