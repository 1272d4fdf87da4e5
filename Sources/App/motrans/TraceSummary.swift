import Artifacts
import Foundation

/// What a trace says about repeated work: how much of one training step, say, each operation took.
///
/// Reads a line at a time, and forgets the spans of a unit when it has its sum. A trace whose end is missing will do.
struct TraceSummary {
    /// One kind of repeated work of one step; all numbers are of one piece of it.
    struct Work {
        /// The step.
        let track: String
        /// `training step`.
        let name: String
        /// How many were traced with their operations.
        let count: Int
        let nanoseconds: Double
        /// The longest first.
        let rows: [Row]
    }

    /// One operation in one phase.
    struct Row {
        let phase: String
        let operation: String
        /// nil for the time between operations.
        let calls: Double?
        let nanoseconds: Double
        /// 0 where they are not known.
        let flops: Double
    }

    /// The steps, in their order.
    private(set) var tracks: [String] = []
    /// In the order of the steps, then as they came.
    private(set) var works: [Work] = []

    private struct Kind: Hashable {
        let phase: String
        let operation: String
    }

    private struct Sum {
        var calls = 0
        var nanoseconds = 0
        var flops = 0
    }

    /// A span that has ended and whose parent has not, with the sums of all that lies in it.
    private struct Ended {
        let start: Int
        let duration: Int
        var sums: [Kind: Sum]
    }

    private struct Total {
        var count = 0
        var nanoseconds = 0
        var sums: [Kind: Sum] = [:]
    }

    private static let between = "(between operations)"
    private var ended: [Int: [Ended]] = [:]
    private var names: [Int: String] = [:]
    private var totals: [Int: [(name: String, total: Total)]] = [:]

    init(of path: String) throws {
        let lines = try Lines(path)
        guard try lines.next() == "[" else { throw Self.foreign(path, line: 1) }
        var number = 1
        while let line = try lines.next() {
            number += 1
            guard line != "]" else { break }
            let text = line.hasSuffix(",") ? String(line.dropLast()) : line
            guard let event = try? Value(canonicalText: text), case .map(let fields) = event else {
                throw Self.foreign(path, line: number)
            }
            take(fields)
        }
        let order = names.keys.sorted()
        tracks = order.compactMap { names[$0] }
        works = order.flatMap { track in
            (totals[track] ?? []).compactMap { name, total in
                total.count > 0 ? Self.work(names[track] ?? "", name, total) : nil
            }
        }
    }

    private static func foreign(_ path: String, line: Int) -> CommandFailure {
        CommandFailure(
            status: .usage, message: "\(path):\(line): this is no trace of motrans",
            help: "`motrans run FILE --trace \(path)` writes one")
    }

    private mutating func take(_ fields: [String: Value]) {
        guard case .int(let track)? = fields["tid"], case .string(let name)? = fields["name"] else { return }
        switch fields["ph"] {
        case .string("M"):
            if name == "thread_name", case .string(let step)? = fields["args"]?["name"] { names[track] = step }
        case .string("X"):
            // Centuries are no measurement, and their sums would not fit.
            guard let start = Self.nanoseconds(fields["ts"]), let duration = Self.nanoseconds(fields["dur"]),
                case .string(let category)? = fields["cat"], 0...(1 << 53) ~= start, 0...(1 << 53) ~= duration
            else { return }
            var flops = 0
            if case .int(let number)? = fields["args"]?["flops"] { flops = number }
            end(name, category, track, start: start, duration: duration, flops: flops)
        default: break
        }
    }

    /// Takes in a span; all that lies in it has come before.
    private mutating func end(
        _ name: String, _ category: String, _ track: Int, start: Int, duration: Int, flops: Int
    ) {
        var span = Ended(start: start, duration: duration, sums: [:])
        var own = duration
        while let inner = ended[track]?.last, inner.start >= start {
            ended[track]?.removeLast()
            own -= inner.duration
            span.sums.merge(inner.sums, uniquingKeysWith: Self.sum)
        }
        switch category {
        case "operation": add(Kind(phase: "", operation: name), calls: 1, own, flops, to: &span)
        case "phase":
            let inside = span.sums
            span.sums = [:]
            for (kind, sum) in inside {
                let phase = kind.phase.isEmpty ? name : kind.phase
                span.sums[Kind(phase: phase, operation: kind.operation), default: Sum()] = sum
            }
            add(Kind(phase: name, operation: Self.between), calls: 0, own, 0, to: &span)
        case "unit":
            let isTraced = span.sums.contains { $0.value.calls > 0 }
            add(Kind(phase: "", operation: Self.between), calls: 0, own, 0, to: &span)
            count(name, track, isTraced ? span : nil)
            span.sums = [:]
        default: break
        }
        ended[track, default: []].append(span)
    }

    private func add(_ kind: Kind, calls: Int, _ nanoseconds: Int, _ flops: Int, to span: inout Ended) {
        span.sums.merge(
            [kind: Sum(calls: calls, nanoseconds: nanoseconds, flops: flops)], uniquingKeysWith: Self.sum)
    }

    private static func sum(_ a: Sum, _ b: Sum) -> Sum {
        Sum(calls: a.calls + b.calls, nanoseconds: a.nanoseconds + b.nanoseconds, flops: a.flops + b.flops)
    }

    private mutating func count(_ name: String, _ track: Int, _ span: Ended?) {
        guard let span else { return }
        var known = totals[track] ?? []
        let index = known.firstIndex { $0.name == name } ?? known.count
        if index == known.count { known.append((name, Total())) }
        known[index].total.count += 1
        known[index].total.nanoseconds += span.duration
        known[index].total.sums.merge(span.sums, uniquingKeysWith: Self.sum)
        totals[track] = known
    }

    private static func work(_ track: String, _ name: String, _ total: Total) -> Work {
        let count = Double(total.count)
        let rows = total.sums.map { kind, sum in
            Row(
                phase: kind.phase, operation: kind.operation,
                calls: kind.operation == between ? nil : Double(sum.calls) / count,
                nanoseconds: Double(sum.nanoseconds) / count, flops: Double(sum.flops) / count)
        }
        return Work(
            track: track, name: name, count: total.count, nanoseconds: Double(total.nanoseconds) / count,
            rows: rows.sorted { ($1.nanoseconds, $0.phase, $0.operation) < ($0.nanoseconds, $1.phase, $1.operation) })
    }

    /// The microseconds of the format.
    private static func nanoseconds(_ value: Value?) -> Int? {
        switch value {
        case .int(let number)?: Int(exactly: Double(number) * 1000)
        case .double(let number)?: Int(exactly: (number * 1000).rounded())
        default: nil
        }
    }
}

extension Value {
    fileprivate subscript(_ name: String) -> Value? {
        guard case .map(let fields) = self else { return nil }
        return fields[name]
    }
}

/// The lines of a file, one after the other, however large it is.
private final class Lines {
    private let file: FileHandle
    private var bytes: [UInt8] = []
    private var position = 0

    init(_ path: String) throws {
        guard FileManager.default.fileExists(atPath: path) else {
            throw CommandFailure(status: .notFound, message: "there is no trace \(path)")
        }
        file = try FileHandle(forReadingFrom: URL(filePath: path))
    }

    func next() throws -> String? {
        while true {
            if let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { position = end + 1 }
                return String(decoding: bytes[position..<end], as: UTF8.self)
            }
            bytes.removeFirst(position)
            position = 0
            guard let more = try file.read(upToCount: 1 << 20), !more.isEmpty else {
                defer { bytes = [] }
                return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
            }
            bytes += more
        }
    }
}
