import Artifacts
import Autograd
import CaptionerTraining
import Checkpoints
import Foundation
import Formats
import ModelAssembly
import Models
import Pretraining
import Sampling
import StageKit
import Tensors
import Testing
import UNetTraining
import World

@Suite struct ModelAssemblyTests {
    private let room: StageRoom
    private let bench: StageBench
    private let stage = StageDescriptor(ModelAssemblyStage.self)

    init() throws {
        room = try StageRoom(UNetTrainingStage.self, model: nil)
        bench = try StageBench()
    }

    /// Trained for a step; but for CLIP and the video encoder, which are untrained.
    private func parts() throws -> [String: [InputArtifact]] {
        var generator = Generator(seed: 2)
        let scenes = (0..<2).map { _ in Scene.random(motions: Motion.base, using: &generator) }
        let latents = SceneLatents(scenes: SceneList(scenes), values: generator.normal([2, Scene.frames, 8, 8, 4]))
        let clip = try TrainedParts.clip(in: room)
        let unet = try room.run(
            [
                "steps": .int(1), "batch": .int(2), "channels": .list([.int(16)]), "groups": .int(8),
                "phase": "image",
            ],
            inputs: [
                "latents": room.artifact(.sceneLatents, "latents") { try latents.write(to: $0) }, "clip": clip,
            ])
        return [
            "unet": [unet.output("model")], "vae": [try TrainedParts.autoencoder(in: room)], "clip": [clip],
            "video-encoder": [try TrainedParts.videoEncoder(in: room)],
        ]
    }

    private func folders(_ set: InputArtifact) throws -> [ModelPart: URL] {
        let folder = try #require(set.folder)
        let text = try String(contentsOf: folder.appending(path: "model.yaml"), encoding: .utf8)
        var folders: [ModelPart: URL] = [:]
        for line in text.split(separator: "\n") {
            let sides = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            guard sides.count == 2, let part = ModelPart(rawValue: sides[0]) else { continue }
            folders[part] = folder.appending(path: sides[1])
        }
        return folders
    }

