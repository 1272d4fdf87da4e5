import Artifacts
import StageKit

/// A step as a file declares it, before it is multiplied by matrices and for-each.
struct StepDeclaration {
    let name: String
    let place: Place
    /// Where its references are understood.
    let scope: Scope
    /// Nil when the file names no known stage, which was said already.
    let stage: StageDescriptor?
    let inputs: [Written.Entry]
    let model: Written?
    let forEach: Written?
    let matrix: Written.Entry?
    let isVolatile: Bool
    let limits: StepLimits
    let outputs: [OutputPort]
    let outputsPlace: Place?
    /// What was said of its settings, in rising precedence.
    var given: [GivenSetting] = []
}

/// One word on one setting.
struct GivenSetting {
    let spec: SettingSpec
    let written: Written
    let scope: Scope
}

extension Planner {
    private static let stepKeys = [
        "stage", "inputs", "settings", "model", "for-each", "matrix", "volatile", "timeout", "retries", "memory",
        "outputs",
    ]

    func declareSteps(_ document: Document, scope: Scope, template: Template?) {
        if let template {
            let inner = templateScope(template, document: document, user: scope)
            for entry in template.steps { declare(entry, in: inner) }
        }
        guard let steps = document["steps"] else { return }
        for entry in entries(steps.value, "`steps`") { declare(entry, in: scope) }
    }

    private func declare(_ entry: Written.Entry, in scope: Scope) {
        if let first = stepIndex[entry.name] {
            let other = declarations[first]
            let isTemplate = other.place.source != entry.keyPlace.source
            problems.add(
                entry.keyPlace, "the step `\(entry.name)` is there twice",
                help: [
                    isTemplate
                        ? "\(other.scope.title) has a step of this name; change its settings under `settings:`"
                        : "the first one is in line \(other.place.line)"
                ])
            return
        }
        guard isName(entry.name), !["item", "env"].contains(entry.name) else {
            problems.add(
                entry.keyPlace, "a step cannot be called `\(entry.name)`",
                help: ["names are letters, digits, `-` and `_`, and begin with a letter; `item` and `env` are taken"])
            return
        }
        let written = entry.value
        let keys = entries(written, "the step `\(entry.name)`")
        var stage: StageDescriptor?
        if let kind = written["stage"] {
            stage = text(kind, "`stage`").flatMap { self.stage($0, at: kind.place) }
        } else if written.isMap {
            problems.add(
                entry.keyPlace, "the step `\(entry.name)` names no stage",
                help: [written["run"] == nil ? "add `stage:`" : "a program of yours is `stage: command`"])
        }
        // A stage whose steps have their own ports (`command`) has few settings, and they stand beside the ports.
        var own: [String] = []
        if let stage, stage.declaresOwnPorts {
            own = stage.settings.map(\.name).filter { !["inputs", "outputs"].contains($0) }
        }
        if stage != nil || written["stage"] == nil {
            let keysOfStage = stage?.declaresOwnPorts == true ? Self.stepKeys : Self.stepKeys.filter { $0 != "outputs" }
            allow(
                keysOfStage + own + (written["stage"] == nil ? ["run", "outputs"] : []), in: keys,
                of: "a step\(stage.map { " of stage \($0.kind)" } ?? "")")
        }
        var declaration = StepDeclaration(
            name: entry.name, place: entry.keyPlace, scope: scope, stage: stage,
            inputs: written["inputs"].map { entries($0, "`inputs`") } ?? [], model: written["model"],
            forEach: written["for-each"], matrix: keys.first { $0.name == "matrix" },
            isVolatile: written["volatile"].flatMap { bool($0, "`volatile`") } ?? false,
            limits: StepLimits(
                timeout: written["timeout"].flatMap { seconds($0, "`timeout`") },
                retries: written["retries"].flatMap { whole($0, "`retries`", in: 0...100) },
                memory: written["memory"].flatMap { bytes($0, "`memory`") }),
            outputs: stage.map { outputs(of: $0, keys, entry) } ?? [],
            outputsPlace: keys.first { $0.name == "outputs" }?.keyPlace)
        if let stage {
            for setting in keys where own.contains(setting.name) {
                guard let spec = stage.setting(setting.name) else { continue }
                declaration.given.append(GivenSetting(spec: spec, written: setting.value, scope: scope))
            }
            if let settings = written["settings"] {
                give(entries(settings, "`settings`"), to: &declaration, stage: stage, scope: scope)
            }
        }
        stepIndex[entry.name] = declarations.count
        declarations.append(declaration)
    }

