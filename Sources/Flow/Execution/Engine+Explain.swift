import Artifacts
public import Lineage
import Pipelines

extension Engine {
    /// Why the latest attempt at a step was made; of every part, when the step has several.
    ///
    /// - Parameters:
    ///   - step: `motion`, `samples`, or one part: `samples[2]`.
    ///   - pipeline: of which pipeline; nil for any.
    ///   - run: what that run used (made or found) is explained, instead of the latest attempt.
    ///   - other: it is compared with what this run used, instead of the nearest earlier attempt.
    /// - Throws: `ExecutionError.notFound` when no such step was ever tried, `LineageError`.
    public func explain(
        _ step: String, of pipeline: String? = nil, run: RunID? = nil, against other: RunID? = nil
    ) throws -> [Explanation] {
        try lineage.read { reader in
            let names = try names(of: step, pipeline, run, reader)
            return try names.map { name in
                var explainer = Explainer(reader: reader, pipeline: pipeline)
                guard let newer = try explainer.attempt(at: name, in: run) else {
                    throw Self.neverTried(name, run)
                }
                let older =
                    if let other {
                        try explainer.attempt(at: name, in: other)
                    } else {
                        try explainer.nearest(before: newer)
                    }
                return try explainer.explain(newer, against: older)
            }
        }
    }

    /// Why one attempt was made.
    public func explain(attempt id: AttemptID) throws -> [Explanation] {
        try lineage.read { reader in
            guard let attempt = try reader.attempt(id) else {
                throw ExecutionError.notFound(id.text, help: "`motrans show` lists the attempts of a run")
            }
            var explainer = Explainer(reader: reader, pipeline: nil)
            let older = try explainer.nearest(before: attempt)
            return [try explainer.explain(attempt, against: older)]
        }
    }

    /// What differs between any two attempts, of the same step or of two.
    ///
    /// - Parameters:
    ///   - newer: an attempt as `motrans show` lists it, or a step: then its latest attempt, or what `run` used.
    ///   - older: the same, with `other` for a run.
    /// - Throws: `ExecutionError.notFound`, `LineageError`.
    public func explain(
        _ newer: String, and older: String, of pipeline: String? = nil, run: RunID? = nil, other: RunID? = nil
    ) throws -> Explanation {
        try lineage.read { reader in
            var explainer = Explainer(reader: reader, pipeline: pipeline)
            func attempt(_ name: String, _ run: RunID?) throws -> AttemptRecord {
                if let attempt = try reader.attempt(AttemptID(name)) { return attempt }
                guard let step = try names(of: name, pipeline, run, reader).first,
                    let attempt = try explainer.attempt(at: step, in: run)
                else { throw Self.neverTried(name, run) }
                return attempt
            }
            let (first, second) = (try attempt(newer, run), try attempt(older, other))
            return try explainer.explain(first, against: second)
        }
    }

    /// The recorded steps that a name stands for.
    func names(of step: String, _ pipeline: String?, _ run: RunID?, _ reader: LineageReader) throws -> [String] {
        if run == nil, try !reader.attempts(ofStep: step, pipeline: pipeline, limit: 1).isEmpty { return [step] }
        let runs = try run.map { [$0] } ?? reader.runs(pipeline: pipeline, limit: 50).map(\.id)
        for run in runs {
            let names = try reader.steps(of: run).map(\.step).filter { $0 == step || $0.hasPrefix("\(step)[") }
            if !names.isEmpty { return names }
        }
        throw Self.neverTried(step, run)
    }

    private static func neverTried(_ step: String, _ run: RunID?) -> ExecutionError {
        .notFound(
            step,
            help: run.map { "run \($0) has no step of this name" } ?? "no step of this name has run with this cache yet"
        )
    }
}

/// Compares attempts, and follows each changed input up to where it comes from.
private struct Explainer {
    let reader: LineageReader
    let pipeline: String?
    /// Comparisons that were told in full: a step that feeds many would be told many times.
    private var told: Set<[AttemptID?]> = []

    init(reader: LineageReader, pipeline: String?) {
        self.reader = reader
        self.pipeline = pipeline
    }

    /// The latest attempt at a step, or the one whose outputs a run used.
    func attempt(at step: String, in run: RunID?) throws -> AttemptRecord? {
        guard let run else { return try reader.attempts(ofStep: step, pipeline: pipeline, limit: 1).first }
        let decision = try reader.steps(of: run).first { $0.step == step }
        return try decision?.attempt.flatMap { try reader.attempt($0) }
    }

    /// What the cause of an attempt was found against: of the earlier ones with the fewest changes, the latest.
    func nearest(before newer: AttemptRecord) throws -> AttemptRecord? {
        let pipeline = try reader.run(newer.attempt.run)?.run.pipeline
        return try reader.attempts(ofStep: newer.attempt.step, pipeline: pipeline, limit: 50)
            .filter { $0.id < newer.id }.prefix(20)
            .map { ($0, newer.attempt.record.changes(from: $0.attempt.record).count) }
            .min { $0.1 < $1.1 }?.0
    }

