import StageKit

/// A step as the scheduler sees it: its place in the plan.
struct NodeID: Hashable, Sendable, Comparable {
    let index: Int

    static func < (left: NodeID, right: NodeID) -> Bool { left.index < right.index }
}

/// Where a step is.
///
/// `RunState` makes every transition.
///
/// ```
/// waiting ─▶ ready ─▶ queued ─▶ running ─▶ done
///               │        ▲         │  ├──▶ failed
///               │        └ parked ◀┘  └──▶ waiting   (an input must be made again)
///               └────────────────────────▶ done      (a hit)
/// ```
enum NodeState: Hashable, Sendable {
    /// At least one step that feeds it is not done.
    case waiting
    /// All that feeds it is done; nobody has looked whether its work is known.
    case ready
    /// Has work to do; wants room in its pool.
    case queued
    /// Has room in its pool, and a body at work.
    case running
    /// Waits for work that somebody else does under the same key; takes no room.
    case parked
    /// Its outputs are there.
    case done
    /// Its body threw.
    case failed
    /// Will not run: a step that feeds it failed, directly or through others.
    case skipped(because: NodeID)
}

/// Which steps may start now.
///
/// Pure: no async, no locks, no clock. Unaware of keys, the cache and what a step does.
///
/// The loop that owns it: take every `nextReady()`, and `finish` it (a hit) or `queue` it; `start()` what there is room
/// for; `finish` each body that comes back.
struct RunState: Sendable {
    private(set) var states: [NodeState]
    private let dependents: [[NodeID]]
    private let pools: [ResourcePool]
    private let priorities: [Double]
    private let kinds: [StageKind]
    private let memory: [Int]
    private let keepsGoing: Bool
    private var unmet: [Int]
    private var ready: [NodeID]
    private var queues: [ResourcePool: [NodeID]] = [:]
    private var room: [ResourcePool: Int]
    private var kindRoom: [StageKind: Int]
    private var freeMemory: Int
    /// Steps that wait for another to be done once more, beyond what the plan says.
    private var extraDependents: [NodeID: Set<NodeID>] = [:]
    private var runningCount = 0
    private var parkedCount = 0
    /// Whether nothing new starts any more: the run was cancelled, or a step failed and the others need not go on.
    private(set) var isStopping = false

    /// - Parameters:
    ///   - dependencies: for each node, the nodes that feed it; all have smaller indices.
    ///   - pools: for each node, what it competes for.
    ///   - room: how many nodes of each pool may run at once.
    ///   - kinds: for each node, its stage; of those in `kindRoom` only so many run at once.
    ///   - seconds: for each node, how long it takes; what is on the longest way to the end starts first. Nil: all equal.
    ///   - memory: for each node, how many bytes it takes; together not more than `memoryRoom`, but for one that takes more
    ///     alone. Nil: none takes any.
    init(
        dependencies: [Set<NodeID>], pools: [ResourcePool], room: [ResourcePool: Int], keepsGoing: Bool,
        kinds: [StageKind]? = nil, kindRoom: [StageKind: Int] = [:], seconds: [Double]? = nil, memory: [Int]? = nil,
        memoryRoom: Int = .max
    ) {
        precondition(dependencies.count == pools.count, "\(dependencies.count) nodes, \(pools.count) pools")
        var dependents = [[NodeID]](repeating: [], count: dependencies.count)
        for (index, feeding) in dependencies.enumerated() {
            for node in feeding.sorted() {
                precondition(node.index < index, "node \(index) comes before \(node.index), which feeds it")
                dependents[node.index].append(NodeID(index: index))
            }
        }
        self.dependents = dependents
        self.pools = pools
        self.room = room
        self.keepsGoing = keepsGoing
        self.kinds = kinds ?? [StageKind](repeating: "", count: pools.count)
        self.kindRoom = kindRoom
        self.memory = memory ?? [Int](repeating: 0, count: pools.count)
        freeMemory = memoryRoom
        // The longest way to the end: what holds up most starts first.
        var heights = [Double](repeating: 0, count: dependencies.count)
        for index in dependencies.indices.reversed() {
            heights[index] = (dependents[index].map { heights[$0.index] }.max() ?? 0) + (seconds?[index] ?? 1)
        }
        priorities = heights
        unmet = dependencies.map(\.count)
        let states = unmet.map { $0 == 0 ? NodeState.ready : .waiting }
        ready = states.indices.filter { states[$0] == .ready }.map(NodeID.init).reversed()
        self.states = states
    }

    subscript(_ id: NodeID) -> NodeState { states[id.index] }

    /// Whether nothing runs, and nothing ever will.
    var isFinished: Bool {
        guard runningCount == 0 else { return false }
        if isStopping { return true }
        return ready.isEmpty && parkedCount == 0 && queues.values.allSatisfy(\.isEmpty)
    }

