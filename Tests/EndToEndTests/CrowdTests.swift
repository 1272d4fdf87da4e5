import Foundation
import Testing

@Suite("Many processes on one cache")
struct CrowdTests {
    private static let chains = 4
    private static let length = 5

    /// Chains of small programs, none of which does the same as another.
    private static let pipeline: String = {
        var lines = ["version: 1", "name: crowd", "steps:"]
        for chain in 0..<chains {
            for link in 0..<length {
                let input = link == 0 ? "{file: in.txt}" : "\"${s\(chain)-\(link - 1)}\""
                lines += [
                    "  s\(chain)-\(link):", "    stage: command", "    inputs: {x: \(input)}",
                    "    run: [/bin/sh, -c, 'cat \"$0\" > \"$1\"; echo \(chain)-\(link) >> \"$1\"; sleep 0.05', "
                        + "\"{inputs.x}\", \"{outputs.y}\"]",
                    "    outputs: {y: file}",
                ]
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }()

    @Test func `eight runs compute every key once; a hundred readers beside them all get an answer`() throws {
        let workspace = try Workspace()
        try workspace.write("p.yaml", Self.pipeline)
        try workspace.write("in.txt", "begin\n")
        // So that there is a store to read.
        #expect(try workspace.motrans("run", "p.yaml", "s0-0", "--quiet").status == 0)
        func start(_ arguments: [String], _ number: Int) throws -> Process {
            let process = Process()
            process.executableURL = Workspace.binary
            process.arguments = arguments
            process.currentDirectoryURL = workspace.folder
            process.standardOutput = FileHandle.nullDevice
            process.standardInput = FileHandle.nullDevice
            let errors = workspace.folder.appending(path: "errors-\(number)")
            try Data().write(to: errors)
            process.standardError = try FileHandle(forWritingTo: errors)
            try process.run()
            return process
        }
        var writers: [Process] = []
        var readers: [Process] = []
        for number in 0..<8 { writers.append(try start(["run", "p.yaml", "--quiet"], number)) }
        while readers.count < 100 {
            let command = [["status", "p.yaml"], ["runs"], ["lineage", "s0-0"], ["show"]][readers.count % 4]
            readers.append(try start(command, 100 + readers.count))
            // Ten at once: they are to meet the runs, not each other.
            if readers.count >= 10 { readers[readers.count - 10].waitUntilExit() }
        }
        for (number, process) in (writers + readers).enumerated() {
            process.waitUntilExit()
            let file = "errors-\(number < 8 ? number : 92 + number)"
            let errors = try workspace.read(file)
            #expect(process.terminationStatus == 0 && !errors.contains("locked"), "\(errors)")
        }
        // Attempts of all runs.
        let runs = try #require(try workspace.motrans("runs", "--json").document()["runs"] as? [[String: Any]])
        #expect(runs.count >= 2)
        var keys: [String] = []
        for run in runs {
            let id = try #require(run["run"] as? String)
            let shown = try workspace.motrans("show", id, "--json").document()
            let attempts = try #require(shown["attempts"] as? [[String: Any]])
            for attempt in attempts {
                #expect(attempt["outcome"] as? String == "succeeded")
                keys.append(try #require(attempt["key"] as? String))
            }
        }
        #expect(keys.count == Self.chains * Self.length && Set(keys).count == keys.count)
        #expect(try workspace.motrans("verify", "--read-data").status == 0)
        let got = try workspace.motrans("get", "s3-4", "--pipeline", "p.yaml", "--to", "got")
        #expect(got.status == 0, "\(got.errors)")
        let file = try #require(got.output.split(separator: "\n").first)
        #expect(try workspace.read(String(file)) == "begin\n3-0\n3-1\n3-2\n3-3\n3-4\n")
    }
}
