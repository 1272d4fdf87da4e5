import Artifacts
import Foundation
import Lineage
import Logging
import Pipelines
import StageKit
import Storage
import Synchronization

/// Whether the run is being cancelled; looked at from any thread of a stage.
final class CancellationFlag: Sendable {
    private let flag = Atomic<Bool>(false)

    var isSet: Bool { flag.load(ordering: .relaxed) }

    func set() { flag.store(true, ordering: .relaxed) }

    func check() throws {
        if isSet { throw CancellationError() }
    }
}

/// One try at one step, from restored inputs to published outputs; synchronous, on a thread of its own.
///
/// Unaware of the other steps: what it finds goes back to the run as a value.
struct Attempt: Sendable {
    /// How it went.
    enum End: Sendable {
        case done(AttemptID, outputs: [String: Digest], ResourceUsage)
        /// Somebody else did the work meanwhile; there was nothing to record.
        case superseded
        /// Inputs cannot be restored: they have to be made again.
        case inputsGone([(producer: StepID, port: String, isDamaged: Bool, reason: String)])
        case failed(AttemptID?, error: String, logTail: [String], isTransient: Bool = false)
        case cancelled(AttemptID?)
    }

    let engine: Engine
    let run: RunID
    let step: PlannedStep
    let stage: StageDescriptor
    let key: StepKey
    let cause: Cause
    let lease: Lease
    /// The artifacts of the steps that feed it, by step and port.
    let fed: [StepID: [String: Digest]]
    /// What those artifacts are.
    let kinds: [StepID: [String: ArtifactKind]]
    let digests: SourceDigests
    let cancellation: CancellationFlag
    /// Seconds between two checkpoints.
    let checkpointInterval: Double
    /// Seconds after which it is ended; nil: never.
    let timeout: Double?
    /// Whether it may go on from a checkpoint; what is forced is done anew.
    let mayResume: Bool
    let report: @Sendable (RunEvent) -> Void

    /// Makes the attempt and records it, however it ends.
    ///
    /// The lease is given back in every case.
    func make() -> End {
        let id: AttemptID
        do {
            try cancellation.check()
            id = try engine.lineage.begin(newAttempt())
        } catch {
            try? engine.lineage.release(lease)
            return error is CancellationError
                ? .cancelled(nil) : .failed(nil, error: "\(error)", logTail: [])
        }
        report(.started(step.id, attempt: id, key: key.digest, cause: cause))
        let meter = UsageMeter()
        do {
            let scratch = try engine.store.makeScratch(id.text)
            let log = AttemptLog(file: scratch.appending(path: Self.logName))
            let end = body(id, scratch, log, meter)
            // What is left of a scratch folder that cannot be removed is swept when the process is gone.
            try? engine.store.removeScratch(id.text)
            return end
        } catch {
            return close(id, .failed, error: Self.words(error), AttemptLog(), meter)
                ?? .failed(id, error: Self.words(error), logTail: [])
        }
    }

    /// The name of the log in an attempt's scratch folder.
    static let logName = "attempt.log"

    private func newAttempt() -> NewAttempt {
        let inputs = step.inputs.sorted { $0.key < $1.key }.flatMap { port, list in
            list.enumerated().map { index, input in
                ArtifactUse(port: port, position: index, artifact: digest(of: input), kind: kind(of: input))
            }
        }
        let models = digests.models(of: step).sorted { $0.key.rawValue < $1.key.rawValue }.map { part, content in
            ModelUse(part: part.rawValue, digest: content.digest, path: step.model?.folders[part]?.path ?? "")
        }
        var places = step.settingPlaces.mapValues(\.description)
        for (port, place) in step.inputPlaces { places["inputs.\(port)"] = place.description }
        if let place = step.elementPlace { places["element."] = place.description }
        return NewAttempt(
            run: run, step: step.id.description, stage: step.stage.name, stageVersion: stage.version,
            record: key.record, settingPlaces: places, element: step.element,
            cause: cause.description, inputs: inputs, models: models)
    }

    private func digest(of input: PlannedInput) -> Digest {
        switch input {
        case .source(let source): return digests[source].digest
        case .output(let id, let port):
            guard let digest = fed[id]?[port] else { preconditionFailure("\(step.id) starts before \(id) has ended") }
            return digest
        }
    }

    private func kind(of input: PlannedInput) -> ArtifactKind {
        switch input {
        case .source(let source): source.kind
        case .output(let id, let port): kinds[id]?[port] ?? ""
        }
    }

