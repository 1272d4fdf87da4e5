import Foundation
import Testing

@Suite("Scores side by side")
struct ComparisonTests {
    /// Two methods over two ranks, one without training, small enough for a test: run once.
    private static let done: Result<URL, any Error> = Result {
        let folder = FileManager.default.temporaryDirectory.appending(path: "motrans-matrix-\(UUID().uuidString)")
        let workspace = try Workspace()
        let model = try workspace.motrans("models", "init", "tiny", "models/tiny", "--seed", "1")
        precondition(model.status == 0, model.errors)
        try workspace.write("p.yaml", pipeline)
        let outcome = try workspace.motrans("run", "p.yaml", "--quiet")
        precondition(outcome.status == 0, "the matrix could not be run: \(outcome.errors)")
        try FileManager.default.moveItem(at: workspace.folder, to: folder)
        atexit { if case .success(let folder) = done { try? FileManager.default.removeItem(at: folder) } }
        return folder
    }

    private static let pipeline = """
        version: 1
        name: matrix
        model: tiny
        prompts: ["A blue cat is {motion} in the snow", "A pink fish is {motion} in the city"]
        matrix: {tuned-training.rank: [2, 3]}
        defaults:
          sampling: {inference-steps: 1, frames: 2, width: 32, height: 32, residual: "off", sized-by: settings}
        steps:
          frames: {stage: world-clips, settings: {shots: 1, motion: jumping}}
          plain: {stage: sampling, for-each: "${prompts}", inputs: {frames: "${frames}"}}
          tuned-training:
            stage: motion-training
            inputs: {frames: "${frames}"}
            settings: {steps: 1, injector: false, enhancer: false}
          tuned:
            stage: sampling
            for-each: "${prompts}"
            inputs: {motion: "${tuned-training}", frames: "${frames}"}
          plain-scores: {stage: metric-scoring, inputs: {videos: "${plain}", references: "${frames}"}}
          tuned-scores: {stage: metric-scoring, inputs: {videos: "${tuned}", references: "${frames}"}}
          tuned-judged: {stage: scene-judging, inputs: {videos: "${tuned}", references: "${frames}"}}

        """

    /// The columns that this pipeline has, as `metrics` orders them.
    private static let columns = [
        ("clip_t", "CLIP-T"), ("clip_e", "CLIP-E"), ("temp_cons", "TempCons"), ("mofid", "MoFid"),
        ("motion_right", "motion"), ("path", "path"), ("subject_right", "subject"), ("colour_right", "colour"),
        ("place_right", "place"), ("subject_leak", "subject leak"), ("colour_leak", "colour leak"),
        ("place_leak", "place leak"),
    ]

    /// The means of some steps, from the document that has every number.
    private func means(_ workspace: borrowing Workspace) throws -> [String: [String: Double]] {
        let scores = try workspace.motrans("metrics", "p.yaml", "--json").document()["scores"] as? [[String: Any]]
        return try Dictionary(
            uniqueKeysWithValues: #require(scores).map {
                (try #require($0["step"] as? String), try #require($0["mean"] as? [String: Double]))
            })
    }

    /// Mean and spread as the table for programs has them.
    private func cells(_ values: [Double]) -> String {
        guard !values.isEmpty else { return "," }
        let mean = values.reduce(0, +) / Double(values.count)
        guard values.count > 1 else { return String(format: "%.3f,", mean) }
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        return String(format: "%.3f,%.3f", mean, (squares / Double(values.count - 1)).squareRoot())
    }

    private func line(_ head: String, _ steps: [[String: Double]]) -> String {
        ([head] + Self.columns.map { name, _ in cells(steps.compactMap { $0[name] }) }).joined(separator: ",")
    }

    private static func heading(_ head: String) -> String {
        ([head] + columns.flatMap { [$0.1, "\($0.1) spread"] }).joined(separator: ",")
    }

    @Test func `by step, the mean is over the other axes, with its spread; judged and scored are one row`() throws {
        let workspace = try Workspace(copyOf: Self.done.get())
        let means = try means(workspace)
        let names = ["tuned-scores[rank=2]", "tuned-scores[rank=3]", "tuned-judged[rank=2]", "tuned-judged[rank=3]"]
        #expect(means.keys.sorted() == (names + ["plain-scores"]).sorted())
        let table = try workspace.motrans("metrics", "p.yaml", "--by", "step", "--csv")
        #expect(table.status == 0, "\(table.errors)")
        let expected = [
            Self.heading("method,cells"), line("plain,1", [means["plain-scores"] ?? [:]]),
            line("tuned,2", names.compactMap { means[$0] }),
        ]
        #expect(table.output == expected.joined(separator: "\n") + "\n")
    }

    @Test func `by step and rank, every cell has a row; what has no such axis has a dash`() throws {
        let workspace = try Workspace(copyOf: Self.done.get())
        let means = try means(workspace)
        func steps(_ rank: Int) -> [[String: Double]] {
            ["tuned-scores[rank=\(rank)]", "tuned-judged[rank=\(rank)]"].compactMap { means[$0] }
        }
        let table = try workspace.motrans("metrics", "p.yaml", "--by", "step, rank", "--csv")
        let expected = [
            Self.heading("method,rank,cells"), line("plain,–,1", [means["plain-scores"] ?? [:]]),
            line("tuned,2,1", steps(2)), line("tuned,3,1", steps(3)),
        ]
        #expect(table.output == expected.joined(separator: "\n") + "\n", "\(table.errors)")

        func number(_ step: String, _ name: String) -> String {
            means[step]?[name].map { String(format: "%.3f", $0) } ?? "–"
        }
        let markdown = try workspace.motrans("metrics", "p.yaml", "--by", "step,rank", "--md").output
        let lines = markdown.split(separator: "\n")
        let titles = Self.columns.map(\.1).joined(separator: " | ")
        #expect(lines.count == 5 && lines[0] == "| method | rank | cells | \(titles) |")
        #expect(lines[1] == "|---|---|---:|" + String(repeating: "---:|", count: 12))
        let plain = Self.columns.map { number("plain-scores", $0.0) }.joined(separator: " | ")
        #expect(lines[2] == "| plain | – | 1 | \(plain) |")
        let text = try workspace.motrans("metrics", "p.yaml", "--by", "step").output.split(separator: "\n")
        #expect(text.count == 4 && text[0].hasPrefix("method  cells  ") && text[3].contains(" ± "))
        #expect(!text[2].contains("±"))
    }

    @Test func `a name that no step differs in is refused with those there are`() throws {
        let workspace = try Workspace(copyOf: Self.done.get())
        let outcome = try workspace.motrans("metrics", "p.yaml", "--by", "step,shots")
        #expect(outcome.status == 2 && outcome.output == "")
        #expect(outcome.errors == "error: no scores differ in `shots`\n  = help: --by takes step, rank\n")
        for empty in ["", " , "] {
            let outcome = try workspace.motrans("metrics", "p.yaml", "--by", empty)
            #expect(outcome.status == 2 && outcome.errors.contains("--by names nothing"), "\(outcome.errors)")
        }
        #expect(try workspace.motrans("metrics", "p.yaml", "--by", "step", "--json").status == 2)
    }
}
