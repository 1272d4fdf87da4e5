import Autograd
import Checkpoints
import Foundation
import Layers
import Tensors
import Testing

@testable import Models

/// Folders as diffusers and transformers write them: what is read, under which spellings, and what is said when not.
@Suite struct ModelFolderTests {
    private static let videoConfiguration = """
        {"architectures": ["VideoMAEForVideoClassification"], "hidden_size": 32, "intermediate_size": 64,
         "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 32, "patch_size": 16, "num_frames": 4,
         "id2label": {"0": "a", "1": "b", "2": "c", "3": "d", "4": "e"}, "label2id": null, "some_future_key": [1, {}]}
        """
    private static let vaeConfiguration = """
        {"_class_name": "AutoencoderKL", "block_out_channels": [16, 32, 32], "norm_num_groups": 8,
         "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
         "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"]}
        """
    private static let textConfiguration = """
        {"architectures": ["CLIPTextModel"], "hidden_size": 32, "intermediate_size": 128, "num_attention_heads": 4,
         "num_hidden_layers": 2, "vocab_size": 100, "max_position_embeddings": 16, "hidden_act": "gelu",
         "eos_token_id": 2}
        """

    /// A folder of reference weights; `edit` may rename, reshape, drop or add.
    private func withFolder(
        _ configuration: String, weights build: (URL, Weights) throws -> Void = { _, _ in },
        edit: (inout [String: SafetensorsFile.Content]) -> Void = { _ in }, _ body: (URL) throws -> Void
    ) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "model-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "config.json")
        try Data(configuration.utf8).write(to: file)
        let weights = referenceWeights()
        try build(file, weights)
        var contents = Dictionary(
            uniqueKeysWithValues: weights.exported().map {
                ($0.name, SafetensorsFile.Content.floats($0.tensor, as: .float32))
            })
        edit(&contents)
        try SafetensorsFile.write(contents, to: folder.appending(path: "model.safetensors"))
        try body(folder)
    }

    private func parameterCount(_ configuration: String) throws -> Int {
        var count = 0
        try withFolder(configuration) { count = try ModelFolder($0).parameterCount() }
        return count
    }

    private func video(_ file: URL, _ weights: Weights) throws {
        _ = try VideoMAEForVideoClassification(.init(file: file), weights)
    }

    private func vae(_ file: URL, _ weights: Weights) throws { _ = try AutoencoderKL(.init(file: file), weights) }

    private func text(_ file: URL, _ weights: Weights) throws { _ = try CLIPTextModel(.init(file: file), weights) }

    @Test func `a folder runs by its class name, channels first in and out`() throws {
        try withFolder(Self.videoConfiguration, weights: video) { folder in
            let outputs = try ModelFolder(folder).forward([
                "pixel_values": .numbers(ReferenceFill.input("video", [1, 4, 3, 32, 32]))
            ])
            let logits = try #require(outputs["logits"])
            #expect(logits.shape == [1, 5])
            for (found, expected) in zip(
                logits.values, [0.41466, -0.977712, -1.25529, -0.0695672, -0.220172] as [Float])
            {
                #expect(abs(found - expected) < 1e-4)
            }
            Golden(256, 0.925875, 2.10225, 1.3444, 1.82122, -1.26727, 1.0019, -0.761428, 3.5392)
                .expect(try #require(outputs["last_hidden_state"]))
        }
        try withFolder(Self.vaeConfiguration, weights: vae) { folder in
            let outputs = try ModelFolder(folder).forward([
                "pixel_values": .numbers(Kernels.scale(ReferenceFill.input("image", [2, 3, 16, 24]), by: 0.5)),
                "latents": .numbers(ReferenceFill.input("z", [2, 4, 4, 6])),
            ])
            #expect(outputs.keys.sorted() == ["logvar", "mean", "sample"])
            Golden(192, -0.0344452, 0.627167, 0.659419, -0.164425, 0.170574, -0.11194, 0.393973, 0.0452154)
                .expect(try #require(outputs["mean"]))
            Golden(2304, -0.387275, 0.746805, -0.0321406, 0.140939, 0.0344183, 0.0382163, -0.176807, 0.098415)
                .expect(try #require(outputs["sample"]))
        }
    }

    @Test func `ids come as whole numbers, or as numbers that are whole`() throws {
        try withFolder(Self.textConfiguration, weights: text) { folder in
            let model = try ModelFolder(folder)
            let ids = [98, 5, 17, 42, 99, 0, 0, 0]
            let golden = Golden(256, -0.0170067, 1.00755, -2.13161, -0.316223, 0.922421, 0.407304, 0.16084, 0.0250634)
            for input in [
                NumericArray.integers(ids, shape: [1, 8]), .numbers(Tensor([1, 8], ids.map { Float($0) })),
            ] {
                golden.expect(try #require(model.forward(["input_ids": input])["last_hidden_state"]))
            }
            #expect {
                _ = try model.forward(["input_ids": .integers([98, 100], shape: [1, 2])])
            } throws: {
                "\($0)" == "the input `input_ids` of CLIPTextModel should be ids from 0 to 99, not one of 100"
            }
            #expect {
                _ = try model.forward(["pixel_values": .integers([1], shape: [1])])
            } throws: {
                "\($0)" == "CLIPTextModel needs the input `input_ids`; given: pixel_values"
            }
        }
    }

    @Test func `a mask that masks nothing is as none; one that masks is refused, for it would change the numbers`()
        throws
    {
        try withFolder(Self.textConfiguration, weights: text) { folder in
            let model = try ModelFolder(folder)
            let ids = NumericArray.integers([98, 5, 99], shape: [1, 3])
            let ones = NumericArray.integers([1, 1, 1], shape: [1, 3])
            let plain = try model.forward(["input_ids": ids])
            #expect(try model.forward(["input_ids": ids, "attention_mask": ones]) == plain)
            #expect {
                _ = try model.forward(["input_ids": ids, "attention_mask": .integers([1, 1, 0], shape: [1, 3])])
            } throws: {
                "\($0)" == "the input `attention_mask` of CLIPTextModel should be left out or all 1, as masks are not "
                    + "supported, not a mask"
            }
        }
    }

    @Test func `the encoder of images runs without its projection, with and without its prefix`() throws {
        let configuration = """
            {"architectures": ["CLIPVisionModel"], "hidden_size": 40, "intermediate_size": 160, "num_attention_heads": 5,
             "num_hidden_layers": 2, "image_size": 28, "patch_size": 14, "hidden_act": "gelu", "projection_dim": 24}
            """
        // Section 12.7 of diffusion.md: `vision last_hidden_state`.
        let golden = Golden(400, 0.123926, 1.76342, 1.99766, 0.438749, -1.702, -1.31532, 2.8797, -2.23476)
        for prefixed in [true, false] {
            try withFolder(
                configuration, weights: { _ = try CLIPVisionModel(.init(file: $0), $1) },
                edit: { contents in
                    guard !prefixed else { return }
                    contents = Dictionary(
                        uniqueKeysWithValues: contents.map { (String($0.dropFirst("vision_model.".count)), $1) })
                }
            ) { folder in
                #expect(ModelFolder.check(folder) == [])
                let outputs = try ModelFolder(folder).forward([
                    "pixel_values": .numbers(ReferenceFill.input("pixels", [2, 3, 28, 28]))
                ])
                golden.expect(try #require(outputs["last_hidden_state"]))
                #expect(outputs["pooler_output"]?.shape == [2, 40] && outputs.count == 2)
            }
        }
    }

    @Test func `the encoder of text is read with and without its prefix, and position ids are ignored`() throws {
        let golden = Golden(256, -0.0170067, 1.00755, -2.13161, -0.316223, 0.922421, 0.407304, 0.16084, 0.0250634)
        for prefixed in [true, false] {
            try withFolder(
                Self.textConfiguration, weights: text,
                edit: { contents in
                    if !prefixed {
                        contents = Dictionary(
                            uniqueKeysWithValues: contents.map { (String($0.dropFirst("text_model.".count)), $1) })
                    }
                    let name = (prefixed ? "text_model." : "") + "embeddings.position_ids"
                    contents[name] = .integers(Array(0..<16), shape: [1, 16])
                }
            ) { folder in
                #expect(ModelFolder.check(folder) == [])
                golden.expect(try CLIPTextModel(folder: folder)([[98, 5, 17, 42, 99, 0, 0, 0]]).value)
            }
        }
    }

    @Test func `old names and shapes of the autoencoder's attention are read`() throws {
        try withFolder(
            Self.vaeConfiguration, weights: vae,
            edit: { contents in
                let renames = ["to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"]
                for (name, content) in contents where name.contains("attentions") {
                    for (new, old) in renames where name.contains(".\(new).") {
                        contents[name] = nil
                        var content = content
                        if case .floats(let tensor, let type) = content, tensor.rank == 2 {
                            content = .floats(tensor.reshaped(tensor.shape + [1, 1]), as: type)
                        }
                        contents[name.replacing(".\(new).", with: ".\(old).")] = content
                    }
                }
            }
        ) { folder in
            #expect(ModelFolder.check(folder) == [])
            let model = try AutoencoderKL(folder: folder)
            let latents = Variable(channelsLast(ReferenceFill.input("z", [2, 4, 4, 6])))
            Golden(2304, -0.387275, 0.746805, -0.0321406, 0.140939, 0.0344183, 0.0382163, -0.176807, 0.098415)
                .expect(channelsFirst(model.decode(latents).value))
        }
    }

    @Test func `biases of VideoMAE are read inside their layers too, and a decoder is ignored`() throws {
        try withFolder(
            Self.videoConfiguration, weights: video,
            edit: { contents in
                for (name, content) in contents {
                    for letter in ["q", "v"] where name.hasSuffix(".\(letter)_bias") {
                        contents[name] = nil
                        let layer = letter == "q" ? "query" : "value"
                        contents[name.replacing("\(letter)_bias", with: "\(layer).bias")] = content
                    }
                }
                contents["mask_token"] = .floats(Tensor(zeros: [1, 1, 16]), as: .float32)
                contents["decoder.norm.weight"] = .floats(Tensor(zeros: [16]), as: .float32)
            }
        ) { folder in
            #expect(ModelFolder.check(folder) == [])
            let model = try VideoMAEForVideoClassification(folder: folder)
            let pixels = Kernels.permute(ReferenceFill.input("video", [1, 4, 3, 32, 32]), [0, 1, 3, 4, 2])
            Golden(32, 0.0169447, 0.990732, -0.287147, -1.16034, -1.4136, -1.41995, 0.406689, 1.17069)
                .expect(model.embeddings(Variable(pixels)).value)
        }
    }

    @Test func `every missing and misshapen tensor is named, with both shapes and the file`() throws {
        try withFolder(
            Self.textConfiguration, weights: text,
            edit: { contents in
                contents["text_model.encoder.layers.0.mlp.fc1.weight"] = .floats(
                    Tensor(zeros: [127, 32]), as: .float32)
                contents["text_model.encoder.layers.1.self_attn.k_proj.bias"] = nil
            }
        ) { folder in
            let problems = ModelFolder.check(folder)
            let file = folder.appending(path: "model.safetensors").path(percentEncoded: false)
            #expect(
                problems == [
                    "\(file): `text_model.encoder.layers.0.mlp.fc1.weight` has shape [127, 32] where the configuration "
                        + "asks for [128, 32]",
                    "\(file): `text_model.encoder.layers.1.self_attn.k_proj.bias`, of shape [32], is missing",
                ])
            #expect {
                _ = try CLIPTextModel(folder: folder)
            } throws: {
                let text = "\($0)"
                return text.contains("fc1.weight") && text.contains("k_proj.bias") && text.contains(file)
            }
        }
    }

    @Test func `a number beyond halves is refused in fp16, and told where it is`() throws {
        try withFolder(
            Self.textConfiguration, weights: text,
            edit: { contents in
                let name = "text_model.encoder.layers.0.mlp.fc1.weight"
                guard case .floats(var tensor, let type)? = contents[name] else { return }
                tensor.write { $0[7] = -65_520 }
                contents[name] = .floats(tensor, as: type)
            }
        ) { folder in
            _ = try CLIPTextModel(folder: folder)
            #expect {
                _ = try CLIPTextModel(folder: folder, precision: .fp16)
            } throws: {
                "\($0)".contains("layers.0.mlp.fc1.weight") && "\($0)".contains("beyond 65,504")
            }
        }
    }

    @Test(arguments: [
        (
            #"{"_class_name": "UNet3DConditionModel", "down_block_types": ["AttnDownBlock3D", "DownBlock3D", "DownBlock3D"]}"#,
            "`down_block_types` is AttnDownBlock3D, which is not supported; supported: DownBlock3D and CrossAttnDownBlock3D"
        ),
        (
            #"{"_class_name": "UNet3DConditionModel", "norm_num_groups": 7}"#,
            "`norm_num_groups` is 7, which is not supported; supported: a divisor of all of [320, 640, 1280, 1280]"
        ),
        (
            #"{"_class_name": "UNet3DConditionModel", "layers_per_block": "two"}"#,
            "`layers_per_block` is \"two\", which is not supported; supported: a whole number"
        ),
        (
            #"{"_class_name": "AutoencoderKL", "up_block_types": ["AttnUpDecoderBlock2D"]}"#,
            "`up_block_types` is AttnUpDecoderBlock2D, which is not supported; supported: UpDecoderBlock2D"
        ),
        (
            #"{"_class_name": "UNet3DConditionModel", "mid_block_scale_factor": 0}"#,
            "`mid_block_scale_factor` is 0.0, which is not supported; supported: a number above 0"
        ),
        (
            #"{"_class_name": "UNet3DConditionModel", "norm_eps": -1}"#,
            "`norm_eps` is -1.0, which is not supported; supported: a number above 0"
        ),
        (
            #"{"_class_name": "AutoencoderKL", "block_out_channels": [32], "layers_per_block": 0}"#,
            "`layers_per_block` is 0, which is not supported; supported: at least 1"
        ),
        (
            #"{"_class_name": "AutoencoderKL", "block_out_channels": [32], "scaling_factor": 0}"#,
            "`scaling_factor` is 0.0, which is not supported; supported: a number above 0"
        ),
        (
            #"{"architectures": ["CLIPTextModel"], "hidden_act": "relu"}"#,
            "`hidden_act` is relu, which is not supported; supported: gelu, quick_gelu"
        ),
        (#"{"architectures": ["BertModel"]}"#, "names the class BertModel, which is none of UNet3DConditionModel"),
        (#"{"hidden_size": 3}"#, "it has neither `_class_name` nor `architectures`"),
        ("[1]", "it is not a JSON object"),
    ])
    func `a configuration that we cannot run is an error that names key and value`(
        _ configuration: String, _ sentence: String
    ) throws {
        try withFolder(configuration) { folder in
            let problems = ModelFolder.check(folder)
            #expect(problems.count == 1)
            #expect(problems.first?.contains(sentence) == true, "\(problems)")
            #expect(problems.first?.contains("config.json") == true)
        }
    }

    @Test func `a folder without config.json says so`() {
        let folder = FileManager.default.temporaryDirectory.appending(path: "no-such-folder-\(UUID())")
        #expect(ModelFolder.check(folder).first?.contains("config.json is missing") == true)
    }

    @Test func `missing keys take the defaults of the reference: ZeroScope's sizes`() throws {
        let configuration = #"{"_class_name": "UNet3DConditionModel", "attention_head_dim": null}"#
        #expect(try parameterCount(configuration) == 1_411_233_860)
        let vae = """
            {"_class_name": "AutoencoderKL", "block_out_channels": [128, 256, 512, 512], "layers_per_block": 2,
             "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
             "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"]}
            """
        #expect(try parameterCount(vae) == 83_653_863)
        let text = """
            {"architectures": ["CLIPTextModel"], "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 23,
             "num_attention_heads": 16, "hidden_act": "gelu"}
            """
        #expect(try parameterCount(text) == 340_387_840)
        let labels = (0..<400).map { #""\#($0)": "label""# }.joined(separator: ", ")
        let video = #"{"architectures": ["VideoMAEForVideoClassification"], "id2label": {\#(labels)}}"#
        #expect(try parameterCount(video) == 86_534_800)
        let clip = """
            {"architectures": ["CLIPModel"], "projection_dim": 1024,
             "text_config": {"hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 16,
              "num_hidden_layers": 24, "hidden_act": "gelu"},
             "vision_config": {"hidden_size": 1280, "intermediate_size": 5120, "num_attention_heads": 16,
              "num_hidden_layers": 32, "patch_size": 14, "hidden_act": "gelu"}}
            """
        #expect(try parameterCount(clip) == 986_109_441)
    }
}