    private func body(_ id: AttemptID, _ scratch: URL, _ log: AttemptLog, _ meter: UsageMeter) -> End {
        do {
            try refuseRevokedInputs()
            report(.phase(step.id, .restore))
            let (inputs, gone) = try restore(into: scratch)
            guard gone.isEmpty else {
                let reasons = gone.map { "input \($0.port): \($0.reason)" }.joined(separator: "; ")
                return close(id, .cancelled, error: reasons, log, meter) ?? .inputsGone(gone)
            }
            let outputs = try makeOutputs(in: scratch)
            let work = scratch.appending(path: "work")
            try FileManager.default.createDirectory(at: work, withIntermediateDirectories: false)
            report(.phase(step.id, .body))
            let logger = logger(log)
            let keeper = try keeper(id, scratch, logger)
            try stage.run(step.settings, context(inputs, outputs, scratch, keeper?.checkpoints ?? .none, logger))
            try checkSources()
            report(.phase(step.id, .publication))
            let end = try publish(id, outputs, log, meter)
            // Whatever becomes of them: the result is there.
            try? keeper?.finish(isComplete: stage.progressSettings(step.settings)?.isEmpty ?? true)
            return end
        } catch LineageError.leaseLost {
            return close(id, .abandoned, error: "another process took the work over", log, meter) ?? .superseded
        } catch  where cancellation.isSet || error is CancellationError {
            return close(id, .cancelled, error: nil, log, meter) ?? .cancelled(id)
        } catch {
            // A program's last words may be in it.
            let words = Self.words(error).split(separator: "\n").map { AttemptLog.printable(String($0)) }
            for (index, line) in words.enumerated() { log.append(index == 0 ? "error: \(line)" : line) }
            let told = words.joined(separator: "\n")
            return close(id, .failed, error: told, log, meter)
                ?? .failed(id, error: told, logTail: log.tail(20), isTransient: Self.isTransient(error))
        }
    }

    /// Whether an error may be gone when the same is tried again.
    static func isTransient(_ error: any Error) -> Bool {
        if case LineageError.busy = error { return true }
        return (error as? any TransientError)?.isTransient ?? false
    }

    /// What Foundation says of its errors is for programmers.
    private static func words(_ error: any Error) -> String {
        guard let error = error as? CocoaError, let path = error.filePath ?? error.url?.path else { return "\(error)" }
        let reason = (error.underlying as? POSIXError).map { String(cString: strerror($0.code.rawValue)) }
        return "cannot read or write \(path): \(reason ?? error.localizedDescription)"
    }

    private func restore(
        into scratch: URL
    ) throws -> (
        [String: [InputArtifact]], [(producer: StepID, port: String, isDamaged: Bool, reason: String)]
    ) {
        var inputs: [String: [InputArtifact]] = [:]
        var gone: [(producer: StepID, port: String, isDamaged: Bool, reason: String)] = []
        for (port, list) in step.inputs {
            for (index, input) in list.enumerated() {
                switch input {
                case .source(let source):
                    let known = digests[source]
                    inputs[port, default: []].append(
                        InputArtifact(
                            digest: known.digest, kind: source.kind,
                            files: Dictionary(source.files.map { ($0.path, $0.url) }) { first, _ in first },
                            folder: nil, attributes: source.attributes))
                case .output(let producer, let output):
                    // One folder and not three: making and removing them is much of what a small step costs.
                    let folder = scratch.appending(path: "in-\(port)-\(index)", directoryHint: .isDirectory)
                    let artifact = digest(of: input)
                    do throws(StorageError) {
                        let manifest = try engine.store.restore(artifact, to: folder)
                        let files = manifest.entries.map { ($0.path, folder.appending(path: $0.path)) }
                        inputs[port, default: []].append(
                            InputArtifact(
                                digest: artifact, kind: manifest.kind,
                                files: Dictionary(files) { first, _ in first }, folder: folder,
                                attributes: manifest.attributes))
                    } catch {
                        switch error {
                        case .missing: gone.append((producer, output, false, "\(error)"))
                        case .damaged, .notAnArtifact: gone.append((producer, output, true, "\(error)"))
                        default: throw error
                        }
                    }
                }
                try cancellation.check()
            }
        }
        return (inputs, gone)
    }

    private func makeOutputs(in scratch: URL) throws -> [String: OutputFolder] {
        var outputs: [String: OutputFolder] = [:]
        for port in step.outputs {
            let folder = scratch.appending(path: "out-\(port.name)", directoryHint: .isDirectory)
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            outputs[port.name] = OutputFolder(folder)
        }
        return outputs
    }

    private func logger(_ log: AttemptLog) -> Logger {
        let id = step.id
        let handler = AttemptLogHandler(log: log) { [report] level, line in report(.log(id, level, line)) }
        return Logger(label: id.description, factory: { _ in handler })
    }

    private func context(
        _ inputs: [String: [InputArtifact]], _ outputs: [String: OutputFolder], _ scratch: URL,
        _ checkpoints: StageCheckpoints, _ log: Logger
    ) -> StageContext {
        let id = step.id
        // Only what the key names: a stage cannot read a part that nobody has hashed.
        let model = step.model.map { model in
            ModelSet(name: model.name, folders: model.folders.filter { step.modelParts.contains($0.key) })
        }
        let deadline = timeout.map { ContinuousClock.now + .seconds($0) }
        return StageContext(
            inputs: inputs, element: step.element, model: model, outputs: outputs,
            scratch: scratch.appending(path: "work"), checkpoints: checkpoints, log: log,
            report: { [report] in report(.progress(id, $0)) },
            checkCancellation: { [cancellation, timeout] in
                try cancellation.check()
                if let timeout, let deadline, ContinuousClock.now >= deadline {
                    throw ExecutionError.timedOut(step: id, seconds: timeout)
                }
            })
    }

