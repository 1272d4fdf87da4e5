public import Foundation
public import StageKit

/// Reads pipeline files: text in, a plan or every error at once out.
///
/// Looks at the file system (clips, models, included files), never at the clock; the environment is handed in. Unaware
/// of the store, and of what stages do.
public struct PipelineReader: Sendable {
    /// The stages that files may name.
    public let stages: StageTable
    /// Where `model: NAME` looks for `NAME.yaml` and `NAME/model.yaml`, in order, after `models/` beside the file itself.
    public let modelFolders: [URL]
    /// Where `template: NAME` looks for `NAME.yaml` before the built-in ones.
    public let templateFolders: [URL]
    /// What `${env.NAME}` may see, if the file allows it.
    public let environment: [String: String]
    /// `--set` flags: `motion.rank=8`.
    public let overrides: [String]
    /// The profile of the file to use.
    public let profile: String?

    /// A reader.
    public init(
        stages: StageTable, modelFolders: [URL] = [], templateFolders: [URL] = [], environment: [String: String] = [:],
        overrides: [String] = [], profile: String? = nil
    ) {
        self.stages = stages
        self.modelFolders = modelFolders
        self.templateFolders = templateFolders
        self.environment = environment
        self.overrides = overrides
        self.profile = profile
    }

    /// Reads a file; errors name it as `name`, or as its path.
    ///
    /// - Throws: `.unreadable`, or `.invalid` with all that is wrong with it and the files that it includes. What only
    ///   a stage can tell is in `Pipeline.check`.
    public func read(_ file: URL, named name: String? = nil) throws(PipelineError) -> Pipeline {
        let shown = name ?? file.path(percentEncoded: false)
        let data = try SourceText.load(file, named: shown)
        return try read(data, named: shown, in: file.deletingLastPathComponent())
    }

    /// Reads the text of a file whose relative paths start at `folder`.
    ///
    /// - Throws: `.invalid`.
    public func read(_ text: Data, named name: String, in folder: URL) throws(PipelineError) -> Pipeline {
        try Planner(self).pipeline(text, named: name, in: folder)
    }

    /// Reads a model set: a YAML file, or a folder with a `model.yaml`.
    ///
    /// - Parameter requiresFolders: whether a folder that is not there is an error; otherwise the set names it all the
    ///   same, for those who tell what is missing.
    /// - Throws: `.unreadable`, or `.invalid` with all that is wrong with it.
    public func modelSet(
        _ file: URL, named name: String? = nil, requiresFolders: Bool = true
    ) throws(PipelineError) -> ModelSet {
        let planner = Planner(self)
        planner.requiresModelFolders = requiresFolders
        return try planner.modelSet(file, named: name ?? file.path(percentEncoded: false))
    }
}

/// A pipeline file that was understood: the plan, and where everything in it was said.
public struct Pipeline: Sendable {
    /// What to do.
    public let plan: Plan
    let stages: StageTable
    let places: [StepID: StepPlaces]
    /// Files and flags that were read, in order.
    let sources: [SourceText]

    /// Asks the stages to look at what is already there: source files, model folders, settings that do not go together.
    ///
    /// - Parameter steps: the steps to look at; nil for all.
    /// - Returns: what is wrong, each once, in the order of the file; empty when all is well.
    public func check(_ steps: Set<StepID>? = nil) -> [Diagnostic] { StageChecks(self, steps).diagnostics() }
}
