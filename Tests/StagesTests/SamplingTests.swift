import Artifacts
import Autograd
import Checkpoints
import Diffusion
import Formats
import Foundation
import Layers
import Media
import Models
import Sampling
import StageKit
import Tensors
import Testing

@Suite struct SamplingTests {
    private let room: StageRoom
    private let settings: [String: Value] = [
        "width": .int(32), "height": .int(16), "frames": .int(3), "inference-steps": .int(2), "guidance": .double(3),
    ]
    private let element: Value = .map(["prompt": .string("A blue robot is zigzagging"), "entity": .string("a robot")])

    init() throws { room = try StageRoom(SamplingStage.self) }

    private func settings(_ more: [String: Value]) -> [String: Value] { settings.merging(more) { $1 } }

    private func latents(_ result: StageRoom.Result, seed: Int = 1) throws -> Tensor {
        let file = try #require(result.output("latents").files["seed-\(seed).safetensors"])
        return try Checkpoint.open(file).tensor("latents")
    }

    private func adapter(residual: Float = 0.5) throws -> InputArtifact {
        let unet = try TrainingWorld.model.unet()
        let enhancer = MotionEnhancer(video: 64, token: 64, hidden: 8, using: Generator(seed: 1))
        enhancer.variables[3].assign(Tensor([64], repeating: residual))
        let lora = try LoRA(
            targets: LoRATargets.temporal.choose(unet.weights.linears), rank: 2, from: ReferenceFill())
        let injector = AppearanceInjector(sites: AppearanceInjector.Site.all(in: unet.weights), embedding: 64)
        for weight in injector.variables { weight.assign(ReferenceFill.input("w", weight.shape)) }
        let adapter = MotionAdapter(
            temporalLoRA: lora, injector: injector, enhancer: enhancer,
            videoEmbedding: ReferenceFill.input("v", [64]), residualEmbedding: Tensor([64], repeating: residual),
            facts: MotionAdapter.Facts(motion: "zigzagging", span: .verb, prompts: ["a"]))
        return try room.artifact(.motionAdapter, "motion") { try adapter.write(to: $0.url) }
    }

    @Test func `noise of the user's is looked at before anything runs`() throws {
        func problems(_ shape: [Int], _ name: String = "latents", value: Float = 0) throws -> [StageProblem] {
            let url = room.root.appending(path: "noise-\(UUID().uuidString).safetensors")
            try SafetensorsFile.write([name: Tensor(shape, repeating: value)], to: url)
            let file = SourceInput(kind: .latents, files: [.init(path: "0.safetensors", url: url)])
            return try room.check(settings, element: element, sources: ["noise": [file]])
        }
        #expect(try problems([1, 4, 3, 4, 8]).isEmpty)
        for (wrong, why) in [
            (try problems([1, 3, 3, 4, 8]), "has 3 channels where the model's autoencoder has 4"),
            (try problems([2, 4, 3, 4, 8]), "are [2, 4, 3, 4, 8], not [1, c, f, h, w]"),
            (try problems([1, 4, 1001, 1, 1]), "of at most 1000 frames"),
            (try problems([1, 4, 3, 4, 8], "noise"), "it has no tensor `latents`"),
            (try problems([1, 4, 3, 4, 8], value: .nan), "numbers that are not finite"),
        ] {
            #expect(wrong.map(\.subject) == [.input(port: "noise", index: 0)], "\(why)")
            #expect(wrong.first?.message.contains(why) == true, "\(wrong)")
        }
    }

