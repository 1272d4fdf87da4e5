import Artifacts
import Foundation
import Testing

@Suite("Runs side by side")
struct DiffTests {
    /// The clip's pipeline run twice: with other captions, one more step of sampling, and another prompt for the cat.
    private static let done: URL = {
        let folder = FileManager.default.temporaryDirectory.appending(path: "motrans-two-\(UUID().uuidString)")
        do {
            let workspace = try Workspace(copyOf: TurnBox.done)
            try workspace.edit(
                "p.yaml", "inference-steps: 2}",
                "inference-steps: 3}\n  captions: {captions: [A person slowly turns a brown box]}")
            let outcome = try workspace.motrans("run", "p.yaml", "--quiet", "--set", "appearance.rank=3")
            precondition(outcome.status == 0, "the second run failed: \(outcome.errors)")
            try FileManager.default.moveItem(at: workspace.folder, to: folder)
        } catch {
            preconditionFailure("the second run could not be made: \(error)")
        }
        atexit { try? FileManager.default.removeItem(at: DiffTests.done) }
        return folder
    }()

    @Test func `settings with their places, artifacts, captions and scores`() throws {
        let workspace = try Workspace(copyOf: Self.done)
        let outcome = try workspace.motrans("diff")
        #expect(outcome.status == 0, "\(outcome.errors)")
        let lines = outcome.output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        #expect(lines[0].hasPrefix("A  ") && lines[1].hasPrefix("B  "))
        func line(_ words: String...) -> Bool { lines.contains { line in words.allSatisfy { line.contains($0) } } }
        #expect(line("samples[a-robot", "inference-steps", " 2 ", " 3 ", "p.yaml:16:42"))
        #expect(line("appearance", "rank", " 2 ", " 3 ", "p.yaml:14:32 → ", "appearance.rank=3"), "\(outcome.output)")
        #expect(line("motion", "adapter", "different") && line("scores", "scores", "different"))
        // The clip, the models, frames and embeddings.
        #expect(!line("frames", "different") && !line("sources", "clip.mp4") && line("and ", "that are the same"))
        #expect(
            line("captions, clip 1") && line("  - A person is turning a box")
                && line("  + A person slowly turns a brown box"))
        #expect(line("scores", "CLIP-T", "0.", "+0.") || line("scores", "CLIP-T", "0.", "-0."))
        #expect(line("arguments"))

