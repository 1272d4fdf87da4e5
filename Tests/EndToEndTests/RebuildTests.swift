import Foundation
import Testing

@Suite("verify --rebuild does steps again and says equal, or by how much they differ")
struct RebuildTests {
    @Test func `everything is equal; on other kernels numbers differ by a little, and what is known stays`() throws {
        let workspace = try Workspace(copyOf: TurnBox.done)
        let equal = try workspace.motrans("verify", "--rebuild", "all", "--pipeline", "p.yaml", "--json")
        #expect(equal.status == 0, "\(equal.errors)")
        let steps = try #require(try equal.document()["steps"] as? [[String: Any]])
        #expect(steps.compactMap { $0["step"] as? String } == TurnBox.steps)
        #expect(steps.allSatisfy { $0["equal"] as? Bool == true }, "\(equal.output)")

        let other = try workspace.motrans(
            "verify", "--rebuild", "samples", "--rebuild", "frames", "--pipeline", "p.yaml",
            environment: ["MOTRANS_KERNELS": "portable"])
        let usual = try workspace.motrans("doctor").output
        guard !usual.contains("portable kernels; ") else { return }
        #expect(other.status == 4, "\(other.errors)")
        #expect(other.output.contains(/frames +equal/), "\(other.output)")
        #expect(other.output.contains("\(TurnBox.robot): latents/seed-1.safetensors: largest error "))
        #expect(other.output.contains("relative error ") && other.output.contains("latents"), "\(other.output)")
        // The evidence is there, and replaces nothing.
        #expect(try workspace.stepsThatRan() == [])
        let attempts = try workspace.motrans("runs", "--json")
        #expect(attempts.status == 0)
    }

    @Test func `what is not done cannot be compared, and what cannot be asked is told`() throws {
        let workspace = try Workspace(copyOf: TurnBox.done)
        try workspace.edit("p.yaml", "motion: {steps: 2, rank: 2}", "motion: {steps: 3, rank: 2}")
        let undone = try workspace.motrans("verify", "--rebuild", "motion", "--pipeline", "p.yaml")
        #expect(undone.status == 3)
        #expect(
            undone.errors == """
                error: motion is not done for the settings that p.yaml has now
                  = help: `motrans run p.yaml` does it: there is nothing to compare with

                """)
        #expect(try workspace.motrans("verify", "--rebuild", "nothing", "--pipeline", "p.yaml").status == 3)
        #expect(try workspace.motrans("verify", "--rebuild", "motion", "--read-data").status == 2)
        #expect(try workspace.motrans("verify", "--pipeline", "p.yaml").status == 2)
    }
}
