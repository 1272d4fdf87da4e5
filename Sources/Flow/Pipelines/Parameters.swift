import Artifacts
import StageKit

/// What a parameter of a template may be.
enum ParameterType: String, CaseIterable {
    case clips, prompts, model, string, int, number, bool, list, map, file, files

    /// The shape of those that are plain data.
    var shape: SettingShape? {
        switch self {
        case .string: .string
        case .int: .int
        case .number: .double
        case .bool: .bool
        case .clips, .prompts, .model, .list, .map, .file, .files: nil
        }
    }
}

/// The names that `${...}` may use in one file.
final class Scope {
    /// For error messages: `this file`, ``template `motrans` ``.
    let title: String
    private(set) var parameters: [String: Parameter] = [:]
    private(set) var names: [String] = []
    /// Variables of the environment that the file may read, and what stands in for those that are not set.
    var environment: [String: String?] = [:]

    init(_ title: String) { self.title = title }

    func add(_ parameter: Parameter) {
        parameters[parameter.name] = parameter
        names.append(parameter.name)
    }
}

/// A name, its type, and what was given for it.
final class Parameter {
    let name: String
    let type: ParameterType
    /// What was given, or the default; nil when neither is there, which was said already.
    let written: Written?
    /// Where `written` is to be understood.
    unowned let scope: Scope
    /// Where it was declared or given.
    let place: Place
    /// A parameter that the file itself declared is to be used by it.
    let isDeclared: Bool
    var isUsed = false
    var bound: Bound?

    init(_ name: String, _ type: ParameterType, _ written: Written?, in scope: Scope, at place: Place, isDeclared: Bool)
    {
        self.name = name
        self.type = type
        self.written = written
        self.scope = scope
        self.place = place
        self.isDeclared = isDeclared
    }
}

/// What a parameter stands for.
enum Bound {
    /// Plain data without references. Prompts are maps with `prompt` and maybe `entity`.
    case data(Written)
    case source(PlacedSource)
    case model(PlacedModelSet, Place)
    /// What was said of it is wrong, and was reported.
    case failed
}

/// Files of the user's, and where each was named.
struct PlacedSource {
    let input: SourceInput
    let places: [Place]
}

extension Planner {
    /// Keys that every pipeline file may have, and their types.
    static let knownParameters: [(name: String, type: ParameterType)] = [
        ("clips", .clips), ("prompts", .prompts), ("motion", .string), ("model", .model),
    ]

    /// A declaration under `parameters:`.
    struct ParameterDeclaration {
        let name: String
        let type: ParameterType
        let standard: Written?
        let place: Place
    }

    func parameterDeclarations(_ written: Written?) -> [ParameterDeclaration] {
        guard let written else { return [] }
        return entries(written, "`parameters`").compactMap { entry in
            var typeText: Written? = entry.value
            if entry.value.isMap {
                allow(["type", "default", "help"], in: entry.value.entries, of: "a parameter")
                typeText = entry.value["type"]
            }
            let types = ParameterType.allCases.map(\.rawValue)
            guard let typeText else {
                problems.add(
                    entry.keyPlace, "the parameter `\(entry.name)` has no `type`",
                    help: ["types: \(types.joined(separator: ", "))"])
                return nil
            }
            guard let word = text(typeText, "the type of a parameter") else { return nil }
            guard let type = ParameterType(rawValue: word) else {
                problems.add(
                    typeText.place, "there is no parameter type `\(word)`",
                    help: Suggestion.help(word, among: types, all: "types"))
                return nil
            }
            guard isName(entry.name), !Document.fixedKeys.contains(entry.name), !["item", "env"].contains(entry.name)
            else {
                problems.add(
                    entry.keyPlace, "a parameter cannot be called `\(entry.name)`",
                    help: ["names are letters, digits, `-` and `_`; `item`, `env` and the keys of the format are taken"]
                )
                return nil
            }
            return ParameterDeclaration(
                name: entry.name, type: type, standard: entry.value["default"], place: entry.keyPlace)
        }
    }

    func isName(_ text: String) -> Bool {
        guard let first = text.first, first.isASCII, first.isLetter else { return false }
        return text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
    }

