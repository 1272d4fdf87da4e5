public import Artifacts

/// A pipeline with every step and setting written out: no template, no matrix, nothing left to a default.
public struct ExplicitPipeline: Sendable {
    /// What feeds a port.
    public enum Input: Sendable {
        /// An output of another step, by its name here.
        case output(step: String, port: String)
        /// Clips with their prompts.
        case clips([(file: String, prompt: String)])
        /// One file.
        case file(String)
        /// A folder.
        case files(String)
    }

    /// One step.
    public struct Step: Sendable {
        /// Its name: letters, digits, `-` and `_`.
        public var name: String
        /// Its stage.
        public var stage: String
        /// Every setting.
        public var settings: [String: Value]
        /// The prompt that it works on.
        public var element: Value?
        /// What feeds each port, in order.
        public var inputs: [(port: String, takesMany: Bool, feeds: [Input])]
        /// Whether the settings stand beside the ports, as in a step that runs a program.
        public var declaresOwnPorts: Bool

        /// A step as it is.
        public init(
            name: String, stage: String, settings: [String: Value], element: Value?,
            inputs: [(port: String, takesMany: Bool, feeds: [Input])], declaresOwnPorts: Bool
        ) {
            self.name = name
            self.stage = stage
            self.settings = settings
            self.element = element
            self.inputs = inputs
            self.declaresOwnPorts = declaresOwnPorts
        }
    }

    /// Its `name:`.
    public var name: String
    /// Its `model:`.
    public var model: String?
    /// In an order in which each comes after all that feed it.
    public var steps: [Step]

    /// A pipeline as it is.
    public init(name: String, model: String?, steps: [Step]) {
        self.name = name
        self.model = model
        self.steps = steps
    }

    /// A name for a step of a plan, such as `motion[rank=8]`, that no other has.
    public static func stepName(_ name: String, among others: [String]) -> String {
        let base = String(name.prefix { $0 != "[" }).map { character in
            character.isASCII && (character.isLetter || character.isNumber || character == "_") ? character : "-"
        }
        let first = base.first?.isLetter == true ? String(base) : "step-\(String(base))"
        guard others.contains(first) || ["item", "env"].contains(first) else { return first }
        return (2...).lazy.map { "\(first)-\($0)" }.first { !others.contains($0) } ?? first
    }

    /// Its text.
    public var text: String {
        var lists: [(name: String, clips: [(file: String, prompt: String)])] = []
        var body: [String] = []
        for step in steps {
            body += ["  \(step.name):", "    stage: \(PipelineText.key(step.stage))"]
            var each = step.element.map { PipelineText.written(.list([$0])) }
            var ports: [String] = []
            for (port, takesMany, feeds) in step.inputs {
                let words = feeds.map { feed -> String in
                    switch feed {
                    case .clips(let clips):
                        if let known = lists.first(where: { $0.clips.elementsEqual(clips, by: ==) }) {
                            return "\"${\(known.name)}\""
                        }
                        lists.append((lists.isEmpty ? "clips" : "clips-\(lists.count + 1)", clips))
                        return "\"${\(lists[lists.count - 1].name)}\""
                    case .file(let path): return "{file: \(PipelineText.quoted(path))}"
                    case .files(let folder): return "{files: \(PipelineText.quoted(folder))}"
                    case .output(let other, let output):
                        // A port that takes one artifact goes through a step that has elements, of which there is one.
                        if !takesMany, each == nil, steps.first(where: { $0.name == other })?.element != nil {
                            each = "\"${\(other).\(output)}\""
                            return "\"${item}\""
                        }
                        return "\"${\(other).\(output)}\""
                    }
                }
                ports.append(
                    "\(PipelineText.key(port)): "
                        + (words.count == 1 ? words[0] : "[\(words.joined(separator: ", "))]"))
            }
            if let each { body.append("    for-each: \(each)") }
            if !ports.isEmpty { body.append("    inputs: {\(ports.joined(separator: ", "))}") }
            body += Self.settings(of: step)
        }
        var lines = ["version: 1", "name: \(PipelineText.quoted(name))"]
        if let model { lines.append("model: \(PipelineText.quoted(model))") }
        if lists.count > 1 {
            lines.append(
                "parameters: {\(lists.dropFirst().map { "\($0.name): clips" }.joined(separator: ", "))}")
        }
        for list in lists {
            lines.append("\(list.name):")
            lines += list.clips.map { "  - " + PipelineText.clip($0.file, $0.prompt) }
        }
        return (lines + ["steps:"] + body).joined(separator: "\n") + "\n"
    }

    private static func settings(of step: Step) -> [String] {
        let settings = step.settings.sorted { $0.key < $1.key }
        guard step.declaresOwnPorts else {
            return (settings.isEmpty ? [] : ["    settings:"])
                + settings.map { "      \(PipelineText.key($0.key)): \(PipelineText.written($0.value))" }
        }
        // `inputs` is filled in from the ports.
        return settings.filter { $0.key != "inputs" }
            .map { "    \(PipelineText.key($0.key)): \(PipelineText.written($0.value))" }
    }
}
