import Checkpoints
import Foundation
import Tensors
import Testing

@testable import Models

/// What config.json may say in more than one way, and inputs from files.
@Suite struct ConfigurationTests {
    private func file(_ text: String) throws -> ConfigurationFile {
        try ConfigurationFile(name: "config.json", data: Data(text.utf8))
    }

    @Test func `sizes are one number or a list of equal ones`() throws {
        #expect(try VideoMAEConfiguration(file(#"{"image_size": [32, 32], "patch_size": 8}"#)).imageSize == 32)
        #expect {
            _ = try VideoMAEConfiguration(file(#"{"image_size": [32, 48]}"#))
        } throws: {
            "\($0)"
                == "config.json: `image_size` is [32, 48], which is not supported; supported: one number (or equal ones)"
        }
    }

    @Test(arguments: [#"{"num_frames": 0}"#, #"{"image_size": 1048576, "patch_size": 1}"#])
    func `a video encoder without tokens, or with more than memory holds, is refused`(_ text: String) throws {
        #expect(throws: ModelsError.self) { _ = try VideoMAEConfiguration(file(text)) }
    }

    @Test func `head widths are one for all blocks or one for each`() throws {
        let one = try UNet3DConditionModel.Configuration(file(#"{"attention_head_dim": 32}"#))
        #expect(one.headDimensions == [32, 32, 32, 32])
        let each = try UNet3DConditionModel.Configuration(file(#"{"attention_head_dim": [32, 64, 64, 128]}"#))
        #expect(each.headDimensions == [32, 64, 64, 128])
        #expect(throws: ModelsError.self) {
            _ = try UNet3DConditionModel.Configuration(file(#"{"attention_head_dim": [32, 64]}"#))
        }
        #expect(throws: ModelsError.self) {
            _ = try UNet3DConditionModel.Configuration(file(#"{"num_attention_heads": 8}"#))
        }
    }

    @Test func `a whole CLIP has its towers' keys in sections, and a missing section is all defaults`() throws {
        let clip = try CLIPModel.Configuration(
            file(
                #"{"projection_dim": 24, "text_config": {"hidden_size": 32, "eos_token_id": 2}, "vision_config": null}"#
            ))
        #expect(clip.text.hiddenSize == 32)
        #expect(clip.text.endID == 2)
        #expect(clip.vision == CLIPVisionConfiguration())
        #expect(clip.projectionDimension == 24)
    }

    @Test func `an error inside a section names file, section and key`() throws {
        #expect {
            _ = try CLIPModel.Configuration(file(#"{"text_config": {"num_hidden_layers": 1.5}}"#))
        } throws: {
            "\($0)"
                == "config.json, text_config: `num_hidden_layers` is 1.5, which is not supported; supported: a whole number from 0 to 1048576"
        }
    }

    @Test(arguments: [
        #"{"layers_per_block": -1}"#, #"{"in_channels": 1e18}"#, #"{"block_out_channels": [-32, 64, 64, 64]}"#,
        #"{"attention_head_dim": -64}"#, #"{"norm_num_groups": 0}"#, #"{"cross_attention_dim": "wide"}"#,
    ])
    func `sizes that are none are refused`(_ text: String) throws {
        #expect(throws: ModelsError.self) { _ = try UNet3DConditionModel.Configuration(file(text)) }
    }

    @Test func `integers of a file stay exact and numbers stay numbers`() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "inputs-\(UUID()).safetensors")
        defer { try? FileManager.default.removeItem(at: url) }
        try SafetensorsFile.write(
            [
                "ids": .integers([1 << 40, 3], shape: [1, 2]), "x": .floats(Tensor([2], [0.5, 2]), as: .float32),
                "t": .floats(Tensor([], [981]), as: .float32),
            ], to: url)
        let arrays = try NumericArray.all(of: url)
        #expect(arrays.count == 3)
        #expect(arrays["ids"]?.wholeNumbers == [1 << 40, 3])
        #expect(arrays["ids"]?.shape == [1, 2])
        #expect(arrays["x"]?.wholeNumbers == nil)
        #expect(arrays["x"]?.tensor == Tensor([2], [0.5, 2]))
        #expect(arrays["t"]?.wholeNumbers == [981])
    }
}
