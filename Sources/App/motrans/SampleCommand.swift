import ArgumentParser
import Artifacts
import Execution
import Foundation
import Pipelines
import StageKit
import Storage

struct SampleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sample", abstract: "Make one video of a prompt, without a pipeline file.",
        discussion: """
            The model and any LoRAs act as in the stage `sampling`, whose settings --set gives by name; what the model set
            recommends stands for the rest. The work is kept in the store like any other: the same again costs nothing,
            and `motrans lineage VIDEO` tells what made it.

            \(ExitStatus.help)
            """)

    /// How runs of this command are listed, and where its errors are.
    static let origin = "motrans sample"

    @Argument(help: "What the video shows.") var prompt: String
    @Option(help: "The model set: its name, its YAML file, or the folder of that.") var model = "tiny"
    @Option(
        help: ArgumentHelp(
            "What a motion stage learned (a folder with a motion adapter), or a temporal LoRA's file.",
            valueName: "path"))
    var motion: String?
    @Option(help: "How much the motion's LoRA acts.") var motionScale: Double?
    @Option(
        help: ArgumentHelp("A LoRA's file in any spelling, or peft's folder; may be given again.", valueName: "path"))
    var lora: [String] = []
    @Option(help: "How much each --lora acts.") var loraScale: Double?
    @Option(help: "What the video should not show.") var negative: String?
    @Option(help: "The numbers that torch draws for this seed.") var seed = 1
    @Option(help: "How far to go from the negative prompt towards the prompt.") var guidance: Double?
    @Option(help: "Denoising steps.") var steps: Int?
    @Option(help: "Columns of the video.") var width: Int?
    @Option(help: "Rows of the video.") var height: Int?
    @Option(help: "Frames of the video.") var frames: Int?
    @Option(help: "Frames per second.") var fps: Double?
    @Option(
        help: ArgumentHelp(
            "Latents to begin with in place of drawn noise: `latents` [1, c, f, h, w], which give the size.",
            valueName: "file.safetensors"))
    var latentsIn: String?
    @Option(
        help: ArgumentHelp("Where the final latents go, before they are decoded.", valueName: "file.safetensors"))
    var latentsOut: String?
    @Option(
        name: .customLong("set"),
        help: ArgumentHelp("A setting of the stage, such as `eta=1`; may be given again.", valueName: "name=value"))
    var settings: [String] = []
    @Option(help: ArgumentHelp("Where the video goes.", valueName: "video.mp4")) var to = "sample.mp4"
    @Flag(help: "Files that are there already may be replaced.") var replace = false
    @Flag(help: "The bytes of the store as they are: no recipe in the video.") var exact = false
    @Flag(name: .shortAndLong, help: "No progress; only the result and what went wrong.") var quiet = false
    @OptionGroup var cache: CacheOptions

    /// Settings that have a place of their own on the command line.
    private static let ownPlaces = [
        "prompt": "the argument", "seeds": "--seed", "negative-prompt": "--negative", "motion-scale": "--motion-scale",
        "appearance-scale": "--lora-scale", "guidance": "--guidance", "inference-steps": "--steps", "width": "--width",
        "height": "--height", "frames": "--frames", "fps": "--fps",
    ]

    func validate() throws {
        guard to.hasSuffix(".mp4") else { throw ValidationError("--to is the name of an mp4, not \(to)") }
        if let latentsOut {
            guard latentsOut.hasSuffix(".safetensors") else {
                throw ValidationError("--latents-out is the name of a safetensors file, not \(latentsOut)")
            }
        }
        for setting in settings {
            guard let equals = setting.firstIndex(of: "="), !setting[..<equals].contains(".") else {
                throw ValidationError("--set takes a setting's name and a value, as in `--set eta=1`, not \(setting)")
            }
            if let place = Self.ownPlaces[String(setting[..<equals])] {
                throw ValidationError("\(setting[..<equals]) has a place of its own here: \(place)")
            }
        }
    }

    func run() async throws {
        let folder = URL(filePath: FileManager.default.currentDirectoryPath, directoryHint: .isDirectory)
        let reader = PipelineOptions.reader(overrides: settings.map { "sample.\($0)" })
        let pipeline = try reader.read(Data(text.utf8), named: Self.origin, in: folder)
        let problems = pipeline.check()
        guard problems.isEmpty else { throw PipelineError.invalid(problems) }
        let files = [(to, "videos")] + (latentsOut.map { [($0, "latents")] } ?? [])
        try checkTargets(files.map(\.0))
        let engine = try cache.engine()
        let printer = TextRunPrinter(console: Console(), isQuiet: quiet)
        let request = RunRequest(commandLine: CommandLine.arguments)
        let status = try await PlanRun(plan: pipeline.plan, request: request, engine: engine, printer: printer)
            .perform { report in
                guard report.outcome == .succeeded else { return }
                for (file, port) in files { try place(file, port, of: report, engine) }
            }
        guard status == ExitStatus.done.rawValue else { throw ExitCode(status) }
    }

    /// Copies the only file of a port's artifact to where it is wanted.
    private func place(_ file: String, _ port: String, of report: RunReport, _ engine: Engine) throws {
        guard let artifact = report.steps.first?.outputs[port] else { return }
        let manifest = try engine.store.manifest(of: artifact)
        guard let entry = manifest.entries.first else { return }
        try engine.store.copy(entry.digest, to: URL(filePath: file), replacing: replace, writable: true)
        let console = Console()
        if !exact { try engine.label([(URL(filePath: file), entry.path)], of: artifact, .libAV, console.note) }
        console.result(file)
    }

    /// What would only be found wrong when the work is done.
    private func checkTargets(_ files: [String]) throws {
        for file in files {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: file, isDirectory: &isFolder) else {
                try FileManager.default.createDirectory(
                    at: URL(filePath: file).deletingLastPathComponent(), withIntermediateDirectories: true)
                continue
            }
            guard !isFolder.boolValue else {
                throw CommandFailure(status: .usage, message: "\(file) is a folder; nothing was done")
            }
            guard replace else {
                throw CommandFailure(
                    status: .usage, message: "\(file) is there already; nothing was done",
                    help: "add --replace to write it anew")
            }
        }
    }

    /// A pipeline of one step.
    private var text: String {
        var inputs: [(String, String)] = []
        if let motion { inputs.append(("motion", Self.source(motion))) }
        if !lora.isEmpty { inputs.append(("appearance", "[\(lora.map(Self.source).joined(separator: ", "))]")) }
        if let latentsIn { inputs.append(("noise", Self.source(latentsIn))) }
        var given = [("prompt", Self.quoted(prompt)), ("seeds", "[\(seed)]")]
        if let negative { given.append(("negative-prompt", Self.quoted(negative))) }
        let numbers: [(String, (any CustomStringConvertible)?)] = [
            ("motion-scale", motionScale), ("appearance-scale", loraScale), ("guidance", guidance),
            ("inference-steps", steps), ("width", width), ("height", height), ("frames", frames), ("fps", fps),
        ]
        given += numbers.compactMap { name, number in number.map { (name, "\($0)") } }
        return """
            version: 1
            name: sample
            model: \(Self.quoted(model))
            steps:
              sample:
                stage: sampling
                inputs: {\(inputs.map { "\($0): \($1)" }.joined(separator: ", "))}
                settings:
            \(given.map { "      \($0): \($1)" }.joined(separator: "\n"))

            """
    }

    /// A folder enters with the names of its files, a file without.
    private static func source(_ path: String) -> String {
        var isFolder: ObjCBool = false
        _ = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        return "{\(isFolder.boolValue ? "files" : "file"): \(quoted(path))}"
    }

    /// A YAML text in double quotes that means exactly this: no reference, and no character that YAML does not take.
    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.replacing("${", with: "$${").unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case _
            where scalar.properties.generalCategory == .control || [0x2028, 0x2029, 0xFEFF].contains(scalar.value):
                quoted += "\\u" + String(format: "%04X", scalar.value)
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
