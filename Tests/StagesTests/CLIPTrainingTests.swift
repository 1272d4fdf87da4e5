import Artifacts
import Autograd
import Formats
import Foundation
import Layers
import Models
import Pretraining
import StageKit
import Tensors
import Testing
import World

@testable import CLIPTraining

@Suite struct CLIPTrainingTests {
    private static let settings: [String: Value] = [
        "steps": .int(2), "batch": .int(8), "window-batch": .int(8), "group": .int(4), "warm-up": .int(1),
        "held-out-videos": .int(3), "measure-every": .int(0),
    ]

    @Test func `a few steps give a CLIP with its tokenizer; the same seed the same bytes, with any number of threads`()
        throws
    {
        let room = try StageRoom(CLIPTrainingStage.self)
        let videos = WorldScenes.videos(16, motions: Motion.base + Motion.heldOut)
        let inputs = ["scenes": try room.scenes("scenes", videos)]
        let result = try room.run(Self.settings, inputs: inputs)
        let model = result.output("model")
        #expect(
            model.files.keys.sorted() == [
                "config.json", "merges.txt", "model.safetensors", "special_tokens_map.json", "tokenizer_config.json",
                "vocab.json",
            ])
        let folder = try #require(model.folder)
        let clip = try CLIPModel(folder: folder)
        let tokenizer = try CLIPTokenizer(folder: folder)
        #expect(tokenizer.maximumLength == 32 && tokenizer.vocabularySize == clip.configuration.text.vocabularySize)
        let ids = tokenizer.encode("a red ball is zigzagging under the sea")
        #expect(tokenizer.encoding("a red ball is zigzagging under the sea").contentCount == 8)
        #expect(clip.textEmbeddings([ids]).shape == [1, 64])
        #expect(clip.imageEmbeddings(Variable(Tensor(zeros: [2, 32, 32, 3]))).shape == [2, 64])
        #expect(clip.vision.configuration.positions == 65)

        #expect(result.progress.map(\.done) == [1, 2] && result.progress.allSatisfy { $0.readings[0].value.isFinite })
        let report = result.output("report")
        #expect(report.files.keys.sorted() == ["confusion.svg", "losses.csv", "losses.svg", "measured.json"])
        let measured = try JSONDecoder().decode(
            ZeroShot.Measured.self, from: Data(contentsOf: try #require(report.files["measured.json"])))
        #expect(measured.confusion.flatMap { $0 }.reduce(0, +) == 6)

        try room.expectSame(result, Self.settings, inputs: inputs)
        let other = try room.run(Self.settings.merging(["seed": .int(1)]) { $1 }, inputs: inputs).output("model")
        #expect(try contents(other)["model.safetensors"] != contents(model)["model.safetensors"])
    }

    @Test func `a single video is refused`() throws {
        let room = try StageRoom(CLIPTrainingStage.self)
        let inputs = ["scenes": try room.scenes("scenes", WorldScenes.videos(1))]
        #expect(
            throws: FormatError.malformed(
                file: "scenes.json", why: "one video is not enough to train and to measure on")
        ) { try room.run(Self.settings, inputs: inputs) }
    }

    @Test func `steps are made of whole groups`() throws {
        let room = try StageRoom(CLIPTrainingStage.self)
        #expect(try room.check() == [])
        let problems = try room.check(["batch": .int(40)])
        #expect(problems.map(\.message) == ["40 is not a multiple of `group`, 16, of which steps are made"])
    }

    @Test func `the image tower starts with keys equal to queries and with sines of places`() throws {
        var configuration = CLIPModel.Configuration()
        (configuration.vision.hiddenSize, configuration.vision.imageSize, configuration.vision.patchSize) = (96, 32, 4)
        let initial = InitialCLIP(RandomWeights(seed: 1), configuration)
        func tensor(_ name: String, _ shape: [Int]) -> Tensor { initial.tensor(name, shape: shape, initial: .ones) }
        let layer = "vision_model.encoder.layers.1.self_attn"
        #expect(tensor("\(layer).k_proj.weight", [96, 96]) == tensor("\(layer).q_proj.weight", [96, 96]))
        #expect(tensor("\(layer).v_proj.weight", [96, 96]) != tensor("\(layer).q_proj.weight", [96, 96]))
        let text = "text_model.encoder.layers.1.self_attn"
        #expect(tensor("\(text).k_proj.weight", [64, 64]) != tensor("\(text).q_proj.weight", [64, 64]))
        #expect(tensor("\(text).k_proj.bias", [64]).values.allSatisfy { $0 == 0 })
        #expect(tensor("\(layer).layer_norm1.weight", [96]).values.allSatisfy { $0 == 1 })
        let positions = tensor("vision_model.embeddings.position_embedding.weight", [65, 96]).values
        // The patch in column 3 of row 2; frequencies begin at π and end at π/8.
        let row = Array(positions[(1 + 2 * 8 + 3) * 96..<(2 + 2 * 8 + 3) * 96])
        for (index, expected) in [
            (0, sin(3 * Double.pi)), (23, sin(3 * Double.pi / 8)), (24, cos(3 * Double.pi)),
            (47, cos(3 * Double.pi / 8)), (48, sin(2 * Double.pi)), (71, sin(2 * Double.pi / 8)),
            (95, cos(2 * Double.pi / 8)),
        ] { #expect(abs(Double(row[index]) - 0.5 * expected) < 1e-6, "\(index)") }
    }
}

@Suite struct PairedCaptionTests {
    private func scene(
        _ subject: Subject = .cat, _ colour: Colour = .red, _ place: Place = .snow, motion: Motion = Motion.base[1],
        seed: UInt64 = 4
    ) -> Scene { Scene(subject: subject, colour: colour, place: place, motion: motion, seed: seed) }

