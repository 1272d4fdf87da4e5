import Artifacts
import Autograd
import Checkpoints
import Formats
import Foundation
import Layers
import Media
import Models
import StageKit
import Tensors
import Testing

@testable import Recaption

/// Recaptioning by a model set's own captioner: tiny ones, of random weights or trained on one answer.
@Suite("recaption by a model")
struct FolderCaptionerTests {
    private let stage = StageDescriptor(RecaptionStage.self)
    private static let prompt = "A person is turning a box"
    private static let caption = "A person is turning a red box, warm light"
    private static let short: [String: Value] = [
        "captioner": "model", "instruction": "{prompt}", "chat": "USER: <image>\n{question} ASSISTANT:",
        "maximum-tokens": .int(60),
    ]

    /// A model set of one captioner, whose weights `train` may change.
    private func modelSet(
        in bench: StageBench, imageID: Int? = nil, positions: Int = 512,
        train: (LlavaForConditionalGeneration, LanguageTokenizer, Weights) throws -> Void = { _, _, _ in }
    ) throws -> ModelSet {
        let folder = bench.folder.appending(path: "captioner-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let goldens = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        try FileManager.default.copyItem(
            at: goldens.appending(path: "Goldens/LanguageTokenizer/legacy/tokenizer.json"),
            to: folder.appending(path: "tokenizer.json"))
        let tokenizer = try LanguageTokenizer(folder: folder)
        let image = try #require(imageID ?? tokenizer.id(of: "<image>"))
        let configuration = """
            {"architectures": ["LlavaForConditionalGeneration"], "image_token_index": \(image),
             "vision_config": {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2,
              "num_attention_heads": 2, "image_size": 28, "patch_size": 14},
             "text_config": {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
              "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": \(positions),
              "vocab_size": \(tokenizer.vocabularySize)}}
            """
        let file = folder.appending(path: "config.json")
        try Data(configuration.utf8).write(to: file)
        let weights = Weights(RandomWeights(seed: 3), trainable: true)
        let model = try LlavaForConditionalGeneration(.init(file: file), weights)
        try train(model, tokenizer, weights)
        try SafetensorsFile.write(
            Dictionary(uniqueKeysWithValues: weights.exported().map { ($0.name, $0.tensor) }), as: .float32,
            to: folder.appending(path: "model.safetensors"))
        return ModelSet(name: "captioning", folders: [.captioner: folder])
    }

    private func refusal(_ settings: [String: Value] = [:], positions: Int = 512) throws -> String {
        let bench = try StageBench()
        let frames = try TinyParts.frames([TinyParts.clip(frames: 3, seed: 1)], in: bench)
        let model = try modelSet(in: bench, positions: positions)
        let error = #expect(throws: (any Error).self) {
            try bench.run(
                stage, Self.short.merging(settings) { $1 }, inputs: ["frames": [frames]], model: model)
        }
        return error.map { "\($0)" } ?? "no error"
    }

    @Test("the junk of an untrained captioner is refused with the reason")
    func junk() throws {
        let text = try refusal()
        #expect(
            text.contains("the captioner's answer for clip 1 ")
                && (text.contains("was cut off before its end") || text.contains("is empty"))
                && text.contains("write `captions:` by hand"), "\(text)")
        #expect(try refusal(["maximum-tokens": .int(1)]).contains("was cut off before its end"))
        #expect(try refusal(positions: 70).contains("the captioner reads 70: shorten"))
    }

    @Test("a captioner that was taught a caption gives it, the same each time and in bfloat16")
    func taught() throws {
        let bench = try StageBench()
        let clips = [TinyParts.clip(frames: 3, seed: 1), TinyParts.clip(frames: 1, seed: 2)]
        let model = try modelSet(in: bench) { model, tokenizer, weights in
            let asked = tokenizer.encode("USER: <image>\n\(Self.prompt) ASSISTANT:").flatMap {
                Array(
                    repeating: $0, count: $0 == model.configuration.imageID ? model.configuration.imageTokens : 1)
            }
            let answer = tokenizer.encode(Self.caption, addsSpecialTokens: false) + [2]
            let labels = asked.map { _ in Int?.none } + answer.map(Optional.some)
            let pictures = clips.map {
                let frame = $0.frame($0.frames / 2)
                let picture = Frames(count: 1, height: $0.height, width: $0.width, bytes: frame)
                return ImagePreprocessing.llava(size: 28)(picture)
            }
            let pixels = Variable(Kernels.concatenateRows(pictures))
            var optimiser = AdamW(learningRate: 5e-3, weightDecay: 0)
            let variables = weights.variables
            for _ in 0..<80 {
                let loss = model.loss([asked + answer, asked + answer], labels: [labels, labels], pixels)
                optimiser.step(variables, gradients(of: loss, for: variables))
            }
        }
        let frames = try TinyParts.frames(clips, in: bench)
        for precision in ["float32", "bf16"] {
            let output = try #require(
                bench.run(
                    stage, Self.short.merging(["precision": .string(precision)]) { $1 }, inputs: ["frames": [frames]],
                    model: model)["captions"])
            #expect(try Caption.read(output).map(\.caption) == [Self.caption, Self.caption])
            #expect(output.attributes == .map(["captioner": "model"]))
        }
        #expect(try bench.check(stage, Self.short, model: model).isEmpty)
        #expect(try stage.modelParts(stage.complete(Self.short)) == [.tokenizer, .captioner])
    }

    @Test("what a captioner lacks is found before anything runs")
    func check() throws {
        let bench = try StageBench()
        let model = try modelSet(in: bench)
        func problems(_ model: ModelSet?, _ settings: [String: Value] = [:]) throws -> [StageProblem] {
            try bench.check(stage, Self.short.merging(settings) { $1 }, model: model)
        }
        #expect(try problems(nil).map(\.subject) == [.model(nil)])
        #expect(try problems(ModelSet(name: "empty", folders: [:])).map(\.subject) == [.model(.captioner)])
        #expect(try problems(model, ["chat": "no picture: {question}"]).map(\.subject) == [.setting("chat")])
        let twice = try problems(model, ["chat": "<image> {question} {question}"]).first
        #expect(twice?.subject == .setting("chat"))
        #expect(try problems(model, ["chat": "<image> tell"]).isEmpty)
        let other = try modelSet(in: bench, imageID: 5)
        #expect(try problems(other).first?.message.contains("its tokenizer's <image> is") == true)
        let folder = try #require(model.folders[.captioner])
        try FileManager.default.removeItem(at: folder.appending(path: "tokenizer.json"))
        #expect(try problems(model).first?.message.contains("tokenizer.json is missing") == true)
        let base = try bench.check(stage, [:], model: ModelSet(name: "empty", folders: [:]))
        #expect(base.isEmpty)
    }
}
