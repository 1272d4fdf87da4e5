import ArgumentParser
import Artifacts
import Execution
import Foundation
import Lineage

struct LineageCommand: ParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case tree
        case json
        case dot
        case html
    }

    static let configuration = CommandConfiguration(
        commandName: "lineage",
        abstract: "What made a file or an artifact, down to clips, settings and model digests.",
        discussion: """
            A file is known by its bytes, so a renamed or copied video is found as well; one in another container by the id in
            its metadata and its coded pictures; one that was stripped of that or coded anew by the look of its frames. It
            is said which of these matched, and how surely.

            \(ExitStatus.help)
            """)

    @Argument(help: "A file, or a digest or the beginning of one.") var subject: String
    @Flag(help: "The way back to what it was made of (the default).") var up = false
    @Flag(help: "The way forward: all that was made of it.") var down = false
    @Option(
        help: ArgumentHelp(
            "tree, json, dot (Graphviz) or html: one page with frames, captions and the graph (default: tree; with --down "
                + "a list of all that came from it).", valueName: "format"))
    var format: Format?
    @Flag(help: "The same as --format json.") var json = false
    @OptionGroup var cache: CacheOptions

    func validate() throws {
        guard !(up && down) else { throw ValidationError("--up and --down are two ways: give one") }
    }

    func run() throws {
        guard cache.isThere else {
            throw CommandFailure(
                status: .notFound, message: "there is no store at \(cache.folder.relativePath)",
                help: "`--cache DIR` names the one that made it; what a video says of itself, "
                    + "`motrans init --from \(subject)` reads without one")
        }
        let engine = try cache.existingEngine()
        var known: LineageFacts?
        let answer = try engine.lineageAnswer(of: subject, down ? .down : .up, inspecting: .libAV) { closure in
            let facts = LineageFacts(closure, engine: engine)
            known = facts
            return facts.annotations
        }
        guard let facts = known else { preconditionFailure("the answer was not annotated") }
        let console = Console()
        facts.unreadable.forEach(console.note)
        switch json ? .json : format {
        case nil where down: Descendants(answer).lines(named: subject).forEach(console.result)
        case .tree, nil:
            heading(answer).forEach(console.result)
            text(answer.tree.root).forEach(console.result)
            if !down { costs(answer).forEach(console.result) }
        case .json: console.result(LineageDocument(answer, facts).text)
        case .dot: console.result(dot(answer.tree))
        case .html: console.result(LineagePage(subject: subject, answer: answer, facts: facts, engine: engine).text)
        }
    }

    /// How the file was recognised.
    private func heading(_ answer: LineageAnswer) -> [String] {
        let lines = [answer.match.map { "\(subject): \($0.description)" }, answer.note.map { "  \($0)" }]
        return lines.compactMap(\.self)
    }

    /// What it took, split by the run that made it.
    private func costs(_ answer: LineageAnswer) -> [String] {
        guard let run = answer.closure.run else { return [] }
        func words(_ cost: LineageClosure.Cost) -> String {
            "\(cost.steps) \(cost.steps == 1 ? "step" : "steps"), \(Readable.duration(cost.wallSeconds)), "
                + "\(Readable.duration(cost.cpuSeconds)) of processors, \(Readable.bytes(cost.peakMemory)) at the peak"
        }
        let (fresh, reused) = (answer.closure.fresh, answer.closure.reused)
        return ["cost", "   done in run \(run.id): \(words(fresh))"]
            + (reused.steps > 0
                ? ["   reused from earlier runs: \(words(reused))"] : ["   reused from earlier runs: nothing"])
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
