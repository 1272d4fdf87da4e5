import Autograd
import Checkpoints
import Foundation
import Layers
import Tensors
import Testing

@testable import Models

/// LLaVA against transformers: diffusion.md 12.9, and what Tests/Goldens/llava.py wrote.
@Suite struct LlavaGoldenTests {
    struct Case: Decodable, Sendable, CustomTestStringConvertible {
        let name: String
        let config: String
        let ids: [[Int]]
        let labels: [[Int?]]
        let features: [Float]
        let second_logits: [Float]
        let greedy: [Int]
        let loss: Float
        let gradients: [String: [Float]]

        var testDescription: String { name }
    }

    static let goldens = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Goldens/Llava")
    static let cases: [Case] = {
        do {
            return try JSONDecoder().decode(
                [Case].self, from: Data(contentsOf: goldens.appending(path: "expected.json")))
        } catch { fatalError("\(error)") }
    }()
    static let pixels = ReferenceFill.input("pixels", [2, 3, 28, 28])

    /// A folder with the case's config.json and, if asked, its weights under names as `rename` has them.
    static func withFolder(
        _ entry: Case, rename: ((String) -> String)? = nil, _ body: (URL) throws -> Void
    ) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "llava-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "config.json")
        try Data(entry.config.utf8).write(to: file)
        if let rename {
            let weights = referenceWeights()
            _ = try LlavaForConditionalGeneration(.init(file: file), weights)
            var tensors = Dictionary(uniqueKeysWithValues: weights.exported().map { (rename($0.name), $0.tensor) })
            // Old files hold such buffers.
            tensors["language_model.model.layers.0.self_attn.rotary_emb.inv_freq"] = Tensor(zeros: [4])
            try SafetensorsFile.write(tensors, as: .float32, to: folder.appending(path: "model.safetensors"))
        }
        try body(folder)
    }

    static func model(
        _ entry: Case, _ weights: Weights = referenceWeights()
    ) throws -> LlavaForConditionalGeneration {
        var model: LlavaForConditionalGeneration?
        try withFolder(entry) { model = try .init(.init(file: $0.appending(path: "config.json")), weights) }
        return try #require(model)
    }

    @Test func `the golden of diffusion.md 12.9`() throws {
        let model = try Self.model(Self.cases[0])
        let first = Variable(Kernels.rows(channelsLast(Self.pixels), 0..<1))
        let ids = [1, 5, 60, 60, 60, 60, 7, 9, 11]
        Golden(128, 0.392799, 1.23843, 0.233765, 0.888315, 0.628189, 0.945943, -0.87248, 0.978643)
            .expect(model.imageFeatures(first).value, "features")
        let logits = model([ids], first).value.reshaped([9, 64])
        Golden(64, -0.202202, 1.0511, 1.07871, -2.75636, 0.393696, 1.19542, -0.677695, 0.566711)
            .expect(Kernels.rows(logits, 8..<9), "logits")
        #expect(model.generate(ids, first, maximumTokens: 8).ids == [33, 62, 62, 62, 62, 62, 26, 62])
    }

    @Test(arguments: cases)
    func `features, logits and greedy tokens`(_ entry: Case) throws {
        let model = try Self.model(entry)
        let images = Variable(channelsLast(Self.pixels))
        let features = model.imageFeatures(images).value.values
        #expect(relativeError(Array(features.prefix(features.count / 2)), entry.features) < 1e-5)
        let logits = model(entry.ids, images).value
        let second = Array(logits.values.suffix(logits.count / 2))
        #expect(relativeError(second, entry.second_logits) < 1e-5, "\(relativeError(second, entry.second_logits))")
        let first = Variable(Kernels.rows(images.value, 0..<1))
        var counted: [Int] = []
        let answer = model.generate(entry.ids[0], first, maximumTokens: 24) { counted.append($0) }
        // transformers keeps the token that ended the answer.
        #expect(answer.ids == entry.greedy.filter { $0 != 2 } && answer.isComplete == (entry.greedy.last == 2))
        #expect(counted == Array(1...answer.ids.count))
    }

    @Test(arguments: cases)
    func `the loss of teacher forcing and its gradients`(_ entry: Case) throws {
        let weights = Weights(ReferenceFill(), trainable: true)
        let model = try Self.model(entry, weights)
        let loss = model.loss(entry.ids, labels: entry.labels, Variable(channelsLast(Self.pixels)))
        #expect(abs(loss.value.scalar - entry.loss) < 1e-5 * entry.loss)
        guard !entry.gradients.isEmpty else { return }
        let found = gradients(of: loss, for: weights.variables)
        var checked = 0
        for (parameter, gradient) in zip(weights.parameters, found) {
            guard let expected = entry.gradients[parameter.name] else {
                #expect(gradient.values.allSatisfy { $0 == 0 }, "\(parameter.name)")
                continue
            }
            let values = gradient.values
            let squares = values.reduce(0.0) { (sum: Double, x: Float) in sum + Double(x) * Double(x) }
            let norm = Float(squares.squareRoot())
            // A bias of keys has no gradient but rounding.
            guard expected[0] > 1e-6 else { continue }
            #expect(abs(norm - expected[0]) < 1e-4 * expected[0], "\(parameter.name): \(norm), not \(expected[0])")
            // A convolution's lie in another order.
            for (a, b) in zip(values, expected.dropFirst()) where parameter.layout != .convolution2D {
                #expect(abs(a - b) < 1e-4 * expected[0], "\(parameter.name)")
            }
            checked += 1
        }
        #expect(checked > 40)
    }

    static let spellings: [(name: String, rename: @Sendable (String) -> String)] = [
        ("the hub's", { $0 }), ("the hub's, without vision_model", { $0.replacing(".vision_model.", with: ".") }),
        (
            "the newer",
            { name in
                name.hasPrefix("language_model.lm_head")
                    ? String(name.dropFirst("language_model.".count))
                    : "model." + name.replacing("language_model.model.", with: "language_model.")
            }
        ),
    ]

    @Test(arguments: spellings.indices, [0, 1, 3])
    func `every spelling of the names runs by its folder`(_ spelling: Int, _ index: Int) throws {
        let entry = Self.cases[index]
        try Self.withFolder(entry, rename: Self.spellings[spelling].rename) { folder in
            #expect(ModelFolder.check(folder) == [])
            let outputs = try ModelFolder(folder).forward([
                "input_ids": .integers(entry.ids.flatMap { $0 }, shape: [2, entry.ids[0].count]),
                "pixel_values": .numbers(Self.pixels),
                "attention_mask": .integers(entry.ids.flatMap { $0.map { _ in 1 } }, shape: [2, entry.ids[0].count]),
            ])
            let logits = try #require(outputs["logits"])
            #expect(logits.shape == [2, entry.ids[0].count, 64] && outputs.count == 1)
            #expect(relativeError(Array(logits.values.suffix(logits.count / 2)), entry.second_logits) < 1e-5)
        }
    }

    private struct Saved: Decodable {
        let ids: [[Int]]
        let logits: [Float]
        let greedy: [Int]
    }

    @Test func `a folder that transformers saved in bfloat16`() throws {
        let folder = Self.goldens.appending(path: "folder")
        let expected = try JSONDecoder().decode(
            Saved.self, from: Data(contentsOf: folder.appending(path: "expected.json")))
        let pixels = ReferenceFill.input("pixels", [1, 3, 28, 28])
        let outputs = try ModelFolder(folder).forward([
            "input_ids": .integers(expected.ids[0], shape: [1, expected.ids[0].count]),
            "pixel_values": .numbers(pixels),
        ])
        let error = relativeError(try #require(outputs["logits"]).values, expected.logits)
        #expect(error < 1e-5, "\(error)")
        let image = Variable(channelsLast(pixels))
        let model = try LlavaForConditionalGeneration(folder: folder)
        #expect(model.generate(expected.ids[0], image, maximumTokens: 16).ids == expected.greedy.filter { $0 != 2 })
        // Weights that are bfloat16 already lose nothing when they are packed so; activations may be rounded.
        let packed = try LlavaForConditionalGeneration(folder: folder, precision: .bf16)
        #expect(relativeError(packed(expected.ids, image).value.values, expected.logits) < 2e-2)
    }

    @Test func `a generation goes on where the whole sequence would`() throws {
        let model = try Self.model(Self.cases[5])
        let image = Variable(Kernels.rows(channelsLast(Self.pixels), 0..<1))
        var ids = Self.cases[5].ids[0]
        let answer = model.generate(ids, image, maximumTokens: 40, endIDs: [])
        #expect(answer.ids.count == 40 && !answer.isComplete)
        for id in answer.ids {
            let logits = model([ids], image).value
            let last = Array(logits.values.suffix(64))
            #expect(last.firstIndex(of: last.max() ?? 0) == id)
            ids.append(id)
        }
    }

    @Test func `a few steps of training teach an answer`() throws {
        let weights = Weights(ReferenceFill(), trainable: true)
        let model = try Self.model(Self.cases[0], weights)
        let image = Variable(Kernels.rows(channelsLast(Self.pixels), 0..<1))
        let (prompt, answer) = ([1, 5, 60, 60, 60, 60, 7], [9, 20, 21, 22, 2])
        let labels = prompt.map { _ in Int?.none } + answer.map(Optional.some)
        var optimiser = AdamW(learningRate: 5e-3, weightDecay: 0)
        let variables = weights.variables
        for _ in 0..<30 {
            let loss = model.loss([prompt + answer], labels: [labels], image)
            optimiser.step(variables, gradients(of: loss, for: variables))
        }
        let said = model.generate(prompt, image, maximumTokens: 9)
        #expect(said == .init(ids: [9, 20, 21, 22], isComplete: true))
        #expect(model.loss([prompt + answer], labels: [labels], image).value.scalar < 0.1)
    }
}
