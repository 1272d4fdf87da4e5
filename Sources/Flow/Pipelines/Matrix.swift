import Artifacts
import StageKit

/// A setting that a matrix varies.
struct MatrixAxis: Hashable {
    let step: String
    let setting: String
}

/// One `matrix:`: its axes, and the cells that are left after include and exclude.
struct MatrixBlock {
    struct Choice {
        let value: Value
        let written: Written
        /// What names the cell: `8`.
        let label: String
    }

    var axes: [MatrixAxis] = []
    var choices: [MatrixAxis: [Choice]] = [:]
    /// Where a value is among the choices of its axis.
    var known: [MatrixAxis: [Value: Int]] = [:]
    var labels: [MatrixAxis: UniqueSlugs] = [:]
    /// Which choice of each axis; an axis that a cell leaves out keeps the setting as it is.
    var cells: [[MatrixAxis: Int]] = []
}

extension Planner {
    static let mostCells = 10_000

    /// The file's own matrix, and those of its steps.
    func readMatrices(_ document: Document, scope: Scope) {
        if let matrix = document["matrix"], let block = block(matrix.value, scope: scope, step: nil) {
            blocks.append(block)
        }
        for declaration in declarations {
            guard let matrix = declaration.matrix, declaration.stage != nil else { continue }
            guard let block = block(matrix.value, scope: declaration.scope, step: declaration.name) else { continue }
            blocks.append(block)
        }
        var seen: Set<MatrixAxis> = []
        for block in blocks {
            for axis in block.axes where !seen.insert(axis).inserted {
                let place = block.choices[axis]?.first?.written.place ?? declarations[0].place
                problems.add(place, "two matrices vary `\(axis.step).\(axis.setting)`")
            }
        }
    }

    private func block(_ written: Written, scope: Scope, step: String?) -> MatrixBlock? {
        let before = problems.count
        var block = MatrixBlock()
        let entries = entries(written, "`matrix`")
        for entry in entries where entry.name != "include" && entry.name != "exclude" {
            guard let axis = axis(entry, step: step) else { continue }
            guard let resolved = resolved(entry.value, in: scope, item: nil) else { continue }
            guard case .list(let items) = resolved.content, !items.isEmpty else {
                problems.add(
                    resolved.place,
                    "`\(entry.name)` must be a list of values to try, found \(resolved.value().inWords)",
                    help: ["`\(entry.name): [8, 16]`"])
                continue
            }
            block.axes.append(axis)
            for item in items {
                guard let (index, isNew) = choice(item, of: axis, name: entry.name, in: &block) else { continue }
                if !isNew {
                    let label = block.choices[axis]?[index].label ?? ""
                    problems.add(item.place, "`\(entry.name)` tries \(label) twice")
                }
            }
        }
        guard problems.count == before else { return nil }
        let size = block.axes.reduce(1) { min($0 * (block.choices[$1]?.count ?? 1), Self.mostCells + 1) }
        guard size <= Self.mostCells, block.axes.count < 32 else {
            problems.add(written.place, "the matrix has more than \(Self.mostCells) cells")
            return nil
        }
        if !block.axes.isEmpty {
            block.cells = [[:]]
            for axis in block.axes {
                let count = block.choices[axis]?.count ?? 0
                block.cells = block.cells.flatMap { cell in
                    (0..<count).map { cell.merging([axis: $0]) { $1 } }
                }
            }
        }
        exclude(written["exclude"], from: &block, scope: scope, step: step)
        include(written["include"], in: &block, scope: scope, step: step)
        guard problems.count == before else { return nil }
        guard !block.cells.isEmpty else {
            problems.add(written.place, "the matrix has no cells")
            return nil
        }
        return block
    }

    /// `step.setting`, or just the setting in a step's own matrix.
    private func axis(_ entry: Written.Entry, step: String?) -> MatrixAxis? {
        let path = entry.name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        let axis: MatrixAxis
        if let step, path.count == 1 {
            axis = MatrixAxis(step: step, setting: path[0])
        } else if path.count == 2 {
            axis = MatrixAxis(step: path[0], setting: path[1])
        } else {
            problems.add(
                entry.keyPlace, "`\(entry.name)` is not a setting",
                help: [step == nil ? "write `step.setting: [...]`" : "write `setting: [...]`"])
            return nil
        }
        if let step, axis.step != step {
            problems.add(
                entry.keyPlace, "the matrix of step `\(step)` cannot vary `\(entry.name)`",
                help: ["settings of other steps belong into the `matrix:` of the file"])
            return nil
        }
        guard let index = self.step(axis.step, at: entry.keyPlace), let stage = declarations[index].stage else {
            return nil
        }
        let named = Written.Entry(name: axis.setting, keyPlace: entry.keyPlace, value: entry.value)
        return spec(named, of: stage) == nil ? nil : axis
    }

    /// The index of a value among the choices of its axis, added if it is new.
    private func choice(
        _ written: Written, of axis: MatrixAxis, name: String, in block: inout MatrixBlock
    ) -> (index: Int, isNew: Bool)? {
        guard let index = stepIndex[axis.step], let spec = declarations[index].stage?.setting(axis.setting),
            let value = normalised(written, spec, name: name)
        else { return nil }
        if let known = block.known[axis]?[value] { return (known, false) }
        let count = block.choices[axis]?.count ?? 0
        let label = block.labels[axis, default: UniqueSlugs()].add(
            Slug.of(value, written: written), of: "\(value)")
        block.choices[axis, default: []].append(.init(value: value, written: written, label: label))
        block.known[axis, default: [:]][value] = count
        return (count, true)
    }

