import Artifacts
import Foundation
import Lineage
import Pipelines
import StageKit

/// The content of all that a plan reads of the user's: source files and parts of models.
///
/// Files that did not change since they were last seen are not read again. Unaware of steps' outputs.
struct SourceDigests: Sendable {
    /// An artifact whose bytes stay where the user has them.
    struct Source: Sendable {
        let digest: Digest
        let manifest: Manifest
    }

    private let sources: [SourceInput: Source]
    private let models: [URL: FolderContent]

    /// Reads what the steps need.
    ///
    /// - Parameter hashing: told of each file that has to be read, with its size, before it is.
    init(
        of steps: [PlannedStep], in lineage: LineageDatabase, hashing: (String, Int) throws -> Void = { _, _ in }
    ) throws {
        let inputs = Set(steps.flatMap(Self.sourceInputs))
        let urls = Array(Set(inputs.flatMap { $0.files.map(\.url) }))
        let files = Dictionary(
            uniqueKeysWithValues: zip(urls, try lineage.digests(of: urls, hashing: hashing)))
        sources = try inputs.reduce(into: [:]) { sources, input in
            let manifest = try Self.manifest(of: input, files: files)
            sources[input] = Source(digest: try manifest.digest(), manifest: manifest)
        }
        var models: [URL: FolderContent] = [:]
        for step in steps {
            for part in step.modelParts {
                let folder = try Self.folder(of: part, in: step)
                guard models[folder] == nil else { continue }
                let content = try lineage.digest(ofFolder: folder, including: Self.isModelFile, hashing: hashing)
                guard !content.files.isEmpty else {
                    throw ExecutionError.modelPartMissing(
                        model: step.model?.name ?? "", part: part.rawValue, folder: folder)
                }
                models[folder] = content
            }
        }
        self.models = models
    }

    /// All artifacts, each once.
    var all: [Source] { Array(Dictionary(sources.values.map { ($0.digest, $0) }) { first, _ in first }.values) }

    /// The artifact that the files of an input are.
    subscript(input: SourceInput) -> Source {
        guard let source = sources[input] else { preconditionFailure("the source of a step that is not wanted") }
        return source
    }

    /// The digests of the model parts that a step reads.
    func models(of step: PlannedStep) -> [ModelPart: FolderContent] {
        var contents: [ModelPart: FolderContent] = [:]
        for part in step.modelParts { contents[part] = step.model?.folders[part].flatMap { models[$0] } }
        return contents
    }

    /// Every file of the user's that a step reads, with its digest and its bytes.
    func files(of step: PlannedStep) -> [(file: URL, digest: Digest, size: Int)] {
        let sources = Self.sourceInputs(of: step).flatMap { input in
            let entries = Dictionary(self[input].manifest.entries.map { ($0.path, $0) }) { first, _ in first }
            return input.files.compactMap { file in entries[file.path].map { (file.url, $0.digest, $0.size) } }
        }
        return sources
            + models(of: step).values.flatMap { $0.files.values.map { (URL(filePath: $0.path), $0.digest, $0.size) } }
    }

    /// The artifacts that a step's files are.
    func artifacts(of step: PlannedStep) -> [(input: SourceInput, digest: Digest)] {
        Self.sourceInputs(of: step).map { ($0, self[$0].digest) }
    }

    /// The file of a step's that is not any more what it was when the plan was made; nil when all are.
    func changedFile(of step: PlannedStep, in lineage: LineageDatabase) throws -> URL? {
        for input in Self.sourceInputs(of: step) {
            let expected = self[input].manifest.entries
            let files = input.files.sorted { $0.path < $1.path }
            let now = try lineage.digests(of: files.map(\.url))
            for (index, file) in files.enumerated() where now[index].digest != expected[index].digest {
                return file.url
            }
        }
        for (part, before) in models(of: step) {
            let folder = try Self.folder(of: part, in: step)
            let now = try lineage.digest(ofFolder: folder, including: Self.isModelFile)
            guard now.digest != before.digest else { continue }
            let names = Set(before.files.keys).union(now.files.keys).sorted()
            let changed = names.first { before.files[$0]?.digest != now.files[$0]?.digest }
            return changed.map { folder.appending(path: $0) } ?? folder
        }
        return nil
    }

    private static func sourceInputs(of step: PlannedStep) -> [SourceInput] {
        step.inputs.values.flatMap { $0 }.compactMap { input in
            guard case .source(let source) = input else { return nil }
            return source
        }
    }

    private static func manifest(of input: SourceInput, files: [URL: SourceFile]) throws -> Manifest {
        let entries = input.files.map { file in
            guard let content = files[file.url] else { preconditionFailure("\(file.url.path) was not hashed") }
            return Manifest.Entry(
                path: file.path, digest: content.digest, size: content.size, mediaType: MediaType.of(path: file.path))
        }
        return Manifest(kind: input.kind, entries: entries, attributes: input.attributes)
    }

    private static func folder(of part: ModelPart, in step: PlannedStep) throws -> URL {
        guard let folder = step.model?.folders[part] else {
            throw ExecutionError.modelPartMissing(
                model: step.model?.name ?? "none", part: part.rawValue, folder: nil)
        }
        return folder
    }

    /// The digest of a part of a model, as keys have it.
    ///
    /// Files that did not change since they were last seen are not read again.
    static func digest(
        ofPart folder: URL, in lineage: LineageDatabase, hashing: (String, Int) throws -> Void
    ) throws -> Digest {
        try lineage.digest(ofFolder: folder, including: isModelFile, hashing: hashing).digest
    }

    /// What a model is read from: configuration, weights and vocabularies; not its card, pictures, or other formats.
    ///
    /// Folders below hold other parts or other formats.
    private static func isModelFile(_ path: String) -> Bool {
        guard !path.contains("/"), let dot = path.lastIndex(of: ".") else { return false }
        return ["json", "safetensors", "bin", "txt", "model"].contains(path[path.index(after: dot)...].lowercased())
    }
}
