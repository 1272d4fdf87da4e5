import StageKit
import Testing

@testable import Execution

/// The scheduler alone: no async, no clock, no store.
@Suite("Which steps may start")
struct RunStateTests {
    private func node(_ index: Int) -> NodeID { NodeID(index: index) }

    /// A state over `edges[i]`: what feeds node i.
    private func state(
        _ edges: [[Int]], pools: [ResourcePool]? = nil, light: Int = 4, keepsGoing: Bool = false
    ) -> RunState {
        RunState(
            dependencies: edges.map { Set($0.map(NodeID.init)) },
            pools: pools ?? edges.map { _ in .light }, room: [.compute: 1, .light: light], keepsGoing: keepsGoing)
    }

    /// Queues all that is ready and starts all that has room.
    private func startAll(_ state: inout RunState) -> [Int] {
        while let id = state.nextReady() { state.queue(id) }
        var started: [Int] = []
        while let id = state.start() { started.append(id.index) }
        return started
    }

    @Test("a diamond runs from the top down, the two sides together")
    func diamond() {
        var state = state([[], [0], [0], [1, 2]])
        #expect(startAll(&state) == [0])
        #expect(state[node(3)] == .waiting)
        #expect(state.finish(node(0), succeeded: true).isEmpty)
        #expect(startAll(&state) == [1, 2])
        _ = state.finish(node(2), succeeded: true)
        #expect(startAll(&state) == [])
        #expect(!state.isFinished)
        _ = state.finish(node(1), succeeded: true)
        #expect(startAll(&state) == [3])
        _ = state.finish(node(3), succeeded: true)
        #expect(state.isFinished)
        #expect(state.states.allSatisfy { $0 == .done })
    }

    @Test("a step that needs more memory than is left waits, and one that needs more than there is runs alone")
    func memory() {
        var state = RunState(
            dependencies: [[], [], [], []], pools: [.light, .light, .light, .light], room: [.light: 4],
            keepsGoing: false, memory: [6, 5, 2, 20], memoryRoom: 10)
        #expect(startAll(&state) == [0, 2])
        _ = state.finish(node(0), succeeded: true)
        #expect(startAll(&state) == [1])
        _ = state.finish(node(1), succeeded: true)
        #expect(startAll(&state) == [])
        _ = state.finish(node(2), succeeded: true)
        #expect(startAll(&state) == [3])
    }

    @Test("of a stage with a limit only so many run at once")
    func limits() {
        var state = RunState(
            dependencies: [[], [], [], []], pools: [.light, .light, .light, .light], room: [.light: 4],
            keepsGoing: false, kinds: ["shrink", "shrink", "copy", "shrink"], kindRoom: ["shrink": 1])
        #expect(startAll(&state) == [0, 2])
        _ = state.finish(node(0), succeeded: true)
        #expect(startAll(&state) == [1])
    }

    @Test("the way that takes longest starts first, by what steps took before")
    func longestByTime() {
        // Two short steps before a long one, and a way of three that is quick.
        var state = RunState(
            dependencies: [[], [0].asNodes, [1].asNodes, [], [3].asNodes], pools: .init(repeating: .light, count: 5),
            room: [.light: 1], keepsGoing: false, seconds: [1, 1, 1, 2, 60])
        #expect(startAll(&state) == [3])
        _ = state.finish(node(3), succeeded: true)
        #expect(startAll(&state) == [4])
    }

    @Test("a hit ends without taking room")
    func hit() {
        var state = state([[], [0]], light: 1)
        #expect(state.nextReady() == node(0))
        #expect(state.nextReady() == nil)
        _ = state.finish(node(0), succeeded: true)
        #expect(state.nextReady() == node(1))
    }

    @Test("one step of the compute pool runs at a time, beside as many light ones as there are jobs")
    func pools() {
        var state = state(
            [[], [], [], [], []], pools: [.compute, .compute, .light, .light, .light], light: 2)
        #expect(startAll(&state) == [0, 2, 3])
        _ = state.finish(node(3), succeeded: true)
        #expect(startAll(&state) == [4])
        _ = state.finish(node(0), succeeded: true)
        #expect(startAll(&state) == [1])
    }

    @Test("the step on the longest way to the end starts first")
    func criticalPath() {
        // 0 and 1 lead nowhere; 2 -> 3 -> 4.
        var state = state([[], [], [], [2], [3]], light: 1)
        #expect(startAll(&state) == [2])
        _ = state.finish(node(2), succeeded: true)
        #expect(startAll(&state) == [3])
        _ = state.finish(node(3), succeeded: true)
        #expect(startAll(&state) == [0])
    }