    private func cells(_ written: Written?, _ what: String, scope: Scope) -> [Written] {
        guard let written, let resolved = resolved(written, in: scope, item: nil) else { return [] }
        guard case .list(let items) = resolved.content else {
            problems.add(
                resolved.place, "`\(what)` must be a list of maps, found \(resolved.value().inWords)",
                help: ["`\(what): [{motion.rank: 8, motion.steps: 300}]`"])
            return []
        }
        return items
    }

    private func exclude(_ written: Written?, from block: inout MatrixBlock, scope: Scope, step: String?) {
        for item in cells(written, "exclude", scope: scope) {
            var pattern: [MatrixAxis: Int] = [:]
            var isGood = true
            for entry in entries(item, "an item of `exclude`") {
                guard let axis = axis(entry, step: step) else {
                    isGood = false
                    continue
                }
                guard block.axes.contains(axis) else {
                    problems.add(
                        entry.keyPlace, "the matrix does not vary `\(entry.name)`",
                        help: Suggestion.help(
                            axis.setting,
                            among: block.axes.map { step == nil ? "\($0.step).\($0.setting)" : $0.setting },
                            all: "it varies"))
                    isGood = false
                    continue
                }
                var trial = block
                guard let (index, isNew) = choice(entry.value, of: axis, name: entry.name, in: &trial) else {
                    isGood = false
                    continue
                }
                if isNew {
                    let labels = (block.choices[axis] ?? []).map(\.label).joined(separator: ", ")
                    problems.add(
                        entry.value.place, "the matrix has no cell with this `\(entry.name)`",
                        help: ["it tries: \(labels)"])
                    isGood = false
                }
                pattern[axis] = index
            }
            guard isGood else { continue }
            let kept = block.cells.filter { cell in !pattern.allSatisfy { cell[$0.key] == $0.value } }
            if kept.count == block.cells.count {
                problems.add(item.place, "this excludes no cell", help: ["an earlier item may have excluded it"])
            } else if pattern.isEmpty {
                problems.add(item.place, "an empty item excludes every cell")
            }
            block.cells = kept
        }
    }

    private func include(_ written: Written?, in block: inout MatrixBlock, scope: Scope, step: String?) {
        for item in cells(written, "include", scope: scope) {
            var cell: [MatrixAxis: Int] = [:]
            var isGood = item.isMap
            for entry in entries(item, "an item of `include`") {
                guard let axis = axis(entry, step: step),
                    let (index, _) = choice(entry.value, of: axis, name: entry.name, in: &block)
                else {
                    isGood = false
                    continue
                }
                if !block.axes.contains(axis) { block.axes.append(axis) }
                cell[axis] = index
            }
            guard isGood else { continue }
            if block.cells.contains(cell) {
                problems.add(item.place, "the matrix has this cell already")
            } else {
                block.cells.append(cell)
            }
        }
    }
}

/// Short names for values: what stands in the brackets of `samples[a-blue-robot]`.
enum Slug {
    private static let longest = 40

    static func of(_ value: Value, written: Written) -> String {
        switch value {
        case .null: "none"
        case .bool(let truth): "\(truth)"
        case .int(let number): "\(number)"
        case .double(let number): Int(exactly: number).map { "\($0)" } ?? "\(number)"
        case .string(let text): of(text)
        case .list(let items): of(items.map { of($0, written: written) }.joined(separator: "-"))
        case .map(let map):
            if case .string(let prompt)? = map["prompt"] {
                of(prompt)
            } else {
                of(
                    map.sorted { $0.key < $1.key }.map { "\($0.key)-\(of($0.value, written: written))" }
                        .joined(separator: "-"))
            }
        }
    }

    /// Letters and digits of any script in lower case, words joined by hyphens, cut between words.
    static func of(_ text: String) -> String {
        let words = text.lowercased().split { !($0.isLetter || $0.isNumber || $0 == ".") }
            .map { $0.trimmingPrefix { $0 == "." } }
        var slug = ""
        for word in words where !word.isEmpty {
            let longer = slug.isEmpty ? String(word) : "\(slug)-\(word)"
            guard longer.count <= longest else {
                if slug.isEmpty { slug = String(word.prefix(longest)) }
                break
            }
            slug = longer
        }
        while slug.hasSuffix(".") { slug.removeLast() }
        return slug.isEmpty ? "item" : slug
    }
}

/// Names for elements, each its own, found in one look however many there are.
struct UniqueSlugs {
    private var taken: Set<String> = []
    /// By slug with hash: what is counted next.
    private var counts: [String: Int] = [:]

    /// The slug, with a few digits of the content's hash, then a count, when others have it already.
    mutating func add(_ slug: String, of content: String) -> String {
        let unique = unique(slug, of: content)
        taken.insert(unique)
        return unique
    }

    private mutating func unique(_ slug: String, of content: String) -> String {
        guard taken.contains(slug) else { return slug }
        // FNV-1a: depends on the content alone, so that the name stays when other elements come and go.
        let hash = content.utf8.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        let digits = String(hash, radix: 16)
        let padded = "\(slug)-\(String(repeating: "0", count: 16 - digits.count) + digits)"
        let hashed = String(padded.prefix(slug.count + 5))
        guard taken.contains(hashed) else { return hashed }
        var number = counts[hashed] ?? 2
        while taken.contains("\(hashed)-\(number)") { number += 1 }
        counts[hashed] = number + 1
        return "\(hashed)-\(number)"
    }
}