    mutating func explain(_ newer: AttemptRecord, against older: AttemptRecord?) throws -> Explanation {
        let isFirst = told.insert([newer.id, older?.id]).inserted
        let changes = isFirst ? older.map { newer.attempt.record.changes(from: $0.attempt.record) } ?? [] : []
        return Explanation(
            step: newer.attempt.step, newer: side(newer), older: older.map(side),
            changes: try changes.map { try follow($0, newer, older) }, isRepeated: !isFirst)
    }

    private func side(_ attempt: AttemptRecord) -> Explanation.Side {
        Explanation.Side(
            attempt: attempt.id, step: attempt.attempt.step, run: attempt.attempt.run, key: attempt.key,
            outcome: attempt.outcome,
            cause: attempt.attempt.cause, started: attempt.attempt.started)
    }

    private mutating func follow(
        _ change: KeyChange, _ newer: AttemptRecord, _ older: AttemptRecord?
    ) throws -> Explanation.Change {
        guard case .input(let port) = change.subject else {
            func place(_ attempt: AttemptRecord?) -> String? {
                switch change.subject {
                case .setting(let name): attempt?.attempt.settingPlaces[name]
                case .element: attempt?.attempt.settingPlaces["element."]
                default: nil
                }
            }
            return Explanation.Change(
                change: change, placeBefore: place(older), placeAfter: place(newer), upstream: [], sources: [])
        }
        func artifacts(_ attempt: AttemptRecord?) -> [Digest] {
            (attempt?.attempt.inputs ?? []).filter { $0.port == port }.sorted { $0.position < $1.position }
                .map(\.artifact)
        }
        let (after, before) = (artifacts(newer), artifacts(older))
        var upstream: [Explanation] = []
        var sources: [Explanation.SourceChange] = []
        for index in 0..<max(after.count, before.count) {
            let (new, old) = (after[safe: index], before[safe: index])
            guard new != old else { continue }
            let maker = try new.flatMap { try producer(of: $0, before: newer) }
            var oldMaker: AttemptRecord?
            if let old, let older { oldMaker = try producer(of: old, before: older) }
            if let maker {
                let isSameStep = maker.attempt.step == oldMaker?.attempt.step
                upstream.append(try explain(maker, against: isSameStep ? oldMaker : nil))
            } else {
                sources += try sourceChanges(from: old, to: new)
            }
        }
        return Explanation.Change(
            change: change, placeBefore: older?.attempt.settingPlaces["inputs.\(port)"],
            placeAfter: newer.attempt.settingPlaces["inputs.\(port)"], upstream: upstream, sources: sources)
    }

    /// The attempt that gave an artifact, as it was when another attempt used it.
    private func producer(of artifact: Digest, before user: AttemptRecord) throws -> AttemptRecord? {
        let producers = try reader.producers(of: artifact)
        return producers.last { $0.id < user.id } ?? producers.first
    }

    private func sourceChanges(from old: Digest?, to new: Digest?) throws -> [Explanation.SourceChange] {
        let before = try old.flatMap { try reader.artifact($0) }?.manifest
        let after = try new.flatMap { try reader.artifact($0) }?.manifest
        let (oldFiles, newFiles) = (files(before), files(after))
        var changes: [Explanation.SourceChange] = []
        for path in Set(oldFiles.keys).union(newFiles.keys).sorted() where oldFiles[path] != newFiles[path] {
            let place = try (newFiles[path] ?? oldFiles[path]).flatMap { try reader.sources(of: $0).first?.path }
            changes.append(
                Explanation.SourceChange(
                    name: place ?? path, before: oldFiles[path]?.short, after: newFiles[path]?.short))
        }
        return changes + attributeChanges(before, after)
    }

    private func files(_ manifest: Manifest?) -> [String: Digest] {
        Dictionary((manifest?.entries ?? []).map { ($0.path, $0.digest) }) { first, _ in first }
    }

    /// The attributes of clips are a list with a map for each file; those of anything else are shown as they are.
    private func attributeChanges(_ before: Manifest?, _ after: Manifest?) -> [Explanation.SourceChange] {
        let (old, new) = (before?.attributes ?? .null, after?.attributes ?? .null)
        guard old != new else { return [] }
        guard case .list(let oldItems) = old, case .list(let newItems) = new, oldItems.count == newItems.count else {
            return [change("attributes", old, new)]
        }
        let paths = after?.entries.map(\.path) ?? []
        return zip(oldItems, newItems).enumerated().flatMap { index, pair -> [Explanation.SourceChange] in
            guard pair.0 != pair.1 else { return [] }
            let file = paths[safe: index] ?? "file \(index)"
            guard case .map(let oldFields) = pair.0, case .map(let newFields) = pair.1 else {
                return [change("attributes of \(file)", pair.0, pair.1)]
            }
            return Set(oldFields.keys).union(newFields.keys).sorted().filter { oldFields[$0] != newFields[$0] }
                .map { change("\($0) of \(file)", oldFields[$0] ?? .null, newFields[$0] ?? .null) }
        }
    }

    private func change(_ name: String, _ before: Value, _ after: Value) -> Explanation.SourceChange {
        Explanation.SourceChange(
            name: name, before: before == .null ? nil : KeyChange.text(before),
            after: after == .null ? nil : KeyChange.text(after))
    }
}

extension Array {
    fileprivate subscript(safe index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
