import Foundation
import FoundationXML
import Media
import Testing

@Suite("Who made this video?")
struct WhoMadeThisTests {
    /// A workspace in which everything has been run, with the robot's video as `v.mp4` and the cat's as `cat.mp4`.
    private func delivered() throws -> Workspace {
        let workspace = try Workspace(copyOf: TurnBox.done)
        for (step, name) in [(TurnBox.robot, "v.mp4"), (TurnBox.cat, "cat.mp4")] {
            let got = try workspace.motrans("get", step, "--pipeline", "p.yaml", "--to", "out", "--replace")
            #expect(got.status == 0 && got.errors == "", "\(got.errors)")
            try FileManager.default.moveItem(
                at: workspace.folder.appending(path: "out/seed-1.mp4"), to: workspace.folder.appending(path: name))
        }
        return workspace
    }

    private func tags(_ workspace: borrowing Workspace, _ file: String) throws -> [String: String] {
        try VideoTags.read(workspace.folder.appending(path: file))
    }

    private func copy(
        _ workspace: borrowing Workspace, _ from: String, _ to: String, tags: [String: String] = [:]
    ) throws {
        try VideoTags.copy(
            workspace.folder.appending(path: from), to: workspace.folder.appending(path: to), tags: tags)
    }

    private func match(_ workspace: borrowing Workspace, _ file: String) throws -> [String: Any] {
        let outcome = try workspace.motrans("lineage", file, "--json")
        try #require(outcome.status == 0, "\(outcome.errors)")
        return try #require(try outcome.document()["match"] as? [String: Any])
    }

    @Test("a video carries its recipe; its pictures are the store's, and the same get gives the same bytes")
    func delivery() throws {
        let workspace = try delivered()
        let tags = try tags(workspace, "v.mp4")
        #expect(tags["title"] == "A robot is turning a box in the snow")
        #expect(tags["comment"]?.hasPrefix("made by motrans ") == true)
        let synopsis = try #require(tags["synopsis"])
        let recipe = try #require(
            try JSONSerialization.jsonObject(with: Data(synopsis.utf8)) as? [String: Any])
        #expect(recipe["motrans-recipe"] as? Int == 1)
        #expect(try JSONSchema("docs/schemas/recipe.json").problems(ofObject: recipe) == [])
        let pipeline = try #require(recipe["pipeline"] as? [String: Any])
        #expect(pipeline["text"] as? String == TurnBox.pipeline)
        // Nothing of this machine travels along.
        #expect(!tags.values.contains { $0.contains(workspace.folder.path) || $0.contains("/tmp/") })
        #expect(!tags.values.contains { $0.contains(ProcessInfo.processInfo.hostName + "\"") })

