import Artifacts
import Autograd
import Checkpoints
import Formats
import Foundation
import Layers
import Media
import Models
import Pretraining
import Recaption
import StageKit
import Tensors
import Testing
import World

@testable import CaptionerTraining

@Suite struct CaptionerTrainingTests {
    private static let settings: [String: Value] = [
        "steps": .int(2), "batch": .int(4), "warm-up": .int(1), "held-out-videos": .int(2), "measure-every": .int(1),
        "width": .int(32), "layers": .int(2), "inner-width": .int(48),
    ]

    private func inputs(_ room: StageRoom, _ videos: SceneVideos) throws -> [String: InputArtifact] {
        ["scenes": try room.scenes("scenes", videos), "clip": try TrainedParts.clip(in: room)]
    }

    @Test
    func `a few steps give a LLaVA with its tokenizer; the same seed the same bytes, with any number of threads`()
        throws
    {
        let room = try StageRoom(CaptionerTrainingStage.self)
        let inputs = try inputs(room, WorldScenes.videos(8, motions: Motion.base + Motion.heldOut))
        let result = try room.run(Self.settings, inputs: inputs)
        let model = result.output("model")
        #expect(
            model.files.keys.sorted() == [
                "config.json", "generation_config.json", "model.safetensors", "preprocessor_config.json",
                "processor_config.json", "tokenizer.json", "tokenizer_config.json",
            ])
        #expect(model.attributes == .map(["chat": "<image> describe", "maximum-tokens": .int(32)]))
        let folder = try #require(model.folder)
        let set = ModelSet(name: "captioning", folders: [.captioner: folder])
        #expect(checkModel(set, parts: [.captioner]).map(\.message) == [])
        let captioner = try set.captioner()
        // Patches and the class token.
        #expect(captioner.configuration.imageTokens == 65 && captioner.configuration.visionLayers == 3)
        let tokenizer = try set.captionerTokenizer()
        #expect(tokenizer.vocabularySize == captioner.configuration.text.vocabularySize)
        let image = captioner.configuration.imageID
        let prompt = tokenizer.encode("<image> describe")
        #expect(prompt == [1, image, try #require(tokenizer.id(of: "▁describe"))])
        let asked = prompt.flatMap { Array(repeating: $0, count: $0 == image ? 65 : 1) }
        let answer = captioner.generate(asked, Variable(Tensor(zeros: [1, 64, 64, 3])), maximumTokens: 5)
        #expect(answer.ids.count <= 5)

