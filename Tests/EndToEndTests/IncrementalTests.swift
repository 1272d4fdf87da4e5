import Foundation
import Testing

@Suite("What runs again after a change, and why")
struct IncrementalTests {
    @Test("the first run does every step, prints what it did and the four scores")
    func firstRun() throws {
        let workspace = try Workspace()
        try TurnBox.prepare(workspace)
        let outcome = try workspace.motrans("run", "p.yaml")
        #expect(outcome.status == 0, "\(outcome.errors)")
        let lines = outcome.output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        #expect(lines.first?.split(separator: " ") == ["step", "done", "why"])
        let done = lines.dropFirst(2).prefix(TurnBox.steps.count)
        #expect(done.map { String($0.split(separator: " ")[0]) } == TurnBox.steps)
        #expect(done.allSatisfy { $0.hasSuffix("  ran   new step") })
        let headings = try #require(lines.first { $0.hasPrefix("prompt") })
        #expect(headings.split(separator: " ") == ["prompt", "seed", "CLIP-T", "CLIP-E", "TempCons", "MoFid"])
        for name in ["A robot is turning a box in the snow", "A cat is turning a ball on the beach", "mean of 2"] {
            let row = try #require(lines.first { $0.hasPrefix(name) })
            let scores = row.split(separator: " ").suffix(4).compactMap { Double($0) }
            #expect(scores.count == 4 && scores.allSatisfy { (-1...1).contains($0) }, "\(row)")
        }
        #expect(outcome.errors.contains("motrans get samples --pipeline p.yaml"))
    }

    @Test("a run with nothing to do: every step a hit, nothing written")
    func nothingToDo() throws {
        let workspace = try Workspace(copyOf: TurnBox.done)
        // A copy has new inodes: the user's files are hashed once more, and remembered once they are old enough that
        // no later change can have the same time.
        Thread.sleep(forTimeInterval: 2.5)
        #expect(try workspace.stepsThatRan() == [])
        let before = try workspace.snapshot("cache").filter { !$0.key.hasSuffix("-shm") }
        let clock = ContinuousClock.now
        let outcome = try workspace.motrans("run", "p.yaml")
        let time = ContinuousClock.now - clock
        #expect(outcome.status == 0)
        let rows = outcome.output.split(separator: "\n").dropFirst(2).prefix(TurnBox.steps.count)
        #expect(rows.map { $0.split(separator: " ").map(String.init) } == TurnBox.steps.map { [$0, "hit"] })
        #expect(try workspace.snapshot("cache").filter { !$0.key.hasSuffix("-shm") } == before)
        print("a run with nothing to do took \(time)")
    }

    @Test("another prompt: its sample and the scores")
    func changedPrompt() throws {
        let workspace = try Workspace(copyOf: TurnBox.done)
        try workspace.edit("p.yaml", "A robot is turning a box in the snow", "A robot is turning a box in the city")
        #expect(try workspace.stepsThatRan() == ["samples[a-robot-is-turning-a-box-in-the-city]", "scores"])
        #expect(try workspace.explanation("scores").contains("input videos changed"))
    }

    @Test("another motion rank: motion, samples, scores, each with its cause")
    func changedRank() throws {
        let workspace = try Workspace(copyOf: TurnBox.done)
        try workspace.edit("p.yaml", "motion: {steps: 2, rank: 2}", "motion: {steps: 2, rank: 3}")
        let plan = try workspace.motrans("run", "p.yaml", "--dry-run")
        #expect(plan.output.contains("motion") && plan.output.contains("setting rank changed from 2 to 3"))
        #expect(plan.output.hasSuffix("8 steps: 1 run, 3 maybe, 4 hit\n"))
        #expect(try workspace.stepsThatRan() == ["motion", TurnBox.robot, TurnBox.cat, "scores"])
        #expect(try workspace.explanation("motion").contains("setting rank changed from 2 to 3"))
        #expect(try workspace.explanation(TurnBox.cat).contains("input motion changed"))
    }

    @Test("the clip in another wrapping: frames run, and everything below is cut off")
    func remuxedClip() throws {
        let workspace = try Workspace(copyOf: TurnBox.done)
        // A box of padding at the end: other bytes, the same video.
        let clip = workspace.folder.appending(path: "clip.mp4")
        var bytes = try Data(contentsOf: clip)
        bytes.append(contentsOf: [0, 0, 0, 8] + Array("free".utf8))
        try bytes.write(to: clip)
        let plan = try workspace.motrans("run", "p.yaml", "-n")
        #expect(plan.output.hasSuffix("8 steps: 1 run, 7 maybe\n"))
        #expect(try workspace.stepsThatRan() == ["frames"])
        #expect(try workspace.explanation("frames").contains("input clips changed"))
    }