    /// Whether `nextReady()` has one to give.
    var hasReady: Bool { !isStopping && !ready.isEmpty }

    /// A step all of whose inputs are there, to be looked up; in the order of the plan.
    ///
    /// Each is handed out once.
    mutating func nextReady() -> NodeID? { isStopping ? nil : ready.popLast() }

    /// The step has work to do.
    mutating func queue(_ id: NodeID) {
        precondition(self[id] == .ready, "queued \(self[id])")
        states[id.index] = .queued
        queues[pools[id.index], default: []].append(id)
    }

    /// The next queued step for which there is room: the one on the longest way to the end, then the first of the plan.
    mutating func start() -> NodeID? {
        guard !isStopping else { return nil }
        for pool in ResourcePool.allCases where room[pool, default: 1] > 0 {
            let queue = queues[pool, default: []]
            var best: Int?
            for position in queue.indices where fits(queue[position]) {
                if let found = best, !isMoreUrgent(queue[position], than: queue[found]) { continue }
                best = position
            }
            guard let best else { continue }
            let id = queue[best]
            queues[pool]?.remove(at: best)
            room[pool, default: 1] -= 1
            kindRoom[kinds[id.index]]? -= 1
            freeMemory -= memory[id.index]
            runningCount += 1
            states[id.index] = .running
            return id
        }
        return nil
    }

    /// Whether a step may run beside those that do; alone, any may.
    private func fits(_ id: NodeID) -> Bool {
        guard kindRoom[kinds[id.index], default: 1] > 0 else { return false }
        return runningCount == 0 || memory[id.index] <= freeMemory
    }

    private func isMoreUrgent(_ first: NodeID, than second: NodeID) -> Bool {
        let (height, other) = (priorities[first.index], priorities[second.index])
        return height == other ? first < second : height > other
    }

    /// The step (looked up, or running) waits for the same work done elsewhere, and gives its room back.
    mutating func park(_ id: NodeID) {
        leave(id)
        states[id.index] = .parked
        parkedCount += 1
    }

    /// What the step waited for is over: it is looked up again.
    mutating func unpark(_ id: NodeID) {
        precondition(self[id] == .parked, "unparked \(self[id])")
        parkedCount -= 1
        makeReady(id)
    }

    /// A running step found that the outputs of others are gone: they are made again, and it waits for them.
    ///
    /// Returns the steps that will now never run, because one of the others has failed.
    mutating func redo(_ producers: Set<NodeID>, for id: NodeID) -> [NodeID] {
        leave(id)
        for producer in producers.sorted() where self[producer] == .failed {
            states[id.index] = .skipped(because: producer)
            return [id] + skip(from: id, because: producer, waiters: [])
        }
        states[id.index] = .waiting
        for producer in producers where extraDependents[producer, default: []].insert(id).inserted {
            unmet[id.index] += 1
            if self[producer] == .done { makeReady(producer) }
        }
        if unmet[id.index] == 0 { makeReady(id) }
        return []
    }

    /// The step is over.
    ///
    /// Returns the steps that will now never run, in the order of the plan.
    mutating func finish(_ id: NodeID, succeeded: Bool) -> [NodeID] {
        leave(id)
        let isFirstTime = !hasFinished.contains(id)
        let waiters = extraDependents.removeValue(forKey: id) ?? []
        guard succeeded else {
            states[id.index] = .failed
            if !keepsGoing { isStopping = true }
            return skip(from: id, because: id, waiters: waiters)
        }
        states[id.index] = .done
        hasFinished.insert(id)
        for next in waiters.sorted(by: >) + (isFirstTime ? dependents[id.index].reversed() : []) {
            unmet[next.index] -= 1
            if unmet[next.index] == 0, self[next] == .waiting { makeReady(next) }
        }
        return []
    }

    /// Nothing new starts; what runs may end.
    mutating func stop() { isStopping = true }

    private var hasFinished: Set<NodeID> = []

    private mutating func makeReady(_ id: NodeID) {
        states[id.index] = .ready
        ready.append(id)
    }

    /// Takes a node out of the room it has.
    private mutating func leave(_ id: NodeID) {
        switch self[id] {
        case .running:
            runningCount -= 1
            room[pools[id.index], default: 1] += 1
            kindRoom[kinds[id.index]]? += 1
            freeMemory += memory[id.index]
        case .ready: break
        case .waiting, .queued, .parked, .done, .failed, .skipped:
            preconditionFailure("step \(id.index) cannot end: it is \(self[id])")
        }
    }

    private mutating func skip(from id: NodeID, because failed: NodeID, waiters: Set<NodeID>) -> [NodeID] {
        var skipped: [NodeID] = []
        var pending = dependents[id.index] + waiters
        while let id = pending.popLast() {
            guard self[id] == .waiting else { continue }
            states[id.index] = .skipped(because: failed)
            skipped.append(id)
            pending += dependents[id.index]
        }
        return skipped.sorted()
    }
}
