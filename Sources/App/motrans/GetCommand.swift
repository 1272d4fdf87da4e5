import ArgumentParser
import Artifacts
import Execution
import Foundation
import Lineage
import Pipelines
import StageKit

struct GetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "Put results into a folder, as plain files.",
        discussion: """
            A step gives the results of the settings that the pipeline file has now; a digest gives one artifact or file.
            A video gets its recipe into the words of its container (the pictures stay as they are, packet by packet):
            `motrans lineage VIDEO` and `motrans init --from VIDEO` read it wherever the file goes.

            \(ExitStatus.help)
            """)

    @Argument(help: "A step (`samples`, `samples[2]`, `samples.latents` for another port), or a digest.")
    var subject: String
    @Option(help: "The pipeline file (default: that of the latest run).") var pipeline: String?
    @Option(help: "The folder; made if it is not there.") var to = "."
    @Flag(help: "Files that are there already may be replaced.") var replace = false
    @Flag(help: "The bytes of the store as they are: no recipe in videos.") var exact = false
    @Flag(help: "One JSON document.") var json = false
    @OptionGroup var pipelineOptions: PipelineOptions
    @OptionGroup var cache: CacheOptions

    func run() throws {
        let engine = try cache.existingEngine()
        let folder = URL(filePath: to, directoryHint: .isDirectory)
        let console = Console()
        let written = try artifacts(engine).flatMap { place, digest in
            try engine.restore(
                digest, to: place.isEmpty ? folder : folder.appending(path: place), replacing: replace,
                labelling: exact ? nil : .libAV, note: console.note)
        }
        let paths = written.map(\.relativePath)
        if json {
            console.result(JSON.document([("files", .list(paths.map(Value.string)))]))
        } else {
            paths.forEach(console.result)
        }
    }

    /// The artifacts that are meant, each with the folder that keeps it apart from the others.
    private func artifacts(_ engine: Engine) throws -> [(place: String, digest: String)] {
        if subject.count >= 6, subject.allSatisfy(\.isHexDigit) { return [("", subject)] }
        let file = try pipeline ?? engine.latestPipelineFile()
        let plan = try pipelineOptions.pipeline(file).plan
        let (name, port) = split(subject)
        let forecast = try engine.forecast(plan, RunRequest(steps: [name], force: .never))
        let steps = forecast.steps.filter { plan.steps(named: name).contains($0.id) }
        return try steps.map { step in
            guard step.decision == .hit else {
                throw CommandFailure(
                    status: .notFound,
                    message:
                        "\(step.id) is not done for the settings that \(file) has now: \(step.cause?.description ?? "")",
                    help: "`motrans run \(file)` does it")
            }
            let ports = plan.steps.first { $0.id == step.id }?.outputs.map(\.name) ?? []
            guard let digest = step.outputs[port ?? ports.first ?? ""] else {
                throw CommandFailure(
                    status: .notFound, message: "\(step.id) has no output \(port ?? "")",
                    help: "its outputs are \(ports.joined(separator: ", "))")
            }
            return (steps.count > 1 ? step.id.part ?? step.id.name : "", digest.hex)
        }
    }

    /// `samples[2].latents` is a step and a port.
    private func split(_ subject: String) -> (step: String, port: String?) {
        let tail = subject.split(separator: "]", omittingEmptySubsequences: false).last ?? ""
        guard let dot = tail.lastIndex(of: ".") else { return (subject, nil) }
        return (String(subject[..<dot]), String(subject[subject.index(after: dot)...]))
    }
}