        #expect(try workspace.motrans("get", TurnBox.robot, "--pipeline", "p.yaml", "--to", "again").status == 0)
        #expect(try workspace.bytes("again/seed-1.mp4") == workspace.bytes("v.mp4"))
        #expect(
            try workspace.motrans("get", TurnBox.robot, "--pipeline", "p.yaml", "--to", "exact", "--exact").status == 0)
        #expect(try workspace.bytes("exact/seed-1.mp4") != workspace.bytes("v.mp4"))
        #expect(try self.tags(workspace, "exact/seed-1.mp4")["comment"] == nil)
        #expect(try workspace.packets("exact/seed-1.mp4") == workspace.packets("v.mp4"))
        #expect(try match(workspace, "exact/seed-1.mp4")["by"] as? String == "digest")
    }

    @Test("a file is known by its bytes, by the id in it, and by the look of its frames, and it is said which")
    func evidence() throws {
        // Of two seeds, by the embedded model: unlike those of a network of noise, they do not look alike.
        let workspace = try Workspace()
        for (seed, name) in [("1", "v.mp4"), ("2", "other seed.mp4")] {
            let sampled = try workspace.motrans(
                "sample", "A red ball is jumping on the grass", "--steps", "4", "--frames", "8", "--seed", seed, "--to",
                name, "--quiet")
            #expect(sampled.status == 0, "\(sampled.errors)")
        }
        let own = try tags(workspace, "v.mp4")
        // The same bytes under another name.
        try FileManager.default.createDirectory(
            at: workspace.folder.appending(path: "elsewhere"), withIntermediateDirectories: false)
        try workspace.bytes("v.mp4").write(to: workspace.folder.appending(path: "elsewhere/clip of Tuesday.bin"))
        let renamed = try workspace.motrans("lineage", "elsewhere/clip of Tuesday.bin")
        #expect(renamed.output.contains("matched by digest: certain (handed out by"), "\(renamed.output)")
        #expect(renamed.output.contains("made by: sample") && renamed.output.contains("seeds [1]"))

        // Other bytes around the same pictures: what keeps only the comment, as a mov does.
        try copy(workspace, "v.mp4", "remuxed.mp4", tags: ["comment": own["comment"] ?? ""])
        let remuxed = try match(workspace, "remuxed.mp4")
        #expect(remuxed["by"] as? String == "metadata" && remuxed["certainty"] as? String == "certain")
        #expect((remuxed["sentence"] as? String)?.contains("its pictures are those of the artifact") == true)

        // Coded anew at half the size, with its words and without.
        let frames = try VideoReader.sample(workspace.folder.appending(path: "v.mp4"), FrameSampling()).frames
        let small = frames.resized(height: frames.height / 2, width: frames.width / 2, filter: .bilinear)
        try VideoWriter.write(small, framesPerSecond: 4, to: workspace.folder.appending(path: "small.mp4"))
        try copy(workspace, "small.mp4", "named.mp4", tags: own)
        let named = try match(workspace, "named.mp4")
        #expect(named["by"] as? String == "metadata" && named["certainty"] as? String == "likely", "\(named)")
        let stripped = try match(workspace, "small.mp4")
        #expect(stripped["by"] as? String == "frames" && stripped["certainty"] as? String == "likely", "\(stripped)")
        #expect(stripped["artifact"] as? String == named["artifact"] as? String)
        let distance = try #require(stripped["distance"] as? Int)
        #expect(distance <= 32 && stripped["bits"] as? Int == 512)
        #expect(try #require(stripped["runner_up"] as? Int) > 32)

        // The words of one video pasted into another: the pictures are believed.
        try copy(workspace, "other seed.mp4", "forged.mp4", tags: own)
        let forged = try workspace.motrans("lineage", "forged.mp4")
        #expect(forged.output.contains("matched by the look of its frames: 0 of 512"), "\(forged.output)")
        #expect(forged.output.contains("its metadata names artifact") && forged.output.contains("seeds [2]"))

        // Something else is nobody's.
        let other = Frames(
            count: 8, height: 32, width: 32,
            bytes: (0..<8 * 32 * 32 * 3).map { UInt8(truncatingIfNeeded: $0 / 96 * 7 + $0 / 3072 * 31) })
        try VideoWriter.write(other, framesPerSecond: 4, to: workspace.folder.appending(path: "other.mp4"))
        let refused = try workspace.motrans("lineage", "other.mp4")
        #expect(refused.status == 3 && refused.errors.contains("more than 32 is no copy"), "\(refused)")
        try copy(workspace, "other.mp4", "liar.mp4", tags: own)
        #expect(try match(workspace, "liar.mp4")["certainty"] as? String == "refuted")
    }

    @Test("of two videos that look alike neither is named surely")
    func alike() throws {
        // A network of noise draws the same noise for every prompt.
        let workspace = try delivered()
        try copy(workspace, "v.mp4", "bare.mp4", tags: ["title": "mine"])
        let match = try match(workspace, "bare.mp4")
        #expect(match["by"] as? String == "frames" && match["distance"] as? Int == 0)
        #expect(match["certainty"] as? String == "unsure", "\(match)")
    }

    @Test("what is in the store and cannot be read is told, and the rest is answered")
    func damaged() throws {
        let workspace = try Workspace(copyOf: TurnBox.done)
        #expect(try workspace.motrans("get", "scores", "--pipeline", "p.yaml", "--to", "got").status == 0)
        let digest = try workspace.run(
            URL(filePath: "/usr/bin/sha256sum"), [workspace.folder.appending(path: "got/scores.json").path]
        ).output.prefix(64)
        let object = workspace.folder.appending(path: "cache/objects/\(digest.prefix(2))/\(digest.dropFirst(2)).zst")
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: object.path)
        try Data("nonsense".utf8).write(to: object)
        let told = try workspace.motrans("lineage", TurnBox.robot)
        #expect(told.status == 0 && told.output.contains("clip.mp4"))
        #expect(told.errors.hasPrefix("scores.json of artifact "), "\(told.errors)")
        #expect(told.errors.contains("cannot be read: object \(digest) is damaged"), "\(told.errors)")
        let elsewhere = try workspace.motrans("lineage", "clip.mp4", "--cache", "nowhere")
        #expect(elsewhere.status == 3)
        #expect(elsewhere.errors.contains("`motrans init --from clip.mp4` reads without one"), "\(elsewhere.errors)")
    }

    @Test("a video whose bytes are gone from the store is still known by its frames and its words")
    func afterEviction() throws {
        let workspace = try delivered()
        let own = try tags(workspace, "v.mp4")
        try copy(workspace, "v.mp4", "bare.mp4", tags: ["title": "mine"])
        try copy(workspace, "v.mp4", "words.mp4", tags: ["comment": own["comment"] ?? ""])
        try workspace.edit("p.yaml", "A robot is turning a box in the snow", "A robot is turning a box in the city")
        #expect(try workspace.stepsThatRan().count == 2)
        #expect(try workspace.motrans("gc", "--keep-runs", "1", "--yes").status == 0)
        for (file, sentence) in [
            ("v.mp4", "matched by digest: certain"), ("words.mp4", "packet by packet: certain"),
            ("bare.mp4", "matched by the look of its frames: 0 of 512"),
        ] {
            let outcome = try workspace.motrans("lineage", file)
            #expect(outcome.output.contains(sentence), "\(file): \(outcome)")
            #expect(outcome.output.contains("bytes: evicted 2"))
        }
        let page = try workspace.motrans("lineage", "v.mp4", "--format", "html")
        #expect(page.output.contains("evicted; this was kept"))
    }

    @Test(
        "the closure tells frames, captions, tokens, scores, costs, which attempt trained which steps, and what failed")
    func closure() throws {
        let workspace = try Workspace()
        try TurnBox.prepare(workspace)
        try workspace.edit(
            "p.yaml", "motion: {steps: 2, rank: 2}", "motion: {steps: 4, rank: 2, schedule: constant}")
        try workspace.edit(
            "p.yaml", "settings:", "settings:\n  captions: {captions: [\"A man in a red shirt is turning a box\"]}")
        let first = try workspace.motrans("run", "p.yaml", "motion", "--checkpoint-every", "0", "--quiet")
        #expect(first.status == 0, "\(first.errors)")
        try workspace.edit("p.yaml", "steps: 4", "steps: 100000")
        let process = try workspace.start(Workspace.binary, ["run", "p.yaml", "motion"])
        while process.isRunning, try !workspace.read(".stderr").contains("▸ motion") {
            Thread.sleep(forTimeInterval: 0.01)
        }
        kill(process.processIdentifier, SIGINT)
        process.waitUntilExit()
        #expect(process.terminationStatus == 130)
        try workspace.edit("p.yaml", "steps: 100000", "steps: 6")
        let last = try workspace.motrans("run", "p.yaml", "--quiet")
        #expect(last.status == 0, "\(last.errors)")
        #expect(try workspace.motrans("get", TurnBox.cat, "--pipeline", "p.yaml", "--to", "out").status == 0)

        let document = try workspace.motrans("lineage", "out/seed-1.mp4", "--json").document()
        #expect(try JSONSchema("docs/schemas/lineage.json").problems(ofObject: document) == [])
        let steps = try #require(document["steps"] as? [[String: Any]])
        #expect(steps.compactMap { $0["step"] as? String }.last == TurnBox.cat)
        let motion = try #require(steps.first { $0["step"] as? String == "motion" })
        let trained = try #require(motion["trained"] as? [[String: Any]])
        #expect(trained.compactMap { $0["first"] as? Int } == [1, 5])
        #expect(trained.compactMap { $0["last"] as? Int } == [4, 6])
        #expect(trained[0]["attempt"] as? String != motion["attempt"] as? String)
        #expect(trained[1]["attempt"] as? String == motion["attempt"] as? String)
        let failed = try #require(motion["unsuccessful"] as? [[String: Any]])
        #expect(failed.compactMap { $0["outcome"] as? String } == ["cancelled"])
        let word = try #require((motion["motion"] as? [[String: Any]])?.first)
        #expect(word["word"] as? String == "turning" && word["tokens"] as? [Int] == [4], "\(word)")
        #expect((motion["settings"] as? [String: Any])?["steps"] as? Int == 6)
        // Frames, captions and appearance are of the first run.
        #expect(
            steps.filter { $0["fresh"] as? Bool == false }.compactMap { $0["step"] as? String }.sorted()
                == ["appearance", "captions", "embeddings", "frames"])
        let costs = try #require(document["costs"] as? [String: Any])
        #expect((costs["reused"] as? [String: Any])?["steps"] as? Int == 4)
        #expect((costs["fresh"] as? [String: Any])?["steps"] as? Int == 2)
        // The clip has 30 frames a second: a fourth of a second is seven or eight of them.
        let frames = try #require(
            ((document["frames"] as? [[String: Any]])?.first?["clips"] as? [[String: Any]])?.first)
        let indices = try #require(frames["indices"] as? [Int])
        #expect(indices.count == 4 && indices[0] == 0 && zip(indices, indices.dropFirst()).allSatisfy { $0 < $1 })
        let captions = try #require((document["captions"] as? [[String: Any]])?.first)
        #expect((captions["author"] as? String)?.hasPrefix("by hand, in p.yaml:") == true)
        let caption = try #require((captions["captions"] as? [[String: Any]])?.first)
        #expect(caption["base"] as? String == "A person is turning a box")
        #expect(caption["difference"] as? String == "A [-person-] {+man in a red shirt+} is turning a box")
        let scores = try #require((document["scores"] as? [[String: Any]])?.first)
        #expect((scores["values"] as? [String: Any])?["clip_t"] != nil)

        let tree = try workspace.motrans("lineage", "out/seed-1.mp4").output
        for words in [
            "steps 1–4 by attempt", "steps 5–6 by this attempt", "also tried: attempt", "was cancelled after",
            "token 4", "{+man in a red shirt+}", "reused from earlier runs: 4 steps", "scores of seed-1.mp4:",
        ] { #expect(tree.contains(words), "\(words) is not in \(tree)") }
    }

    @Test("the page is one well-formed file without scripts, and hostile words stay words")
    func page() throws {
        let workspace = try Workspace(copyOf: TurnBox.done)
        let hostile = "A <script>alert(1)</script> & '<img src=x onerror=y>' is turning"
        try workspace.edit(
            "p.yaml", "- A robot is turning a box in the snow", "- \"\(hostile)\"")
        #expect(try workspace.stepsThatRan().count == 2)
        let step = try #require(
            try workspace.motrans("runs", "--json").document()["runs"] as? [[String: Any]])
        #expect(!step.isEmpty)
        #expect(try workspace.motrans("get", "samples[1]", "--pipeline", "p.yaml", "--to", "out").status == 0)
        #expect(try tags(workspace, "out/seed-1.mp4")["title"] == hostile)
        let page = try workspace.motrans("lineage", "out/seed-1.mp4", "--format", "html")
        #expect(page.status == 0, "\(page.errors)")
        let parser = XMLParser(data: Data(page.output.utf8))
        let elements = Elements()
        parser.delegate = elements
        #expect(parser.parse(), "line \(parser.lineNumber): \(String(describing: parser.parserError))")
        #expect(elements.counts["script"] == nil && elements.counts["link"] == nil && elements.counts["iframe"] == nil)
        #expect(elements.attributes.isDisjoint(with: ["onerror", "onload", "onclick", "href"]))
        // Four frames of the video and four of the clip, all in the file.
        #expect(elements.pictures.count == 8 && elements.pictures.allSatisfy { $0.hasPrefix("data:image/png;base64,") })
        #expect(elements.counts["svg"] == 1 && (elements.counts["details"] ?? 0) == 6)
        #expect(page.output.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#39;&lt;img"))
        #expect(page.output.contains("clip.mp4") && page.output.contains("motrans init --from"))
    }

    @Test("from a clip to all that came from it, wherever the clip lies now")
    func down() throws {
        let workspace = try delivered()
        try FileManager.default.moveItem(
            at: workspace.folder.appending(path: "clip.mp4"), to: workspace.folder.appending(path: "other name.mov"))
        let text = try workspace.motrans("lineage", "other name.mov", "--down")
        #expect(text.status == 0 && text.output.contains("artifacts came from it"), "\(text)")
        let document = try workspace.motrans("lineage", "other name.mov", "--down", "--json").document()
        #expect(try JSONSchema("docs/schemas/lineage.json").problems(ofObject: document) == [])
        let groups = try #require(document["groups"] as? [[String: Any]])
        #expect(
            groups.compactMap { $0["name"] as? String }
                == ["frames", "captions", "embeddings", "LoRAs", "videos", "latents", "scores", "other files"])
        func steps(_ group: String) -> [String] {
            let artifacts = groups.first { $0["name"] as? String == group }?["artifacts"] as? [[String: Any]]
            return artifacts?.compactMap { $0["step"] as? String }.sorted() ?? []
        }
        #expect(steps("LoRAs") == ["appearance", "motion"] && steps("scores") == ["scores"])
        #expect(steps("videos") == [TurnBox.cat, TurnBox.robot])
        let videos = try #require(
            groups.first { $0["name"] as? String == "videos" }?["artifacts"] as? [[String: Any]])
        #expect(videos.allSatisfy { $0["in_store"] as? Bool == true })
        #expect(videos.allSatisfy { ($0["deliveries"] as? [Any])?.count == 1 })
    }

    @Test("init --from writes the pipeline back: from the video alone, and for a stripped one from the cache")
    func recipe() throws {
        let workspace = try delivered()
        try copy(workspace, "v.mp4", "bare.mp4")
        // Here everything is found, and the text is the user's own.
        let written = try workspace.motrans("init", "--from", "v.mp4", "again.yaml")
        #expect(written.status == 0 && written.output == "again.yaml\n", "\(written.errors)")
        #expect(written.errors.contains("clip.mp4  sha256 ") && written.errors.contains("found: clip.mp4"))
        #expect(try workspace.read("again.yaml") == TurnBox.pipeline)
        let refused = try workspace.motrans("init", "--from", "v.mp4", "again.yaml")
        #expect(refused.status == 2 && refused.errors.contains("is there already; nothing was written"))
        let stripped = try workspace.motrans("init", "--from", "bare.mp4", "bare.yaml")
        #expect(stripped.status == 0 && stripped.errors.contains("carries no recipe"), "\(stripped.errors)")
        #expect(try workspace.read("bare.yaml") == TurnBox.pipeline)

        // Elsewhere, with nothing but the video.
        let fresh = try Workspace()
        try workspace.bytes("v.mp4").write(to: fresh.folder.appending(path: "found.mp4"))
        try workspace.bytes("bare.mp4").write(to: fresh.folder.appending(path: "bare.mp4"))
        #expect(try fresh.motrans("init", "--from", "bare.mp4", "x.yaml").status == 3)
        let alone = try fresh.motrans("init", "--from", "found.mp4")
        #expect(alone.status == 0 && alone.output == "turn-box.yaml\n", "\(alone.errors)")
        #expect(alone.errors.contains("NOT FOUND"))
        #expect(!FileManager.default.fileExists(atPath: fresh.folder.appending(path: "cache").path))
        #expect(try fresh.motrans("validate", "turn-box.yaml").status == 2)
        // The clip under a name of its own beside it, in a folder that people use.
        let clips = fresh.folder.appending(path: "clips")
        try FileManager.default.createDirectory(at: clips, withIntermediateDirectories: false)
        try FileManager.default.copyItem(at: Workspace.clip, to: clips.appending(path: "clip.mp4"))
        let again = try fresh.motrans("init", "--from", "found.mp4", "second.yaml")
        #expect(again.errors.contains("found: clips/clip.mp4"), "\(again.errors)")
        let validated = try fresh.motrans("validate", "second.yaml")
        #expect(validated.status == 0, "\(validated.errors)")
    }

    @Test("a recipe of a run with flags has every step written out, and is the same work")
    func explicitRecipe() throws {
        let workspace = try Workspace(copyOf: TurnBox.done)
        let set = ["--set", "samples.guidance=3"]
        #expect(try workspace.stepsThatRan("--set", "samples.guidance=3").count == 3)
        let got = try workspace.run(
            Workspace.binary, ["get", TurnBox.cat, "--pipeline", "p.yaml", "--to", "out"] + set)
        #expect(got.status == 0, "\(got.errors)")
        let written = try workspace.motrans("init", "--from", "out/seed-1.mp4", "flat.yaml")
        #expect(written.status == 0 && written.errors.contains("every step is written out"), "\(written.errors)")
        #expect(try workspace.read("flat.yaml").contains("guidance: 3.0"))
        let validated = try workspace.motrans("validate", "flat.yaml")
        #expect(validated.status == 0, "\(validated.errors)")
        #expect(try workspace.motrans("run", "flat.yaml", "-n").output.hasSuffix("\n6 steps: 6 hit\n"))
    }
}

/// What an XML parser saw.
private final class Elements: NSObject, XMLParserDelegate {
    var counts: [String: Int] = [:]
    var attributes: Set<String> = []
    var pictures: [String] = []

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) {
        counts[name, default: 0] += 1
        self.attributes.formUnion(attributes.keys)
        if name == "img" { pictures.append(attributes["src"] ?? "") }
    }
}

extension Workspace {
    /// The bytes of a file.
    func bytes(_ path: String) throws -> Data { try Data(contentsOf: folder.appending(path: path)) }

    /// The coded pictures of a video.
    func packets(_ path: String) throws -> [Data] {
        var packets: [Data] = []
        try VideoPackets.forEach(in: folder.appending(path: path)) { packets.append(Data($0)) }
        return packets
    }
}