    @Test func `noise that is given stands for drawn noise, and brings its size`() throws {
        // What torch draws for seed 4, under another name.
        var generator = TorchGenerator(seed: 4)
        let noise = Latents.noise(frames: 3, height: 4, width: 8, channels: 4, using: &generator)
        func given(_ files: [String: Tensor]) throws -> [String: InputArtifact] {
            let artifact = try room.artifact(.latents, "noise-\(files.count)-\(files.keys.sorted())") { output in
                for (name, tensor) in files {
                    try SafetensorsFile.write(
                        ["latents": Latents.channelsFirst(tensor)], to: output.file(name))
                }
            }
            return ["noise": artifact]
        }
        let drawn = try room.run(settings(["seeds": .list([.int(4)])]), element: element)
        // A size in the settings that is not the noise's.
        let small = ["width": Value.int(64), "height": .int(64), "frames": .int(9)]
        let one = try room.run(settings(small), inputs: given(["0.safetensors": noise]), element: element)
        #expect(try latents(one) == latents(drawn, seed: 4))
        let other = Kernels.scale(noise, by: 0.5)
        let both = try room.run(
            settings(["seeds": .list([.int(4), .int(7)])]),
            inputs: given(["seed-4.safetensors": noise, "seed-7.safetensors": other]), element: element)
        #expect(try latents(both, seed: 4) == latents(drawn, seed: 4))
        #expect(try latents(both, seed: 7) != latents(drawn, seed: 4))
        #expect(throws: SamplingError.noNoise(seed: 1)) {
            try room.run(
                settings, inputs: given(["seed-4.safetensors": noise, "seed-7.safetensors": other]), element: element)
        }
        #expect(throws: SamplingError.noiseChannels(found: 3, expected: 4)) {
            try room.run(
                settings, inputs: given(["0.safetensors": Tensor(zeros: [1, 3, 4, 8, 3])]), element: element)
        }
        #expect(throws: FormatError.self) {
            try room.run(
                settings, inputs: given(["0.safetensors": Tensor(zeros: [2, 3, 4, 8, 4])]), element: element)
        }
    }

    @Test func `one video per seed, readable, with latents in torch's layout; the same seed gives the same bytes`()
        throws
    {
        let result = try room.run(settings(["seeds": .list([.int(1), .int(4)])]), element: element)
        let videos = try SampledVideo.read(result.output("videos"))
        #expect(videos.map(\.video.seed) == [1, 4] && videos.allSatisfy { $0.video.entity == "a robot" })
        #expect(try latents(result).shape == [1, 4, 3, 4, 8])
        #expect(try latents(result).values.allSatisfy(\.isFinite) && latents(result) != latents(result, seed: 4))
        #expect(result.progress.map(\.done) == [1, 2, 3, 4] && result.progress[0].total == 4)
        for (_, url) in videos { #expect(try Data(contentsOf: url).count > 200) }
        let again = try room.run(settings(["seeds": .list([.int(4), .int(1)])]), element: element)
        #expect(try contents(again.output("videos")) == contents(result.output("videos")))
        #expect(try contents(again.output("latents")) == contents(result.output("latents")))
    }

    @Test func `videos are enlarged for eyes, latents are not; a sheet shows a row of frames for each seed`() throws {
        #expect(SamplingStage.version == 4 && SamplingStage.outputs.map(\.name) == ["videos", "latents", "sheet"])
        let seeds: [String: Value] = ["seeds": .list([.int(1), .int(4)])]
        let plain = try room.run(settings(seeds), element: element)
        let large = try room.run(settings(seeds.merging(["enlarge": .int(3)]) { $1 }), element: element)
        #expect(try contents(large.output("latents")) == contents(plain.output("latents")))
        func frames(_ result: StageRoom.Result) throws -> Frames {
            let file = try #require(result.output("videos").files["seed-4.mp4"])
            return try VideoReader.sample(file, FrameSampling()).frames
        }
        #expect(try frames(plain).shape == [3, 16, 32, 3] && frames(large).shape == [3, 48, 96, 3])
        func sheet(_ result: StageRoom.Result) throws -> Frames {
            #expect(result.output("sheet").files.keys.sorted() == ["sheet.png"])
            return try Frames(contentsOf: #require(result.output("sheet").files["sheet.png"]))
        }
        let small = try sheet(plain)
        #expect(small.shape == [1, 16 + 2 + 16, 3 * 32, 3])
        #expect(try sheet(large) == small.enlarged(3))
    }

    @Test func `a video that would be larger than its format can have is refused before it is sampled`() throws {
        let large = settings(["width": .int(512), "enlarge": .int(33)])
        let problems = try room.check(large, element: element, unconnected: ["frames"])
        #expect(problems.map(\.subject) == [.setting("enlarge")])
        #expect(problems[0].message.hasPrefix("enlarged, the video is 16896 x 528, "))
        #expect(throws: SamplingError.tooLarge(width: 16896, height: 528)) { try room.run(large, element: element) }
        #expect(try room.check(settings(["width": .int(512), "enlarge": .int(32)]), element: element) == [])
    }

    @Test func `guidance that is brought back gives another video, where there is guidance`() throws {
        let plain = try latents(room.run(settings, element: element))
        #expect(try latents(room.run(settings(["guidance-rescale": .double(0.7)]), element: element)) != plain)
        #expect(try latents(room.run(settings(["guidance-rescale": .double(0)]), element: element)) == plain)
        let alone = settings(["guidance": .double(1)])
        let rescaled = alone.merging(["guidance-rescale": .double(0.7)]) { $1 }
        #expect(try latents(room.run(rescaled, element: element)) == latents(room.run(alone, element: element)))
    }

    @Test func `{motion} in a prompt is the setting, else the motion of the first reference's prompt`() throws {
        func prompt(_ result: StageRoom.Result) throws -> String {
            try #require(SampledVideo.read(result.output("videos")).first).video.prompt
        }
        let open: Value = .map(["prompt": .string("A blue robot is {motion}"), "entity": .string("a robot")])
        let explicit = try room.run(settings, element: element)
        let bySetting = try room.run(settings(["motion": .string("zigzagging")]), element: open)
        #expect(try prompt(bySetting) == "A blue robot is zigzagging")
        #expect(try latents(bySetting) == latents(explicit))
        let clips = ["is jumping on the grass", "is swinging"].map { TrainingWorld.clip(prompt: "A red ball \($0)") }
        let inputs = ["frames": try room.artifact(.frames, "frames") { try ClipFrames.write(clips, to: $0) }]
        let own = settings(["sized-by": .string("settings")])
        #expect(try prompt(room.run(own, inputs: inputs, element: open)) == "A blue robot is jumping")
        let both = own.merging(["motion": .string("zigzagging")]) { $1 }
        #expect(try prompt(room.run(both, inputs: inputs, element: open)) == "A blue robot is zigzagging")
        let twice = own.merging(["prompt": .string("{motion} and {motion}")]) { $1 }
        #expect(try prompt(room.run(twice, inputs: inputs)) == "jumping and jumping")
        let still = [
            "frames": try room.artifact(.frames, "still") {
                try ClipFrames.write([TrainingWorld.clip(prompt: "A red ball")], to: $0)
            }
        ]
        #expect(throws: DiffusionError.noMotionWord(prompt: "A red ball", motion: nil)) {
            try room.run(own, inputs: still, element: open)
        }
        #expect(throws: SamplingError.needsInput(port: "frames", setting: "prompt")) {
            try room.run(settings, element: open)
        }
    }

    @Test func `{motion} is refused before anything runs when nothing says what it stands for`() throws {
        let open: Value = .map(["prompt": .string("A blue robot is {motion}")])
        let problems = try room.check(settings, element: open, unconnected: ["frames"])
        #expect(problems.map(\.subject) == [.element])
        #expect(problems.map(\.message) == ["nothing says what `{motion}` stands for"])
        #expect(problems[0].help == "set `motion`, or connect `frames`, whose first prompt names it")
        let inSettings = settings(["prompt": .string("{motion}")])
        #expect(try room.check(inSettings, unconnected: ["frames"]).map(\.subject) == [.setting("prompt")])
        #expect(try room.check(settings, element: open) == [])
        let motion = settings(["motion": .string("zigzagging")])
        #expect(try room.check(motion, element: open, unconnected: ["frames"]) == [])
    }

    @Test func `a prompt in the settings does as well`() throws {
        let one = try room.run(settings(["prompt": .string("A blue robot is zigzagging")]))
        #expect(try latents(one) == latents(room.run(settings, element: element)))
    }

    @Test func `the motion adapter acts: LoRA, residual and injector each change the video`() throws {
        let plain = try latents(room.run(settings, element: element))
        let inputs = [
            "motion": try adapter(),
            "embeddings": try room.artifact(.embeddings, "embeddings") {
                try ClipEmbeddings.write(TrainingWorld.embeddings([TrainingWorld.clip()]), to: $0)
            },
        ]
        func run(_ more: [String: Value]) throws -> Tensor {
            try latents(room.run(settings(more), inputs: inputs, element: element))
        }
        let all = try run([:])
        let withoutResidual = try run(["residual": .string("off")])
        let neither = try run(["residual": .string("off"), "motion-scale": .double(0)])
        #expect(neither == plain)
        #expect(withoutResidual != plain && all != withoutResidual)
        #expect(try run(["residual": .string("fixed")]) != withoutResidual)
        #expect(try run(["injector": .bool(true)]) != all)
    }

    /// The guided loop over the network as it is, with the LoRAs beside it.
    @Test(arguments: ["float32", "fp16", "bf16"])
    func `LoRAs in the weights sample what LoRAs beside them do`(precision: String) throws {
        let artifact = try adapter()
        let sampled = try latents(
            room.run(
                settings(["residual": .string("off"), "motion-scale": .double(0.5), "precision": .string(precision)]),
                inputs: ["motion": artifact], element: element))
        let kept = try #require(Precision(rawValue: precision))
        let unet = try TrainingWorld.model.unet(precision: kept)
        let lora = try #require(try MotionAdapter.read(artifact, network: unet.weights).temporalLoRA)
        let encoder = try PromptEncoder(TrainingWorld.model, precision: kept)
        var generator = TorchGenerator(seed: 1)
        let noise = Latents.noise(frames: 3, height: 4, width: 8, channels: 4, using: &generator)
        let beside = try GuidedSampler(network: unet, scheduler: TrainingWorld.model.scheduler()).sample(
            from: noise,
            .init(prompt: encoder.encode("A blue robot is zigzagging"), negative: encoder.encode("")),
            guidance: 3, steps: 2, adapters: Adapters(lora, scale: 0.5), using: &generator
        ) { _ in }
        let difference = Kernels.subtract(sampled, Latents.channelsFirst(beside))
        let error = (Kernels.sumOfSquares(difference) / Kernels.sumOfSquares(sampled)).squareRoot()
        // In 16 bits the LoRA acts beside the weights in the stage too.
        #expect(error < 1e-5)
    }

    @Test func `seeds in batches: the videos of each seed, up to the last bits`() throws {
        let clips = [TrainingWorld.clip(frames: 2, width: 16)]
        let inputs = [
            "motion": try adapter(),
            "frames": try room.artifact(.frames, "frames") { try ClipFrames.write(clips, to: $0) },
            "embeddings": try room.artifact(.embeddings, "embeddings") {
                try ClipEmbeddings.write(TrainingWorld.embeddings(clips), to: $0)
            },
        ]
        let all = settings([
            "seeds": .list([.int(1), .int(2), .int(3)]), "injector": .bool(true), "eta": .double(0.5),
            "noise-prior": .double(0.5), "inversion-steps": .int(2),
        ])
        let alone = try room.run(all, inputs: inputs, element: element)
        let batched = try room.run(all.merging(["batch": .int(2)]) { $1 }, inputs: inputs, element: element)
        #expect(batched.progress.map(\.done) == [1, 2, 4, 6, 7, 8] && batched.progress.allSatisfy { $0.total == 8 })
        #expect(try SampledVideo.read(batched.output("videos")).map(\.video.seed) == [1, 2, 3])
        for seed in 1...3 {
            let (one, other) = (try latents(alone, seed: seed), try latents(batched, seed: seed))
            let difference = Kernels.sumOfSquares(Kernels.subtract(one, other))
            #expect((difference / Kernels.sumOfSquares(one)).squareRoot() < 1e-4)
        }
        // The third is in a batch of its own.
        #expect(try latents(alone, seed: 3) == latents(batched, seed: 3))
    }

    @Test func `a prompt without the motion's word is an error, or sampled without the residual`() throws {
        let inputs = ["motion": try adapter()]
        let panda: Value = .map(["prompt": .string("a panda")])
        #expect(throws: DiffusionError.noMotionWord(prompt: "a panda", motion: "zigzagging")) {
            try room.run(settings, inputs: inputs, element: panda)
        }
        let skipped = try latents(room.run(settings(["missing-word": .string("skip")]), inputs: inputs, element: panda))
        let off = try latents(room.run(settings(["residual": .string("off")]), inputs: inputs, element: panda))
        #expect(skipped == off)
    }

    @Test func `a reference gives the size, and its inverted noise begins the video`() throws {
        let clip = TrainingWorld.clip(frames: 2, width: 16)
        let inputs = ["frames": try room.artifact(.frames, "frames") { try ClipFrames.write([clip], to: $0) }]
        let sized = try room.run(settings, inputs: inputs, element: element)
        #expect(try latents(sized).shape == [1, 4, 2, 4, 4])
        let odd = try room.artifact(.frames, "odd") {
            try ClipFrames.write([TrainingWorld.clip(frames: 1, width: 31, height: 17)], to: $0)
        }
        #expect(try latents(room.run(settings, inputs: ["frames": odd], element: element)).shape == [1, 4, 1, 4, 7])
        let dot = try room.artifact(.frames, "dot") {
            try ClipFrames.write([TrainingWorld.clip(frames: 1, width: 3, height: 17)], to: $0)
        }
        #expect(throws: SamplingError.badSize(width: 0, height: 16, multiple: 4)) {
            try room.run(settings, inputs: ["frames": dot], element: element)
        }
        let own = try room.run(
            settings(["sized-by": .string("settings"), "frames": .int(2)]), inputs: inputs, element: element)
        #expect(try latents(own).shape == [1, 4, 2, 4, 8])
        let prior = try room.run(
            settings(["noise-prior": .double(0.5), "inversion-steps": .int(2)]), inputs: inputs, element: element)
        #expect(try latents(prior).values.allSatisfy(\.isFinite) && latents(prior) != latents(sized))
        #expect(prior.progress.last?.total == 4)
        #expect(throws: SamplingError.needsInput(port: "frames", setting: "noise-prior")) {
            try room.run(settings(["noise-prior": .double(0.5)]), element: element)
        }
    }

    @Test func `a LoRA of another model is refused, and cancellation stops it`() throws {
        let foreign = try room.artifact(.motionAdapter, "foreign") {
            let site = LinearSite(path: "transformer_in.transformer_blocks.0.attn1.to_q", inputs: 5, outputs: 5)
            try LoRAFile.write(
                LoRA(targets: [site], rank: 1, from: ReferenceFill()), to: $0.file(LoRAFile.name))
        }
        #expect(throws: DiffusionError.self) {
            try room.run(settings, inputs: ["motion": foreign], element: element)
        }
        #expect(throws: CancellationError.self) { try room.run(settings, element: element, cancelAfter: 1) }
    }

    @Test func `a user's LoRA file is checked against the model before anything runs, and acts under any name`() throws
    {
        let unet = try TrainingWorld.model.unet()
        let targets = LoRATargets.temporal.choose(unet.weights.linears)
        func source(_ name: String, _ targets: [LinearSite]) throws -> SourceInput {
            let url = room.root.appending(path: name)
            try LoRAFile.write(LoRA(targets: targets, rank: 2, from: ReferenceFill()), to: url)
            return SourceInput(kind: .file, files: [.init(path: "0.safetensors", url: url)])
        }
        let good = try source("golf.safetensors", targets)
        #expect(try room.check(settings, element: element, sources: ["motion": [good]]).isEmpty)
        let wide = try source("wide.safetensors", [LinearSite(path: targets[0].path, inputs: 999, outputs: 3)])
        let problems = try room.check(settings, element: element, sources: ["motion": [wide]])
        #expect(problems.map(\.subject) == [.input(port: "motion", index: 0)])
        #expect(problems[0].message.contains("wide.safetensors does not fit this network"))
        let artifact = try room.artifact(.file, "golf") {
            try FileManager.default.copyItem(at: good.files[0].url, to: $0.file("0.safetensors"))
        }
        let moved = try room.run(settings, inputs: ["motion": artifact], element: element)
        #expect(try latents(moved) != latents(room.run(settings, element: element)))
    }

    @Test func `check finds what is wrong before anything runs`() throws {
        #expect(try room.check(settings, element: element).isEmpty)
        #expect(try room.check(settings).map(\.subject) == [.setting("prompt")])
        let narrow = settings(["width": .int(30)])
        #expect(try room.check(narrow, element: element, unconnected: ["frames"]).map(\.subject) == [.setting("width")])
        #expect(try room.check(narrow, element: element).isEmpty)
        let needy = settings(["noise-prior": .double(0.5), "injector": .bool(true)])
        #expect(try room.check(needy, element: element).isEmpty)
        #expect(
            try room.check(needy, element: element, unconnected: ["frames", "motion", "embeddings"]).map(\.subject)
                == [.setting("noise-prior"), .setting("injector"), .setting("injector")])
        #expect(try room.check(settings(["seeds": .list([])]), element: element).map(\.subject) == [.setting("seeds")])
        let motion = settings(["motion": .string("zigzagging")])
        #expect(try room.check(motion, element: element).isEmpty)
        let problems = try room.check(motion, element: .map(["prompt": .string("a panda")]))
        #expect(problems.map(\.subject) == [.element] && problems[0].message.contains("\"zigzagging\""))
        let late = Array(repeating: "big", count: 90).joined(separator: " ") + " cat zigzagging"
        #expect(try room.check(motion, element: .map(["prompt": .string(late)])).map(\.subject) == [.element])
    }
}
