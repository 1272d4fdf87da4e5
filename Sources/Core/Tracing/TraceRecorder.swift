import Dispatch
import Foundation
import Synchronization

/// Records what happened when, as a trace file: tracks, and on each of them spans that lie inside each other.
///
/// A track is what one piece of work does, one thing after the other, whichever thread it is on. Memory stays small
/// however long the trace gets: events go to the file as they end. Every time is of one monotonic clock.
///
/// Unaware of pipelines, and of what is computed.
public final class TraceRecorder: Sendable {
    /// What a span is; the `cat` of its event.
    public enum Category: String, Sendable {
        /// A step of a pipeline.
        case step
        /// A part of a step or of a unit: `body`, `forward`, `update`.
        case phase
        /// One of many equal pieces of work: a training step, a denoising step, a frame.
        case unit
        /// An operation on tensors.
        case operation
    }

    /// A span that has begun on a track.
    struct Opening {
        let track: Int
        let category: Category
        let start: UInt64
        /// Of a unit: how many of its name there are with it.
        let number: Int?
        /// Whether operations were recorded before.
        let recordedOperations: Bool
    }

    private struct Track {
        /// The spans that were begun and not ended, without those that are an ``Opening``.
        var open: [(name: String, category: Category)] = []
        /// How many units of each name there have been.
        var units: [String: Int] = [:]
        var recordsOperations = true
    }

    private struct State {
        var file: TraceFile
        var tracks: [Track] = []
        var numbers: [String: Int] = [:]
        /// The track of each thread that works on one.
        var followed: [pthread_t: Int] = [:]
        var isClosed = false
    }

    private let state: Mutex<State>
    /// Viewers draw the track of this number as the process's own, and 0 as the kernel's.
    private static let process = 1
    private let beginning = DispatchTime.now().uptimeNanoseconds
    /// Units of one name, on one track, whose operations are recorded.
    private let unitLimit: Int

    /// Makes the file, over an older trace and over nothing else.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - name: what is traced, for the viewer.
    ///   - unitLimit: how many units of each kind have their operations recorded, on each track; of the others, the
    ///     unit and its phases alone.
    /// - Throws: `TraceError`.
    public init(to path: String, name: String, unitLimit: Int) throws(TraceError) {
        state = Mutex(State(file: try TraceFile(path)))
        self.unitLimit = unitLimit
        state.withLock { describe(&$0, "process_name", ("name", .text(name)), track: Self.process) }
    }

    // MARK: Tracks

    /// Makes a track, below those that are there; none when it is there already.
    public func addTrack(_ name: String) { state.withLock { _ = number(of: name, &$0) } }

    /// What the calling thread computes from now on belongs to `track`.
    ///
    /// What is computed on a thread that follows none is not recorded.
    public func follow(_ track: String) {
        state.withLock { $0.followed[pthread_self()] = number(of: track, &$0) }
    }

    /// Begins a span on a track.
    public func begin(
        _ name: String, _ category: Category, on track: String, _ arguments: [(name: String, value: TraceArgument)] = []
    ) {
        state.withLock { state in
            let number = number(of: track, &state)
            state.tracks[number - 1].open.append((name, category))
            add(.begin, name, category, number, arguments, &state)
        }
    }

    /// Ends the innermost span of a track that was begun there; nothing when there is none.
    public func end(on track: String, _ arguments: [(name: String, value: TraceArgument)] = []) {
        state.withLock { state in
            let number = number(of: track, &state)
            guard let span = state.tracks[number - 1].open.popLast() else { return }
            add(.end, span.name, span.category, number, arguments, &state)
        }
    }

    /// Notes a moment on a track.
    public func mark(
        _ name: String, _ category: Category, on track: String, _ arguments: [(name: String, value: TraceArgument)] = []
    ) {
        state.withLock { add(.instant, name, category, number(of: track, &$0), arguments, &$0) }
    }

    /// How many spans are open on a track.
    public func depth(of track: String) -> Int { state.withLock { $0.tracks[number(of: track, &$0) - 1].open.count } }

    /// Ends all that is open, and the file.
    ///
    /// Nothing is recorded afterwards.
    /// - Returns: the bytes that were written.
    /// - Throws: `TraceError.unwritable` when not all could be; what is there can be read all the same.
    @discardableResult
    public func close() throws(TraceError) -> Int {
        let file = state.withLock { state in
            if !state.isClosed {
                for number in 1..<state.tracks.count + 1 {
                    while let span = state.tracks[number - 1].open.popLast() {
                        add(.end, span.name, span.category, number, [], &state)
                    }
                }
                state.file.close()
                state.isClosed = true
            }
            return state.file
        }
        guard let problem = file.problem else { return file.size }
        throw .unwritable(path: file.path, reason: String(cString: strerror(problem)))
    }

    // MARK: What the calling thread computes

    /// Begins a span on the calling thread's track; nil where it is not to be recorded.
    func open(_ name: String, _ category: Category) -> Opening? {
        state.withLock { state in
            guard let number = state.followed[pthread_self()] else { return nil }
            let recorded = state.tracks[number - 1].recordsOperations
            var count: Int?
            switch category {
            case .operation: guard recorded else { return nil }
            case .unit:
                let next = state.tracks[number - 1].units[name, default: 0] + 1
                state.tracks[number - 1].units[name] = next
                if next > unitLimit { state.tracks[number - 1].recordsOperations = false }
                count = next
            case .step, .phase: break
            }
            return Opening(
                track: number, category: category, start: now, number: count, recordedOperations: recorded)
        }
    }

    /// Ends it.
    func close(_ span: Opening, _ name: String, _ arguments: [(name: String, value: TraceArgument)]) {
        let end = now
        state.withLock { state in
            var arguments = arguments
            if let number = span.number { arguments.append(("number", .number(number))) }
            state.tracks[span.track - 1].recordsOperations = span.recordedOperations
            guard !state.isClosed else { return }
            state.file.add(
                TraceEvent(
                    phase: .complete, name: name, category: span.category.rawValue, start: span.start,
                    duration: end - span.start, process: Self.process, track: span.track,
                    arguments: arguments))
            // A unit at most is lost with the process.
            if span.category == .unit { state.file.flush() }
        }
    }

    // MARK: Writing

    private var now: UInt64 { DispatchTime.now().uptimeNanoseconds - beginning }

    private func number(of track: String, _ state: inout State) -> Int {
        if let known = state.numbers[track] { return known }
        state.tracks.append(Track())
        let number = state.tracks.count
        state.numbers[track] = number
        describe(&state, "thread_name", ("name", .text(track)), track: number)
        describe(&state, "thread_sort_index", ("sort_index", .number(number)), track: number)
        return number
    }

    private func describe(
        _ state: inout State, _ what: String, _ fact: (name: String, value: TraceArgument), track: Int
    ) {
        guard !state.isClosed else { return }
        state.file.add(
            TraceEvent(
                phase: .metadata, name: what, start: 0, process: Self.process, track: track, arguments: [fact]))
    }

    private func add(
        _ phase: TraceEvent.Phase, _ name: String, _ category: Category, _ track: Int,
        _ arguments: [(name: String, value: TraceArgument)], _ state: inout State
    ) {
        guard !state.isClosed else { return }
        state.file.add(
            TraceEvent(
                phase: phase, name: name, category: category.rawValue, start: now, process: Self.process, track: track,
                arguments: arguments))
        // Rare, and what people look for after a crash.
        state.file.flush()
    }
}
