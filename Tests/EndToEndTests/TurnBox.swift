import Foundation
import Testing

/// The whole method on the clip of the repository, small enough for a test: made once, copied by every test that needs
/// work already done.
enum TurnBox {
    static let pipeline = """
        version: 1
        name: turn-box
        model: tiny
        template: motrans
        motion: turning
        clips:
          - file: clip.mp4
            prompt: A person is turning a box
        prompts:
          - A robot is turning a box in the snow
          - {prompt: A cat is turning a ball on the beach, entity: a cat}
        settings:
          frames: {frames: 4, size: [32, 32], fps: 4}
          appearance: {steps: 2, rank: 2}
          motion: {steps: 2, rank: 2}
          samples: {seeds: [1], inference-steps: 2}

        """

    static let robot = "samples[a-robot-is-turning-a-box-in-the-snow]"
    static let cat = "samples[a-cat-is-turning-a-ball-on-the-beach]"
    static let steps = ["frames", "captions", "appearance", "embeddings", "motion", robot, cat, "scores"]

    /// A folder in which everything has been run once; nobody writes to it.
    static let done: URL = {
        let folder = FileManager.default.temporaryDirectory.appending(path: "motrans-done-\(UUID().uuidString)")
        do {
            let workspace = try Workspace()
            try prepare(workspace)
            let outcome = try workspace.motrans("run", "p.yaml", "--quiet")
            precondition(outcome.status == 0, "the first run failed: \(outcome.errors)")
            try FileManager.default.moveItem(at: workspace.folder, to: folder)
        } catch {
            preconditionFailure("the first run could not be made: \(error)")
        }
        atexit { try? FileManager.default.removeItem(at: TurnBox.done) }
        return folder
    }()

    /// The clip, the tiny model set and the pipeline, and nothing run.
    static func prepare(_ workspace: borrowing Workspace) throws {
        try FileManager.default.copyItem(at: Workspace.clip, to: workspace.folder.appending(path: "clip.mp4"))
        try workspace.write("p.yaml", pipeline)
        let outcome = try workspace.motrans("models", "init", "tiny", "models/tiny", "--seed", "1")
        #expect(outcome.status == 0, "\(outcome.errors)")
    }
}

extension Workspace {
    /// Runs the pipeline and gives the steps that ran, in the order of the plan; all others must be hits.
    func stepsThatRan(_ arguments: String...) throws -> [String] {
        let outcome = try run(Self.binary, ["run", "p.yaml", "--json"] + arguments)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let ended = try #require(try outcome.documents().last)
        #expect(ended["event"] as? String == "run-ended")
        let steps = try #require(ended["steps"] as? [[String: Any]])
        for step in steps { #expect(["ran", "hit"].contains(step["outcome"] as? String)) }
        return steps.filter { $0["outcome"] as? String == "ran" }.compactMap { $0["step"] as? String }
    }

    /// The first cause of a step's last attempt, as `explain` tells it.
    func explanation(_ step: String) throws -> String {
        let outcome = try motrans("explain", step)
        #expect(outcome.status == 0, "\(outcome.errors)")
        return outcome.output
    }
}
