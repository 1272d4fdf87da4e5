import Foundation
import Testing

@Suite("Collecting garbage beside everything else")
struct CollectionTests {
    @Test("two collectors and a check beside runs: no error, nothing of a run that goes on is taken, results are right")
    func besideRuns() throws {
        let workspace = try Workspace(copyOf: DemoShape.done)
        // What the other clip gives, for comparison.
        let other = try Workspace(copyOf: DemoShape.begun)
        try other.write("clip.txt", "b clip\n")
        let wanted = try DemoShape.outputs(of: other.motrans("run", "p.yaml", "--json"))
        #expect(wanted["scores"] != DemoShape.wanted["scores"])

        let loop = """
            while [ ! -e stop ]; do
                "$0" "$@" > /dev/null 2> $$.words || { echo "$? $*"; cat $$.words; } >> failures
                echo done >> rounds
            done
            """
        var beside: [Process] = []
        for arguments in [
            ["gc", "--keep-runs", "0", "--yes"], ["gc", "--max-size", "1B", "--yes"], ["verify", "--read-data"],
        ] {
            let process = Process()
            process.executableURL = URL(filePath: "/bin/sh")
            process.arguments = ["-c", loop, Workspace.binary.path] + arguments
            process.currentDirectoryURL = workspace.folder
            try process.run()
            beside.append(process)
        }
        defer {
            try? workspace.write("stop", "")
            for process in beside { process.waitUntilExit() }
        }
        for round in 0..<3 {
            let isOther = round % 2 == 0
            try workspace.write("clip.txt", isOther ? "b clip\n" : "a clip\n")
            let run = try workspace.motrans("run", "p.yaml", "--json")
            #expect(run.status == 0, "round \(round): \(run.errors)")
            #expect(try DemoShape.outputs(of: run) == (isOther ? wanted : DemoShape.wanted), "round \(round)")
            let again = try run.documents().filter { $0["event"] as? String == "recomputing" }
            #expect(again.isEmpty, "round \(round): \(again)")
        }
        try workspace.write("stop", "")
        for process in beside { process.waitUntilExit() }
        #expect((try? workspace.read("failures")) == nil, "\((try? workspace.read("failures")) ?? "")")
        #expect(try workspace.read("rounds").count(where: { $0 == "\n" }) >= 3)
        try workspace.write("clip.txt", "a clip\n")
        try workspace.expectRecovery("after all collections")
    }
}
