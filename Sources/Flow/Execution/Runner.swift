import Artifacts
import Foundation
import Lineage
import Pipelines
import StageKit
import Synchronization

/// One run: a loop that alone owns the state.
///
/// Bodies get values and give values back.
///
/// 1. Every step whose inputs are there is looked up under its real key: a hit ends it (early cutoff), a miss queues it.
/// 2. Queued steps start as their pools have room; each first takes the lease of its key.
/// 3. A body that comes back ends its step, parks it (another process does the work), or sends it back to wait for
///    inputs that must be made again.
struct Runner {
    /// What comes back from a child task.
    private enum Completion: Sendable {
        case ended(NodeID, Attempt.End)
        /// Another process has the lease.
        case held(NodeID, by: ProcessIdentity)
        /// Nobody else does the work any more: it is done, or free. With an error when that cannot be found out.
        case waited(NodeID, error: String?)
    }

    private let engine: Engine
    private let run: RunID
    private let planner: Planner
    private let pipeline: String
    private let cancellation: CancellationFlag
    private let request: RunRequest
    private let report: @Sendable (RunEvent) -> Void
    private let selection: Selection
    private let executor: ComputeExecutor
    private let leases = LeaseBook()

    private var state: RunState
    private var outputs: [StepID: [String: Digest]] = [:]
    private var results: [NodeID: RunReport.Step] = [:]
    private var decisions: [NodeID: RunStep] = [:]
    /// The results that lineage knows this run to use: gc spares them.
    private var named: [NodeID: AttemptID]
    /// The hits of the forecast, under their keys.
    private let foreseen: [(id: NodeID, key: StepKey)]
    /// Those of them that are hits still, now that they are named.
    private var confirmed: [NodeID: (key: StepKey, judgement: Planner.Judgement)] = [:]
    /// Steps that came out as they did in the forecast: those that only they feed have the keys of the forecast.
    private var asForeseen: Set<NodeID> = []
    /// Steps of which an attempt may have said something else to lineage.
    private var hasBegun: Set<NodeID> = []
    private var keys: [NodeID: StepKey] = [:]
    private var causes: [NodeID: Cause] = [:]
    /// Steps at work, or queued, by key: a second step with the same key waits for the first.
    private var leaders: [Digest: NodeID] = [:]
    private var followers: [NodeID: [NodeID]] = [:]
    /// Steps whose result is known and cannot be used.
    private var mustRun: [NodeID: Cause] = [:]
    private var retries: [NodeID: Int] = [:]
    /// How often a step failed and was tried again.
    private var failures: [NodeID: Int] = [:]
    /// What the last failure of such a step was: told when the run stops before it is tried again.
    private var lastFailures: [NodeID: (attempt: AttemptID?, error: String, tail: [String])] = [:]
    private var waitErrors: [NodeID: String] = [:]
    /// Keys that this run computed: what was forced is not done twice.
    private var computed: Set<Digest> = []

    init(
        _ engine: Engine, _ run: RunID, pipeline: String, _ selection: Selection, _ planner: Planner,
        _ forecast: Forecast, _ request: RunRequest, _ cancellation: CancellationFlag,
        _ report: @escaping @Sendable (RunEvent) -> Void
    ) {
        self.engine = engine
        self.run = run
        self.pipeline = pipeline
        self.selection = selection
        self.planner = planner
        self.request = request
        self.cancellation = cancellation
        self.report = report
        named = Dictionary(
            uniqueKeysWithValues: forecast.steps.enumerated().compactMap { index, step in
                step.attempt.map { (NodeID(index: index), $0) }
            })
        foreseen = forecast.steps.enumerated().compactMap { index, step in
            step.decision == .hit ? step.key.map { (NodeID(index: index), $0) } : nil
        }
        let jobs = max(1, request.jobs)
        executor = ComputeExecutor(threads: jobs + 1)
        state = RunState(
            dependencies: selection.dependencies,
            pools: selection.steps.map { planner.stages[$0.stage]?.pool ?? .compute },
            room: [.compute: 1, .light: jobs], keepsGoing: request.keepsGoing,
            kinds: selection.steps.map(\.stage), kindRoom: request.limits,
            seconds: forecast.steps.map { $0.decision == .hit ? 0 : $0.estimate?.seconds ?? 1 },
            memory: zip(selection.steps, forecast.steps).map { $0.limits.memory ?? $1.estimate?.memory ?? 0 },
            memoryRoom: request.memory ?? .max)
    }

