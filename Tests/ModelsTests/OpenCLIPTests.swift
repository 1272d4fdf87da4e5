import Checkpoints
import Foundation
import Layers
import Tensors
import Testing

@testable import Models

/// A CLIP as open_clip writes it: other names, one matrix for queries, keys and values, transposed projections, and a
/// configuration of its own.
@Suite struct OpenCLIPTests {
    private static let reference = """
        {"architectures": ["CLIPModel"], "projection_dim": 24,
         "text_config": {"hidden_size": 32, "intermediate_size": 128, "num_attention_heads": 4, "hidden_act": "gelu",
          "num_hidden_layers": 3, "vocab_size": 100, "max_position_embeddings": 16, "eos_token_id": 2},
         "vision_config": {"hidden_size": 40, "intermediate_size": 160, "num_attention_heads": 5, "hidden_act": "gelu",
          "num_hidden_layers": 2, "image_size": 28, "patch_size": 14}}
        """
    private static let configuration = """
        {"model_cfg": {"embed_dim": 24,
          "vision_cfg": {"image_size": 28, "layers": 2, "width": 40, "head_width": 8, "patch_size": 14},
          "text_cfg": {"context_length": 16, "vocab_size": 100, "width": 32, "heads": 4, "layers": 3}},
         "preprocess_cfg": {"mean": [0.48, 0.46, 0.41], "std": [0.27, 0.26, 0.28]}}
        """

    /// The small CLIP of diffusion.md 12.7, its tensors renamed by the table of 4.3.
    private func contents() throws -> [String: SafetensorsFile.Content] {
        let folder = FileManager.default.temporaryDirectory.appending(path: "clip-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "config.json")
        try Data(Self.reference.utf8).write(to: file)
        let weights = referenceWeights()
        _ = try CLIPModel(CLIPModel.Configuration(file: file), weights)
        var tensors = Dictionary(uniqueKeysWithValues: weights.exported().map { ($0.name, $0.tensor) })
        var found: [String: Tensor] = [:]
        func take(_ name: String) throws -> Tensor {
            let tensor = tensors.removeValue(forKey: name)
            return try #require(tensor, "\(name)")
        }
        for (tower, prefix, layers) in [("vision_model", "visual.", 2), ("text_model", "", 3)] {
            for layer in 0..<layers {
                let (old, new) = ("\(tower).encoder.layers.\(layer)", "\(prefix)transformer.resblocks.\(layer)")
                for kind in ["weight", "bias"] {
                    found["\(new).attn.in_proj_\(kind)"] = Kernels.concatenateRows(
                        try ["q", "k", "v"].map { try take("\(old).self_attn.\($0)_proj.\(kind)") })
                    found["\(new).attn.out_proj.\(kind)"] = try take("\(old).self_attn.out_proj.\(kind)")
                    found["\(new).ln_1.\(kind)"] = try take("\(old).layer_norm1.\(kind)")
                    found["\(new).ln_2.\(kind)"] = try take("\(old).layer_norm2.\(kind)")
                    found["\(new).mlp.c_fc.\(kind)"] = try take("\(old).mlp.fc1.\(kind)")
                    found["\(new).mlp.c_proj.\(kind)"] = try take("\(old).mlp.fc2.\(kind)")
                }
            }
        }
        for kind in ["weight", "bias"] {
            found["visual.ln_pre.\(kind)"] = try take("vision_model.pre_layrnorm.\(kind)")
            found["visual.ln_post.\(kind)"] = try take("vision_model.post_layernorm.\(kind)")
            found["ln_final.\(kind)"] = try take("text_model.final_layer_norm.\(kind)")
        }
        found["visual.class_embedding"] = try take("vision_model.embeddings.class_embedding")
        found["visual.positional_embedding"] = try take("vision_model.embeddings.position_embedding.weight")
        found["visual.conv1.weight"] = try take("vision_model.embeddings.patch_embedding.weight")
        found["visual.proj"] = Kernels.permute(try take("visual_projection.weight"), [1, 0])
        found["token_embedding.weight"] = try take("text_model.embeddings.token_embedding.weight")
        found["positional_embedding"] = try take("text_model.embeddings.position_embedding.weight")
        found["text_projection"] = Kernels.permute(try take("text_projection.weight"), [1, 0])
        found["logit_scale"] = try take("logit_scale")
        #expect(tensors.isEmpty, "\(tensors.keys)")
        return found.mapValues { .floats($0, as: .float32) }
    }

    private func withFolder(
        _ configuration: (name: String, text: String),
        edit: (inout [String: SafetensorsFile.Content]) -> Void = { _ in },
        _ body: (URL) throws -> Void
    ) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "open-clip-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data(configuration.text.utf8).write(to: folder.appending(path: configuration.name))
        var contents = try contents()
        edit(&contents)
        try SafetensorsFile.write(contents, to: folder.appending(path: "open_clip_model.safetensors"))
        try body(folder)
    }

