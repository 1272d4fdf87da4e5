import Foundation
import Testing

@Suite("Looking at what is not there yet makes nothing")
struct LookingTests {
    static let forecast = """
        step                                           plan   why
        ─────────────────────────────────────────────  ─────  ────────
        frames                                         run    new step
        captions                                       maybe  new step
        appearance                                     maybe  new step
        embeddings                                     maybe  new step
        motion                                         maybe  new step
        samples[a-robot-is-turning-a-box-in-the-snow]  maybe  new step
        samples[a-cat-is-turning-a-ball-on-the-beach]  maybe  new step
        scores                                         maybe  new step

        8 steps: 1 run, 7 maybe

        """

    @Test("in a fresh folder the forecast is told, and no store is made")
    func forecasts() throws {
        let workspace = try Workspace()
        try TurnBox.prepare(workspace)
        for arguments in [["run", "p.yaml", "-n"], ["status", "p.yaml"]] {
            let outcome = try workspace.run(Workspace.binary, arguments)
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.output == Self.forecast)
            #expect(outcome.errors == "")
        }
        let document = try workspace.motrans("run", "p.yaml", "-n", "--json").document()
        #expect((document["steps"] as? [[String: Any]])?.compactMap { $0["step"] as? String } == TurnBox.steps)
        #expect(try workspace.motrans("validate", "p.yaml").output == "p.yaml: valid, 8 steps\n")
        #expect(try workspace.motrans("dag", "p.yaml").status == 0)
        #expect(try workspace.names() == ["clip.mp4", "models", "p.yaml"])
    }

    @Test(
        "what cannot be answered ends with its code, and no store is made",
        arguments: [
            ("run p.yaml nonsense", 3), ("run p.yaml -n nonsense", 3), ("get samples --pipeline p.yaml", 3),
            ("metrics p.yaml", 3), ("runs", 3), ("show", 3), ("status", 3), ("gc", 3), ("verify", 3),
            ("lineage clip.mp4", 3), ("explain motion", 3), ("run p.yaml --profile fast", 2), ("gc --max-size 3x", 2),
            ("run p.yaml --set motion.rank=0", 2), ("run p.yaml --cache clip.mp4", 5), ("init turning p.yaml", 2),
            ("init turning nowhere/p.yaml", 2), ("models check nothing", 2),
            ("forward models/tiny/unet --inputs clip.mp4 --outputs out.safetensors", 2),
        ])
    func codes(arguments: String, status: Int32) throws {
        let workspace = try Workspace()
        try TurnBox.prepare(workspace)
        let outcome = try workspace.run(Workspace.binary, arguments.split(separator: " ").map(String.init))
        #expect(outcome.status == status, "\(outcome.errors)")
        #expect(outcome.output == "")
        #expect(outcome.errors.contains("error: "))
        #expect(!outcome.errors.contains("Domain="), "\(outcome.errors)")
        #expect(try workspace.names() == ["clip.mp4", "models", "p.yaml"])
    }
}

extension Workspace {
    /// What lies in the folder, hidden files left out.
    func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { !$0.hasPrefix(".") }.sorted()
    }
}
