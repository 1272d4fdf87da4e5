import ArgumentParser
import Artifacts
import Execution
import Foundation

struct LineageCommand: ParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case tree
        case json
        case dot
    }

    static let configuration = CommandConfiguration(
        commandName: "lineage",
        abstract: "What made a file or an artifact, down to clips, settings and model digests.",
        discussion: """
            A file is known by its bytes, so a renamed or copied video is found as well.

            \(ExitStatus.help)
            """)

    @Argument(help: "A file, or a digest or the beginning of one.") var subject: String
    @Flag(help: "The way back to what it was made of (the default).") var up = false
    @Flag(help: "The way forward: all that was made of it.") var down = false
    @Option(help: "tree, json or dot (Graphviz).") var format = Format.tree
    @Flag(help: "The same as --format json.") var json = false
    @OptionGroup var cache: CacheOptions

    func validate() throws {
        guard !(up && down) else { throw ValidationError("--up and --down are two ways: give one") }
    }

    func run() throws {
        let engine = try cache.existingEngine()
        let tree = try engine.lineageTree(of: subject, down ? .down : .up)
        let console = Console()
        switch json ? .json : format {
        case .tree: text(tree.root).forEach(console.result)
        case .json:
            console.result(
                JSON.document([("direction", .string(tree.direction.rawValue)), ("root", value(tree.root))]))
        case .dot: console.result(dot(tree))
        }
    }

    /// Columns of a line of settings, before the tree's branches.
    private static let width = 100

    /// A node, its facts, and what hangs below it.
    ///
    /// What an attempt has in common with the one above (the tool, the machine, the run) is not said again.
    private func text(_ node: LineageTree.Node, below attempt: LineageTree.Node? = nil) -> [String] {
        guard !node.isRepeated else { return [node.title + "  (as above)"] }
        let inner = node.edges.isEmpty ? "   " : "│  "
        var lines = [node.title]
        lines += facts(node, below: attempt).flatMap(Self.wrap).map { inner + $0 }
        for (index, edge) in node.edges.enumerated() {
            let isLast = index == node.edges.count - 1
            for (line, content) in text(edge.node, below: node.kind == .attempt ? node : attempt).enumerated() {
                let branch = line == 0 ? (isLast ? "└─ " : "├─ ") + "\(edge.label): " : (isLast ? "   " : "│  ")
                lines.append(branch + content)
            }
        }
        return lines
    }

    /// Facts as lines: settings run on in one, and what is short about a file or model shares its line.
    private func facts(_ node: LineageTree.Node, below attempt: LineageTree.Node?) -> [String] {
        let known = node.kind == .attempt ? attempt?.facts ?? [] : []
        let lines = node.facts.filter { fact in !known.contains { $0 == fact } }.map { "\($0.name): \($0.value)" }
        let settings = node.settings.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
        return settings.isEmpty ? lines : ["settings: \(settings)"] + lines
    }

    /// A text in lines of at most `width` columns where it has spaces, the later ones set in.
    private static func wrap(_ text: String) -> [String] {
        var lines: [String] = []
        for word in text.split(separator: " ", omittingEmptySubsequences: false) {
            if let last = lines.last, last.count + word.count < width {
                lines[lines.count - 1] = "\(last) \(word)"
            } else {
                lines.append(lines.isEmpty ? String(word) : "  \(word)")
            }
        }
        return lines
    }

    private func value(_ node: LineageTree.Node) -> Value {
        .map([
            "kind": .string(node.kind.rawValue), "id": .string(node.id), "title": .string(node.title),
            "repeated": .bool(node.isRepeated),
            "facts": .list(node.facts.map { .map(["name": .string($0.name), "value": .string($0.value)]) }),
            "settings": .map(
                Dictionary(node.settings.map { ($0.name, .string($0.value)) }, uniquingKeysWith: { $1 })),
            "edges": .list(node.edges.map { .map(["label": .string($0.label), "node": value($0.node)]) }),
        ])
    }

    private func dot(_ tree: LineageTree) -> String {
        let quoted = { (text: String) in "\"\(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\"" }
        var lines = ["digraph lineage {", "  rankdir=RL; node [shape=box, fontname=\"sans-serif\"];"]
        var seen: Set<String> = []
        func walk(_ node: LineageTree.Node) {
            if seen.insert(node.id).inserted { lines.append("  \(quoted(node.id)) [label=\(quoted(node.title))];") }
            for edge in node.edges {
                lines.append("  \(quoted(node.id)) -> \(quoted(edge.node.id)) [label=\(quoted(edge.label))];")
                walk(edge.node)
            }
        }
        walk(tree.root)
        return (lines + ["}"]).joined(separator: "\n")
    }
}