    @Test(
        "its own configuration or that of transformers, the same numbers as the reference",
        arguments: [("open_clip_config.json", configuration), ("config.json", reference)])
    func goldens(name: String, text: String) throws {
        try withFolder((name, text)) { folder in
            #expect(ModelFolder.check(folder) == [])
            let outputs = try ModelFolder(folder).forward([
                "input_ids": .integers([98, 5, 17, 42, 99, 0, 0, 0], shape: [1, 8]),
                "pixel_values": .numbers(ReferenceFill.input("pixels", [2, 3, 28, 28])),
            ])
            // Section 12.7 of diffusion.md.
            Golden(48, -0.164643, 0.934662, 0.727418, -0.506593, -0.513368, 0.793237, 1.7855, 0.751696)
                .expect(try #require(outputs["image_embeds"]))
            Golden(24, -0.187813, 1.17187, -0.704208, -1.24196, -1.061, 0.544069, -0.646242, -0.651252)
                .expect(try #require(outputs["text_embeds"]))
            #expect(abs(try CLIPModel(folder: folder).logitFactor - 14.284856) < 1e-4)
        }
    }

    @Test func `what is missing or misshapen is told under the reference's names`() throws {
        try withFolder(
            ("open_clip_config.json", Self.configuration),
            edit: { contents in
                contents["ln_final.bias"] = nil
                contents["visual.transformer.resblocks.1.attn.in_proj_weight"] = .floats(
                    Tensor(zeros: [119, 40]), as: .float32)
            }
        ) { folder in
            let problems = ModelFolder.check(folder).joined(separator: "\n")
            #expect(problems.contains("`text_model.final_layer_norm.bias`, of shape [32], is missing"))
            for letter in ["q", "k", "v"] {
                #expect(
                    problems.contains(
                        "layers.1.self_attn.\(letter)_proj.weight` has shape [119, 40] where the configuration asks for [40, 40]"
                    ), "\(problems)")
            }
        }
    }

    @Test(arguments: [
        (#"{"model_cfg": {"vision_cfg": {"timm_model_name": "vit_base"}}}"#, "`timm_model_name` is \"vit_base\""),
        (#"{"model_cfg": {"text_cfg": {"hf_model_name": "roberta"}}}"#, "`hf_model_name` is \"roberta\""),
        (#"{"model_cfg": {"vision_cfg": {"width": 100, "head_width": 64}}}"#, "`head_width` is 64"),
        (#"{"model_cfg": {"vision_cfg": {"mlp_ratio": -1}}}"#, "`mlp_ratio` is -1"),
        (#"{"model_cfg": {"text_cfg": {"heads": 0}}}"#, "`heads` is 0"),
        (#"{"model_cfg": {"vision_cfg": {"ls_init_value": 0.1}}}"#, "`ls_init_value` is 0.1"),
        (#"{"model_cfg": {"vision_cfg": {"pool_type": "avg"}}}"#, "`pool_type` is \"avg\""),
        (#"{"model_cfg": {"text_cfg": {"pool_type": "last"}}}"#, "`pool_type` is \"last\""),
        (#"{"model_cfg": {"text_cfg": {"no_causal_mask": true}}}"#, "`no_causal_mask` is true"),
        (#"{"model_cfg": {"text_cfg": {"norm_kwargs": {"eps": 1e-3}}}}"#, "`norm_kwargs` is an object"),
        (#"{"model_cfg": {"text_cfg": {"act_kwargs": {"approximate": "tanh"}}}}"#, "`act_kwargs` is an object"),
    ])
    func `towers that are not CLIP's own are refused`(_ configuration: String, _ sentence: String) throws {
        try withFolder(("open_clip_config.json", configuration)) { folder in
            let problems = ModelFolder.check(folder)
            #expect(problems.count == 1 && problems[0].contains(sentence), "\(problems)")
            #expect(problems[0].contains("open_clip_config.json"))
        }
    }
}
