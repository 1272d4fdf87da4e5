import Artifacts
import StageKit

/// What `${item}` is.
enum Item {
    case value(Written)
    /// An output of another step: an input, never a value.
    case artifact
}

extension Written {
    /// Whether any text in it refers to the element of the for-each.
    var mentionsItem: Bool {
        switch content {
        case .scalar(let text, _): text.mayRefer && text.contains("${item")
        case .list(let items): items.contains { $0.mentionsItem }
        case .map(let entries): entries.contains { $0.value.mentionsItem }
        }
    }
}

extension String {
    /// Whether there is a `${` in it, byte by byte: a search by characters costs a hundred times as much.
    var mayRefer: Bool {
        var previous: UInt8 = 0
        for byte in utf8 {
            if byte == UInt8(ascii: "{"), previous == UInt8(ascii: "$") { return true }
            previous = byte
        }
        return false
    }
}

extension Planner {
    /// A value with all its references replaced by what they stand for; nil with problems.
    ///
    /// A text that is one reference takes the value with its type; inside a longer text only scalars make sense.
    func resolved(_ written: Written, in scope: Scope, item: Item?) -> Written? {
        switch written.content {
        case .scalar(let text, let isPlain):
            guard text.mayRefer else { return written }
            let (pieces, problem) = Reference.pieces(of: text)
            if let problem {
                problems.add(written.place, problem, help: ["references are `${name}`; a literal `${` is `$${`"])
                return nil
            }
            if pieces.count == 1, case .reference(let reference) = pieces[0] {
                return value(of: reference, at: written.place, in: scope, item: item)
            }
            var joined = ""
            for piece in pieces {
                switch piece {
                case .text(let text): joined += text
                case .reference(let reference):
                    guard let value = value(of: reference, at: written.place, in: scope, item: item) else { return nil }
                    guard case .scalar(let text, _) = value.content, value.text != nil else {
                        var help: [String] = []
                        if value["prompt"] != nil {
                            help = ["`${\(reference.path.joined(separator: ".")).prompt}` is its text"]
                        }
                        problems.add(
                            written.place,
                            "`\(reference.description)` is \(value.value().inWords) and cannot stand inside a text",
                            help: help)
                        return nil
                    }
                    joined += text
                }
            }
            let isText = !isPlain || pieces.contains { if case .reference = $0 { true } else { false } }
            return Written(content: .scalar(joined, isPlain: !isText), place: written.place)
        case .list(let items):
            let resolvedItems = items.map { resolved($0, in: scope, item: item) }
            guard !resolvedItems.contains(where: { $0 == nil }) else { return nil }
            return Written(content: .list(resolvedItems.compactMap { $0 }), place: written.place)
        case .map(let entries):
            var resolvedEntries: [Written.Entry] = []
            for entry in entries {
                guard let value = resolved(entry.value, in: scope, item: item) else { continue }
                resolvedEntries.append(.init(name: entry.name, keyPlace: entry.keyPlace, value: value))
            }
            guard resolvedEntries.count == entries.count else { return nil }
            return Written(content: .map(resolvedEntries), place: written.place)
        }
    }

    private func value(of reference: Reference, at place: Place, in scope: Scope, item: Item?) -> Written? {
        let base: Written
        switch reference.name {
        case "env": return environmentValue(reference, at: place, in: scope)
        case "item":
            switch item {
            case .value(let element): base = element
            case .artifact:
                problems.add(place, "`${item}` is an artifact here: it can be an input, not a value")
                return nil
            case nil:
                problems.add(
                    place, "`\(reference.description)` is only known in a step with `for-each`",
                    help: ["add `for-each:` to the step"])
                return nil
            }
        default:
            guard let parameter = scope.parameters[reference.name] else {
                var help = Suggestion.help(reference.name, among: scope.names, all: "names")
                if stepIndex[reference.name] != nil {
                    help = ["the step `\(reference.name)` gives an artifact: it can be an input, not a value"]
                }
                problems.add(place, "there is no parameter `\(reference.name)` in \(scope.title)", help: help)
                return nil
            }
            parameter.isUsed = true
            switch bound(parameter) {
            case .failed: return nil
            case .data(let written): base = written
            case .source:
                problems.add(place, "`${\(reference.name)}` is files: it can be an input, not a value")
                return nil
            case .model(let model, _): base = Written(content: .scalar(model.set.name, isPlain: false), place: place)
            }
        }
        var found = base
        for field in reference.path.dropFirst() {
            guard let next = found[field] else {
                problems.add(
                    place, "`\(reference.description)`: \(found.value().inWords) has no `\(field)`",
                    help: Suggestion.help(field, among: found.entries.map(\.name), all: "it has"))
                return nil
            }
            found = next
        }
        // It keeps the place where it was written: that is the line to change when it does not fit here.
        return found
    }

    private func environmentValue(_ reference: Reference, at place: Place, in scope: Scope) -> Written? {
        guard reference.path.count == 2 else {
            problems.add(place, "`\(reference.description)` is not a reference", help: ["write `${env.NAME}`"])
            return nil
        }
        let name = reference.path[1]
        guard let standard = scope.environment[name] else {
            problems.add(
                place, "this file may not read the environment variable `\(name)`",
                help: scope.title == "this file"
                    ? ["allow it with `env: [\(name)]`"]
                    : ["only pipeline files read the environment; hand it to \(scope.title) as a parameter"])
            return nil
        }
        guard let value = reader.environment[name] ?? standard else {
            problems.add(
                place, "the environment variable `\(name)` is not set",
                help: ["set it, or give a default with `env: {\(name): ...}`"])
            return nil
        }
        usedEnvironment[name] = value
        return Written(content: .scalar(value, isPlain: true), place: place)
    }
}