    @Test(arguments: ["float16", "float32"])
    func `a set whose parts belong together, with a card, that samples`(storage: String) throws {
        var inputs = try parts()
        let report = try room.artifact(.trainingReport, "report") {
            try Data(
                "{\"meanScore\" : 0.123456, \"byMotion\" : {\"b\" : 1, \"a\" : 0.5}, \"confusion\" : [[1]]}\n".utf8
            ).write(to: $0.file("measured.json"))
        }
        let empty = try room.artifact(.trainingReport, "empty") {
            try Data("step,loss\n".utf8).write(to: $0.file("losses.csv"))
        }
        inputs["reports"] = [report, empty]
        let settings: [String: Value] = ["storage": .string(storage), "name": "small", "enlarge": .int(2)]
        let set = try #require(bench.run(stage, settings, inputs: inputs)["model"])
        let again = try #require(bench.run(stage, settings, inputs: inputs)["model"])
        let files = set.files.filter { $0.key.contains(".") }
        #expect(files.keys.sorted() == again.files.keys.filter { $0.contains(".") }.sorted())
        for (path, file) in files {
            #expect(try Data(contentsOf: file) == Data(contentsOf: #require(again.files[path])), "\(path)")
        }

        let folders = try folders(set)
        let expected: [ModelPart] = [
            .unet, .vae, .textEncoder, .tokenizer, .scheduler, .imageEncoder, .videoEncoder,
        ]
        #expect(Set(folders.keys) == Set(expected))
        let model = ModelSet(name: "small", folders: folders)
        #expect(checkModel(model, parts: expected).map(\.message) == [])
        for (part, folder) in folders where ![.tokenizer, .scheduler].contains(part) {
            #expect(ModelFolder.check(folder) == [], "\(part)")
            let checkpoint = try Checkpoint.open(folder)
            #expect(checkpoint.names.allSatisfy { "\(checkpoint.entry($0)?.type, default: "")" == storage })
        }
        // The text encoder is CLIP's text tower.
        let ids = try model.tokenizer().encode("a red ball is zigzagging")
        let states = try model.textEncoder()([ids]).value
        #expect(try states == model.imageEncoder().text([ids]).value)

        let yaml = try String(contentsOf: #require(set.files["model.yaml"]), encoding: .utf8)
        #expect(
            yaml.contains(
                "motion-training: {steps: 400, rank: 16, gradient-clip: 1, learning-rate: 0.005, schedule: cosine, high-noise: 0.5, "
                    + "injector-learning-rate: 0.0001, normalize-image-embedding: true}\n"))
        #expect(yaml.contains("name: small\n") && yaml.contains("width: 32, height: 32, fps: 4, enlarge: 2}\n"))
        let card = try String(contentsOf: #require(set.files["README.md"]), encoding: .utf8)
        #expect(
            card.hasPrefix("# small\n")
                && card.hasSuffix(
                    "not seen:\n\n| measured | value |\n|---|---|\n| by motion | a 0.5, b 1 |\n| mean score | 0.1235 |\n"
                ))
        #expect(card.contains("| vae | `\(String(repeating: "0", count: 64))` | "))
        let index = try JSONSerialization.jsonObject(with: Data(contentsOf: #require(set.files["model_index.json"])))
        #expect((index as? [String: Any])?["_class_name"] as? String == "TextToVideoSDPipeline")

        let sampling = try StageRoom(SamplingStage.self, model: model)
        let videos = try sampling.run([
            "prompt": "A red ball is rising", "width": .int(32), "height": .int(32), "frames": .int(2),
            "inference-steps": .int(1), "guidance": .double(2),
        ]).output("videos")
        #expect(try SampledVideo.read(videos).count == 1)
    }

    @Test func `a captioner comes with what it is to be told`() throws {
        var inputs = try parts()
        let captioners = try StageRoom(CaptionerTrainingStage.self)
        let trained = try captioners.run(
            ["steps": .int(1), "batch": .int(2), "held-out-videos": .int(1), "chat": "<image> \"say\""],
            inputs: [
                "scenes": captioners.scenes("scenes", WorldScenes.videos(2)),
                "clip": TrainedParts.clip(in: captioners),
            ]
        ).output("model")
        func yaml(_ captioner: InputArtifact) throws -> (String, [ModelPart: URL]) {
            inputs["captioner"] = [captioner]
            let set = try #require(bench.run(stage, inputs: inputs)["model"])
            return (
                try String(contentsOf: #require(set.files["model.yaml"]), encoding: .utf8), try self.folders(set)
            )
        }
        let (text, folders) = try yaml(trained)
        #expect(
            text.contains(
                """

                captioner: captioner
                recommended:
                  frame-extraction: {frames: 8, size: [32, 32], fps: 4}
                  recaption: {captioner: model, chat: "<image> \\"say\\"", maximum-tokens: 32}
                  spatial-lora-training: {
                """))
        #expect(checkModel(ModelSet(name: "small", folders: folders), parts: [.captioner]).map(\.message) == [])
        // One of the user's own says nothing of how it was trained.
        let own = InputArtifact(
            digest: trained.digest, kind: trained.kind, files: trained.files, folder: trained.folder,
            attributes: .null)
        #expect(try yaml(own).0.contains("\n  recaption: {captioner: model}\n  spatial"))
    }

    @Test func `without reports the card claims no measurements`() throws {
        let set = try #require(bench.run(stage, inputs: parts())["model"])
        let card = try String(contentsOf: #require(set.files["README.md"]), encoding: .utf8)
        #expect(!card.contains("What was measured") && card.hasSuffix(" KiB in float32 |\n"))
    }

    @Test func `parts that are something else are refused, as are names that YAML would read otherwise`() throws {
        let whole = try parts()
        var inputs = whole
        inputs["unet"] = whole["vae"]
        #expect(throws: FormatError.missingFile(file: "scheduler_config.json", kind: "model")) {
            try bench.run(stage, inputs: inputs)
        }
        inputs = whole
        inputs["clip"] = whole["vae"]
        #expect(throws: FormatError.self) { try bench.run(stage, inputs: inputs) }
        for name in ["a: b", "", "null", "../x", "7"] {
            #expect(try bench.check(stage, ["name": .string(name)]).map(\.subject) == [.setting("name")], "\(name)")
        }
        #expect(try bench.check(stage, ["name": "tiny-2.1_a"]) == [])
    }
}
