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

    /// `MOTRANS_KILLS=50 swift test --filter InterruptionTests` for more of them.
    @Test(
        "a training that is killed again and again ends with the bytes of one that was not, and more steps go on from it"
    )
    func killedTraining() throws {
        let kills = ProcessInfo.processInfo.environment["MOTRANS_KILLS"].flatMap { Int($0) } ?? 4
        let workspace = try Workspace()
        try TurnBox.prepare(workspace)
        try workspace.edit("p.yaml", "motion: {steps: 2, rank: 2}", "motion: {steps: 60, rank: 2, lora-dropout: 0.1}")
        try workspace.edit("p.yaml", "appearance: {steps: 2, rank: 2}", "appearance: {steps: 30, rank: 2}")
        let whole = try workspace.motrans("run", "p.yaml", "motion", "--cache", "whole", "--quiet")
        #expect(whole.status == 0, "\(whole.errors)")
        let wanted = try trained(workspace, "whole")
        let arguments = ["run", "p.yaml", "motion", "--cache", "killed", "--checkpoint-every", "0", "--quiet"]
        var (killed, round) = (0, 0)
        while killed < kills {
            let process = try workspace.start(Workspace.binary, arguments)
            // Moments that differ from round to round, without chance; later ones when an early one comes before any work.
            Thread.sleep(forTimeInterval: 0.15 + 0.037 * Double(round * 7 % 19) + 0.02 * Double(round / 19))
            if process.isRunning {
                kill(process.processIdentifier, SIGKILL)
                killed += 1
            }
            process.waitUntilExit()
            round += 1
            guard process.terminationReason == .exit else { continue }
            #expect(process.terminationStatus == 0)
            #expect(try trained(workspace, "killed") == wanted, "after \(killed) kills")
            try FileManager.default.removeItem(at: workspace.folder.appending(path: "killed"))
        }
        let last = try workspace.run(Workspace.binary, arguments)
        #expect(last.status == 0, "\(last.errors)")
        #expect(try trained(workspace, "killed") == wanted)
        #expect(try workspace.motrans("verify", "--read-data", "--cache", "killed").status == 0)
        // From 60 to 90 is 30 steps, and the same as 90 at once.
        try workspace.edit("p.yaml", "steps: 60", "steps: 90")
        let more = try workspace.run(Workspace.binary, arguments)
        #expect(more.status == 0, "\(more.errors)")
        let log = try workspace.motrans("logs", "motion", "--cache", "killed")
        #expect(log.output.contains("goes on after 60,"), "\(log.output)")
        #expect(try workspace.motrans("run", "p.yaml", "motion", "--cache", "whole", "--quiet").status == 0)
        #expect(try trained(workspace, "killed") == trained(workspace, "whole"))
        let lineage = try workspace.motrans("lineage", "motion", "--cache", "killed")
        #expect(lineage.output.contains("went on: motion after 60, from attempt"), "\(lineage.output.prefix(2000))")
    }

    /// What the motion stage gave, by file.
    private func trained(_ workspace: borrowing Workspace, _ cache: String) throws -> [String: Data] {
        let got = try workspace.motrans(
            "get", "motion", "--pipeline", "p.yaml", "--cache", cache, "--to", "got", "--replace")
        #expect(got.status == 0, "\(got.errors)")
        let names = got.output.split(separator: "\n").map(String.init)
        return Dictionary(
            uniqueKeysWithValues: try names.map { ($0, try Data(contentsOf: workspace.folder.appending(path: $0))) })
    }

    private func scores(_ workspace: borrowing Workspace) throws -> String { try scores(workspace.folder) }

    private func scores(_ folder: URL) throws -> String {
        let workspace = try Workspace(copyOf: folder)
        return try workspace.motrans("metrics", "p.yaml").output
    }
}
