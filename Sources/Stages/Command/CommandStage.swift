import Foundation
import Logging
public import StageKit

/// Runs a program of the user's: an argument list, never a shell's text.
///
/// In the arguments `{inputs.PORT}` stands for the file of an input (for its folder when it has several files, for a
/// folder of numbered folders when the port has several artifacts) and `{outputs.PORT}` for the place of an output: a
/// file for `file` and `video`, a folder for every other kind. The program runs in an empty folder, sees only the
/// environment that `ChildEnvironment` describes, and has no standard input. An output of a kind that carries facts
/// (such as `videos`) may have an `attributes.json`; it becomes the attributes of the artifact.
public struct CommandStage: Stage {
    /// What a step of this stage says.
    public struct Settings: StageSettings {
        @Setting("the program and its arguments") var run: [String] = []
        @Setting("environment variables of the program, besides PATH, HOME, LANG and TMPDIR")
        var environment: [String: String] = [:]
        @Setting("names of the inputs, filled in from `inputs:`") var inputs: [String] = []
        @Setting("kinds of the outputs, filled in from `outputs:`") var outputs: [String: String] = [:]

        /// A program that is not there yet.
        public init() {}
    }

    /// Its name in pipeline files.
    public static let kind: StageKind = "command"
    /// Raised whenever the output for equal inputs changes.
    public static let version = 1
    /// One line for people.
    public static let summary = "run a program of yours"
    /// Each step names its own.
    public static let inputs: [InputPort] = []
    /// Each step names its own.
    public static let outputs: [OutputPort] = []
    /// Programs may be anything; they are not one of the stages that use every core.
    public static let pool = ResourcePool.light
    /// Steps have their own ports.
    public static let declaresOwnPorts = true

    /// The stage.
    public init() {}

    /// Finds arguments that stand for nothing, and programs that are not there.
    public func check(_ settings: Settings, _ request: StageRequest) -> [StageProblem] {
        guard let program = settings.run.first else {
            return [StageProblem(.step, "the step has no program to run", help: "add `run: [PROGRAM, ARGUMENT, ...]`")]
        }
        var problems: [StageProblem] = []
        let placeholders = settings.run.flatMap(Placeholder.all)
        for placeholder in placeholders {
            let known = placeholder.isInput ? settings.inputs : settings.outputs.keys.sorted()
            guard !known.contains(placeholder.port) else { continue }
            let kind = placeholder.isInput ? "input" : "output"
            problems.append(
                StageProblem(
                    .setting("run"),
                    "the step has no \(kind) `\(placeholder.port)`, but an argument is `\(placeholder.text)`",
                    help: known.isEmpty ? "declare it under `\(kind)s:`" : "\(kind)s: \(known.joined(separator: ", "))")
            )
        }
        for port in settings.outputs.keys.sorted()
        where !placeholders.contains(where: { !$0.isInput && $0.port == port }) {
            problems.append(
                StageProblem(
                    .setting("outputs"), "no argument is `{outputs.\(port)}`: the program cannot know where to write it"
                ))
        }
        for name in settings.environment.keys.sorted() where name.isEmpty || name.contains("=") || name.utf8.contains(0)
        {
            problems.append(StageProblem(.setting("environment"), "`\(name)` is no name of an environment variable"))
        }
        if let problem = ProgramSearch.problem(with: program) {
            problems.append(StageProblem(.setting("run"), problem.message, help: problem.help))
        }
        return problems
    }

    /// Runs the program and sees that it wrote what the step declares.
    ///
    /// - Throws: `CommandError`, or `CancellationError` after the program and all that it started have been ended.
    public func run(_ settings: Settings, _ context: StageContext) throws {
        let files = FileManager.default
        let work = context.scratch.appending(path: "work", directoryHint: .isDirectory)
        let temporary = context.scratch.appending(path: "tmp", directoryHint: .isDirectory)
        for folder in [work, temporary] { try files.createDirectory(at: folder, withIntermediateDirectories: true) }

        let inputs = try InputLinks.make(context.inputs, in: context.scratch.appending(path: "inputs"))
        var outputs: [String: String] = [:]
        for (port, kind) in settings.outputs {
            outputs[port] = OutputPlace(port: port, kind: kind, folder: context.output(port).url).path
        }
        let arguments = settings.run.map { Placeholder.filled($0, inputs: inputs, outputs: outputs) }
        let own = [context.scratch] + settings.outputs.keys.map { context.output($0).url }
        let child = ChildProcess(
            arguments: arguments, folder: work,
            environment: ChildEnvironment.variables(temporary: temporary, more: settings.environment),
            marks: own.map(InputLinks.path))
        context.log.info("running \(arguments.joined(separator: " "))")
        let log = OutputLog(context.log)
        let end = try child.run(output: log.add, checkCancellation: context.checkCancellation)
        log.finish()
        switch end {
        case .exited(0): break
        case .exited(let code):
            throw CommandError.failed(program: settings.run[0], code: code, lastLines: log.lastLines)
        case .signalled(let signal):
            throw CommandError.killed(program: settings.run[0], signal: signal, lastLines: log.lastLines)
        }
        for (port, kind) in settings.outputs.sorted(by: { $0.key < $1.key }) {
            try OutputPlace(port: port, kind: kind, folder: context.output(port).url).verify(context.output(port))
        }
    }
}