    /// Runs to the end and returns what became of each step, in the order of the plan, with the rows that lineage does not have yet.
    mutating func perform() async throws -> (steps: [RunReport.Step], decisions: [RunStep]) {
        let heartbeat = Task { [engine, leases] in
            while true {
                try await Task.sleep(for: .seconds(10))
                // A beat that is missed does no harm; the next one tells the same.
                if let lost = try? engine.lineage.renew(leases.all) { leases.forget(lost) }
            }
        }
        defer { heartbeat.cancel() }
        try confirm()
        try await withThrowingTaskGroup(of: Completion.self) { group in
            do {
                while true {
                    if cancellation.isSet { state.stop() }
                    repeat {
                        while let id = state.nextReady() { try lookUp(id) }
                        while let id = state.start() { try start(id, in: &group) }
                    } while state.hasReady
                    // Good for the first look only: later, something may have been revoked or found damaged.
                    confirmed = [:]
                    guard !state.isFinished, let completion = try await group.next() else { break }
                    handle(completion, in: &group)
                }
            } catch {
                // The database is lost, say: bodies must not go on for hours for nothing.
                cancellation.set()
                throw error
            }
            // Waits for other processes are the only children left.
            group.cancelAll()
        }
        for (index, step) in selection.steps.enumerated() where results[NodeID(index: index)] == nil {
            let id = NodeID(index: index)
            if let failure = lastFailures[id] {
                end(id, .failed(failure.attempt, failure.error))
                report(.failed(step.id, attempt: failure.attempt, error: failure.error, logTail: failure.tail))
            } else {
                end(id, .notStarted)
                report(.notStarted(step.id))
            }
        }
        let nodes = selection.steps.indices.map(NodeID.init)
        // What was a hit from the start is written down already.
        let hits = Set(foreseen.map(\.id)).subtracting(hasBegun)
        let news = nodes.filter { !hits.contains($0) || decisions[$0]?.attempt != named[$0] }
        return (nodes.compactMap { results[$0] }, news.compactMap { decisions[$0] })
    }

    private func step(_ id: NodeID) -> PlannedStep { selection.steps[id.index] }

    // MARK: Before a step

    /// Decides about a step whose inputs are there.
    private mutating func lookUp(_ id: NodeID) throws {
        let step = step(id)
        let key = try key(of: step, id)
        let isForeseen = confirmed[id]?.key.digest == key.digest
        if let old = keys[id], old.digest != key.digest {
            // What feeds it was made again and came out different while it waited.
            giveUpLead(id)
        }
        keys[id] = key
        if let error = waitErrors.removeValue(forKey: id) { return fail(id, nil, error, []) }
        if let leader = leaders[key.digest], leader != id {
            followers[leader, default: []].append(id)
            return state.park(id)
        }
        let judgement =
            if let cause = mustRun.removeValue(forKey: id) {
                Planner.Judgement.run(cause)
            } else {
                try judge(id, key)
            }
        switch judgement {
        case .hit(let attempt, let known):
            outputs[step.id] = known
            if isForeseen { asForeseen.insert(id) }
            giveUpLead(id)
            // A step that was recomputed for another keeps its own story.
            if decisions[id] == nil {
                end(id, .hit)
                decisions[id] = RunStep(
                    step: step.id.description, stage: step.stage.name, decision: .hit, attempt: attempt)
                report(.hit(step.id, key: key.digest, outputs: known))
            }
            _ = state.finish(id, succeeded: true)
        case .run(let cause):
            // The first cause stays the cause, whatever happens on the way.
            causes[id] = causes[id] ?? cause
            leaders[key.digest] = id
            state.queue(id)
        }
    }

