import ArgumentParser
import Foundation
import Pipelines
import StageKit

/// How a pipeline file is read.
struct PipelineOptions: ParsableArguments {
    @Option(
        name: .customLong("set"),
        help: ArgumentHelp("A setting of a step, such as `motion.rank=8`; may be given again.", valueName: "a.b=v"))
    var overrides: [String] = []

    @Option(help: ArgumentHelp("The profile of the file to use.", valueName: "name"))
    var profile: String?

    /// The reader of pipeline files, with the places where this tool looks for models and templates.
    func reader() -> PipelineReader { Self.reader(overrides: overrides, profile: profile) }

    /// The same for other flags than these.
    static func reader(overrides: [String], profile: String? = nil) -> PipelineReader {
        let environment = ProcessInfo.processInfo.environment
        let models = environment["MOTRANS_MODELS"].map { $0.split(separator: ":").map { URL(filePath: String($0)) } }
        let own = [URL(filePath: "models", directoryHint: .isDirectory)]
        return PipelineReader(
            stages: Stages.table, modelFolders: (models ?? []) + own + [ShippedModels.folder].compactMap { $0 },
            templateFolders: [URL(filePath: "pipelines/templates", directoryHint: .isDirectory)],
            environment: environment, overrides: overrides, profile: profile)
    }

    /// Reads a file and lets the stages look at what is there; every error at once.
    func checkedPipeline(_ file: String) throws -> Pipeline {
        let pipeline = try pipeline(file)
        try pipeline.requireSound(nil)
        return pipeline
    }

    /// Reads a file.
    func pipeline(_ file: String) throws -> Pipeline {
        try reader().read(URL(filePath: file), named: file)
    }
}

extension Pipeline {
    /// Lets the stages look at steps (nil: at all), and throws what they find.
    func requireSound(_ steps: Set<StepID>?) throws {
        let problems = check(steps)
        guard problems.isEmpty else { throw PipelineError.invalid(problems) }
    }
}