    /// The names that the file's own steps and values may use.
    func userScope(_ document: Document, template: Template?) -> Scope {
        let scope = Scope("this file")
        scopes.append(scope)
        scope.environment = environment(document["env"]?.value)
        var types = Dictionary(uniqueKeysWithValues: Self.knownParameters.map { ($0.name, $0.type) })
        // A value that only the template knows is typed by the template.
        for declared in template?.parameters ?? [] { types[declared.name] = declared.type }
        let declared = template == nil ? parameterDeclarations(document["parameters"]?.value) : []
        for declaration in declared {
            types[declaration.name] = nil
            let given = document[declaration.name]
            if given == nil, declaration.standard == nil {
                problems.add(
                    declaration.place, "the parameter `\(declaration.name)` has no value and no default",
                    help: ["add `\(declaration.name): ...` to the file, or `--set \(declaration.name)=...`"])
            }
            scope.add(
                Parameter(
                    declaration.name, declaration.type, given?.value ?? declaration.standard, in: scope,
                    at: declaration.place, isDeclared: true))
        }
        for entry in document.entries {
            guard let type = types[entry.name] else { continue }
            scope.add(
                Parameter(
                    entry.name, type, entry.value, in: scope, at: entry.keyPlace,
                    isDeclared: entry.name != "model" && entry.name != "motion"))
        }
        return scope
    }

    /// The names of a template: its parameters, with what the user's file gives for them.
    func templateScope(_ template: Template, document: Document, user: Scope) -> Scope {
        let scope = Scope("template `\(template.name)`")
        scopes.append(scope)
        for declaration in template.parameters {
            if let given = user.parameters[declaration.name] {
                // Both are one thing under two roofs: using one uses the other.
                scope.add(
                    Parameter(
                        declaration.name, declaration.type, given.written, in: user, at: given.place, isDeclared: true))
                given.isUsed = true
            } else {
                // A key that is nearly the name is reported as unknown, with the right name: once is enough.
                let unknown = document.entries.map(\.name).filter {
                    !Document.fixedKeys.contains($0) && user.parameters[$0] == nil
                }
                if declaration.standard == nil, Suggestion.nearest(declaration.name, among: unknown) == nil {
                    problems.add(
                        document["template"]?.value.place ?? Place(document.source),
                        "template `\(template.name)` needs `\(declaration.name)`",
                        help: ["add `\(declaration.name):` to the file"])
                }
                scope.add(
                    Parameter(
                        declaration.name, declaration.type, declaration.standard, in: scope, at: declaration.place,
                        isDeclared: true))
            }
        }
        return scope
    }

    private func environment(_ written: Written?) -> [String: String?] {
        guard let written else { return [:] }
        if written.isMap {
            var allowed: [String: String?] = [:]
            for entry in written.entries { allowed[entry.name] = text(entry.value, "the default of `\(entry.name)`") }
            return allowed
        }
        var allowed: [String: String?] = [:]
        for item in texts(written, "`env`") { allowed[item.text ?? ""] = .some(nil) }
        return allowed
    }

    /// What a parameter stands for, understood once.
    func bound(_ parameter: Parameter) -> Bound {
        if let bound = parameter.bound { return bound }
        if let start = resolving.firstIndex(where: { $0 === parameter }) {
            let path = (resolving[start...].map(\.name) + [parameter.name]).joined(separator: " -> ")
            problems.add(parameter.written?.place ?? parameter.place, "the value stands for itself: \(path)")
            return .failed
        }
        resolving.append(parameter)
        defer { resolving.removeLast() }
        let bound = understand(parameter)
        parameter.bound = bound
        return bound
    }

