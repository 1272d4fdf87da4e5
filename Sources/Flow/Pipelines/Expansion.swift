import Artifacts
import StageKit

/// Where everything in a planned step was said.
struct StepPlaces: Sendable {
    let step: Place
    let settings: [String: Place]
    /// Each file of the user's, by port.
    let files: [String: [Place]]
    let inputs: [String: Place]
    let element: Place?
    let model: Place?
}

/// Which cell of the matrices, and which element.
struct Coordinate: Hashable {
    var cell: [MatrixAxis: Int] = [:]
    var element: Int?
}

/// The model set of a step.
private struct NamedModelSet {
    let set: ModelSet
    /// Where the set says what it recommends.
    let recommendedPlaces: [StageKind: [String: Place]]
    /// Where the pipeline file names it.
    let place: Place
}

/// A declared step with what it is multiplied by.
private struct Multiplied {
    /// Its own axes and those of all that feeds it.
    let axes: Set<MatrixAxis>
    /// The step whose list its elements come from, nil without a for-each.
    let root: String?
    var instances: [(coordinate: Coordinate, id: StepID)] = []
    var byCoordinate: [Coordinate: StepID] = [:]
    /// Instances of a cell, in the order of the elements.
    var byCell: [[MatrixAxis: Int]: [StepID]] = [:]
}

extension Planner {
    static let mostSteps = 100_000

    /// Multiplies the steps and works out all that each needs.
    ///
    /// What is wrong goes to `problems`.
    func expand(
        _ order: [StepDeclaration], fileModel: Written?, scope: Scope
    ) -> (steps: [PlannedStep], places: [StepID: StepPlaces]) {
        var multiplied: [String: Multiplied] = [:]
        var steps: [PlannedStep] = []
        var places: [StepID: StepPlaces] = [:]
        var count = 0
        for declaration in order {
            guard let stage = declaration.stage else { continue }
            let model = model(of: declaration, stage, fileModel: fileModel, scope: scope)
            let shape = multiply(declaration, multiplied)
            guard let here = instantiated(shape, declaration, &count) else { break }
            multiplied[declaration.name] = here
            var cache: [Int: (Value, Place)?] = [:]
            for (coordinate, id) in here.instances {
                let element = element(coordinate, of: declaration)
                guard
                    let settings = settings(
                        of: declaration, stage, model: model, element: element, coordinate, &cache)
                else { continue }
                let inputs = inputs(of: declaration, coordinate, multiplied)
                let parts = modelParts(stage, settings.values, model, declaration)
                steps.append(
                    PlannedStep(
                        id: id, stage: stage.kind, settings: settings.values,
                        settingPlaces: settings.places.mapValues(\.published), inputs: inputs,
                        inputPlaces: Dictionary(
                            declaration.inputs.map { ($0.name, $0.value.place.published) }, uniquingKeysWith: { $1 }),
                        element: element?.value, elementPlace: element?.written.place.published,
                        model: parts.isEmpty ? nil : model?.set, modelParts: parts, outputs: declaration.outputs,
                        isVolatile: declaration.isVolatile, limits: declaration.limits,
                        place: declaration.place.published))
                places[id] = StepPlaces(
                    step: declaration.place, settings: settings.places,
                    files: (feeds[declaration.name] ?? [:]).mapValues { feeds in
                        feeds.flatMap { feed -> [Place] in
                            guard case .source(let source, _) = feed else { return [] }
                            return source.places
                        }
                    },
                    inputs: Dictionary(
                        declaration.inputs.map { ($0.name, $0.value.place) }, uniquingKeysWith: { $1 }),
                    element: element?.written.place, model: model?.place)
            }
        }
        return (steps, places)
    }

    // MARK: Multiplying

    private func multiply(_ declaration: StepDeclaration, _ multiplied: [String: Multiplied]) -> Multiplied {
        var axes = Set(blocks.flatMap(\.axes).filter { $0.step == declaration.name })
        for parent in parents(declaration.name) { axes.formUnion(multiplied[parent]?.axes ?? []) }
        var root: String?
        switch each[declaration.name] {
        case .elements: root = declaration.name
        case .step(let other, _): root = multiplied[other]?.root
        case nil: break
        }
        return Multiplied(axes: axes, root: root)
    }

