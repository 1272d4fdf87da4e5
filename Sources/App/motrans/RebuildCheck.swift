import ArgumentParser
import Artifacts
import Checkpoints
import Execution
import Foundation
import Lineage
import Media
import Pipelines
import StageKit
import Storage
import Tensors

/// Does steps again whose results are known, and tells how the new results differ.
struct RebuildCheck {
    /// How it went with one step.
    struct Outcome {
        let step: String
        let attempt: AttemptID
        /// A sentence for each file that is not the same; none when all are.
        let differences: [String]
    }

    let engine: Engine
    let plan: Plan

    /// Rebuilds the named steps, or all; each from the inputs that are known, so that a difference is its own.
    ///
    /// Throws `CommandFailure` when one is not known, or fails.
    func rebuild(_ names: [String]) async throws -> [Outcome] {
        let forecast = try engine.forecast(plan, RunRequest(steps: names, force: .never))
        let wanted =
            names.isEmpty
            ? forecast.steps
            : forecast.steps.filter { step in
                names.contains { name in plan.steps(named: name).contains(step.id) }
            }
        if let unknown = wanted.first(where: { $0.decision != .hit }) {
            throw CommandFailure(
                status: .notFound, message: "\(unknown.id) is not done for the settings that \(plan.file) has now",
                help: "`motrans run \(plan.file)` does it: there is nothing to compare with")
        }
        var outcomes: [Outcome] = []
        for step in wanted { outcomes.append(try await rebuild(step)) }
        return outcomes
    }

    private func rebuild(_ step: Forecast.Step) async throws -> Outcome {
        let request = RunRequest(
            steps: [step.id.description], force: .named, commandLine: CommandLine.arguments)
        var report: RunReport?
        let printer = TextRunPrinter(console: Console(), isQuiet: false)
        let status = try await PlanRun(plan: plan, request: request, engine: engine, printer: printer)
            .perform { report = $0 }
        guard status == ExitStatus.done.rawValue, let again = report?.steps.first(where: { $0.id == step.id }),
            case .done(let attempt) = again.outcome
        else { throw ExitCode(status == 0 ? ExitStatus.stepFailed.rawValue : status) }
        var differences: [String] = []
        for (port, before) in step.outputs.sorted(by: { $0.key < $1.key }) {
            guard let after = again.outputs[port], after != before else { continue }
            differences += try compare(port, before, after)
        }
        if !differences.isEmpty {
            try engine.lineage.revoke(
                Revocation(.attempt(attempt), reason: "rebuilt to compare: \(differences[0])", date: Date()))
        }
        return Outcome(step: step.id.description, attempt: attempt, differences: differences)
    }

    private func compare(_ port: String, _ before: Digest, _ after: Digest) throws -> [String] {
        let (old, new) = (try engine.store.manifest(of: before), try engine.store.manifest(of: after))
        var differences: [String] = []
        if old.attributes != new.attributes { differences.append("\(port): the attributes differ") }
        let files = Dictionary(new.entries.map { ($0.path, $0) }) { first, _ in first }
        for entry in old.entries where files[entry.path]?.digest != entry.digest {
            guard let other = files[entry.path] else {
                differences.append("\(port)/\(entry.path) is not there any more")
                continue
            }
            differences.append("\(port)/\(entry.path): \(try difference(entry, other))")
        }
        let known = Set(old.entries.map(\.path))
        differences += new.entries.filter { !known.contains($0.path) }.map { "\(port)/\($0.path) is new" }
        return differences
    }

    /// By how much two files differ, as far as their kind lets it be told.
    private func difference(_ before: Manifest.Entry, _ after: Manifest.Entry) throws -> String {
        let folder = FileManager.default.temporaryDirectory.appending(path: "motrans-compare-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let name = (before.path as NSString).lastPathComponent
        let (old, new) = (folder.appending(path: "before/\(name)"), folder.appending(path: "after/\(name)"))
        try engine.store.copy(before.digest, to: old)
        try engine.store.copy(after.digest, to: new)
        switch old.pathExtension {
        case "safetensors": return try tensorDifference(old, new)
        case "mp4": return try videoDifference(old, new)
        default: return "\(before.size) bytes became \(after.size) others"
        }
    }

    private func tensorDifference(_ before: URL, _ after: URL) throws -> String {
        let (old, new) = (try Checkpoint.open(before), try Checkpoint.open(after))
        guard old.names == new.names, old.names.allSatisfy({ old.entry($0)?.shape == new.entry($0)?.shape }) else {
            return "it has other tensors"
        }
        var largest = (name: "", error: 0.0)
        var (squares, size) = (0.0, 0.0)
        for name in old.names {
            for (a, b) in zip(try old.tensor(name).values, try new.tensor(name).values) where a != b {
                let error = abs(Double(a) - Double(b))
                if !(error <= largest.error) { largest = (name, error) }
                squares += error * error
            }
            size += try old.tensor(name).values.reduce(0.0) { $0 + Double($1) * Double($1) }
        }
        guard !largest.name.isEmpty else { return "the numbers are equal, the file is not" }
        return String(
            format: "largest error %.3g, in %@; relative error %.3g", largest.error, largest.name,
            (squares / max(size, 1e-300)).squareRoot())
    }

    private func videoDifference(_ before: URL, _ after: URL) throws -> String {
        let old = try VideoReader.sample(before, FrameSampling()).frames
        let new = try VideoReader.sample(after, FrameSampling()).frames
        guard (old.count, old.height, old.width) == (new.count, new.height, new.width) else {
            return
                "\(old.count) frames of \(old.width) x \(old.height) became \(new.count) of \(new.width) x \(new.height)"
        }
        let squares = zip(old.bytes, new.bytes).reduce(0.0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
        guard squares > 0 else { return "the frames are equal, the file is not" }
        return String(format: "PSNR %.1f dB", 10 * log10(255 * 255 * Double(old.bytes.count) / squares))
    }
}
