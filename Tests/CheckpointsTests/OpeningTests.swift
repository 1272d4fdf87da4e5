import Checkpoints
import Foundation
import Tensors
import Testing

@Suite("opening model folders")
struct OpeningTests {
    @Test("a folder is searched for the names that diffusers and transformers write, diffusers first")
    func folders() throws {
        try withFolder { folder in
            try write(["t": Tensor([1], [2])], "model.safetensors", folder)
            #expect(try Checkpoint.open(folder).tensor("t").values == [2])
            try write(["t": Tensor([1], [1])], "diffusion_pytorch_model.safetensors", folder)
            let checkpoint = try Checkpoint.open(folder)
            #expect(try checkpoint.tensor("t").values == [1])
            #expect(checkpoint.location.lastPathComponent == "diffusion_pytorch_model.safetensors")
        }
    }

    @Test("shards are read through their index")
    func shards() throws {
        try withFolder { folder in
            try write(["a": Tensor([1], [1]), "spare": Tensor([1], [9])], "model-1.safetensors", folder)
            try write(["b": Tensor([2], [2, 3])], "model-2.safetensors", folder)
            try writeIndex(["a": "model-1.safetensors", "b": "model-2.safetensors"], folder)
            let checkpoint = try Checkpoint.open(folder)
            #expect(checkpoint.names == ["a", "b"])
            #expect(try checkpoint.tensor("b").values == [2, 3])
            #expect(checkpoint.entry("b")?.file.hasSuffix("model-2.safetensors") == true)
        }
    }

    @Test("an index that cannot be true is refused with the reason")
    func badIndexes() throws {
        for (map, says) in [
            (["a": "model-1.safetensors", "c": "model-1.safetensors"], "tensor 'c' is not in model-1.safetensors"),
            (["a": "../model-1.safetensors"], "not the name of a file beside it"),
            (["a": ""], "not the name of a file beside it"), (["a": "absent.safetensors"], "no such file"),
        ] {
            try withFolder { folder in
                try write(["a": Tensor([1], [1])], "model-1.safetensors", folder)
                try writeIndex(map, folder)
                let error = #expect(throws: CheckpointError.self) { try Checkpoint.open(folder) }
                #expect(error?.description.contains(says) == true, "\(error?.description ?? "")")
            }
        }
        try withFolder { folder in
            try Data("{\"weight\": 1".utf8).write(to: folder.appending(path: "model.safetensors.index.json"))
            let error = #expect(throws: CheckpointError.self) { try Checkpoint.open(folder) }
            #expect(error?.description.contains("no weight_map") == true)
        }
    }

    @Test("a folder without weights says what was looked for, and what is there instead")
    func noWeights() throws {
        try withFolder { folder in
            try Data([1]).write(to: folder.appending(path: "weights.h5"))
            let error = #expect(throws: CheckpointError.self) { try Checkpoint.open(folder) }
            let text = error?.description ?? ""
            #expect(text.contains("model.safetensors") && text.contains("weights.h5"), "\(text)")
            let absent = folder.appending(path: "absent")
            #expect(throws: CheckpointError.missing(path: absent.path(percentEncoded: false))) {
                try Checkpoint.open(absent)
            }
        }
    }

    @Test("a file that cannot be written is an error")
    func unwritable() throws {
        try withFolder { folder in
            let error = #expect(throws: CheckpointError.self) {
                try SafetensorsFile.write(["a": Tensor([1], [1])], to: folder.appending(path: "no/such/folder/x"))
            }
            #expect(error?.description.contains("cannot be written") == true)
        }
    }

    private func write(_ tensors: [String: Tensor], _ name: String, _ folder: URL) throws {
        try SafetensorsFile.write(tensors, to: folder.appending(path: name))
    }

    private func writeIndex(_ map: [String: String], _ folder: URL) throws {
        let data = try JSONSerialization.data(withJSONObject: ["metadata": ["total_size": 12], "weight_map": map])
        try data.write(to: folder.appending(path: "model.safetensors.index.json"))
    }
}
