import Autograd
import Checkpoints
import Foundation
import Layers
import Tensors
import Testing

@testable import Models

@Suite struct TinyModelSetTests {
    private func withSet(seed: UInt64, _ body: (URL) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tiny-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        try TinyModelSet.write(to: folder, seed: seed)
        try body(folder)
    }

    private func files(of folder: URL) throws -> [String: Data] {
        let path = folder.path(percentEncoded: false)
        let names = try FileManager.default.subpathsOfDirectory(atPath: path)
        return Dictionary(
            uniqueKeysWithValues: names.compactMap { name in
                FileManager.default.contents(atPath: path + "/" + name).map { (name, $0) }
            })
    }

    @Test func `equal seeds give equal bytes, another seed other weights`() throws {
        try withSet(seed: 1) { first in
            let one = try files(of: first)
            try withSet(seed: 1) { again in
                let same = try files(of: again)
                #expect(same == one)
            }
            try withSet(seed: 2) { other in
                let two = try files(of: other)
                #expect(two.keys.sorted() == one.keys.sorted())
                #expect(two["tokenizer/vocab.json"] == one["tokenizer/vocab.json"])
                for (name, data) in one where name.hasSuffix(".safetensors") { #expect(two[name] != data, "\(name)") }
            }
            #expect(one.values.reduce(0) { $0 + $1.count } < 10_000_000)
            #expect(String(decoding: try #require(one["README.md"]), as: UTF8.self).contains("**Untrained.**"))
        }
    }

    @Test func `every part loads and fits the others`() throws {
        try withSet(seed: 3) { folder in
            for part in ["unet", "vae", "text_encoder", "image_encoder", "video_encoder"] {
                #expect(ModelFolder.check(folder.appending(path: part)) == [])
            }
            let tokenizer = try CLIPTokenizer(folder: folder.appending(path: "tokenizer"))
            let text = try CLIPTextModel(folder: folder.appending(path: "text_encoder"))
            let network = try UNet3DConditionModel(folder: folder.appending(path: "unet"))
            let vae = try AutoencoderKL(folder: folder.appending(path: "vae"))
            let ids = tokenizer.encode("A red ball is zigzagging on the grass")
            #expect(ids.count == 77)
            let context = text([ids])
            let image = Variable(Tensor([1, 40, 64, 3], repeating: 0.25))
            let latents = vae.encode(image).mean
            #expect(latents.shape == [1, 10, 16, 4])
            let y = network(sample: latents.reshaped([1, 1, 10, 16, 4]), timestep: [999], context: context)
            #expect(y.value.values.allSatisfy { $0.isFinite })
            #expect(vae.decode(y.reshaped([1, 10, 16, 4])).shape == [1, 40, 64, 3])
            let clip = try CLIPModel(folder: folder.appending(path: "image_encoder"))
            #expect(clip.textEmbeddings([ids]).shape == [1, 64])
            #expect(clip.imageEmbeddings(Variable(Tensor(zeros: [2, 64, 64, 3]))).shape == [2, 64])
            let video = try VideoMAEForVideoClassification(folder: folder.appending(path: "video_encoder"))
            #expect(video.embeddings(Variable(Tensor(zeros: [1, 8, 32, 32, 3]))).shape == [1, 128])
        }
    }

    @Test func `weights have the spread of PyTorch's layers, and the last temporal convolution is zero`() throws {
        try withSet(seed: 4) { folder in
            let unet = try Checkpoint.open(folder.appending(path: "unet"))
            let weight = try unet.tensor("conv_out.weight").values
            let bound = 1 / Float(32 * 9).squareRoot()
            #expect(weight.allSatisfy { abs($0) <= bound * 1.001 })
            let deviation = (weight.reduce(0) { $0 + $1 * $1 } / Float(weight.count)).squareRoot()
            #expect(abs(deviation - bound / Float(3).squareRoot()) < 0.1 * bound)
            #expect(try unet.tensor("mid_block.temp_convs.0.conv4.3.weight").values.allSatisfy { $0 == 0 })
            #expect(try unet.tensor("mid_block.temp_convs.0.conv3.3.weight").values.contains { $0 != 0 })
            #expect(unet.entry("conv_out.weight")?.type == .float16)
        }
    }

    @Test func `every word of the list is one token, and any text has ids`() throws {
        try withSet(seed: 5) { folder in
            let tokenizer = try CLIPTokenizer(folder: folder.appending(path: "tokenizer"))
            #expect(TinyTokenizer.words.count >= 120)
            #expect(Set(TinyTokenizer.words).count == TinyTokenizer.words.count)
            for word in TinyTokenizer.words { #expect(tokenizer.encoding(word).contentCount == 1, "\(word)") }
            #expect(tokenizer.startID == tokenizer.vocabularySize - 2)
            #expect(tokenizer.endID == tokenizer.vocabularySize - 1)
            #expect(tokenizer.maximumLength == 77)
            #expect(tokenizer.tokens(of: "zigzagging", in: "A red ball is zigzagging on the grass") == 5..<6)
            #expect(tokenizer.encoding("emoji 🐼, 東京").contentCount > 8)
        }
    }

    @Test func `the model file names every part by its folder`() throws {
        try withSet(seed: 6) { folder in
            let text = try String(contentsOf: folder.appending(path: "model.yaml"), encoding: .utf8)
            for part in ["unet", "vae", "text-encoder", "tokenizer", "scheduler", "image-encoder", "video-encoder"] {
                let name = part.replacing("-", with: "_")
                #expect(text.contains("\n\(part): \(name)\n"))
                #expect(
                    FileManager.default.fileExists(atPath: folder.appending(path: name).path(percentEncoded: false)))
            }
        }
    }
}
