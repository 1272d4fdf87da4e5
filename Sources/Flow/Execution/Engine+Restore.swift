import Artifacts
public import Foundation
import Lineage
import Storage

extension Engine {
    /// Writes copies of what is asked for into a folder, verified; the user may change them.
    ///
    /// One artifact's files go straight into the folder. Of a step with several parts or outputs, each gets a folder of
    /// its own: `samples[1]/videos/…`.
    ///
    /// - Parameters:
    ///   - subject: a digest or the beginning of one, an attempt, or a step (its latest outputs).
    ///   - port: which output, when only one is wanted.
    ///   - replacing: whether files that are there may be written over; otherwise nothing at all is written.
    ///   - inspector: who puts the recipe into mp4 files, whose bytes are then not those of the store, and are remembered;
    ///     nil to hand out the bytes of the store.
    ///   - note: told of a video that could not take its recipe, and was handed out as it is.
    /// - Returns: The files that were written.
    /// - Throws: `ExecutionError.notFound`, `.ambiguous`, `.wouldOverwrite`, `.unavailable`, `StorageError`.
    @discardableResult
    public func restore(
        _ subject: String, port: String? = nil, to folder: URL, replacing: Bool = false,
        labelling inspector: VideoInspector? = nil, note: (String) -> Void = { _ in }
    ) throws -> [URL] {
        let target = try resolve(subject)
        if case .file(let digest, let name, let holders) = target {
            let file = folder.appending(path: (name as NSString).lastPathComponent)
            try check([file], replacing)
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try available(digest) {
                try store.copy(digest, to: file, replacing: replacing, writable: true)
            }
            if let inspector, let holder = holders.first {
                try label([(file, holder.path)], of: holder.artifact, inspector, note)
            }
            return [file]
        }
        let places = try places(of: target, port, subject, folder)
        let manifests = try places.map { place in
            try available(place.artifact) { try store.manifest(of: place.artifact) }
        }
        let files = zip(places, manifests).flatMap { place, manifest in
            manifest.entries.map { place.folder.appending(path: $0.path) }
        }
        try check(files, replacing)
        for place in places {
            try available(place.artifact) {
                try store.restore(place.artifact, to: place.folder, replacing: replacing, writable: true)
            }
        }
        if let inspector {
            for (place, manifest) in zip(places, manifests) {
                let files = manifest.entries.map { (place.folder.appending(path: $0.path), $0.path) }
                try label(files, of: place.artifact, inspector, note)
            }
        }
        return files
    }

    private func places(
        of target: Target, _ port: String?, _ subject: String, _ folder: URL
    ) throws -> [(artifact: Digest, folder: URL)] {
        let attempts: [AttemptRecord]
        switch target {
        case .artifact(let digest): return [(digest, folder)]
        case .attempt(let attempt): attempts = [attempt]
        case .step(_, let records): attempts = records
        case .file, .model:
            throw ExecutionError.notFound(subject, help: "it is no artifact of a step, so there is nothing to restore")
        }
        let given = attempts.map { attempt in
            (attempt.attempt.step, attempt.outputs.filter { port == nil || $0.port == port })
        }
        guard given.contains(where: { !$0.1.isEmpty }) else {
            throw ExecutionError.notFound(
                subject, help: port.map { "it has no output \($0)" } ?? "it has no outputs: it did not succeed")
        }
        return given.flatMap { step, outputs in
            let base = given.count > 1 ? folder.appending(path: step) : folder
            return outputs.map { use in
                (use.artifact, outputs.count > 1 ? base.appending(path: use.port) : base)
            }
        }
    }

    /// Nothing is written when anything would be written over.
    private func check(_ files: [URL], _ replacing: Bool) throws {
        guard !replacing, let file = files.first(where: { FileManager.default.fileExists(atPath: $0.path) }) else {
            return
        }
        throw ExecutionError.wouldOverwrite(file)
    }

    /// Tells what is gone, damaged or revoked in words that say what to do.
    @discardableResult
    private func available<Result>(_ digest: Digest, _ body: () throws -> Result) throws -> Result {
        let taint = try lineage.read { try $0.taint() }
        let holders = taint.isEmpty ? [] : try lineage.read { try $0.artifacts(withFile: digest).map(\.artifact) }
        let held =
            holders.allSatisfy { taint.artifacts[$0] != nil } ? holders.first.flatMap { taint.artifacts[$0] } : nil
        if let revocation = taint.artifacts[digest] ?? taint.files[digest] ?? held {
            throw ExecutionError.withheld(digest, revocation)
        }
        do {
            return try body()
        } catch let error as StorageError {
            switch error {
            case .missing, .damaged: throw ExecutionError.unavailable(digest, reason: "\(error)")
            default: throw error
            }
        }
    }
}
