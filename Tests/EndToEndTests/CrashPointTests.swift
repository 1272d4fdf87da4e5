import Foundation
import Testing

/// Every call by which a run changes files is a moment at which it may die, or the disk refuse.
///
/// A sample of them, evenly spread; `make crash-points` (MOTRANS_CRASH_POINTS=1) tries each, a larger number each so-manyth. The counter of
/// `faults.c` serves all threads, so that with N from 1 to the last every call is met: writes, fsyncs, new names,
/// truncations, files that are made. The order in which the threads come differs a little from run to run; the numbers
/// cover all of it.
@Suite("Crash points", .enabled(if: Faults.areAvailable, Faults.comment))
struct CrashPointTests {
    enum Moment: String, CaseIterable {
        case killed = "kill -9"
        case torn = "kill -9 in the middle of a write"
        case full = "one write finds the disk full"
        case fullFromThere = "from some write on the disk is full"
        case unsynced = "one fsync fails"

        /// What counts for it; nil for all.
        var calls: String? {
            switch self {
            case .killed: nil
            case .torn: "w"
            case .full, .fullFromThere: "wc"
            case .unsynced: "s"
            }
        }

        func fault(at number: Int) -> String {
            switch self {
            case .killed: "kill:\(number)"
            case .torn: "tear:\(number)"
            case .full: "ENOSPC:\(number)"
            case .fullFromThere: "ENOSPC:\(number)+"
            case .unsynced: "EIO:\(number)"
            }
        }

        /// How many of them the test suite tries.
        var sample: Int { self == .killed ? 4 : 1 }
    }

    /// From each point that is tried to the next; nil for a sample.
    static let pace = ProcessInfo.processInfo.environment["MOTRANS_CRASH_POINTS"].flatMap(Int.init).map { max(1, $0) }

    @Test("whatever call of a run is its last or fails, the next run gives the same", arguments: Moment.allCases)
    func point(moment: Moment) async throws {
        let counting = try Workspace(copyOf: DemoShape.begun)
        let number = counting.folder.appending(path: "number")
        let whole = try counting.motrans(
            "run", "p.yaml", "--quiet", environment: Faults.environment(calls: moment.calls, count: number))
        try #require(whole.status == 0, "\(whole.errors)")
        let calls = try #require(Int(counting.read("number").trimmingCharacters(in: .newlines)))
        #expect(calls > 20, "what does the run write?")
        let points =
            Self.pace.map { Array(stride(from: 1, through: calls, by: $0)) }
            ?? (0..<moment.sample).map { (2 * $0 + 1) * calls / (2 * moment.sample) }
        let start = ContinuousClock.now
        let met = try await Self.each(points) { point in
            let workspace = try Workspace(copyOf: DemoShape.begun)
            return try strike(workspace, moment, at: point)
        }
        // The last few may lie behind the end of a run whose threads came in another order.
        #expect(met >= points.count * 9 / 10, "\(met) of \(points.count) points were met")
        if Self.pace != nil {
            print("\(moment.rawValue): \(met) points of \(calls) calls, \(ContinuousClock.now - start)")
        }
    }

    @Test("the making of a store may be cut off as well", arguments: [40])
    func making(number: Int) throws {
        let workspace = try Workspace()
        try DemoShape.prepare(workspace)
        #expect(try strike(workspace, .killed, at: number))
    }

    @Test("a run that mends what a killed one left may be killed too")
    func mending() throws {
        let workspace = try Workspace(copyOf: DemoShape.begun)
        for number in [150, 40, 1, 60] {
            let killed = try workspace.motrans(
                "run", "p.yaml", "--quiet", environment: Faults.environment("kill:\(number)"))
            #expect(killed.status == 128 + SIGKILL, "\(killed.errors)")
        }
        try workspace.expectRecovery("killed four times")
    }

    /// Runs into a fault and then undisturbed.
    ///
    /// - Returns: Whether the run came so far that it met the fault.
    private func strike(_ workspace: borrowing Workspace, _ moment: Moment, at number: Int) throws -> Bool {
        let what = "\(moment.rawValue), call \(number)"
        let met = try workspace.motrans(
            "run", "p.yaml", "--quiet",
            environment: Faults.environment(moment.fault(at: number), calls: moment.calls))
        switch moment {
        case .killed, .torn: #expect([0, 128 + SIGKILL].contains(met.status), "\(what): \(met.errors)")
        case .full, .fullFromThere, .unsynced:
            #expect([0, 1, 5].contains(met.status), "\(what): \(met.status) \(met.errors)")
            #expect(met.status == 0 || Self.isSentence(met.errors), "\(what): \(met.errors)")
        }
        // What lineage names is there and whole before anything was mended. 3: there is no store yet.
        if Self.pace == nil || number % 4 == 0 {
            let verified = try workspace.motrans("verify", "--read-data")
            #expect([0, 3].contains(verified.status), "\(what): \(verified.output)\(verified.errors)")
        }
        try workspace.expectRecovery(what)
        return met.status != 0 || [.full, .fullFromThere, .unsynced].contains(moment)
    }

    /// What went wrong, in words for people.
    private static func isSentence(_ errors: String) -> Bool {
        (errors.contains("error: ") || errors.contains("✗ "))
            && ["No space left", "no space left", "Input/output error", "not full"]
                .contains(where: errors.contains)
            && !errors.contains("Domain=")
    }

    /// Does something for each, as many at once as there are cores, and counts for how many it was so.
    private static func each(_ points: [Int], _ body: @escaping @Sendable (Int) throws -> Bool) async throws -> Int {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            var rest = points[...]
            var met = 0
            for _ in 0..<ProcessInfo.processInfo.activeProcessorCount {
                if let point = rest.popFirst() { group.addTask { try body(point) } }
            }
            while let isMet = try await group.next() {
                met += isMet ? 1 : 0
                if let point = rest.popFirst() { group.addTask { try body(point) } }
            }
            return met
        }
    }
}
