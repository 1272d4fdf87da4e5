public import Artifacts
public import Foundation
public import Lineage
public import Pipelines

/// What can go wrong around a run; what a stage throws is reported beside its step instead.
public enum ExecutionError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A name on the command line is no step of the plan. `known`: the names that are.
    case unknownStep(String, known: [String])
    /// A part of a model set has no folder, or the folder has no file that belongs to a model.
    case modelPartMissing(model: String, part: String, folder: URL?)
    /// A source file was written to while a step worked with it.
    case sourceChanged(URL, step: StepID)
    /// A stage ended well, but this output has no file with content.
    case outputEmpty(step: StepID, port: String)
    /// A file of the user's must not be used any more.
    case revoked(URL, step: StepID, Revocation)
    /// An artifact that is not handed out any more.
    case withheld(Digest, Revocation)
    /// What a step gave must not be used any more.
    case revokedOutput(step: StepID, port: String, Revocation)
    /// A step took longer than it may.
    case timedOut(step: StepID, seconds: Double)
    /// Outputs are damaged or gone, although they were made again in this run.
    case notReproducible(step: StepID, port: String, reason: String)
    /// No step, artifact, object, file or attempt goes by this name.
    case notFound(String, help: String)
    /// A short digest stands for several.
    case ambiguous(String, [Digest])
    /// A file is there already, and nobody said that it may be written over.
    case wouldOverwrite(URL)
    /// An artifact is not in the store any more, or damaged there.
    case unavailable(Digest, reason: String)

    /// What happened, where, why, and what to do.
    public var description: String {
        switch self {
        case .unknownStep(let name, let known):
            "there is no step \(name) in this pipeline; its steps are \(known.joined(separator: ", "))"
        case .modelPartMissing(let model, let part, nil): "model \(model) has no part \(part), which this step reads"
        case .modelPartMissing(let model, let part, let folder?):
            "part \(part) of model \(model) has no model file: \(folder.path) is empty or missing"
        case .sourceChanged(let url, let step):
            "\(url.path) changed while \(step) was reading it, so the result was not kept; run again when it is complete"
        case .outputEmpty(let step, let port):
            "\(step) ended without writing anything, or only empty files, to its output \(port); nothing was kept"
        case .revoked(let url, let step, let revocation):
            "\(url.path), which \(step) reads, must not be used any more: it was revoked "
                + "(\(revocation.reason)); take it out of the pipeline"
        case .withheld(let digest, let revocation):
            "artifact \(digest.short) must not be used any more: it comes from something that was revoked "
                + "(\(revocation.reason))"
        case .revokedOutput(let step, let port, let revocation):
            "what \(step) gave at its output \(port) must not be used any more: it was revoked "
                + "(\(revocation.reason)); nothing was kept"
        case .timedOut(let step, let seconds):
            "\(step) was ended after \(seconds == seconds.rounded() ? "\(Int(seconds))" : "\(seconds)") s, which is all it "
                + "may take; raise `timeout:` or `--timeout`"
        case .notReproducible(let step, let port, let reason):
            "output \(port) of \(step) cannot be read, although it was just made again: \(reason)"
        case .notFound(let name, let help): "nothing here is called \(name): \(help)"
        case .ambiguous(let prefix, let digests):
            "\(prefix) stands for \(digests.count) digests, such as \(digests.prefix(3).map { $0.hex.prefix(16) + "…" }.joined(separator: ", "))"
        case .wouldOverwrite(let url):
            "\(url.path) is there already; give another folder, or `--replace`"
        case .unavailable(let digest, let reason):
            "artifact \(digest.short) cannot be restored: \(reason); run the pipeline again to make it once more"
        }
    }
}
