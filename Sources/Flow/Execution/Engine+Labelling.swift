public import Artifacts
public import Foundation
import Lineage

extension Engine {
    /// Puts the recipe into the mp4 files among some that were just handed out, and remembers what they are now.
    ///
    /// Everything else stays as it is, and so does a video that no attempt is known to have made or whose container cannot
    /// take words.
    /// - Parameters:
    ///   - files: where each lies, and its path in the artifact.
    ///   - note: told of each video that stays as it is.
    /// - Throws: `LineageError`, and what the disk throws.
    public func label(
        _ files: [(file: URL, path: String)], of artifact: Digest, _ inspector: VideoInspector,
        _ note: (String) -> Void
    ) throws {
        let videos = files.filter { MediaType.of(path: $0.path) == "video/mp4" }
        guard !videos.isEmpty else { return }
        let closure = try lineage.read { reader in
            try LineageClosure(
                upstreamOf: [artifact], path: nil, reader: reader, store: store,
                graph: reader.graph(from: [artifact], .upstream))
        }
        var deliveries: [Delivery] = []
        for (file, path) in videos {
            guard let recipe = Recipe(of: artifact, path: path, closure: closure, stages: stages) else { continue }
            let partial = file.deletingLastPathComponent().appending(
                path: ".partial-\(String(UInt64.random(in: .min ... .max), radix: 36)).mp4")
            defer { try? FileManager.default.removeItem(at: partial) }
            do {
                // For later, when the bytes are gone; one that cannot be decoded cannot be labelled either.
                if try lineage.read({ try $0.fingerprint(of: artifact, path: path) }) == nil {
                    let fingerprint = try inspector.fingerprint(file)
                    try? lineage.record([
                        FingerprintRecord(artifact: artifact, path: path, fingerprint: fingerprint)
                    ])
                }
                try inspector.copy(file, partial, recipe.tags)
            } catch {
                note("\(file.relativePath) carries no recipe: \(error)")
                continue
            }
            guard rename(partial.path(percentEncoded: false), file.path(percentEncoded: false)) == 0 else {
                throw CocoaError(.fileWriteUnknown, userInfo: [NSFilePathErrorKey: file.path(percentEncoded: false)])
            }
            guard let digest = try lineage.digests(of: [file], remembering: false).first?.digest else { continue }
            deliveries.append(Delivery(digest: digest, artifact: artifact, path: path, run: closure.run?.id))
        }
        do {
            try lineage.record(deliveries)
        } catch {
            // The id is in the files all the same.
            note("what was handed out could not be written down: \(error)")
        }
    }

    /// The recipe of a file in an artifact; nil when no attempt is known to have made it.
    ///
    /// - Throws: `LineageError`.
    public func recipe(of artifact: Digest, path: String) throws -> Recipe? {
        let closure = try lineage.read { reader in
            try LineageClosure(
                upstreamOf: [artifact], path: path, reader: reader, store: store,
                graph: reader.graph(from: [artifact], .upstream))
        }
        return Recipe(of: artifact, path: path, closure: closure, stages: stages)
    }

    /// How a file is recognised: by its bytes, the words in it, the look of its frames.
    ///
    /// - Returns: Nil for a file that nothing here is like.
    /// - Throws: `ExecutionError.notFound`, `LineageError`, `StorageError`.
    public func match(of file: URL, inspecting inspector: VideoInspector) throws -> FileMatch? {
        try identify(file, with: inspector).1
    }
}