    /// The key of a step whose inputs are there.
    private func key(of step: PlannedStep, _ id: NodeID) throws -> StepKey {
        if let foreseen = confirmed[id]?.key,
            step.feedingSteps.allSatisfy({ asForeseen.contains(selection.node(of: $0)) })
        {
            return foreseen
        }
        guard let key = try planner.key(of: step, outputs: { outputs[$0] }) else {
            preconditionFailure("\(step.id) is ready before its inputs are")
        }
        return key
    }

    /// Judges what the forecast found once more, in one look for all.
    private mutating func confirm() throws {
        confirmed = try engine.lineage.read { reader in
            let history = engine.history(of: pipeline, reader, try reader.latestResults(of: pipeline))
            return try Dictionary(
                uniqueKeysWithValues: foreseen.compactMap { id, key in
                    let judgement = try planner.judge(step(id), key, history)
                    guard case .hit(let attempt, _) = judgement, named[id] == attempt else { return nil }
                    return (id, (key, judgement))
                })
        }
    }

    /// Whether a step is a hit, which lineage then knows this run to use.
    ///
    /// Named first and then judged: from the naming on gc spares it, and what gc took before is seen to be gone.
    private mutating func judge(_ id: NodeID, _ key: StepKey) throws -> Planner.Judgement {
        if let found = confirmed.removeValue(forKey: id), found.key.digest == key.digest { return found.judgement }
        let step = step(id)
        while true {
            let judgement = try engine.lineage.read { reader in
                try (computed.contains(key.digest) ? planner.satisfied : planner)
                    .judge(step, key, engine.history(of: pipeline, reader))
            }
            guard case .hit(let attempt, _) = judgement, named[id] != attempt else { return judgement }
            let hit = RunStep(step: step.id.description, stage: step.stage.name, decision: .hit, attempt: attempt)
            try engine.lineage.record([hit], in: run)
            named[id] = attempt
        }
    }

    // MARK: A step at work

    private mutating func start(_ id: NodeID, in group: inout ThrowingTaskGroup<Completion, any Error>) throws {
        let step = step(id)
        guard try planner.key(of: step, outputs: { outputs[$0] }) == keys[id] else {
            // What feeds it was made again and came out different while it was queued.
            state.park(id)
            return state.unpark(id)
        }
        guard let key = keys[id], let cause = causes[id], let stage = planner.stages[step.stage] else {
            preconditionFailure("\(step.id) starts without having been looked up")
        }
        let isWanted = planner.forced.contains(step.id) || step.isVolatile
        let mayReuse = !isWanted || computed.contains(key.digest)
        // The attempt takes its place in what lineage knows of the run.
        named[id] = nil
        hasBegun.insert(id)
        let fed = Dictionary(uniqueKeysWithValues: Set(step.feedingSteps).map { ($0, outputs[$0] ?? [:]) })
        let kinds = fed.keys.map { feeding in
            (feeding, Dictionary(self.step(selection.node(of: feeding)).outputs.map { ($0.name, $0.kind) }) { $1 })
        }
        group.addTask(executorPreference: executor) {
            [engine, run, planner, cancellation, request, report, leases] in
            do {
                var watch = LeaseWatch()
                let lease: Lease
                switch try engine.lineage.acquire(key.digest, watch: &watch) {
                case .held(let owner): return .held(id, by: owner)
                case .acquired(let acquired, _): lease = acquired
                }
                leases.add(lease)
                defer { leases.forget([lease]) }
                // Another process may have published between the look-up and the lease.
                let isKnown: Bool
                do {
                    isKnown = try mayReuse && engine.lineage.read { try engine.isKnown(key.digest, $0) }
                } catch {
                    // The first error is the one to tell.
                    try? engine.lineage.release(lease)
                    throw error
                }
                guard !isKnown else {
                    try engine.lineage.release(lease)
                    return .ended(id, .superseded)
                }
                let attempt = Attempt(
                    engine: engine, run: run, step: step, stage: stage, key: key, cause: cause, lease: lease, fed: fed,
                    kinds: Dictionary(uniqueKeysWithValues: kinds), digests: planner.digests,
                    cancellation: cancellation, checkpointInterval: request.checkpointInterval,
                    timeout: step.limits.timeout ?? request.timeout, mayResume: mayReuse, report: report)
                return .ended(id, attempt.make())
            } catch {
                return .ended(id, .failed(nil, error: "\(error)", logTail: [], isTransient: Attempt.isTransient(error)))
            }
        }
    }