        let document = try workspace.motrans("diff", "previous", "latest", "--json")
        #expect(try JSONSchema("docs/schemas/diff.json").problems(of: document.output) == [])
        let value = try Value(canonicalText: document.output)
        let settings = (value["settings"]?.list ?? []).map {
            "\($0["step"]?.string ?? "").\($0["setting"]?.string ?? "")"
        }
        #expect(
            settings.sorted()
                == [
                    "appearance.rank", "captions.captions", "\(TurnBox.cat).inference-steps",
                    "\(TurnBox.robot).inference-steps",
                ].sorted())
        // The means are those that `metrics` has.
        let scores = try workspace.motrans("metrics", "p.yaml", "--set", "appearance.rank=3", "--json")
        let mean = try Value(canonicalText: scores.output)["scores"]?.list?.first?["mean"]?["clip_t"]
        let told = value["scores"]?.list?.first { $0["video"] == .null && $0["score"] == "clip_t" }
        #expect(told?["b"] == mean && mean != nil)
        let only = try workspace.motrans("diff", "--only", "captions", "--json").document()
        #expect(Set(only.keys) == ["schema_version", "a", "b", "captions", "not_compared"])
        let scoresOnly = try workspace.motrans("diff", "--only", "scores").output
        #expect(
            scoresOnly.contains("A robot is turning a box in the snow, seed 1")
                && !scoresOnly.contains("inference-steps"))
    }

    @Test func `a run and itself: nothing differs; the other way round, everything is the other way round`() throws {
        let workspace = try Workspace(copyOf: Self.done)
        let same = try workspace.motrans("diff", "latest", "latest")
        #expect(same.status == 0 && same.output.hasSuffix("\n\nnothing differs\n"))
        #expect(
            try workspace.motrans("diff", "latest", "latest", "--only", "settings").output.hasSuffix(
                "nothing differs in settings\n"))
        let there = try Value(canonicalText: workspace.motrans("diff", "previous", "latest", "--json").output)
        let back = try Value(canonicalText: workspace.motrans("diff", "latest", "previous", "--json").output)
        for section in ["settings", "artifacts", "captions", "environment"] {
            func sides(_ document: Value, _ one: String, _ other: String) -> Set<Value> {
                Set((document[section]?.list ?? []).map { .list([$0[one] ?? .null, $0[other] ?? .null]) })
            }
            #expect(sides(there, "a", "b") == sides(back, "b", "a"))
        }
    }

    @Test func `what gc took is not compared, and nobody says that it does not differ`() throws {
        let workspace = try Workspace(copyOf: Self.done)
        #expect(try workspace.motrans("gc", "--keep-runs", "1", "--yes").status == 0)
        let text = try workspace.motrans("diff", "--only", "captions", "--only", "scores", "--only", "environment")
        #expect(text.status == 0 && !text.output.contains("nothing differs"))
        for step in ["captions", "scores"] {
            #expect(text.output.contains("\n\(step)\n\(step): not in the store any more"), "\(text.output)")
        }
        let json = try workspace.motrans("diff", "--json")
        #expect(try JSONSchema("docs/schemas/diff.json").problems(of: json.output) == [])
        let document = try Value(canonicalText: json.output)
        #expect(document["not_compared"]?.list?.compactMap { $0["section"]?.string } == ["captions", "scores"])
        #expect(document["scores"] == .list([]) && document["settings"]?.list?.isEmpty == false)
        // The records tell of everything still, and a crate holds what there is.
        let crate = try workspace.motrans("export", "previous", "--format", "ro-crate", "--to", "crate")
        #expect(crate.status == 0 && crate.errors.contains("8 files of the results are not in the store any more"))
        let compared = try workspace.motrans("metrics", "compare", "previous")
        #expect(compared.status == 3 && compared.errors.contains("are not in the store any more"))
    }

    @Test func `steps that only one run has, and the variables and the machine`() throws {
        let workspace = try Workspace()
        func write(_ steps: String) throws {
            try workspace.write("p.yaml", "version: 1\nname: programs\nenv: [WORD]\nsteps:\n" + steps)
        }
        let step = { (name: String) in
            "  \(name): {stage: command, run: [sh, -c, 'echo \"$1\" > \"$0\"', \"{outputs.x}\", \"${env.WORD}\"], outputs: {x: file}}\n"
        }
        try write(step("one") + step("two"))
        #expect(try workspace.motrans("run", "p.yaml", environment: ["WORD": "first"]).status == 0)
        let alone = try workspace.motrans("diff")
        #expect(alone.status == 3 && alone.errors.contains("is the only run of programs"))
        try write(step("one") + step("three"))
        #expect(try workspace.motrans("run", "p.yaml", environment: ["WORD": "second"]).status == 0)
        let lines = try workspace.motrans("diff").output.split(separator: "\n").map(String.init)
        #expect(
            lines.contains { $0.hasPrefix("three  only in B") } && lines.contains { $0.hasPrefix("two    only in A") })
        #expect(lines.contains { $0.hasPrefix("two ") && $0.contains("gone") })
        // Of long values, what differs is in sight.
        #expect(lines.contains { $0.hasPrefix("one ") && $0.contains("\"first\"]") && $0.contains("\"second\"]") })
        #expect(lines.contains("variable WORD") && lines.contains("  - first") && lines.contains("  + second"))
        #expect(lines.last == "nothing differs in captions, scores")
        #expect(try workspace.motrans("diff", "nothing").status == 3)
    }

    @Test func `scores of runs and of a file stand side by side, with spread, number and a star at the best`() throws {
        let workspace = try Workspace(copyOf: Self.done)
        let outcome = try workspace.motrans("metrics", "compare", "--json")
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try JSONSchema("docs/schemas/metrics-comparison.json").problems(of: outcome.output) == [])
        let value = try Value(canonicalText: outcome.output)
        let names = (value["columns"]?.list ?? []).compactMap(\.string)
        #expect(names.count == 2 && names == names.sorted())
        let scores = try Value(
            canonicalText: workspace.motrans("metrics", "p.yaml", "--set", "appearance.rank=3", "--json").output)
        let videos = (scores["scores"]?.list?.first?["videos"]?.list ?? []).compactMap {
            $0["values"]?["mofid"]?.number
        }
        try #require(videos.count == 2)
        let row = value["rows"]?.list?.first { $0["score"] == "mofid" }
        let cells = row?["values"]?.list ?? []
        let mean = (videos[0] + videos[1]) / 2
        let newest = try #require(cells.last)
        #expect(abs((newest["mean"]?.number ?? 0) - mean) < 1e-12 && newest["videos"] == .int(2))
        #expect(abs((newest["spread"]?.number ?? 0) - abs(videos[0] - videos[1]) / 2.0.squareRoot()) < 1e-12)
        let means = cells.compactMap { $0["mean"]?.number }
        #expect(cells.map { $0["best"]?.bool } == means.map { $0 == means.max() && means[0] != means[1] })

        let text = try workspace.motrans("metrics", "compare", "previous", "latest").output.split(separator: "\n")
        #expect(text[0].hasPrefix("score") && text[2].hasPrefix("videos") && text.count == 7)
        for line in text.dropFirst(3) { #expect(line.contains(" ± ")) }
        let file = try workspace.motrans(
            "metrics", "compare", "previous", "p.yaml", "--set", "appearance.rank=3", "--csv")
        let rows = file.output.split(separator: "\n")
        #expect(rows[0] == "run,step,score,mean,spread,videos,best" && rows.count == 9, "\(file.errors)")
        #expect(rows.count { $0.hasPrefix("p.yaml,scores,") } == 4)
        #expect(try workspace.motrans("metrics", "compare", "--md").output.contains("**"))
        #expect(try workspace.motrans("metrics", "compare", "p.yaml").status == 3)
        // `metrics FILE` is what it was.
        #expect(try workspace.motrans("metrics", "p.yaml", "--set", "appearance.rank=3").output.contains("mean of 2"))
    }
}
