import ArgumentParser
import Artifacts
import Execution
import Foundation
import Lineage
import Pipelines
import StageKit
import Storage

struct MetricsCompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare", abstract: "Scores of runs and pipelines side by side.",
        discussion: """
            A column for each run or pipeline file: means over its videos (prompts and seeds) ± their standard deviation, \
            with their number. The best of a row has a star; of leaks, less is better.

            \(ExitStatus.help)
            """)

    @Argument(
        help:
            "Runs (a name or its beginning, latest, previous) and pipeline files (default: the latest runs of a pipeline that have scores)."
    )
    var subjects: [String] = []
    @Option(help: "The name of the pipeline whose runs are compared (default: that of the latest run).")
    var pipeline: String?
    @Option(name: .shortAndLong, help: "Of its runs, at most this many.") var limit = 5
    @Flag(help: "As CSV: a row for each score of each column.") var csv = false
    @Flag(help: "As a Markdown table.") var md = false
    @Flag(help: "One JSON document.") var json = false
    @OptionGroup var pipelineOptions: PipelineOptions
    @OptionGroup var cache: CacheOptions

    func validate() throws {
        guard [csv, md, json].count(where: \.self) < 2 else {
            throw ValidationError("--csv, --md and --json are forms of one table: give one")
        }
        guard limit > 0 else { throw ValidationError("--limit takes a number from 1") }
        guard subjects.isEmpty || pipeline == nil else {
            throw ValidationError("--pipeline chooses runs where none are named")
        }
    }

    func run() throws {
        let engine = try cache.existingEngine()
        let columns = try subjects.isEmpty ? latest(engine) : subjects.map { try column($0, engine) }
        guard !columns.isEmpty else {
            throw CommandFailure(
                status: .notFound, message: "no run here has scores", help: "`motrans runs` lists the runs")
        }
        let comparison = MetricsComparison(columns)
        guard !json else { return Console().result(JSON.document(comparison.fields)) }
        Console().result(csv ? comparison.csv : md ? comparison.markdown : comparison.text)
    }

    /// The latest runs of a pipeline that have scores, the oldest first; runs that used the same scores are one.
    private func latest(_ engine: Engine) throws -> [MetricsComparison.Column] {
        let name = try pipeline ?? engine.latestRun().run.pipeline
        let runs = try engine.lineage.read { try $0.runs(pipeline: name, limit: 1000) }
        guard !runs.isEmpty else {
            throw CommandFailure(
                status: .notFound, message: "there is no run of a pipeline \(name)", help: "`motrans runs` lists them")
        }
        var columns: [MetricsComparison.Column] = []
        var seen: Set<[Digest]> = []
        for run in runs where columns.count < limit {
            let account = try engine.lineage.read { try $0.account(of: run) }
            let artifacts = account.outputs.filter { $0.use.kind == .scores }.map(\.use.artifact)
            guard !artifacts.isEmpty, seen.insert(artifacts).inserted else { continue }
            let scores = try account.scores(in: engine.store).found
            if !scores.isEmpty { columns.append(.init(name: run.id.text, scores: scores)) }
        }
        return columns.reversed()
    }

    private func column(_ subject: String, _ engine: Engine) throws -> MetricsComparison.Column {
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: subject, isDirectory: &isFolder), !isFolder.boolValue {
            return try column(ofFile: subject, engine)
        }
        let run = try engine.run(called: subject)
        let (found, gone) = try engine.lineage.read { try $0.account(of: run) }.scores(in: engine.store)
        guard !found.isEmpty else {
            throw CommandFailure(
                status: .notFound,
                message: gone.isEmpty
                    ? "run \(run.id) has no scores" : "the scores of run \(run.id) are not in the store any more",
                help: gone.isEmpty
                    ? "`motrans show \(run.id)` tells what it did" : "run its pipeline again to make them")
        }
        return .init(name: run.id.text, scores: found)
    }

    private func column(ofFile file: String, _ engine: Engine) throws -> MetricsComparison.Column {
        let plan = try pipelineOptions.pipeline(file).plan
        let scored = try engine.forecast(plan).steps.filter { ["metric-scoring", "scene-judging"].contains($0.stage) }
            .compactMap { step in step.outputs["scores"].map { (step.id.description, $0) } }
        guard !scored.isEmpty else {
            throw CommandFailure(
                status: .notFound, message: "\(file) has no scores for the settings that it has now",
                help: "`motrans run \(file)` makes them")
        }
        return .init(name: file, scores: try scored.map { ($0.0, try ScoreDocument(of: $0.1, in: engine.store)) })
    }
}

/// Scores of several runs side by side: a row for each score, a column for each run.
struct MetricsComparison {
    /// A run or a pipeline file.
    struct Column {
        let name: String
        let scores: [(step: String, scores: ScoreDocument)]
    }