    /// Fills in the instances; nil when they are too many.
    private func instantiated(
        _ shape: Multiplied, _ declaration: StepDeclaration, _ count: inout Int
    ) -> Multiplied? {
        var here = shape
        var cells: [[MatrixAxis: Int]] = [[:]]
        for block in blocks {
            guard block.axes.contains(where: here.axes.contains) else { continue }
            var seen: Set<[MatrixAxis: Int]> = []
            let projections = block.cells.map { $0.filter { here.axes.contains($0.key) } }
                .filter { seen.insert($0).inserted }
            guard cells.count * projections.count <= Self.mostSteps else {
                problems.add(declaration.place, "the plan has more than \(Self.mostSteps) steps")
                return nil
            }
            cells = cells.flatMap { cell in projections.map { cell.merging($0) { $1 } } }
        }
        let labels = elementLabels(of: here)
        count += cells.count * max(1, labels?.count ?? 1)
        guard count <= Self.mostSteps else {
            problems.add(declaration.place, "the plan has more than \(Self.mostSteps) steps")
            return nil
        }
        for cell in cells {
            let words = cellWords(cell, of: here)
            for element in 0..<(labels?.count ?? 1) {
                let coordinate = Coordinate(cell: cell, element: labels == nil ? nil : element)
                let part = words + (labels.map { [$0[element]] } ?? [])
                let id = StepID(declaration.name, part: part.isEmpty ? nil : part.joined(separator: ","))
                here.instances.append((coordinate, id))
                here.byCoordinate[coordinate] = id
                here.byCell[cell, default: []].append(id)
            }
        }
        return here
    }

    private func elementLabels(of here: Multiplied) -> [String]? {
        guard let root = here.root, case .elements(let elements, _)? = each[root] else { return nil }
        return elements.map(\.label)
    }

    /// `rank=8`, or `motion.rank=8` when another step's rank is varied too.
    private func cellWords(_ cell: [MatrixAxis: Int], of here: Multiplied) -> [String] {
        var words: [String] = []
        for block in blocks {
            for axis in block.axes {
                guard let index = cell[axis], let choice = block.choices[axis]?[index] else { continue }
                let isAmbiguous = blocks.contains { block in
                    block.axes.contains { $0.setting == axis.setting && $0.step != axis.step }
                }
                words.append("\(isAmbiguous ? "\(axis.step)." : "")\(axis.setting)=\(choice.label)")
            }
        }
        return words.isEmpty && !here.axes.isEmpty ? ["default"] : words
    }

    /// The element of the step's own list; a step that goes through another's elements has artifacts instead.
    private func element(_ coordinate: Coordinate, of declaration: StepDeclaration) -> Element? {
        guard let index = coordinate.element, case .elements(let elements, _)? = each[declaration.name] else {
            return nil
        }
        return elements[index]
    }

    // MARK: Inputs

    private func inputs(
        of declaration: StepDeclaration, _ coordinate: Coordinate, _ multiplied: [String: Multiplied]
    ) -> [String: [PlannedInput]] {
        (feeds[declaration.name] ?? [:]).mapValues { feeds in
            feeds.flatMap { feed -> [PlannedInput] in
                switch feed {
                case .source(let source, _): return [.source(source.input)]
                case .step(let name, let port, _):
                    guard let other = multiplied[name] else { return [] }
                    let cell = coordinate.cell.filter { other.axes.contains($0.key) }
                    return (other.byCell[cell] ?? []).map { .output($0, port: port.name) }
                case .item(let port, _):
                    guard case .step(let name, _)? = each[declaration.name], let other = multiplied[name] else {
                        return []
                    }
                    let cell = coordinate.cell.filter { other.axes.contains($0.key) }
                    let theirs = Coordinate(cell: cell, element: coordinate.element)
                    return other.byCoordinate[theirs].map { [.output($0, port: port.name)] } ?? []
                }
            }
        }
    }