    /// Tries a step again after a while, if it may be; whether it may.
    private mutating func retry(
        _ id: NodeID, _ error: String, isTransient: Bool, in group: inout ThrowingTaskGroup<Completion, any Error>
    ) -> Bool {
        let allowed = max(step(id).limits.retries ?? request.retries, isTransient ? Self.transientRetries : 0)
        let count = failures[id, default: 0]
        guard count < allowed, !cancellation.isSet, !state.isStopping else { return false }
        failures[id] = count + 1
        // 1 s, 4 s, 16 s, then a minute each time: what is busy shall not be kept busy.
        let pause = min(60, pow(4, Double(count)))
        report(.retrying(step(id).id, error: error, after: pause, number: count + 1, of: allowed))
        giveUpLead(id)
        state.park(id)
        group.addTask {
            try? await Task.sleep(for: .seconds(pause))
            return .waited(id, error: nil)
        }
        return true
    }

    private static let transientRetries = 2

    /// Waits, without taking a thread, until the work is free or its holder is gone.
    ///
    /// The lease is not kept: until there is room to start, somebody else may do the work.
    private func wait(
        for key: Digest, _ id: NodeID, in group: inout ThrowingTaskGroup<Completion, any Error>
    ) {
        group.addTask { [engine] in
            do {
                var watch = LeaseWatch()
                var pause = Duration.milliseconds(20)
                while true {
                    try await Task.sleep(for: pause)
                    pause = min(pause * 2, .milliseconds(500))
                    if case .acquired(let lease, _) = try engine.lineage.acquire(key, watch: &watch) {
                        try engine.lineage.release(lease)
                        return .waited(id, error: nil)
                    }
                }
            } catch is CancellationError {
                return .waited(id, error: nil)
            } catch {
                return .waited(id, error: "\(error)")
            }
        }
    }

    private mutating func handle(
        _ completion: Completion, in group: inout ThrowingTaskGroup<Completion, any Error>
    ) {
        switch completion {
        case .held(let id, let owner):
            report(.waiting(step(id).id, holder: "process \(owner.pid) on \(owner.host)"))
            state.park(id)
            if let key = keys[id] { wait(for: key.digest, id, in: &group) }
        case .waited(let id, let error):
            waitErrors[id] = error
            state.unpark(id)
        case .ended(let id, .failed(let attempt, let error, let tail, let isTransient))
        where retry(id, error, isTransient: isTransient, in: &group): lastFailures[id] = (attempt, error, tail)
        case .ended(let id, let end): handle(id, end)
        }
    }

    private mutating func handle(_ id: NodeID, _ end: Attempt.End) {
        let step = step(id)
        switch end {
        case .done(let attempt, let given, let usage):
            outputs[step.id] = given
            keys[id].map { _ = computed.insert($0.digest) }
            self.end(id, .done(attempt), usage: usage)
            decide(id, .run, attempt)
            report(.finished(step.id, attempt: attempt, outputs: given, usage: usage))
            giveUpLead(id)
            _ = state.finish(id, succeeded: true)
        case .superseded:
            giveUpLead(id)
            state.park(id)
            state.unpark(id)
        case .inputsGone(let gone): redo(gone, for: id)
        case .failed(let attempt, let error, let tail, _): fail(id, attempt, error, tail)
        case .cancelled(let attempt):
            self.end(id, .cancelled(attempt))
            decide(id, attempt == nil ? .skipped : .run, attempt)
            report(.cancelled(step.id, attempt: attempt))
            state.stop()
            giveUpLead(id)
            // What it feeds was not started: nothing has failed.
            _ = state.finish(id, succeeded: false)
        }
    }

