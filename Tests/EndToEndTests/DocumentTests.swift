import Artifacts
import Foundation
import Testing

@Suite("Documents for programs have the forms that docs/schemas tells")
struct DocumentTests {
    @Test(arguments: [
        ("runs", ["runs"]), ("show", ["show"]), ("metrics", ["metrics", "p.yaml"]), ("explain", ["explain", "motion"]),
        ("explain", ["explain", "samples"]), ("diff", ["diff", "latest", "latest"]),
        ("metrics-comparison", ["metrics", "compare"]), ("chain", ["verify", "--chain"]),
        ("proof", ["prove", "--absent", "p.yaml", "scores"]),
        ("revocation", ["revoke", "clip.mp4", "--reason", "consent"]), ("revocations", ["revoke"]),
    ])
    func `valid by its schema`(name: String, arguments: [String]) throws {
        let workspace = try Workspace(copyOf: TurnBox.done)
        let outcome = try workspace.run(Workspace.binary, arguments + ["--json"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try JSONSchema("docs/schemas/\(name).json").problems(of: outcome.output) == [])
    }

    @Test func `a schema finds what is missing, of another type, too much, and not of the form`() throws {
        let schema = try JSONSchema("docs/schemas/metrics.json")
        #expect(try schema.problems(of: #"{"schema_version":1,"scores":[]}"#) == [])
        for (text, problem) in [
            (#"{"scores":[]}"#, "$ has no schema_version"), (#"{"schema_version":2,"scores":[]}"#, "$.schema_version"),
            (#"{"schema_version":1,"scores":{}}"#, "$.scores is no array"),
            (#"{"schema_version":1,"scores":[],"more":1}"#, "$.more must not be there"),
            (
                #"{"schema_version":1,"scores":[{"step":"a","mean":{"x":"1"},"videos":[]}]}"#,
                "$.scores[0].mean.x is no number"
            ),
        ] {
            let problems = try schema.problems(of: text)
            #expect(problems.count == 1 && problems[0].hasPrefix(problem), "\(text): \(problems)")
        }
        let envelope = try JSONSchema("docs/schemas/dsse-envelope.json")
        #expect(
            try envelope.problems(
                of: #"{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[]}"#)
                == ["$.signatures is short"])
    }
}