    @Test("back to what was there before: hits, and what is got is what the file says")
    func backAgain() throws {
        let workspace = try Workspace(copyOf: TurnBox.done)
        try workspace.edit("p.yaml", "a ball on the beach", "a ball in the city")
        #expect(try workspace.stepsThatRan().count == 2)
        try workspace.edit("p.yaml", "a ball in the city", "a ball on the beach")
        #expect(try workspace.stepsThatRan() == [])
        // The way back is a use: gc takes what the way out left, and nothing that the file means now.
        #expect(try workspace.motrans("gc", "--keep-runs", "1", "--yes").status == 0)
        #expect(try workspace.stepsThatRan() == [])
        let scores = try workspace.motrans("metrics", "p.yaml")
        #expect(scores.status == 0 && scores.output.contains("on the beach") && !scores.output.contains("city"))
    }

    @Test("another order of prompts runs only the scores")
    func reorderedPrompts() throws {
        let workspace = try Workspace(copyOf: TurnBox.done)
        try workspace.edit(
            "p.yaml",
            """
              - A robot is turning a box in the snow
              - {prompt: A cat is turning a ball on the beach, entity: a cat}
            """,
            """
              - {prompt: A cat is turning a ball on the beach, entity: a cat}
              - A robot is turning a box in the snow
            """)
        #expect(try workspace.stepsThatRan() == ["scores"])
    }

    @Test("another precision of the samples: they run, and nothing above them")
    func changedPrecision() throws {
        let workspace = try Workspace(copyOf: TurnBox.done)
        try workspace.edit("p.yaml", "inference-steps: 2}", "inference-steps: 2, precision: bf16}")
        #expect(try workspace.stepsThatRan() == [TurnBox.robot, TurnBox.cat, "scores"])
        let explanation = try workspace.explanation(TurnBox.cat)
        #expect(explanation.contains("setting precision changed from \"float32\" to \"bf16\""))
        #expect(explanation.contains("after:  \"bf16\"  (p.yaml:16:56)"))
    }

    @Test("a precision in the model set: all that runs networks, but for the step whose own precision stays")
    func changedPrecisionOfModelSet() throws {
        let workspace = try Workspace(copyOf: TurnBox.done)
        // What was the default all along is no change.
        try workspace.write("models/tiny/model.yaml", workspace.read("models/tiny/model.yaml") + "precision: float32\n")
        #expect(try workspace.stepsThatRan() == [])
        try workspace.edit("models/tiny/model.yaml", "precision: float32", "precision: bf16")
        #expect(try workspace.motrans("models").output.contains("bf16"))
        try workspace.edit(
            "p.yaml", "motion: {steps: 2, rank: 2}", "embeddings: {precision: float32}\n  motion: {steps: 2, rank: 2}")
        // Captions have a precision too, of a captioner of the model set's; theirs come out equal.
        #expect(
            try workspace.stepsThatRan() == ["captions", "appearance", "motion", TurnBox.robot, TurnBox.cat, "scores"])
        for step in ["appearance", "scores"] {
            let explanation = try workspace.explanation(step)
            #expect(explanation.contains("setting precision changed from \"float32\" to \"bf16\""))
            #expect(explanation.contains("/models/tiny/model.yaml:13:12)"))
        }
        #expect(try workspace.motrans("get", "samples", "--pipeline", "p.yaml", "--to", "videos").status == 0)
        let videos = try FileManager.default.subpathsOfDirectory(
            atPath: workspace.folder.appending(path: "videos").path)
        let video = try #require(videos.first { $0.hasSuffix(".mp4") })
        let lineage = try workspace.motrans("lineage", "videos/\(video)", "--json").output
        #expect(lineage.contains(#""precision":"\"bf16\"""#))
        #expect(lineage.contains(#""name":"kernels""#))
        // Taken out again, it is what there was before.
        try workspace.edit("models/tiny/model.yaml", "precision: bf16\n", "")
        #expect(try workspace.stepsThatRan() == [])
    }

    @Test("--force does named steps again; equal outputs stop the wave")
    func forced() throws {
        let workspace = try Workspace(copyOf: TurnBox.done)
        #expect(try workspace.stepsThatRan("motion", "--force") == ["motion"])
        #expect(try workspace.stepsThatRan("--set", "samples.seeds=[2]") == [TurnBox.robot, TurnBox.cat, "scores"])
    }
}
