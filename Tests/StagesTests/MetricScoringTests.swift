import Artifacts
import Formats
import Foundation
import Media
import Models
import StageKit
import Testing

@testable import MetricScoring

@Suite("metric-scoring")
struct MetricScoringTests {
    private let stage = StageDescriptor(MetricScoringStage.self)

    private func videos(_ lines: [(Frames, SampledVideo)], in bench: StageBench) throws -> InputArtifact {
        let url = bench.folder.appending(path: "videos-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        let folder = OutputFolder(url)
        for (frames, video) in lines {
            try VideoWriter.write(frames, framesPerSecond: 8, to: folder.file(video.file))
        }
        SampledVideo.describe(lines.map(\.1), in: folder)
        return try bench.artifact((folder, .videos))
    }

    private func noise(frames: Int, seed: UInt64) -> Frames {
        let clip = TinyParts.clip(frames: frames, seed: seed)
        return Frames(count: frames, height: clip.height, width: clip.width, bytes: clip.pixels)
    }

    private func video(_ file: String, _ prompt: String, entity: String? = nil, seed: Int = 1) -> SampledVideo {
        SampledVideo(file: file, prompt: prompt, entity: entity, seed: seed)
    }

    @Test("videos of several artifacts are scored in order, each by the formulas, and averaged")
    func scores() throws {
        let bench = try StageBench()
        let model = try TinyParts.modelSet(in: bench)
        let first = noise(frames: 5, seed: 3)
        let prompt = "A person is turning a box"
        let artifacts = [
            try videos(
                [
                    (first, video("seed-1.mp4", prompt)),
                    (noise(frames: 5, seed: 4), video("seed-2.mp4", prompt, seed: 2)),
                ], in: bench),
            try videos(
                [(noise(frames: 9, seed: 5), video("seed-1.mp4", "A cat is \"turning\", slowly", entity: "a cat"))],
                in: bench),
        ]
        let references = try TinyParts.frames((6..<9).map { TinyParts.clip(frames: 6, seed: $0) }, in: bench)
        let inputs = ["videos": artifacts, "references": [references]]
        let output = try #require(bench.run(stage, inputs: inputs, model: model)["scores"])
        let scores = try Scores.read(output)
        #expect(scores.videos.map(\.prompt) == [prompt, prompt, "A cat is \"turning\", slowly"])
        #expect(scores.videos.map(\.entity) == ["A person", "A person", "a cat"])
        for video in scores.videos {
            #expect(video.values.keys.sorted() == ["clip_e", "clip_t", "mofid", "mofid_all", "temp_cons"])
            #expect(video.values.values.allSatisfy { (-1...1).contains($0) })
        }
        for (name, mean) in scores.mean {
            #expect(abs(scores.videos.reduce(0) { $0 + ($1.values[name] ?? .nan) } / 3 - mean) < 1e-12)
        }
        // The first video's numbers by hand, from its frames as they are in the file.
        let frames = try VideoReader.sample(#require(artifacts[0].files["seed-1.mp4"]), FrameSampling()).frames
        let byHand = try Reference(model, frames: frames)
        let values = scores.videos[0].values
        #expect(abs(try #require(values["clip_t"]) - (try byHand.similarity(to: prompt))) < 1e-5)
        #expect(abs(try #require(values["clip_e"]) - (try byHand.similarity(to: "A person"))) < 1e-5)
        #expect(abs(try #require(values["temp_cons"]) - byHand.consistency) < 1e-5)
        let table = try String(contentsOf: #require(output.files["scores.csv"]), encoding: .utf8)
        let lines = table.components(separatedBy: "\r\n")
        #expect(lines[0] == "prompt,seed,entity,clip_t,clip_e,temp_cons,mofid,mofid_all")
        #expect(lines[3].hasPrefix("\"A cat is \"\"turning\"\", slowly\",1,a cat,"))
        #expect(lines[4].hasPrefix("mean,,,") && lines.count == 6 && lines[5].isEmpty)
    }

    @Test("the reference is drawn by the seed and the video alone, and the mean over all needs no luck")
    func referenceDraw() throws {
        let bench = try StageBench()
        let model = try TinyParts.modelSet(in: bench)
        let references = try TinyParts.frames((6..<12).map { TinyParts.clip(frames: 6, seed: $0) }, in: bench)
        let lines = (1...4).map {
            (noise(frames: 4, seed: UInt64($0)), video("\($0).mp4", "A box is turning", seed: $0))
        }
        func scores(_ lines: [(Frames, SampledVideo)], seed: Int) throws -> [Int: [String: Double]] {
            let output = try bench.run(
                stage, ["seed": .int(seed), "metrics": .list(["mofid"])],
                inputs: ["videos": [try videos(lines, in: bench)], "references": [references]], model: model)
            let scores = try Scores.read(#require(output["scores"]))
            return Dictionary(uniqueKeysWithValues: scores.videos.map { ($0.seed, $0.values) })
        }
        let all = try scores(lines, seed: 0)
        #expect(try scores(lines.reversed(), seed: 0) == all)
        #expect(try scores([lines[2]], seed: 0)[3] == all[3])
        let others = try (1...5).map { try scores(lines, seed: $0) }
        #expect(others.contains { $0.contains { all[$0.key]?["mofid"] != $0.value["mofid"] } })
        #expect(others.allSatisfy { $0.allSatisfy { all[$0.key]?["mofid_all"] == $0.value["mofid_all"] } })
    }

    @Test("stills, single frames, missing references and prompts without an entity give no NaN")
    func noNaN() throws {
        let bench = try StageBench()
        let model = try TinyParts.modelSet(in: bench)
        let black = Frames(count: 3, height: 32, width: 32, bytes: Array(repeating: 0, count: 3 * 32 * 32 * 3))
        let artifact = try videos(
            [(black, video("still.mp4", "A box is turning")), (black[0], video("single.mp4", "golf swing", seed: 2))],
            in: bench)
        let output = try #require(bench.run(stage, inputs: ["videos": [artifact]], model: model)["scores"])
        let scores = try Scores.read(output)
        #expect(abs(try #require(scores.videos[0].values["temp_cons"]) - 1) < 1e-6)
        #expect(scores.videos[0].values.keys.sorted() == ["clip_e", "clip_t", "temp_cons"])
        #expect(scores.videos[1].values.keys.sorted() == ["clip_t"])
        #expect(scores.videos[1].entity == nil)
        #expect(bench.log.text.contains("MoFid is left out") && bench.log.text.contains("no entity in 'golf swing'"))
        let still = try TinyParts.frames([TinyParts.clip(frames: 1, seed: 1)], in: bench)
        let withStill = try bench.run(
            stage, inputs: ["videos": [artifact], "references": [still]], model: model)
        let fidelity = try Scores.read(#require(withStill["scores"])).mean["mofid"]
        #expect(try #require(fidelity).isFinite)
        let table = try String(contentsOf: #require(output.files["scores.csv"]), encoding: .utf8)
        #expect(!table.lowercased().contains("nan"))
    }

    @Test("only what is asked for is taken and needed")
    func parts() throws {
        let bench = try StageBench()
        func parts(_ metrics: [Value]) throws -> [ModelPart] {
            try stage.modelParts(stage.complete(["metrics": .list(metrics)]))
        }
        #expect(try parts(["clip-t", "clip-e", "temp-cons", "mofid"]) == [.imageEncoder, .tokenizer, .videoEncoder])
        #expect(try parts(["temp-cons"]) == [.imageEncoder])
        #expect(try parts(["mofid"]) == [.videoEncoder])
        var folders = try TinyParts.modelSet(in: bench).folders
        folders[.videoEncoder] = nil
        let without = ModelSet(name: "half", folders: folders)
        let problems = try bench.check(stage, model: without)
        #expect(problems.map(\.subject) == [.model(.videoEncoder)])
        #expect(problems[0].help?.contains("leave mofid out") == true)
        #expect(try bench.check(stage, ["metrics": .list(["clip-t"])], model: without).isEmpty)
        #expect(try bench.check(stage, ["metrics": .list([])], model: without).map(\.subject) == [.setting("metrics")])
        #expect(throws: (any Error).self) {
            try bench.run(stage, inputs: ["videos": []], model: TinyParts.modelSet(in: bench))
        }
    }

    @Test("an image encoder with a vocabulary of its own needs no tokenizer of the set, and uses its own")
    func ownTokenizer() throws {
        let bench = try StageBench()
        var folders = try TinyParts.modelSet(in: bench).folders
        let (encoder, tokenizer) = (try #require(folders[.imageEncoder]), try #require(folders[.tokenizer]))
        folders[.tokenizer] = nil
        let set = ModelSet(name: "own", folders: folders)
        #expect(try bench.check(stage, model: set).map(\.subject) == [.model(.tokenizer)])
        for name in try FileManager.default.contentsOfDirectory(atPath: tokenizer.path(percentEncoded: false)) {
            try FileManager.default.copyItem(at: tokenizer.appending(path: name), to: encoder.appending(path: name))
        }
        #expect(try bench.check(stage, model: set).isEmpty)
        let artifact = try videos([(noise(frames: 2, seed: 1), video("a.mp4", "A box is turning"))], in: bench)
        let output = try bench.run(stage, inputs: ["videos": [artifact]], model: set)["scores"]
        #expect(try Scores.read(#require(output)).mean["clip_e"] != nil)
    }

    @Test(
        "the entity is what stands before the prompt's form of be",
        arguments: [
            ("A green cat is zigzagging on the beach", "A green cat"), ("Two dogs are  running", "Two dogs"),
            ("a MAN Was being chased", "a MAN"), ("golf swing, side view", nil), ("is it", nil), ("", nil),
            ("An island of sand", nil),
        ] as [(String, String?)])
    func entity(_ prompt: String, _ entity: String?) { #expect(Entity.inPrompt(prompt) == entity) }

    @Test("frames are spread as the reference spreads them")
    func spread() {
        #expect(Scorer.spread(16, over: 24) == [0, 1, 3, 4, 6, 7, 9, 10, 12, 13, 15, 16, 18, 19, 21, 23])
        #expect(Scorer.spread(4, over: 1) == [0, 0, 0, 0])
        #expect(Scorer.spread(4, over: 2) == [0, 0, 0, 1])
        #expect(Scorer.spread(1, over: 9) == [0])
    }

    @Test("a cosine without a direction is none, never NaN")
    func cosines() {
        #expect(abs((Cosine.of([1, 0], [1, 1]) ?? 0) - 0.5.squareRoot()) < 1e-15)
        #expect(Cosine.of([0, 0], [1, 1]) == nil)
        #expect(Cosine.of([.nan, 0], [1, 1]) == nil)
        #expect(Cosine.of([1e30, 1e30], [1e30, 1e30]) == 1)
        #expect(Cosine.mean([]) == nil)
        #expect(Cosine.mean([1, nil]) == nil)
        #expect(Cosine.mean([1, 0]) == 0.5)
    }
}
