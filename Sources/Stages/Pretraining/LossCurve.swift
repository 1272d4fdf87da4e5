import Foundation
public import StageKit

/// How a loss went, step by step: a table for programs and a drawing for people.
public struct LossCurve: Codable, Sendable {
    /// The loss of each step.
    public private(set) var losses: [Double] = []
    /// The loss, smoothed over about thirty steps.
    public private(set) var recent = 0.0
    private var smoothed: [Double] = []
    private var names: [String] = []
    private var readings: [[Double]] = []

    mutating func append(loss: Double, _ read: [(name: String, value: Double)]) {
        recent = losses.isEmpty ? loss : 0.97 * recent + 0.03 * loss
        losses.append(loss)
        smoothed.append(recent)
        if losses.count == 1 { names = read.map(\.name) }
        readings.append(read.map(\.value))
    }

    /// Writes `losses.csv` and `losses.svg`.
    ///
    /// Throws what the disk throws.
    public func write(to output: OutputFolder) throws {
        try table.write(to: output.file("losses.csv"), atomically: false, encoding: .utf8)
        try drawing.write(to: output.file("losses.svg"), atomically: false, encoding: .utf8)
    }

    /// A line for each step: its number, the loss, what else was read.
    var table: String {
        let head = (["step", "loss"] + names).joined(separator: ",")
        let lines = losses.indices.map { step in
            (["\(step + 1)"] + ([losses[step]] + readings[step]).map { String(format: "%.7g", $0) })
                .joined(separator: ",")
        }
        return ([head] + lines).joined(separator: "\n") + "\n"
    }

    /// The smoothed loss over the steps, its axis logarithmic.
    var drawing: String {
        let (width, height, margin) = (640.0, 320.0, 48.0)
        let values = smoothed.map { log10(max($0, 1e-12)) }
        let (low, high) = (values.min() ?? 0, values.max() ?? 1)
        let span = max(high - low, 1e-6)
        let stride = max(1, values.count / 600)
        let points = Swift.stride(from: 0, to: values.count, by: stride).map { step in
            let x = margin + (width - 2 * margin) * Double(step) / Double(max(1, values.count - 1))
            let y = margin + (height - 2 * margin) * (high - values[step]) / span
            return String(format: "%.1f,%.1f", x, y)
        }.joined(separator: " ")
        let (top, bottom) = (String(format: "%.4g", pow(10, high)), String(format: "%.4g", pow(10, low)))
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 320" font-family="sans-serif" font-size="12">
            <rect width="640" height="320" fill="white"/>
            <polyline points="48,48 48,272 592,272" fill="none" stroke="#888"/>
            <polyline points="\(points)" fill="none" stroke="#1661be" stroke-width="1.5"/>
            <text x="6" y="52">\(top)</text><text x="6" y="276">\(bottom)</text>
            <text x="48" y="292">step 1</text><text x="592" y="292" text-anchor="end">\(values.count)</text>
            <text x="320" y="28" text-anchor="middle">loss, smoothed</text>
            </svg>

            """
    }
}