    /// What keeps the checkpoints of a stage that has some; nil for one that has none, and for what is forced: that is done
    /// anew, and its checkpoints would stand in for those of the result that is known.
    private func keeper(_ attempt: AttemptID, _ scratch: URL, _ log: Logger) throws -> CheckpointKeeper? {
        guard mayResume, let names = try stage.progressSettings(step.settings) else { return nil }
        var prefix = KeyRecord()
        for field in key.record.fields where !names.contains(where: { field.path == "settings.\($0)" }) {
            try prefix.add(field.path, field.value)
        }
        return CheckpointKeeper(
            engine: engine, attempt: attempt, lease: lease, prefix: prefix, scratch: scratch,
            interval: checkpointInterval, checkSources: checkSources, note: { log.notice("\($0)") })
    }

    private func checkSources() throws {
        if let changed = try digests.changedFile(of: step, in: engine.lineage) {
            throw ExecutionError.sourceChanged(changed, step: step.id)
        }
    }

    /// Puts the outputs into the store, all or none, and then the attempt into lineage in one transaction.
    private func publish(
        _ id: AttemptID, _ outputs: [String: OutputFolder], _ log: AttemptLog, _ meter: UsageMeter
    ) throws -> End {
        var batch = engine.store.batch()
        var given: [AttemptResult.Output] = []
        for port in step.outputs {
            guard let folder = outputs[port.name] else { continue }
            let artifact = try batch.add(folder: folder.url, kind: port.kind, attributes: folder.attributes)
            guard artifact.manifest.entries.contains(where: { $0.size > 0 }) else {
                throw ExecutionError.outputEmpty(step: step.id, port: port.name)
            }
            given.append(
                AttemptResult.Output(port: port.name, artifact: artifact.digest, manifest: artifact.manifest))
        }
        try refuseRevoked(given)
        try engine.lineage.announce(batch.objects, by: id)
        try batch.commit()
        let usage = meter.read()
        let result = AttemptResult(
            outcome: .succeeded, outputs: given, log: log.text, usage: attemptUsage(usage))
        try engine.lineage.finish(id, result, lease: lease)
        let digests = Dictionary(given.map { ($0.port, $0.artifact) }) { first, _ in first }
        return .done(id, outputs: digests, usage)
    }

    /// What was revoked while the run went on is not used by the steps that it has left.
    private func refuseRevokedInputs() throws {
        let taint = try engine.lineage.read { try $0.taint() }
        guard !taint.isEmpty else { return }
        for digest in step.inputs.values.flatMap({ $0 }).map(digest(of:)) {
            if let revocation = taint.artifacts[digest] { throw ExecutionError.withheld(digest, revocation) }
        }
    }

    /// What was revoked is not kept again because something made it once more.
    private func refuseRevoked(_ given: [AttemptResult.Output]) throws {
        let taint = try engine.lineage.read { try $0.taint() }
        guard !taint.isEmpty else { return }
        for output in given {
            let file = output.manifest.entries.lazy.compactMap { taint.files[$0.digest] }.first
            guard let revocation = taint.artifacts[output.artifact] ?? file else { continue }
            throw ExecutionError.revokedOutput(step: step.id, port: output.port, revocation)
        }
    }

    /// Records an end that is not a success.
    ///
    /// Returns a failure when not even that could be recorded.
    private func close(
        _ id: AttemptID, _ outcome: AttemptOutcome, error: String?, _ log: AttemptLog, _ meter: UsageMeter
    ) -> End? {
        let result = AttemptResult(
            outcome: outcome, error: error, log: log.text, usage: attemptUsage(meter.read()))
        do {
            // A lease that was lost is not given back.
            try engine.lineage.finish(id, result, lease: outcome == .abandoned ? nil : lease)
            return nil
        } catch LineageError.leaseLost where outcome == .abandoned {
            // Whoever took the lease has closed the attempt.
            return nil
        } catch let problem {
            try? engine.lineage.release(lease)
            let told = error.map { "\($0); and that could not be recorded: \(problem)" }
            return .failed(id, error: told ?? "\(problem)", logTail: log.tail(20))
        }
    }

    private func attemptUsage(_ usage: ResourceUsage) -> AttemptUsage {
        AttemptUsage(
            wallSeconds: usage.seconds, cpuSeconds: usage.cpuSeconds, peakMemory: usage.peakMemory,
            kernels: engine.facts["kernels"] ?? "", threads: engine.facts["threads"].flatMap { Int($0) } ?? 0)
    }
}