        #expect(result.progress.map(\.done) == [1, 2] && result.progress.allSatisfy { $0.readings[0].value.isFinite })
        let report = result.output("report")
        #expect(report.files.keys.sorted() == ["captions.csv", "losses.csv", "losses.svg", "measured.json"])
        let measured = try JSONDecoder().decode(
            CaptionTest.Measured.self, from: Data(contentsOf: try #require(report.files["measured.json"])))
        #expect(measured.captions == 4 && measured.exact == 0)

        try room.expectSame(result, Self.settings, inputs: inputs)
        let other = try room.run(Self.settings.merging(["seed": .int(1)]) { $1 }, inputs: inputs).output("model")
        #expect(try contents(other)["model.safetensors"] != contents(model)["model.safetensors"])
    }

    @Test func `the image encoder begins as CLIP's, and stays so at a rate of 0`() throws {
        let room = try StageRoom(CaptionerTrainingStage.self)
        let inputs = try inputs(room, WorldScenes.videos(4))
        let clip = try Checkpoint.open(#require(inputs["clip"]?.folder))
        func trained(_ rate: Double) throws -> Checkpoint {
            let settings = Self.settings.merging(["image-rate": .double(rate), "weight-decay": .double(0)]) { $1 }
            return try Checkpoint.open(#require(room.run(settings, inputs: inputs).output("model").folder))
        }
        let (resting, moving) = (try trained(0), try trained(0.5))
        var count = 0
        for name in resting.names where name.hasPrefix("vision_tower.vision_model.") {
            let ofCLIP = String(name.dropFirst("vision_tower.".count))
            count += 1
            #expect(try resting.tensor(name) == clip.tensor(ofCLIP), "\(name)")
        }
        #expect(count == clip.names.count { $0.hasPrefix("vision_model.") })
        let patches = "vision_tower.vision_model.embeddings.patch_embedding.weight"
        #expect(try moving.tensor(patches) != resting.tensor(patches))
    }

    @Test func `a handful of scenes is learned by heart, and the recaption stage writes their dense captions`() throws {
        let room = try StageRoom(CaptionerTrainingStage.self)
        var generator = Generator(seed: 6)
        let some = (0..<3).map { _ in Scene.random(motions: [Motion.base[0]], using: &generator) }
        // Those that are measured on are those that are learned.
        let scenes = some + some
        let videos = SceneVideos(scenes: scenes, side: 32, pixels: scenes.flatMap { $0.pixels() })
        let result = try room.run(
            [
                "steps": .int(90), "batch": .int(6), "warm-up": .int(5), "learning-rate": .double(4e-3),
                "width": .int(48), "layers": .int(2), "inner-width": .int(96), "mirror": .double(0),
                "average-decay": .double(0.9), "held-out-videos": .int(3), "measure-every": .int(0),
            ], inputs: inputs(room, videos))
        let report = result.output("report")
        let measured = try JSONDecoder().decode(
            CaptionTest.Measured.self, from: Data(contentsOf: try #require(report.files["measured.json"])))
        #expect(measured.exact == 1 && measured.subject == 1 && measured.place == 1, "\(measured.summary)")
        let losses = result.progress.map { $0.readings[0].value }
        #expect(try #require(losses.last) < 0.3 * losses[0])

        // A clip as it is drawn, and one as people look at it: each pixel a square of 8 x 8.
        let clips = [(0, 1), (1, 8)].map { scene, factor in
            let picture = Array(videos.frame(0, of: scene))
            let side = 32 * factor
            let pixels = (0..<side * side * 3).map { index in
                let (row, column) = (index / (side * 3) / factor, index / 3 % side / factor)
                return picture[(row * 32 + column) * 3 + index % 3]
            }
            return ClipFrames(
                pixels: pixels, frames: 1, height: side, width: side, fps: 4, prompt: scenes[scene].caption)
        }
        let model = result.output("model")
        let set = ModelSet(name: "captioning", folders: [.captioner: try #require(model.folder)])
        let bench = try StageBench()
        let captions = try #require(
            bench.run(
                StageDescriptor(RecaptionStage.self),
                ["captioner": "model"].merging(model.attributes.map ?? [:]) { $1 },
                inputs: ["frames": [TinyParts.frames(clips, in: bench)]],
                model: set)["captions"])
        #expect(try Caption.read(captions).map(\.caption) == [0, 1].map { scenes[$0].denseCaption(frame: 0) })
        // It was not told the prompt: that it does not say `resting` is no loss.
        #expect(clips.allSatisfy { $0.prompt.contains("resting") } && !bench.log.text.contains("the caption lost"))
    }

    @Test func `a single video, and an input that is no CLIP, are refused`() throws {
        let room = try StageRoom(CaptionerTrainingStage.self)
        var inputs = try inputs(room, WorldScenes.videos(1))
        #expect(
            throws: FormatError.malformed(
                file: "scenes.json", why: "one video is not enough to train and to measure on")
        ) { try room.run(Self.settings, inputs: inputs) }
        inputs["scenes"] = try room.scenes("two", WorldScenes.videos(2))
        inputs["clip"] = try TrainedParts.videoEncoder(in: room)
        #expect(
            throws: FormatError.malformed(
                file: "config.json",
                why: "it has no `vision_config`: the input `clip` is no CLIP with an image encoder")
        ) { try room.run(Self.settings, inputs: inputs) }
    }

    @Test func `heads that do not fit and chats that change are refused`() throws {
        let room = try StageRoom(CaptionerTrainingStage.self)
        #expect(try room.check() == [])
        func problem(_ settings: [String: Value]) throws -> [String] {
            try room.check(settings).map { "\($0.subject) \($0.message)" }
        }
        let heads = try room.check(["heads": .int(5)])
        #expect(
            heads.map(\.message) == [
                "5 heads do not share 96 channels in even parts, as rotary embeddings need them"
            ])
        #expect(heads.map(\.subject) == [.setting("heads")])
        for chat in ["describe", "<image> or <image>", "<image> {question}", "<image> {prompt} in {words}"] {
            #expect(try room.check(["chat": .string(chat)]).map(\.subject) == [.setting("chat")], "\(chat)")
        }
        #expect(try room.check(["chat": "USER: <image>\nwhat is it? ASSISTANT:"]) == [])
    }
}

@Suite struct CaptionerTokenizerTests {
    private func tokenizer(_ words: CaptionerTokenizer) throws -> LanguageTokenizer {
        let folder = FileManager.default.temporaryDirectory.appending(path: "captioner-tokenizer-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try words.write(to: OutputFolder(folder), maximumLength: 256)
        return try LanguageTokenizer(folder: folder)
    }

    @Test func `every word of every caption is one token, and the sentence comes back with its spaces`() throws {
        let words = CaptionerTokenizer(words: WorldVocabulary.words)
        let tokenizer = try tokenizer(words)
        #expect(tokenizer.vocabularySize == words.count)
        #expect(tokenizer.id(of: "<image>") == words.imageID && tokenizer.id(of: "<pad>") == words.padID)
        #expect(
            tokenizer.id(of: "</s>") == CaptionerTokenizer.endID && tokenizer.prefix == [CaptionerTokenizer.startID])
        var generator = Generator(seed: 4)
        let motions = Motion.base + Motion.heldOut + Motion.extra
        for _ in 0..<1500 {
            let scene = Scene.random(motions: motions, using: &generator)
            for caption in [scene.denseCaption(frame: generator.integer(below: Scene.frames)), scene.caption] {
                let ids = tokenizer.encode(caption, addsSpecialTokens: false)
                #expect(ids.count == caption.split(separator: " ").count, "\(caption)")
                #expect(tokenizer.decode(ids + [CaptionerTokenizer.endID, words.padID]) == caption)
            }
        }
    }

    @Test func `other texts are spelt and come back, quotation marks and all`() throws {
        let words = CaptionerTokenizer(words: ["say", "\"so\"", "so", "back\\slash"])
        let tokenizer = try tokenizer(words)
        for text in ["say \"so\"", "say\nsömething else", "back\\slash so", "saying so"] {
            #expect(tokenizer.decode(tokenizer.encode(text)) == text)
        }
        #expect(tokenizer.encode("say \"so\" so back\\slash").count == 5)
        #expect(words.file == CaptionerTokenizer(words: ["so", "say", "back\\slash", "\"so\"", "so"]).file)
    }
}

@Suite struct CaptionPartsTests {
    @Test func `a caption says what it was made of`() {
        var generator = Generator(seed: 8)
        for _ in 0..<300 {
            let scene = Scene.random(motions: Motion.base, using: &generator)
            let parts = CaptionParts(scene.denseCaption(frame: 3))
            #expect(parts.subject == scene.subject.rawValue && parts.colour == scene.colour.rawValue)
            #expect(parts.place == scene.place && ["small", "medium", "large"].contains(parts.size))
        }
        let parts = CaptionParts("a small red ball with a stripe at the top left on the grass with green ground")
        #expect(parts.size == "small" && parts.position == "top left" && parts.place == .grass)
        let other = CaptionParts("a ball at middle")
        #expect(other.subject == "middle" || other.place == nil)
        #expect(CaptionParts("") == CaptionParts(" "))
    }

    @Test func `shares count the parts that are right`() {
        var generator = Generator(seed: 8)
        let scene = Scene.random(motions: Motion.base, using: &generator)
        let told = scene.denseCaption(frame: 0)
        let colour: Colour = scene.colour == .red ? .blue : .red
        let wrong = told.replacing(" \(scene.colour.rawValue) ", with: " \(colour.rawValue) ", maxReplacements: 1)
        let lines = [told, wrong, ""].map { CaptionTest.Line(scene: scene, told: told, said: $0) }
        let measured = CaptionTest.measured(lines)
        #expect(measured.captions == 3 && measured.exact == 1.0 / 3 && measured.colour == 1.0 / 3)
        #expect(measured.subject == 2.0 / 3 && measured.size == 2.0 / 3 && measured.position == 2.0 / 3)
        #expect(measured.place == 2.0 / 3 && measured.bySubject == [scene.subject.rawValue: 2.0 / 3])
        let table = CaptionTest.table(lines).split(separator: "\n")
        #expect(
            table[0] == "verdict,caption,said" && table[1] == "wrong,\"\(told)\",\"\(wrong)\""
                && table[3].hasPrefix("right,"))
    }
}

@Suite struct CaptionSamplerTests {
    private let videos = WorldScenes.videos(6, motions: Motion.base + Motion.heldOut, seed: 3)

    @Test func `mirrored frames have left and right exchanged, in picture and caption`() throws {
        func batch(_ mirror: Double) -> (pixels: Tensor, captions: [String]) {
            var settings = CaptionerTrainingSettings()
            (settings.batch, settings.mirror, settings.soften) = (40, mirror, 0)
            var generator = Generator(seed: 2)
            return CaptionSampler(videos, training: 2..<6, settings, size: 32).batch(using: &generator)
        }
        let all = batch(1)
        #expect(all.pixels.shape == [40, 32, 32, 3] && all.captions.count == 40)
        let known = (2..<6).flatMap { video in
            (0..<Scene.frames).map { frame in
                let picture = Frames(count: 1, height: 32, width: 32, bytes: Array(videos.frame(frame, of: video)))
                return (
                    pixels: ImagePreprocessing.llava(size: 32)(picture.mirrored()).values,
                    caption: WorldVocabulary.mirrored(videos.scenes[video].denseCaption(frame: frame))
                )
            }
        }
        for (row, caption) in all.captions.enumerated() {
            let pixels = Kernels.rows(all.pixels, row..<row + 1).values
            #expect(known.contains { $0.pixels == pixels && $0.caption == caption })
        }
        #expect(batch(0).captions.allSatisfy { !$0.isEmpty })
    }

    @Test func `softening is what enlarging to squares and reducing again does`() {
        let picture = Frames(count: 1, height: 32, width: 32, bytes: Array(videos.frame(2, of: 1)))
        let enlarged = (0..<256 * 256 * 3).map { index in
            let (row, column) = (index / (256 * 3) / 8, index / 3 % 256 / 8)
            return picture.bytes[(row * 32 + column) * 3 + index % 3]
        }
        let preprocessing = ImagePreprocessing.llava(size: 32)
        let reduced = preprocessing(Frames(count: 1, height: 256, width: 256, bytes: enlarged)).values
        func difference(_ frames: Frames) -> Float {
            zip(preprocessing(frames).values, reduced).reduce(0) { $0 + abs($1.0 - $1.1) }
        }
        #expect(difference(picture.softened(0.094)) < 0.5 * difference(picture))
        #expect(picture.softened(0) == picture)
    }
}