    private func view(_ scene: Scene, frame: Int = 0) -> FrameView { FrameView(video: 0, scene: scene, frame: frame) }

    @Test func `a caption agrees with every image that it does not contradict`() {
        let cat = view(scene())
        func claim(_ subject: Subject, _ colour: Colour?, _ place: Place?) -> PairedCaption {
            PairedCaption(text: "", subject: subject, colour: colour, place: place, isDense: false)
        }
        #expect(claim(.cat, .red, .snow).agrees(with: cat))
        #expect(claim(.cat, nil, nil).agrees(with: cat) && claim(.cat, nil, .snow).agrees(with: cat))
        #expect(!claim(.fish, .red, .snow).agrees(with: cat) && !claim(.fish, nil, nil).agrees(with: cat))
        #expect(!claim(.cat, .blue, nil).agrees(with: cat) && !claim(.cat, nil, .sea).agrees(with: cat))
    }

    @Test func `a dense caption agrees with views that it describes word for word`() {
        // Slides to the left: the first frame is at the right side, the last at the left.
        let scene = scene()
        func dense(_ frame: Int) -> PairedCaption {
            PairedCaption(
                text: scene.denseCaption(frame: frame), subject: .cat, colour: .red, place: .snow, isDense: true)
        }
        #expect(dense(0).text.contains("right") && dense(7).text.contains("left"))
        #expect(dense(0).agrees(with: view(scene, frame: 0)) && !dense(0).agrees(with: view(scene, frame: 7)))
        var mirrored = view(scene, frame: 7)
        mirrored.mirror()
        #expect(dense(0).agrees(with: mirrored) && !dense(7).agrees(with: mirrored))
        #expect(mirrored.x == 1 - scene.poses[7].x)
        var enlarged = view(scene, frame: 0)
        enlarged.enlarge(left: 8, top: 4, side: 16, of: 32)
        #expect(!dense(0).agrees(with: enlarged))
        #expect(abs(enlarged.x - (scene.poses[0].x * 32 - 8) / 16) < 1e-5 && enlarged.size == 2 * scene.poses[0].size)
    }

    @Test func `the mixture of captions is that of the recipe, and none names a path`() {
        var generator = Generator(seed: 5)
        let drawn = (0..<4000).map { _ in PairedCaption.drawn(for: scene(), frame: 3, using: &generator) }
        func share(_ isCounted: (PairedCaption) -> Bool) -> Double { Double(drawn.count(where: isCounted)) / 4000 }
        #expect(abs(share(\.isDense) - 0.12) < 0.02)
        #expect(abs(share { $0.text == "a red cat is sliding left in the snow" } - 0.45) < 0.03)
        #expect(abs(share { $0.text == "a cat" } - 0.08) < 0.02)
        #expect(abs(share { $0.colour == nil } - 0.18) < 0.02 && abs(share { $0.place == nil } - 0.20) < 0.02)
        let path = (0..<200).map { _ in
            PairedCaption.drawn(for: scene(motion: .path(3)), frame: 3, using: &generator)
        }
        #expect(!path.contains { $0.text.contains("path") || $0.text.contains(" is ") })
    }

    @Test func `words become the ids that the tokenizer gives them, padded to the longest caption of a batch`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "world-tokens-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        try TinyModelSet.writeTokenizer(to: folder, maximumLength: 32)
        let tokenizer = try CLIPTokenizer(folder: folder)
        let tokens = WorldTokens(tokenizer)
        var generator = Generator(seed: 2)
        let motions = Motion.base + Motion.heldOut + Motion.extra
        let captions = (0..<300).flatMap { _ in
            let scene = Scene.random(motions: motions, using: &generator)
            return [scene.caption, scene.denseCaption(frame: generator.integer(below: Scene.frames))]
        }
        let rows = tokens.encode(captions)
        let longest = try #require(captions.map { $0.split(separator: " ").count + 2 }.max())
        #expect(longest <= 23)
        for (caption, row) in zip(captions, rows) {
            #expect(row == Array(tokenizer.encode(caption).prefix(longest)), "\(caption)")
        }
        #expect(tokens.classes(rows).allSatisfy { (0..<tokens.known.count).contains($0) })
        #expect(zip(tokens.classes(rows), rows.flatMap { $0 }).allSatisfy { tokens.known[$0] == $1 })
    }
}