    @Test("after a failure nothing new starts, and what runs may end")
    func failureStops() {
        var state = state([[], [], [0], [1]], light: 2)
        #expect(startAll(&state) == [0, 1])
        #expect(state.finish(node(0), succeeded: false) == [node(2)])
        #expect(state[node(2)] == .skipped(because: node(0)))
        #expect(!state.isFinished)
        _ = state.finish(node(1), succeeded: true)
        #expect(startAll(&state) == [])
        #expect(state.isFinished)
        #expect(state[node(3)] == .ready)
    }

    @Test("keep-going runs all that does not depend on the failure")
    func keepGoing() {
        var state = state([[], [], [0], [2, 1], [1]], light: 2, keepsGoing: true)
        #expect(startAll(&state) == [0, 1])
        #expect(state.finish(node(0), succeeded: false) == [node(2), node(3)])
        #expect(state[node(3)] == .skipped(because: node(0)))
        _ = state.finish(node(1), succeeded: true)
        #expect(startAll(&state) == [4])
        _ = state.finish(node(4), succeeded: true)
        #expect(state.isFinished)
    }

    @Test("a parked step gives its room to others and is looked up again")
    func parking() {
        var state = state([[], []], light: 1)
        #expect(startAll(&state) == [0])
        state.park(node(0))
        #expect(startAll(&state) == [1])
        _ = state.finish(node(1), succeeded: true)
        #expect(!state.isFinished)
        state.unpark(node(0))
        #expect(state.nextReady() == node(0))
        _ = state.finish(node(0), succeeded: true)
        #expect(state.isFinished)
    }

    @Test("an input that is gone is made again before the step goes on; others that are done stay done")
    func redo() {
        var state = state([[], [0], [0]])
        _ = startAll(&state)
        _ = state.finish(node(0), succeeded: true)
        #expect(startAll(&state) == [1, 2])
        _ = state.finish(node(1), succeeded: true)
        #expect(state.redo([node(0)], for: node(2)).isEmpty)
        #expect(state[node(2)] == .waiting)
        #expect(startAll(&state) == [0])
        _ = state.finish(node(0), succeeded: true)
        #expect(state[node(1)] == .done)
        #expect(startAll(&state) == [2])
        _ = state.finish(node(2), succeeded: true)
        #expect(state.isFinished)
    }

    @Test("two steps that miss the same input wait for one repetition of it")
    func redoForTwo() {
        var state = state([[], [0], [0]])
        _ = startAll(&state)
        _ = state.finish(node(0), succeeded: true)
        #expect(startAll(&state) == [1, 2])
        _ = state.redo([node(0)], for: node(1))
        #expect(startAll(&state) == [0])
        _ = state.redo([node(0)], for: node(2))
        #expect(startAll(&state) == [])
        _ = state.finish(node(0), succeeded: true)
        #expect(startAll(&state) == [1, 2])
    }

    @Test("when the repetition fails, the step that wanted it is skipped, and so is one that asks later")
    func redoFails() {
        var state = state([[], [0], [0]], keepsGoing: true)
        _ = startAll(&state)
        _ = state.finish(node(0), succeeded: true)
        #expect(startAll(&state) == [1, 2])
        _ = state.redo([node(0)], for: node(1))
        #expect(startAll(&state) == [0])
        #expect(state.finish(node(0), succeeded: false) == [node(1)])
        #expect(state.redo([node(0)], for: node(2)) == [node(2)])
        #expect(state.isFinished)
    }

    @Test("a stopped run is over as soon as nothing runs, whatever waits")
    func stopping() {
        var state = state([[], [], [0]], light: 1)
        #expect(startAll(&state) == [0])
        state.stop()
        #expect(startAll(&state) == [])
        #expect(!state.isFinished)
        _ = state.finish(node(0), succeeded: false)
        #expect(state.isFinished)
    }

    @Test("in random graphs every step runs exactly once, after all that feeds it", arguments: 0..<20)
    func randomGraphs(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let count = 60
        let edges = (0..<count).map { index in
            index == 0 ? [] : (0..<Int(random.next() % 4)).map { _ in Int(random.next() % UInt64(index)) }
        }
        let pools = (0..<count).map { _ in random.next() % 2 == 0 ? ResourcePool.compute : .light }
        var state = state(edges, pools: pools, light: 3)
        var running: [Int] = []
        var order: [Int] = []
        while !state.isFinished {
            running += startAll(&state)
            #expect(running.count { pools[$0] == .compute } <= 1)
            #expect(running.count { pools[$0] == .light } <= 3)
            let done = running.remove(at: Int(random.next() % UInt64(running.count)))
            #expect(edges[done].allSatisfy(order.contains))
            order.append(done)
            _ = state.finish(node(done), succeeded: true)
        }
        #expect(order.sorted() == Array(0..<count))
    }
}

/// A small seeded generator for test data.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}

extension [Int] {
    fileprivate var asNodes: Set<NodeID> { Set(map(NodeID.init)) }
}
