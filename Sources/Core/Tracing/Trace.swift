public import Synchronization

/// The trace that the process is making, and nothing where it makes none.
///
/// Computations say what they do here; it costs them one relaxed load while nobody listens. What they say goes on the
/// track that their thread follows (see ``TraceRecorder/follow(_:)``), and changes no result.
///
/// ```swift
/// let y = Trace.operation("linear", [x.shape, weight.shape]) { Kernels.linear(x, weight) }
/// let span = Trace.unit("training step")
/// defer { span.end() }
/// ```
public enum Trace {
    @usableFromInline static let isOn = Atomic<Bool>(false)
    private static let recorder = Mutex<TraceRecorder?>(nil)

    /// From now on all goes to `recorder`; nil ends it.
    public static func record(to recorder: TraceRecorder?) {
        Self.recorder.withLock { $0 = recorder }
        isOn.store(recorder != nil, ordering: .relaxed)
    }

    /// Runs an operation.
    ///
    /// - Parameters:
    ///   - name: its name in the field, and for the way back what of it: `linear`, `linear backward input`.
    ///   - shapes: of what it works on.
    ///   - flops: from its result, the multiplications and additions that it takes, where that is simply known.
    @inlinable
    public static func operation<R>(
        _ name: @autoclosure () -> String, _ shapes: @autoclosure () -> [[Int]], flops: (R) -> Int? = { _ in nil },
        _ body: () -> R
    ) -> R {
        guard isOn.load(ordering: .relaxed) else { return body() }
        let span = open(name(), .operation)
        let result = body()
        if span.isRecorded {
            span.end(shapes: shapes(), flops: flops(result))
        }
        return result
    }

    /// Begins one of many equal pieces of work; only the first ones have their operations recorded.
    @inlinable
    public static func unit(_ name: String) -> TraceSpan {
        isOn.load(ordering: .relaxed) ? open(name, .unit) : TraceSpan()
    }

    /// Begins a part of a unit, such as `forward`.
    @inlinable
    public static func phase(_ name: String) -> TraceSpan {
        isOn.load(ordering: .relaxed) ? open(name, .phase) : TraceSpan()
    }

    @usableFromInline
    static func open(_ name: String, _ category: TraceRecorder.Category) -> TraceSpan {
        guard let recorder = recorder.withLock({ $0 }) else { return TraceSpan() }
        return TraceSpan(recorder, name, category)
    }
}

/// A span that has begun; whoever began it ends it, on every way out.
public struct TraceSpan {
    private let name: String
    private let recorded: (recorder: TraceRecorder, opening: TraceRecorder.Opening)?

    /// One that is not recorded.
    @usableFromInline
    init() {
        name = ""
        recorded = nil
    }

    init(_ recorder: TraceRecorder, _ name: String, _ category: TraceRecorder.Category) {
        self.name = name
        recorded = recorder.open(name, category).map { (recorder, $0) }
    }

    @usableFromInline var isRecorded: Bool { recorded != nil }

    /// Ends it.
    public func end() { end([]) }

    /// Ends an operation, with what it worked on.
    @usableFromInline
    func end(shapes: [[Int]], flops: Int?) {
        var arguments: [(name: String, value: TraceArgument)] = []
        if !shapes.isEmpty { arguments.append(("shapes", .shapes(shapes))) }
        if let flops { arguments.append(("flops", .number(flops))) }
        end(arguments)
    }

    private func end(_ arguments: [(name: String, value: TraceArgument)]) {
        guard let (recorder, opening) = recorded else { return }
        recorder.close(opening, name, arguments)
    }
}