@Suite struct PairSamplerTests {
    private let videos = WorldScenes.videos(600, motions: Motion.base + Motion.heldOut, seed: 9)

    private func sampler(_ change: (inout CLIPTrainingSettings) -> Void = { _ in }) -> PairSampler {
        var settings = CLIPTrainingSettings()
        change(&settings)
        return PairSampler(videos, training: 100..<600, settings, grid: 8)
    }

    @Test func `a step at first sees windows around the subjects, later all patches`() {
        var generator = Generator(seed: 1)
        let early = sampler().batch(at: 0.1, using: &generator)
        #expect(early.pixels.shape == [128, 32, 32, 3] && early.captions.count == 128)
        #expect(early.patches?.map(\.count) == Array(repeating: 25, count: 128))
        #expect(early.patches?.allSatisfy { $0.allSatisfy { (0..<64).contains($0) } } == true)
        #expect(early.patchClasses.count == 128 * 25 && early.views.allSatisfy { $0.video >= 100 })
        // Nearly always the middle of a subject is in its window; patches there are named by it.
        let named = early.views.indices.filter { index in
            let subject = Attributes.index(early.views[index].scene.subject)
            return early.patchClasses[index * 25..<(index + 1) * 25].contains(subject)
        }
        #expect(named.count > 120)
        let late = sampler().batch(at: 0.5, using: &generator)
        #expect(late.pixels.shape == [64, 32, 32, 3] && late.patches == nil && late.patchClasses.count == 64 * 64)
    }

    @Test func `patches whose middle lies on the subject are the subject's, all others are not`() {
        var generator = Generator(seed: 3)
        let batch = sampler { $0.zoom = 0 }.batch(at: 0.9, using: &generator)
        for (index, view) in batch.views.enumerated() {
            for patch in 0..<64 {
                let (x, y) = ((Double(patch % 8) + 0.5) / 8, (Double(patch / 8) + 0.5) / 8)
                let distance = hypot(x - Double(view.x), y - Double(view.y))
                let expected = distance < 0.95 * Double(view.size) ? Attributes.index(view.scene.subject) : 12
                guard abs(distance - 0.95 * Double(view.size)) > 1e-6 else { continue }
                #expect(batch.patchClasses[index * 64 + patch] == expected)
            }
        }
    }

    @Test func `hard groups share colour and place, and what is shown is what the video shows`() {
        var generator = Generator(seed: 2)
        let batch = sampler { settings in
            settings.hardShare = 1
            settings.zoom = 0
        }.batch(at: 0.6, using: &generator)
        for group in 0..<4 {
            let scenes = batch.views[group * 16..<(group + 1) * 16].map(\.scene)
            #expect(Set(scenes.map(\.colour)).count == 1 && Set(scenes.map(\.place)).count == 1)
        }
        #expect((0..<64).allSatisfy { batch.matches.values[$0 * 65] == 1 })
        let values = batch.pixels.values
        var mirrored = 0
        for (index, view) in batch.views.enumerated() {
            mirrored += view.isMirrored ? 1 : 0
            let bytes = Array(videos.frame(view.frame, of: view.video))
            for (row, column) in [(0, 0), (5, 20), (31, 31), (16, 7)] {
                let source = (row * 32 + (view.isMirrored ? 31 - column : column)) * 3
                let expected = (Float(bytes[source]) / 255 - 0.48145466) / 0.26862954
                #expect(abs(values[((index * 32 + row) * 32 + column) * 3] - expected) < 1e-5)
            }
        }
        #expect((10..<54).contains(mirrored))
    }

    @Test func `patches on subjects and all others count half each`() {
        let expected: [Float] = [0.25, 0.125, 0.125, 0.125, 0.125, 0.25]
        #expect(CLIPRecipe.balanced([3, 12, 12, 12, 12, 5]) == expected)
    }

    @Test func `soft targets leave the entropy that they have`() {
        // Both captions fit both images: log 2 along either axis.
        #expect(abs(CLIPRecipe.entropy(Tensor([2, 2], repeating: 1)) - log(2)) < 1e-9)
        #expect(CLIPRecipe.entropy(Tensor([2, 2], [1, 0, 0, 1])) == 0)
    }

    @Test func `variance between groups is a share of all variance`() {
        #expect(abs(ZeroShot.share([[0, 1], [0, 1], [4, 1], [4, 1]], ["a", "a", "b", "b"]) - 1) < 1e-12)
        #expect(abs(ZeroShot.share([[0], [4], [0], [4]], ["a", "a", "b", "b"])) < 1e-12)
    }
}
