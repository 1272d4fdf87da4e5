import Foundation

/// Scores of many scoring steps side by side: a row for each group of them, each score with its mean and its spread.
///
/// `--by step,shots` puts steps of one name together whose matrix cells agree in `shots`; over the other axes (motions,
/// seeds) the mean is taken. The spread is the sample standard deviation between these cells, not between videos. Steps
/// called `X-scores` and `X-judged` are columns of one row, `X`.
struct ScoreComparison {
    /// One scoring step: its name, its cell's axes, and for each score the mean over its videos.
    struct Entry {
        let step: String
        let axes: [(name: String, value: String)]
        let means: [String: Double]

        /// From a step's name, such as `motrans-scores[motion=jumping,shots=4]`.
        init(step id: String, means: [String: Double]) {
            let parts = id.split(separator: "[", maxSplits: 1)
            var name = String(parts[0])
            for suffix in ["-scores", "-judged"] where name.hasSuffix(suffix) && name.count > suffix.count {
                name.removeLast(suffix.count)
            }
            step = name
            axes = (parts.count > 1 ? parts[1].dropLast() : "").split(separator: ",").compactMap { axis in
                let sides = axis.split(separator: "=", maxSplits: 1).map(String.init)
                return sides.count == 2 ? (sides[0], sides[1]) : nil
            }
            self.means = means
        }

        func value(of key: String) -> String? { key == "step" ? step : axes.first { $0.name == key }?.value }
    }

    private struct Row {
        let group: [String]
        var values: [String: [Double]] = [:]
    }

    private let keys: [String]
    private let columns: [(key: String, title: String)]
    private var rows: [Row] = []

    /// Groups entries by `step` and by names of axes.
    ///
    /// Throws where no step has an axis of that name.
    init(_ entries: [Entry], by keys: [String], columns: [(key: String, title: String)]) throws {
        self.keys = keys
        self.columns = columns
        for key in keys where !entries.contains(where: { $0.value(of: key) != nil }) {
            let known = ["step"] + Set(entries.flatMap { $0.axes.map(\.name) }).sorted()
            throw CommandFailure(
                status: .usage, message: "no scores differ in `\(key)`",
                help: "--by takes " + known.joined(separator: ", "))
        }
        for entry in entries {
            let group = keys.map { entry.value(of: $0) ?? "–" }
            let index: Int
            if let known = rows.firstIndex(where: { $0.group == group }) {
                index = known
            } else {
                index = rows.count
                rows.append(Row(group: group))
            }
            for (name, mean) in entry.means { rows[index].values[name, default: []].append(mean) }
        }
    }

    /// Means with their spread; numbers alone in two columns each where a program reads them.
    func table(forPrograms: Bool = false) -> Table {
        var table = Table(
            keys.map { ($0 == "step" ? "method" : $0, .left) } + [("cells", .right)]
                + columns.flatMap { column -> [(String, Table.Alignment)] in
                    forPrograms
                        ? [(column.title, .right), ("\(column.title) spread", .right)] : [(column.title, .right)]
                })
        for row in rows {
            let cells = row.values.values.map(\.count).max() ?? 0
            table.add(
                row.group + ["\(cells)"]
                    + columns.flatMap { column -> [String] in
                        let values = row.values[column.key] ?? []
                        guard let (mean, spread) = Self.statistics(values) else {
                            return forPrograms ? ["", ""] : ["–"]
                        }
                        let numbers = [mean, spread].map { $0.map { String(format: "%.3f", $0) } }
                        if forPrograms { return numbers.map { $0 ?? "" } }
                        return [[numbers[0], numbers[1]].compactMap { $0 }.joined(separator: " ± ")]
                    })
        }
        return table
    }

    /// The mean, and the sample standard deviation where there are two or more.
    private static func statistics(_ values: [Double]) -> (mean: Double?, spread: Double?)? {
        guard !values.isEmpty else { return nil }
        let mean = values.reduce(0, +) / Double(values.count)
        guard values.count > 1 else { return (mean, nil) }
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        return (mean, (squares / Double(values.count - 1)).squareRoot())
    }
}