    /// The mean over videos, their sample standard deviation where there are two or more, and their number.
    struct Cell {
        let mean: Double
        let spread: Double?
        let count: Int

        init?(_ values: [Double]) {
            guard !values.isEmpty else { return nil }
            let mean = values.reduce(0, +) / Double(values.count)
            self.mean = mean
            count = values.count
            let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            spread = values.count > 1 ? (squares / Double(values.count - 1)).squareRoot() : nil
        }

        /// `0.7213 ± 0.0102`.
        var text: String {
            ([mean] + [spread].compactMap { $0 }).map { String(format: "%.4f", $0) }.joined(separator: " ± ")
        }
    }

    private struct Row {
        let step: String
        let key: String
        let title: String
        let cells: [Cell?]
        /// The columns with the best mean; none where they are all the same.
        let best: Set<Int>
    }

    private let columns: [Column]
    private let rows: [Row]

    init(_ columns: [Column]) {
        self.columns = columns
        var steps: [String] = []
        for step in columns.flatMap({ $0.scores.map(\.step) }) where !steps.contains(step) { steps.append(step) }
        rows = steps.flatMap { step in
            let documents = columns.map { column in column.scores.first { $0.step == step }?.scores }
            let present = Set(documents.compactMap { $0 }.flatMap { $0.videos.flatMap(\.values.keys) })
            return ScoreDocument.columns(of: present).map { key, title in
                let cells = documents.map { Cell($0?.videos.compactMap { $0.values[key] } ?? []) }
                return Row(
                    step: step, key: key, title: title, cells: cells,
                    best: Self.best(cells, isLow: ScoreDocument.isBetterLow(key)))
            }
        }
    }

    private static func best(_ cells: [Cell?], isLow: Bool) -> Set<Int> {
        let means = cells.enumerated().compactMap { index, cell in cell.map { (index, $0.mean) } }
        guard let best = isLow ? means.map(\.1).min() : means.map(\.1).max(),
            means.count > 1, means.contains(where: { $0.1 != best })
        else { return [] }
        return Set(means.filter { $0.1 == best }.map(\.0))
    }

    private var isSeveral: Bool { Set(rows.map(\.step)).count > 1 }

    /// For people: the number of videos below each name, stars at the best.
    var text: String { table(margin: "  ") { cell, isBest in cell.text + (isBest ? " *" : "  ") }.text }

    /// The same with the best in bold.
    var markdown: String { table(margin: "") { cell, isBest in isBest ? "**\(cell.text)**" : cell.text }.markdown }

    private func table(margin: String, _ write: (Cell, Bool) -> String) -> Table {
        var table = Table(
            (isSeveral ? [("step", .left)] : []) + [("score", .left)] + columns.map { ($0.name, .right) })
        var step: String?
        for row in rows {
            if row.step != step {
                let counts = row.cells.indices.map { index in
                    rows.filter { $0.step == row.step }.compactMap { $0.cells[index]?.count }.max()
                }
                table.add(
                    (isSeveral ? [row.step] : []) + ["videos"] + counts.map { ($0.map { "\($0)" } ?? "–") + margin })
                step = row.step
            }
            table.add(
                (isSeveral ? [row.step] : []) + [row.title]
                    + row.cells.enumerated().map { index, cell in
                        cell.map { write($0, row.best.contains(index)) } ?? "–" + margin
                    })
        }
        return table
    }

    /// For programs: a row for each score of each column.
    var csv: String {
        var table = Table([
            ("run", .left), ("step", .left), ("score", .left), ("mean", .right), ("spread", .right), ("videos", .right),
            ("best", .left),
        ])
        for row in rows {
            for (index, cell) in row.cells.enumerated() {
                guard let cell else { continue }
                table.add([
                    columns[index].name, row.step, row.title, "\(cell.mean)", cell.spread.map { "\($0)" } ?? "",
                    "\(cell.count)", row.best.contains(index) ? "yes" : "no",
                ])
            }
        }
        return table.csv
    }

    /// The fields of a document.
    var fields: [(String, Value)] {
        let rows: [Value] = rows.map { row in
            .map([
                "step": .string(row.step), "score": .string(row.key),
                "better": .string(ScoreDocument.isBetterLow(row.key) ? "low" : "high"),
                "values": .list(
                    row.cells.enumerated().map { index, cell in
                        guard let cell else { return .null }
                        return .map([
                            "mean": JSON.number(cell.mean), "spread": cell.spread.map(JSON.number) ?? .null,
                            "videos": .int(cell.count), "best": .bool(row.best.contains(index)),
                        ])
                    }),
            ])
        }
        return [("columns", .list(columns.map { .string($0.name) })), ("rows", .list(rows))]
    }
}
