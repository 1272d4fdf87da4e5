import Foundation
import Testing

@Suite("What comes out, and what made it")
struct ResultTests {
    @Test("videos are got as files that a player opens, and lineage names every ancestor")
    func lineageOfVideo() throws {
        let workspace = try Workspace(copyOf: TurnBox.done)
        let got = try workspace.motrans("get", "samples", "--pipeline", "p.yaml", "--to", "videos")
        #expect(got.status == 0, "\(got.errors)")
        let files = try FileManager.default.subpathsOfDirectory(
            atPath: workspace.folder.appending(path: "videos").path)
        let videos = files.filter { $0.hasSuffix(".mp4") }.sorted()
        try #require(videos.count == 2)
        let first = workspace.folder.appending(path: "videos/\(videos[0])")
        #expect(try Data(contentsOf: first).prefix(12).suffix(8) == Data("ftypisom".utf8))

        // Renamed and moved: known by its bytes.
        try FileManager.default.copyItem(at: first, to: workspace.folder.appending(path: "other name.mp4"))
        let lineage = try workspace.motrans("lineage", "other name.mp4")
        #expect(lineage.status == 0, "\(lineage.errors)")
        for word in [
            "clip.mp4", "frames", "captions", "appearance", "embeddings", "motion", "samples", "rank", "seeds", "unet",
            "vae", "text-encoder", "image-encoder",
        ] { #expect(lineage.output.contains(word), "lineage does not tell of \(word)") }
        let document = try workspace.motrans("lineage", "other name.mp4", "--json").document()
        #expect(document["schema_version"] as? Int == 1)
        #expect((document["root"] as? [String: Any])?["edges"] != nil)
        #expect(try workspace.motrans("lineage", "p.yaml").status == 3)
    }

    @Test("get never writes over a file of the user's")
    func getIsCareful() throws {
        let workspace = try Workspace(copyOf: TurnBox.done)
        #expect(try workspace.motrans("get", "scores", "--pipeline", "p.yaml", "--to", "out").status == 0)
        try workspace.write("out/scores.json", "mine")
        #expect(try workspace.motrans("get", "scores", "--pipeline", "p.yaml", "--to", "out").status == 2)
        #expect(try workspace.read("out/scores.json") == "mine")
    }

    @Test("every command that looks answers, with JSON where a program would read it")
    func looking() throws {
        let workspace = try Workspace(copyOf: TurnBox.done)
        for arguments in [
            ["status", "p.yaml"], ["status"], ["dag", "p.yaml"], ["runs"], ["show"], ["logs", "motion"],
            ["explain", "motion"], ["verify"], ["gc"], ["validate", "p.yaml"], ["schema"], ["models"],
            ["models", "check", "tiny"], ["doctor"], ["version"],
        ] {
            let text = try workspace.run(Workspace.binary, arguments)
            #expect(text.status == 0, "motrans \(arguments): \(text.errors)")
            guard arguments != ["schema"] else {
                _ = try text.document()
                continue
            }
            let json = try workspace.run(Workspace.binary, arguments + ["--json"])
            #expect(json.status == 0, "motrans \(arguments) --json: \(json.errors)")
            #expect(
                json.output.hasPrefix("{\"schema_version\":1"), "motrans \(arguments) --json: \(json.output.prefix(80))"
            )
            _ = try json.document()
        }
    }

    @Test("gc takes what the latest run does not use; lineage still tells of it, and it is made again, byte by byte")
    func collection() throws {
        let workspace = try Workspace(copyOf: TurnBox.done)
        #expect(try workspace.motrans("get", TurnBox.robot, "--pipeline", "p.yaml", "--to", "old").status == 0)
        try workspace.edit("p.yaml", "A robot is turning a box in the snow", "A robot is turning a box in the city")
        #expect(try workspace.stepsThatRan().count == 2)
        let before = try workspace.snapshot("cache/objects")
        let said = try workspace.motrans("gc", "--keep-runs", "1", "--dry-run", "--json").document()
        #expect(try workspace.snapshot("cache/objects") == before)
        let evicted = try #require(said["evicted"] as? [[String: Any]])
        #expect(
            Set(evicted.compactMap { $0["step"] as? String }) == [TurnBox.robot, "scores"])
        let done = try workspace.motrans("gc", "--keep-runs", "1", "--yes", "--json").document()
        #expect(done["freed_bytes"] as? Int == said["freed_bytes"] as? Int)
        #expect(try workspace.snapshot("cache/objects").count < before.count)
        #expect(try workspace.motrans("verify", "--read-data").status == 0)
        #expect(try workspace.motrans("run", "p.yaml", "-n").output.hasSuffix("8 steps: 8 hit\n"))
        let lineage = try workspace.motrans("lineage", "old/seed-1.mp4")
        #expect(lineage.output.contains("made by: \(TurnBox.robot)") && lineage.output.contains("clip.mp4"))
        try workspace.edit("p.yaml", "A robot is turning a box in the city", "A robot is turning a box in the snow")
        #expect(try workspace.stepsThatRan() == [TurnBox.robot, "scores"])
        #expect(try workspace.motrans("get", TurnBox.robot, "--pipeline", "p.yaml", "--to", "new").status == 0)
        let videos = try ["old", "new"].map {
            try Data(contentsOf: workspace.folder.appending(path: "\($0)/seed-1.mp4"))
        }
        #expect(videos[0] == videos[1])
    }

    @Test("verify finds a flipped bit, and makes the bytes again")
    func damagedObject() throws {
        let workspace = try Workspace(copyOf: TurnBox.done)
        #expect(try workspace.motrans("verify", "--read-data").status == 0)
        let objects = workspace.folder.appending(path: "cache/objects")
        let files = try FileManager.default.subpathsOfDirectory(atPath: objects.path).filter { $0.hasSuffix(".zst") }
        let largest = try #require(
            files.max { size(objects.appending(path: $0)) < size(objects.appending(path: $1)) })
        let url = objects.appending(path: largest)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: url.path)
        var bytes = try Data(contentsOf: url)
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: url)
        let found = try workspace.motrans("verify", "--read-data")
        #expect(found.status == 4)
        #expect(found.output.contains("damaged"))
        let repaired = try workspace.motrans("verify", "--repair")
        #expect(repaired.status == 0 && repaired.errors.contains("✓"), "\(repaired.errors)")
        #expect(try workspace.motrans("verify", "--read-data").status == 0)
        #expect(try workspace.stepsThatRan() == [])
    }

    @Test("scores that turn out damaged when they are shown are made again by the same run")
    func damagedScores() throws {
        let workspace = try Workspace(copyOf: TurnBox.done)
        #expect(try workspace.motrans("get", "scores", "--pipeline", "p.yaml", "--to", "before").status == 0)
        let digest = try workspace.run(
            URL(filePath: "/usr/bin/sha256sum"), [workspace.folder.appending(path: "before/scores.json").path]
        ).output.prefix(64)
        let object = workspace.folder.appending(path: "cache/objects/\(digest.prefix(2))/\(digest.dropFirst(2)).zst")
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: object.path)
        try Data("nonsense".utf8).write(to: object)
        let outcome = try workspace.motrans("run", "p.yaml")
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("output scores missing in the store") && outcome.output.contains("mean of 2"))
        #expect(try workspace.motrans("verify", "--read-data").status == 0)
    }

    private func size(_ url: URL) -> Int {
        ((try? FileManager.default.attributesOfItem(atPath: url.path))?[.size] as? NSNumber)?.intValue ?? 0
    }
}
