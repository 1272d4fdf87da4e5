import Artifacts
import Foundation
import Tensors

/// Measurements for people and for programs.
struct BenchReport {
    let precision: Precision
    let measurements: [Measurement]

    /// The machine, then a row for each workload.
    var text: String {
        let hasSpeed = measurements.contains { $0.gigaflop != nil }
        var table = Table(
            [("model", .left), ("parameters", .right), ("workload", .left), ("minimum", .right), ("median", .right)]
                + [("maximum", .right)] + (hasSpeed ? [("GFLOP/s", .right)] : []) + [("peak memory", .right)])
        for measurement in measurements {
            let speed = measurement.gigaflop.map { String(format: "%.0f", $0 / measurement.timings.minimum) } ?? "–"
            table.add(
                [measurement.model, Self.count(measurement.parameters), measurement.workload.rawValue]
                    + Self.cells(measurement.timings) + (hasSpeed ? [speed] : [])
                    + [Readable.bytes(measurement.peakRunning)])
            for phase in measurement.training?.phases ?? [] {
                table.add(["", "", "· \(phase.name)"] + Self.cells(phase.timings) + (hasSpeed ? [""] : []) + [""])
            }
        }
        let training = measurements.compactMap { measurement in
            measurement.training.map {
                "\n\(measurement.model): LoRA of \(Self.count($0.parameters)) parameters; first step: "
                    + String(format: "loss %.6g, norm of the gradients %.6g", $0.loss, $0.gradientNorm)
            }
        }
        return """
            \(precision.rawValue), \(ThreadPool.width) threads, \(Kernels.description)

            \(table.text)
            """ + (training.isEmpty ? "" : "\n" + training.joined())
    }

    /// One document.
    var document: String {
        JSON.document([
            ("version", .string(ToolVersion.text)), ("kernels", .string(Kernels.description)),
            ("threads", .int(ThreadPool.width)), ("precision", .string(precision.rawValue)),
            ("results", .list(measurements.map(Self.value))),
        ])
    }

    private static func value(_ measurement: Measurement) -> Value {
        var fields: [String: Value] = [
            "model": .string(measurement.model), "class": .string(measurement.modelClass),
            "parameters": .int(measurement.parameters), "workload": .string(measurement.workload.rawValue),
            "seconds": value(measurement.timings), "peak_bytes": .int(measurement.peak),
            "peak_running_bytes": .int(measurement.peakRunning),
        ]
        if let gigaflop = measurement.gigaflop {
            fields["gigaflop"] = JSON.number(gigaflop)
            fields["gigaflop_per_second"] = JSON.number(gigaflop / measurement.timings.minimum)
        }
        if let training = measurement.training {
            fields["training"] = .map([
                "lora_parameters": .int(training.parameters), "loss": JSON.number(training.loss),
                "gradient_norm": JSON.number(training.gradientNorm),
                "phases": .map(
                    Dictionary(uniqueKeysWithValues: training.phases.map { ($0.name, value($0.timings)) })),
            ])
        }
        return .map(fields)
    }

    private static func value(_ timings: Timings) -> Value {
        .map([
            "minimum": JSON.number(timings.minimum), "median": JSON.number(timings.median),
            "maximum": JSON.number(timings.maximum), "all": .list(timings.seconds.map(JSON.number)),
        ])
    }

    private static func cells(_ timings: Timings) -> [String] {
        [timings.minimum, timings.median, timings.maximum].map(duration)
    }

    /// Three digits at least: two measurements are to be compared.
    private static func duration(_ seconds: Double) -> String {
        switch seconds {
        case ..<0.1: String(format: "%.1f ms", seconds * 1000)
        case ..<1: String(format: "%.0f ms", seconds * 1000)
        case ..<100: String(format: "%.2f s", seconds)
        default: String(format: "%.0f s", seconds)
        }
    }

    /// `10.7 M`, `1.41 G`.
    private static func count(_ number: Int) -> String {
        switch number {
        case ..<1000: "\(number)"
        case ..<1_000_000: String(format: "%.1f k", Double(number) / 1e3)
        case ..<1_000_000_000: String(format: "%.1f M", Double(number) / 1e6)
        default: String(format: "%.2f G", Double(number) / 1e9)
        }
    }
}
