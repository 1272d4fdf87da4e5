public import Artifacts
import Foundation
public import Lineage
import Storage

/// All that stands behind some artifacts, or all that came from them: as values for whoever shows them.
public struct LineageClosure: Sendable {
    /// One piece of work.
    public struct Step: Sendable {
        /// The attempt that did it.
        public let attempt: AttemptRecord
        /// Its run.
        public let run: RunRecord?
        /// Whether it was done in the run that is looked at; otherwise that run found it done.
        public let isFresh: Bool
        /// Which units of the work came from which attempts; empty for work without checkpoints.
        public let trained: [Segment]
        /// Attempts at the same step of the same pipeline that did not end well, in the order of their start.
        public let unsuccessful: [AttemptRecord]
        /// What it logged.
        public let log: String
    }

    /// Units of a training that one attempt did.
    public struct Segment: Hashable, Sendable {
        /// Which part of the work, where it has several.
        public let part: String
        /// The first unit, from 1.
        public let first: Int
        /// The last unit; nil when the records do not say how many there were.
        public let last: Int?
        /// Who did them.
        public let attempt: AttemptID
        /// How that attempt ended; nil when it is not recorded any more.
        public let outcome: AttemptOutcome?
        /// Its run.
        public let run: RunID?
    }

    /// What some steps took together.
    public struct Cost: Hashable, Sendable {
        /// How many.
        public var steps = 0
        /// Seconds by the clock.
        public var wallSeconds = 0.0
        /// Seconds of processors.
        public var cpuSeconds = 0.0
        /// Bytes: the largest peak of any.
        public var peakMemory = 0

        mutating func add(_ usage: AttemptUsage) {
            steps += 1
            wallSeconds += usage.wallSeconds
            cpuSeconds += usage.cpuSeconds
            peakMemory = max(peakMemory, usage.peakMemory)
        }
    }

    /// The artifacts that were asked for.
    public let roots: [Digest]
    /// The path in the first root that was asked for, if it was one file.
    public let path: String?
    /// The run that costs are split by: the one that made the first root.
    public let run: RunRecord?
    /// In an order in which each comes after all that feed it.
    public let steps: [Step]
    /// Every artifact that is made or read.
    public let artifacts: [Digest: ArtifactRecord]
    /// Which artifacts have all their bytes in the store.
    public let stored: Set<Digest>
    /// Where files of the user's lay, by their digest.
    public let sources: [Digest: [SourceRecord]]
    /// Artifacts with the scores of the roots, and who gave them.
    public let scores: [(artifact: ArtifactRecord, by: AttemptRecord)]
    /// What was handed out of these artifacts.
    public let deliveries: [Delivery]

    /// What was done in the run that is looked at.
    public var fresh: Cost { cost { $0.isFresh } }
    /// What that run found done.
    public var reused: Cost { cost { !$0.isFresh } }

    private func cost(_ isMeant: (Step) -> Bool) -> Cost {
        steps.filter(isMeant).reduce(into: Cost()) { $0.add($1.attempt.usage) }
    }

    /// The step that made an artifact, nil for a file of the user's.
    public func maker(of artifact: Digest) -> Step? {
        steps.first { $0.attempt.outputs.contains { $0.artifact == artifact } }
    }
}

extension LineageClosure {
    /// Walks from artifacts to all that they were made of: through the attempt that first made each.
    init(
        upstreamOf roots: [Digest], path: String?, reader: LineageReader, store: ObjectStore, graph: LineageGraph
    ) throws {
        var makers: [Digest: AttemptRecord] = [:]
        for attempt in graph.attempts where attempt.outcome == .succeeded {
            for use in attempt.outputs where makers[use.artifact] == nil { makers[use.artifact] = attempt }
        }
        var order: [AttemptRecord] = []
        var seen: Set<AttemptID> = []
        // Depth first with a stack of its own: chains may be long.
        var stack: [(attempt: AttemptRecord, isLeft: Bool)] = roots.reversed().compactMap { makers[$0] }
            .map { ($0, false) }
        while let (attempt, isLeft) = stack.popLast() {
            if isLeft {
                order.append(attempt)
                continue
            }
            guard seen.insert(attempt.id).inserted else { continue }
            stack.append((attempt, true))
            for use in attempt.attempt.inputs.reversed() {
                if let maker = makers[use.artifact], !seen.contains(maker.id) { stack.append((maker, false)) }
            }
        }
        try self.init(
            roots: roots, path: path, run: roots.first.flatMap { makers[$0]?.attempt.run }, order: order,
            reader: reader, store: store, graph: graph)
    }

