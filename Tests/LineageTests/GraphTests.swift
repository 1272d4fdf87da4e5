import Artifacts
import Foundation
import Lineage
import Testing

@Suite struct GraphTests {
    // clip → frames → (captions, embeddings) → motion → samples 1, 2 → scores; and another pipeline of its own.
    private func build(_ database: LineageDatabase) throws -> [String: Manifest] {
        let run = try database.newRun()
        var made = ["clip": manifest(.clips, "clip", path: "0.mp4"), "other": manifest(.clips, "other")]
        for name in ["clip", "other"] {
            let source = try #require(made[name])
            try database.record([(source.digest(), source)])
        }
        let steps: [(String, [String])] = [
            ("frames", ["clip"]), ("captions", ["frames"]), ("embeddings", ["frames"]),
            ("motion", ["frames", "captions", "embeddings"]), ("sample 1", ["motion"]), ("sample 2", ["motion"]),
            ("scores", ["sample 1", "sample 2", "frames"]), ("unrelated", ["other"]),
        ]
        for (index, (name, inputs)) in steps.enumerated() {
            let output = manifest(.files, name, path: "\(name).bin")
            try database.succeed(
                name, in: run, key: ["step": .string(name)], reading: inputs.compactMap { made[$0] }, giving: output,
                at: epoch.addingTimeInterval(Double(index)))
            made[name] = output
        }
        return made
    }

    @Test("ancestors and descendants are those of the graph, each once")
    func closure() throws {
        let cache = try TemporaryCache()
        let database = try cache.database()
        let made = try build(database)
        func names(_ root: String, _ direction: LineageGraph.Direction) throws -> (Set<String>, [String]) {
            let graph = try database.read { reader throws in
                try reader.graph(from: [try #require(made[root]).digest()], direction)
            }
            let texts = graph.artifacts.values.compactMap { $0.manifest.attributes["text"]?.string }
            return (Set(texts), graph.attempts.map(\.attempt.step))
        }
        #expect(
            try names("sample 1", .upstream)
                == (
                    ["sample 1", "motion", "captions", "embeddings", "frames", "clip"],
                    ["frames", "captions", "embeddings", "motion", "sample 1"]
                ))
        #expect(
            try names("captions", .downstream)
                == (
                    ["captions", "motion", "sample 1", "sample 2", "scores"],
                    ["motion", "sample 1", "sample 2", "scores"]
                ))
        #expect(try names("clip", .downstream).0.count == 8)
        #expect(try names("clip", .upstream) == (["clip"], []))
        #expect(try names("unrelated", .upstream).0 == ["unrelated", "other"])
        let nothing = try database.read { try $0.graph(from: [Digest(of: "never")], .upstream) }
        #expect(nothing.artifacts.isEmpty && nothing.attempts.isEmpty)
    }

    @Test("the bytes of a file lead to its artifact, its attempts and the source they came from")
    func fromBytes() throws {
        let cache = try TemporaryCache()
        let database = try cache.database()
        let clip = cache.url.appending(path: "my clip.mp4")
        try Data("clip".utf8).write(to: clip)
        let source = try #require(try database.digests(of: [clip]).first)
        #expect(source.digest == Digest(of: "clip") && source.size == 4)
        let made = try build(database)
        try database.read { reader throws in
            let holders = try reader.artifacts(withFile: Digest(of: "sample 2"))
            #expect(holders.map(\.path) == ["sample 2.bin"])
            let sample = try #require(made["sample 2"]).digest()
            #expect(holders.map(\.artifact) == [sample])
            let graph = try reader.graph(from: holders.map(\.artifact), .upstream)
            #expect(graph.sources[Digest(of: "clip")]?.map(\.path) == [source.path])
            #expect(try reader.producers(of: holders[0].artifact).map(\.attempt.step) == ["sample 2"])
            #expect(
                try reader.consumers(of: try #require(made["frames"]).digest()).map(\.attempt.step)
                    == ["captions", "embeddings", "motion", "scores"])
        }
    }

    @Test("the beginning of a digest or name finds all that begin so")
    func prefixes() throws {
        let cache = try TemporaryCache()
        let database = try cache.database()
        let made = try build(database)
        let motion = try #require(made["motion"])
        try database.read { reader throws in
            let artifact = try motion.digest()
            #expect(try reader.matches(artifact.hex.prefix(10).uppercased()) == [.artifact(artifact)])
            #expect(try reader.matches(artifact.hex) == [.artifact(artifact)])
            let file = Digest(of: "motion")
            #expect(try reader.matches(file.short) == [.file(file, artifact: artifact, path: "motion.bin")])
            let key = try keyRecord(["step": .string("motion")]).digest
            #expect(try reader.matches(key.short) == [.key(key)])
            let run = try #require(try reader.runs().first).id
            #expect(try reader.matches(run.text) == [.run(run)])
            let attempt = try #require(try reader.attempts(ofStep: "motion").first).id
            #expect(try reader.matches(attempt.text) == [.attempt(attempt)])
            #expect(try reader.matches("zz").isEmpty)
            #expect(try reader.matches("").isEmpty)
            #expect(try reader.matches("é").isEmpty)
        }
    }

    @Test("the latest attempts at a step are those of its own pipeline")
    func latestAttempts() throws {
        let cache = try TemporaryCache()
        let database = try cache.database()
        for (index, (pipeline, rank)) in [("golf", 4), ("golf", 8), ("zigzag", 16)].enumerated() {
            let run = try database.newRun(pipeline, at: epoch.addingTimeInterval(Double(index)))
            try database.succeed(
                "motion", in: run, key: ["rank": .int(rank)], giving: manifest(.file, "\(rank)"),
                at: epoch.addingTimeInterval(Double(index)))
        }
        try database.read { reader throws in
            let golf = try #require(try reader.attempts(ofStep: "motion", pipeline: "golf").first).attempt.record
            let now = try keyRecord(["rank": .int(32)])
            #expect(now.differences(from: golf) == [.changed("rank", from: .int(8), to: .int(32))])
            #expect(try reader.attempts(ofStep: "motion", pipeline: "none").isEmpty)
            #expect(try reader.attempts(ofStep: "motion", pipeline: "golf").count == 2)
            #expect(try reader.attempts(ofStep: "motion").count == 3)
        }
    }
}