    /// Sends a step back to wait while what feeds it is made again.
    private mutating func redo(
        _ gone: [(producer: StepID, port: String, isDamaged: Bool, reason: String)], for id: NodeID
    ) {
        retries[id, default: 0] += 1
        if let first = gone.first, retries[id, default: 0] > 2 {
            let error = ExecutionError.notReproducible(step: first.producer, port: first.port, reason: first.reason)
            return fail(id, nil, "\(error)", [])
        }
        var producers: Set<NodeID> = []
        for loss in gone {
            let producer = selection.node(of: loss.producer)
            guard producers.insert(producer).inserted, state[producer] == .done else { continue }
            mustRun[producer] = loss.isDamaged ? .outputDamaged(port: loss.port) : .outputMissing(port: loss.port)
            causes[producer] = nil
            report(.recomputing(loss.producer, port: loss.port, neededBy: step(id).id))
        }
        giveUpLead(id)
        skip(state.redo(producers, for: id))
    }

    // MARK: After a step

    private mutating func fail(_ id: NodeID, _ attempt: AttemptID?, _ error: String, _ tail: [String]) {
        end(id, .failed(attempt, error))
        decide(id, .run, attempt)
        report(.failed(step(id).id, attempt: attempt, error: error, logTail: tail))
        giveUpLead(id)
        skip(state.finish(id, succeeded: false))
    }

    private mutating func skip(_ skipped: [NodeID]) {
        for id in skipped {
            guard case .skipped(let cause) = state[id] else { continue }
            end(id, .skipped(because: step(cause).id))
            decide(id, .skipped, nil)
            report(.skipped(step(id).id, because: step(cause).id))
        }
    }

    /// The step works no longer under its key: those that wait for it are looked up again.
    private mutating func giveUpLead(_ id: NodeID) {
        guard let key = keys[id]?.digest, leaders[key] == id else { return }
        leaders[key] = nil
        for follower in followers.removeValue(forKey: id) ?? [] { state.unpark(follower) }
    }

    private mutating func end(_ id: NodeID, _ outcome: RunReport.StepOutcome, usage: ResourceUsage? = nil) {
        let step = step(id)
        let didRun =
            switch outcome {
            case .done, .failed, .cancelled: true
            case .hit, .skipped, .notStarted: false
            }
        let isThere =
            switch outcome {
            case .done, .hit: true
            case .failed, .cancelled, .skipped, .notStarted: false
            }
        results[id] = RunReport.Step(
            id: step.id, stage: step.stage, outcome: outcome, cause: didRun ? causes[id] : nil,
            key: keys[id]?.digest, outputs: isThere ? outputs[step.id] ?? [:] : [:], usage: usage)
        if outcome == .notStarted { decide(id, .skipped, nil) }
    }

    private mutating func decide(_ id: NodeID, _ decision: RunStep.Decision, _ attempt: AttemptID?) {
        let step = step(id)
        decisions[id] = RunStep(
            step: step.id.description, stage: step.stage.name, decision: decision,
            cause: causes[id]?.description, attempt: attempt)
    }
}

/// The leases that the bodies of a run hold, for the heartbeat.
private final class LeaseBook: Sendable {
    private let leases = Mutex<Set<Lease>>([])

    var all: [Lease] { leases.withLock { Array($0) } }

    func add(_ lease: Lease) { leases.withLock { _ = $0.insert(lease) } }

    func forget(_ gone: [Lease]) { leases.withLock { $0.subtract(gone) } }
}