    // MARK: Settings

    private func settings(
        of declaration: StepDeclaration, _ stage: StageDescriptor, model: NamedModelSet?, element: Element?,
        _ coordinate: Coordinate, _ cache: inout [Int: (Value, Place)?]
    ) -> (values: [String: Value], places: [String: Place])? {
        var values = Dictionary(uniqueKeysWithValues: stage.settings.map { ($0.name, $0.defaultValue) })
        var places: [String: Place] = [:]
        if let model {
            values.merge(model.set.recommended[stage.kind] ?? [:]) { $1 }
            places = model.recommendedPlaces[stage.kind] ?? [:]
        }
        if stage.declaresOwnPorts {
            // Ports that a step names itself decide what its program sees, so they are settings: they enter the key.
            if stage.setting("inputs") != nil {
                values["inputs"] = .list(declaration.inputs.map(\.name).sorted().map(Value.string))
            }
            if stage.setting("outputs") != nil {
                values["outputs"] = .map(
                    Dictionary(
                        declaration.outputs.map { ($0.name, Value.string($0.kind.name)) }, uniquingKeysWith: { $1 }))
                places["outputs"] = declaration.outputsPlace
            }
        }
        let item: Item? = each[declaration.name].map { each in
            if case .elements = each, let element { .value(element.written) } else { .artifact }
        }
        var isGood = true
        for (index, given) in declaration.given.enumerated() {
            let found: (Value, Place)?
            if let known = cache[index] {
                found = known
            } else {
                found = resolved(given.written, in: given.scope, item: item).flatMap { written in
                    normalised(written, given.spec).map { ($0, written.place) }
                }
                if !given.written.mentionsItem { cache[index] = .some(found) }
            }
            if let found {
                values[given.spec.name] = found.0
                places[given.spec.name] = found.1
            } else {
                isGood = false
            }
        }
        for block in blocks {
            for axis in block.axes where axis.step == declaration.name {
                guard let index = coordinate.cell[axis], let choice = block.choices[axis]?[index] else { continue }
                values[axis.setting] = choice.value
                places[axis.setting] = choice.written.place
            }
        }
        return isGood ? (values, places) : nil
    }

    // MARK: Models

    private func model(
        of declaration: StepDeclaration, _ stage: StageDescriptor, fileModel: Written?, scope: Scope
    ) -> NamedModelSet? {
        let written: Written
        let understood: Scope
        if let own = declaration.model {
            written = own
            understood = declaration.scope
        } else if let fileModel {
            written = fileModel
            understood = scope
        } else {
            return nil
        }
        guard let model = model(written, in: understood) else { return nil }
        // A template only passes it on; the line to change is the file's.
        let isReference = written.text.flatMap(Reference.whole) != nil
        return NamedModelSet(
            set: model.set, recommendedPlaces: model.places,
            place: isReference ? fileModel?.place ?? written.place : written.place)
    }

    private func modelParts(
        _ stage: StageDescriptor, _ settings: [String: Value], _ model: NamedModelSet?, _ declaration: StepDeclaration
    ) -> [ModelPart] {
        // A program of the user's reads no model.
        guard !stage.declaresOwnPorts, let parts = try? stage.modelParts(settings) else { return [] }
        guard !parts.isEmpty else { return [] }
        guard let model else {
            // A model that was named and is wrong has been reported.
            if declaration.model == nil, problems.isEmpty {
                problems.add(
                    declaration.place, "the step `\(declaration.name)` needs a model, and the file names none",
                    help: ["add `model: NAME` to the file; `motrans models` lists those that are known"])
            }
            return parts
        }
        for part in parts where model.set.folders[part] == nil {
            problems.add(
                model.place,
                "the model \(model.set.name) has no \(part.rawValue), which the step `\(declaration.name)` needs",
                help: ["add `\(part.rawValue): FOLDER` to the model set"])
        }
        return parts
    }
}
