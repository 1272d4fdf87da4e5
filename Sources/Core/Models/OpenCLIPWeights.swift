import Checkpoints
import Layers
import Tensors

/// A CLIP in the spelling of open_clip, read under the names of transformers (diffusion.md 4.3).
///
/// There attention keeps queries, keys and values in one matrix, rows in that order, and projections are multiplied from
/// the other side.
struct OpenCLIPWeights: WeightSource {
    private let checkpoint: Checkpoint

    /// The weights of a checkpoint in that spelling; nil when it is in another.
    init?(_ checkpoint: Checkpoint) {
        guard checkpoint.entry("visual.conv1.weight") != nil else { return nil }
        self.checkpoint = checkpoint
    }

    func shape(of name: String, expected: [Int]) -> [Int]? {
        guard let place = Place(name), let shape = checkpoint.entry(place.name)?.shape else { return nil }
        switch place.part {
        case .whole: return shape
        case .transposed: return shape.reversed()
        case .third: return shape.first.map { $0 % 3 == 0 ? [$0 / 3] + shape.dropFirst() : shape }
        }
    }

    func tensor(_ name: String, shape: [Int], initial: InitialWeights) throws -> Tensor {
        guard let place = Place(name) else { preconditionFailure("\(name) has no shape here") }
        let tensor = try checkpoint.tensor(place.name)
        switch place.part {
        case .whole: return tensor
        case .transposed: return tensor.rank == 2 ? Kernels.permute(tensor, [1, 0]) : tensor
        case .third(let index):
            let rows = tensor.shape[0] / 3
            return Kernels.rows(tensor, index * rows..<(index + 1) * rows)
        }
    }

    /// Where a tensor of transformers' spelling is in open_clip's.
    private struct Place {
        enum Part {
            case whole, transposed
            /// Of queries, keys and values, by index.
            case third(Int)
        }

        var name: String
        var part = Part.whole

        /// Nil for what a CLIP does not have.
        init?(_ reference: String) {
            if let whole = Self.single[reference] {
                name = whole
                if reference.hasSuffix("_projection.weight") { part = .transposed }
                return
            }
            for (tower, prefix) in [("vision_model.", "visual."), ("text_model.", "")] {
                let layers = "\(tower)encoder.layers."
                guard reference.hasPrefix(layers), let dot = reference.dropFirst(layers.count).firstIndex(of: ".")
                else { continue }
                let index = reference[reference.index(reference.startIndex, offsetBy: layers.count)..<dot]
                let inside = String(reference[reference.index(after: dot)...])
                guard let (spelling, part) = Self.layer(inside) else { return nil }
                name = "\(prefix)transformer.resblocks.\(index).\(spelling)"
                self.part = part
                return
            }
            return nil
        }

        private static let single = [
            "vision_model.embeddings.class_embedding": "visual.class_embedding",
            "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
            "vision_model.embeddings.patch_embedding.weight": "visual.conv1.weight",
            "vision_model.pre_layrnorm.weight": "visual.ln_pre.weight",
            "vision_model.pre_layrnorm.bias": "visual.ln_pre.bias",
            "vision_model.post_layernorm.weight": "visual.ln_post.weight",
            "vision_model.post_layernorm.bias": "visual.ln_post.bias",
            "visual_projection.weight": "visual.proj",
            "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
            "text_model.embeddings.position_embedding.weight": "positional_embedding",
            "text_model.final_layer_norm.weight": "ln_final.weight",
            "text_model.final_layer_norm.bias": "ln_final.bias",
            "text_projection.weight": "text_projection",
            "logit_scale": "logit_scale",
        ]

        /// A tensor inside a layer.
        private static func layer(_ name: String) -> (String, Part)? {
            for (index, letter) in ["q", "k", "v"].enumerated() {
                for kind in ["weight", "bias"] where name == "self_attn.\(letter)_proj.\(kind)" {
                    return ("attn.in_proj_\(kind)", .third(index))
                }
            }
            let parts = [
                "layer_norm1": "ln_1", "layer_norm2": "ln_2", "self_attn.out_proj": "attn.out_proj",
                "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
            ]
            guard let dot = name.lastIndex(of: "."), let spelling = parts[String(name[..<dot])] else { return nil }
            return (spelling + name[dot...], .whole)
        }
    }
}

extension Checkpoint {
    /// The weights in it under the reference's names, however they are spelt.
    var weightSource: any WeightSource { OpenCLIPWeights(self) ?? CheckpointWeights(self) }
}