    /// What a step gives: the stage's ports, or those that it declares itself.
    private func outputs(of stage: StageDescriptor, _ keys: [Written.Entry], _ step: Written.Entry) -> [OutputPort] {
        guard stage.declaresOwnPorts else { return stage.outputs }
        guard let written = keys.first(where: { $0.name == "outputs" })?.value else {
            problems.add(
                step.keyPlace, "the step `\(step.name)` does not say what it gives",
                help: ["add `outputs: {NAME: file}`; kinds: \(outputKinds.joined(separator: ", "))"])
            return []
        }
        let declared = entries(written, "`outputs`")
        if written.isMap, declared.isEmpty { problems.add(written.place, "`outputs` is empty") }
        return declared.compactMap { entry in
            guard isName(entry.name) else {
                problems.add(entry.keyPlace, "an output cannot be called `\(entry.name)`")
                return nil
            }
            guard let kind = text(entry.value, "the kind of an output") else { return nil }
            guard outputKinds.contains(kind) else {
                problems.add(
                    entry.value.place, "there is no kind of artifact `\(kind)`",
                    help: Suggestion.help(kind, among: outputKinds, all: "kinds"))
                return nil
            }
            return OutputPort(entry.name, ArtifactKind(kind), help: "declared by the step")
        }
    }

    /// What a program may give: a file, a video, a folder, or anything that some stage takes or gives.
    static func outputKinds(of stages: StageTable) -> [String] {
        var kinds: [String] = ["file", "files", "video"]
        for stage in stages.stages {
            for kind in stage.inputs.map(\.kind) + stage.outputs.map(\.kind) where kind != .any && kind != .clips {
                if !kinds.contains(kind.name) { kinds.append(kind.name) }
            }
        }
        return kinds
    }

    private func give(
        _ entries: [Written.Entry], to declaration: inout StepDeclaration, stage: StageDescriptor, scope: Scope
    ) {
        for entry in entries {
            guard let spec = spec(entry, of: stage) else { continue }
            declaration.given.append(GivenSetting(spec: spec, written: entry.value, scope: scope))
        }
    }

    /// Keys of the file that are neither of the format nor names of parameters.
    func checkKeys(_ document: Document, scope: Scope, template: Template?) {
        // Without the template nobody knows its parameters.
        if document["template"] != nil, template == nil { return }
        let known = Document.fixedKeys + Self.knownParameters.map(\.name)
        let declared = scope.names + (template?.parameters.map(\.name) ?? [])
        for entry in document.entries where !known.contains(entry.name) && !declared.contains(entry.name) {
            if problems.isEnough() { break }
            let candidates = known + declared.filter { !known.contains($0) }
            problems.add(
                entry.keyPlace, "there is no key `\(entry.name)`",
                help: Suggestion.help(entry.name, among: candidates, all: "keys"))
        }
        if template != nil, let parameters = document["parameters"] {
            problems.add(
                parameters.keyPlace, "a file that uses a template has no `parameters`",
                help: ["the values of the template's parameters are keys of the file"])
        }
    }

    /// Puts the layers on top of each other: template's defaults, file's defaults, the step, the file's settings, flags.
    func giveSettings(_ document: Document, scope: Scope, template: Template?, overrides: [Override]) {
        var own: [String: [GivenSetting]] = [:]
        for (index, declaration) in declarations.enumerated() {
            own[declaration.name] = declaration.given
            declarations[index].given = []
        }
        if let defaults = template?.defaults, let inner = declarations.first?.scope {
            giveDefaults(defaults, scope: inner)
        }
        if let defaults = document["defaults"]?.value { giveDefaults(defaults, scope: scope) }
        for index in declarations.indices { declarations[index].given += own[declarations[index].name] ?? [] }
        if let settings = document["settings"] {
            for entry in entries(settings.value, "`settings`") {
                guard let index = step(entry.name, at: entry.keyPlace) else { continue }
                let given = entries(entry.value, "the settings of `\(entry.name)`")
                if let stage = declarations[index].stage {
                    give(given, to: &declarations[index], stage: stage, scope: scope)
                }
            }
        }
        for override in overrides {
            guard let index = step(override.step, at: override.written.place) else { continue }
            guard let stage = declarations[index].stage else { continue }
            let entry = Written.Entry(
                name: override.setting, keyPlace: override.written.place, value: override.written)
            give([entry], to: &declarations[index], stage: stage, scope: scope)
        }
    }

    private func giveDefaults(_ written: Written, scope: Scope) {
        for entry in entries(written, "`defaults`") {
            guard let stage = stage(entry.name, at: entry.keyPlace) else { continue }
            let given = entries(entry.value, "the defaults of `\(entry.name)`")
            var isChecked = false
            for index in declarations.indices where declarations[index].stage?.kind == stage.kind {
                give(given, to: &declarations[index], stage: stage, scope: scope)
                isChecked = true
            }
            guard !isChecked else { continue }
            for setting in given {
                guard let spec = spec(setting, of: stage),
                    let resolved = resolved(setting.value, in: scope, item: nil)
                else { continue }
                _ = normalised(resolved, spec)
            }
        }
    }

    /// The step that somebody names outside of a reference.
    func step(_ name: String, at place: Place) -> Int? {
        if let index = stepIndex[name] { return index }
        problems.add(
            place, "there is no step `\(name)`",
            help: Suggestion.help(name, among: declarations.map(\.name), all: "steps"))
        return nil
    }
}