    private func understand(_ parameter: Parameter) -> Bound {
        guard let written = parameter.written else { return .failed }
        // A whole reference hands on what the other name stands for, of any type.
        if let text = written.text, let reference = Reference.whole(text), reference.path.count == 1,
            let other = parameter.scope.parameters[reference.name], other !== parameter,
            other.type == parameter.type
        {
            other.isUsed = true
            return bound(other)
        }
        switch parameter.type {
        case .clips: return clips(written, in: parameter.scope).map(Bound.source) ?? .failed
        case .file: return file(written, in: parameter.scope).map(Bound.source) ?? .failed
        case .files: return files(written, in: parameter.scope).map(Bound.source) ?? .failed
        case .model: return model(written, in: parameter.scope).map { .model($0, written.place) } ?? .failed
        case .prompts:
            guard let resolved = resolved(written, in: parameter.scope, item: nil) else { return .failed }
            return prompts(resolved).map(Bound.data) ?? .failed
        case .list, .map, .string, .int, .number, .bool:
            guard let resolved = resolved(written, in: parameter.scope, item: nil) else { return .failed }
            if let shape = parameter.type.shape {
                let spec = SettingSpec(name: parameter.name, shape: shape, defaultValue: .null, range: nil, help: "")
                return normalised(resolved, spec) == nil ? .failed : .data(resolved)
            }
            switch resolved.content {
            case .list where parameter.type == .list, .map where parameter.type == .map: return .data(resolved)
            default:
                problems.add(
                    resolved.place,
                    "`\(parameter.name)` must be a \(parameter.type.rawValue), found \(resolved.value().inWords)")
                return .failed
            }
        }
    }

    /// A value as a setting takes it; nil with a problem at the very item that is wrong.
    func normalised(_ written: Written, _ spec: SettingSpec, name: String? = nil) -> Value? {
        do throws(SettingMismatch) {
            return try spec.normalised(written.value(as: spec.shape))
        } catch {
            let help = error.found.map { Suggestion.help($0, among: error.choices) } ?? []
            problems.add(written.place(of: error.path), "`\(name ?? spec.name)`: \(error.message)", help: help)
            return nil
        }
    }

    /// Prompts in their long form: a list of maps.
    func prompts(_ written: Written) -> Written? {
        guard case .list(let items) = written.content else {
            problems.add(
                written.place, "`prompts` must be a list of prompts, found \(written.value().inWords)",
                help: ["write `- ` before each prompt"])
            return nil
        }
        guard !items.isEmpty else {
            problems.add(written.place, "`prompts` is empty", help: ["add a prompt: `- A blue robot is zigzagging`"])
            return nil
        }
        let prompts = items.map(prompt)
        guard !prompts.contains(where: { $0 == nil }) else { return nil }
        return Written(content: .list(prompts.compactMap { $0 }), place: written.place)
    }

    /// One prompt: text, or a map with `prompt` and maybe `entity`.
    func prompt(_ written: Written) -> Written? {
        func said(_ written: Written, _ what: String) -> Written? {
            guard let text = text(written, what) else { return nil }
            guard text.contains(where: { !$0.isWhitespace }) else {
                problems.add(written.place, "\(what) is empty")
                return nil
            }
            return Written(content: .scalar(text, isPlain: false), place: written.place)
        }
        guard written.isMap else {
            guard let text = said(written, "a prompt") else { return nil }
            return Written(
                content: .map([.init(name: "prompt", keyPlace: written.place, value: text)]), place: written.place)
        }
        allow(["prompt", "entity"], in: written.entries, of: "a prompt")
        guard let text = written["prompt"] else {
            problems.add(
                written.place, "a prompt has no `prompt`", help: ["`{prompt: A cat is jumping, entity: a cat}`"])
            return nil
        }
        let entries = written.entries.compactMap { entry in
            said(entry.value, "`\(entry.name)`").map {
                Written.Entry(name: entry.name, keyPlace: entry.keyPlace, value: $0)
            }
        }
        guard said(text, "`prompt`") != nil, entries.count == written.entries.count else { return nil }
        return Written(content: .map(entries), place: text.place)
    }

    /// Declared names that nothing refers to: most often a slip.
    func checkUse(_ scopes: [Scope]) {
        for scope in scopes {
            for name in scope.names {
                guard let parameter = scope.parameters[name], parameter.isDeclared, !parameter.isUsed else { continue }
                problems.add(
                    parameter.place, "`\(name)` is not used by any step",
                    help: ["remove it, or refer to it as `${\(name)}`"])
            }
        }
    }
}