    /// Walks from artifacts to all that was made of them.
    init(downstreamOf roots: [Digest], reader: LineageReader, store: ObjectStore, graph: LineageGraph) throws {
        try self.init(
            roots: roots, path: nil, run: nil, order: graph.attempts.filter { $0.outcome == .succeeded },
            reader: reader, store: store, graph: graph)
    }

    private init(
        roots: [Digest], path: String?, run: RunID?, order: [AttemptRecord], reader: LineageReader,
        store: ObjectStore, graph: LineageGraph
    ) throws {
        self.roots = roots
        self.path = path
        var runs: [RunID: RunRecord] = [:]
        for id in Set(order.map(\.attempt.run)) { runs[id] = try reader.run(id) }
        self.run = run.flatMap { runs[$0] }
        steps = try order.map { attempt in
            let record = runs[attempt.attempt.run]
            let others = try reader.attempts(ofStep: attempt.attempt.step, pipeline: record?.run.pipeline, limit: 1000)
            return Step(
                attempt: attempt, run: record, isFresh: run == nil || attempt.attempt.run == run,
                trained: try Self.segments(of: attempt, reader),
                unsuccessful: others.filter { ![.succeeded, .running].contains($0.outcome) }.reversed(),
                log: try reader.log(of: attempt.id) ?? "")
        }
        var artifacts = graph.artifacts
        for digest in order.flatMap({ $0.attempt.inputs + $0.outputs }).map(\.artifact) where artifacts[digest] == nil {
            artifacts[digest] = try reader.artifact(digest)
        }
        self.artifacts = artifacts
        stored = Set(
            artifacts.filter { digest, record in
                store.contains(digest) && record.manifest.entries.allSatisfy { store.contains($0.digest) }
            }.keys)
        var sources = graph.sources
        for record in artifacts.values {
            for entry in record.manifest.entries where sources[entry.digest] == nil {
                let places = try reader.sources(of: entry.digest)
                if !places.isEmpty { sources[entry.digest] = places }
            }
        }
        self.sources = sources
        scores = try Set(roots).sorted().flatMap { root in
            try reader.consumers(of: root).flatMap { consumer in
                try consumer.outputs.filter { $0.kind == .scores }.compactMap { use in
                    try reader.artifact(use.artifact).map { ($0, consumer) }
                }
            }
        }
        deliveries = try artifacts.keys.sorted().flatMap { try reader.deliveries(of: $0) }
    }

    /// The chain of attempts that a training's units came from, the first first.
    private static func segments(of attempt: AttemptRecord, _ reader: LineageReader) throws -> [Segment] {
        var total: Int?
        if case .int(let steps)? = attempt.attempt.record["settings.steps"] { total = steps }
        var segments: [Segment] = []
        for (part, done, writer, _) in try reader.continuations(of: attempt.id) {
            // Who did the units up to where: from the last attempt back to the first.
            var ends = [(attempt.id, total), (writer, Int?.some(done))]
            while let earlier = try reader.continuations(of: ends[ends.count - 1].0).first(where: { $0.part == part }),
                !ends.contains(where: { $0.0 == earlier.from })
            {
                ends.append((earlier.from, earlier.done))
            }
            var first = 1
            for (id, last) in ends.reversed() {
                let record = try reader.attempt(id)
                segments.append(
                    Segment(
                        part: part, first: first, last: last, attempt: id, outcome: record?.outcome,
                        run: record?.attempt.run))
                first = (last ?? first) + 1
            }
        }
        if segments.isEmpty, let total {
            segments.append(
                Segment(
                    part: "", first: 1, last: total, attempt: attempt.id, outcome: attempt.outcome,
                    run: attempt.attempt.run))
        }
        return segments
    }
}
