import Foundation
import Testing

@Suite("A run that is stopped loses nothing and leaves nothing to clean")
struct InterruptionTests {
    /// The work of each moment ends the same: all done, and every byte as it should be.
    @Test(
        "kill -9 at some moment, then run again",
        arguments: [
            "run 2", "▸ frames", "✓ frames", "▸ appearance", "✓ appearance", "▸ motion", "✓ motion", "▸ scores",
        ])
    func killed(moment: String) throws {
        let workspace = try Workspace()
        try TurnBox.prepare(workspace)
        let process = try workspace.start(Workspace.binary, ["run", "p.yaml"])
        while process.isRunning, try !workspace.read(".stderr").contains(moment) {
            Thread.sleep(forTimeInterval: 0.001)
        }
        try #require(process.isRunning, "it ended before \(moment)")
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        #expect(process.terminationReason == .uncaughtSignal)
        let again = try workspace.motrans("run", "p.yaml")
        #expect(again.status == 0, "\(again.errors)")
        let verified = try workspace.motrans("verify", "--read-data")
        #expect(verified.status == 0, "\(verified.output)")
        #expect(try scores(workspace) == scores(TurnBox.done), "the results depend on the kill")
        let left = try FileManager.default.contentsOfDirectory(
            atPath: workspace.folder.appending(path: "cache/tmp").path)
        #expect(left == [])
    }

    @Test("SIGINT ends with 130, the attempt is recorded as cancelled, and the next run completes")
    func interrupted() throws {
        let workspace = try Workspace()
        try TurnBox.prepare(workspace)
        try workspace.edit("p.yaml", "motion: {steps: 2, rank: 2}", "motion: {steps: 100000, rank: 2}")
        let process = try workspace.start(Workspace.binary, ["run", "p.yaml"])
        for _ in 0..<600 {
            if try workspace.read(".stderr").contains("▸ motion") { break }
            Thread.sleep(forTimeInterval: 0.1)
        }
        kill(process.processIdentifier, SIGINT)
        process.waitUntilExit()
        #expect(process.terminationStatus == 130)
        let shown = try workspace.motrans("show", "--json").document()
        #expect(shown["outcome"] as? String == "cancelled")
        let attempts = try #require(shown["attempts"] as? [[String: Any]])
        #expect(attempts.last?["step"] as? String == "motion")
        #expect(attempts.last?["outcome"] as? String == "cancelled")
        try workspace.edit("p.yaml", "motion: {steps: 100000, rank: 2}", "motion: {steps: 2, rank: 2}")
        #expect(try workspace.motrans("run", "p.yaml").status == 0)
        #expect(try workspace.motrans("verify", "--read-data").status == 0)
    }

    private func scores(_ workspace: borrowing Workspace) throws -> String { try scores(workspace.folder) }

    private func scores(_ folder: URL) throws -> String {
        let workspace = try Workspace(copyOf: folder)
        return try workspace.motrans("metrics", "p.yaml").output
    }
}
