import Foundation
import Layers
import Models
import Tensors

/// What the CLIP of the tiny model family is made of: its config.json.
struct CLIPArchitecture {
    /// Side of a patch: an eighth of a frame of 32 pixels.
    static let patch = 4
    /// Ids of a text, start and end counted; the longest caption of the world has 21 words.
    static let maximumPositions = 32

    let side: Int
    let vocabulary: Int
    let tokens: WorldTokens

    var configuration: String {
        """
        {
          "architectures": ["CLIPModel"],
          "logit_scale_init_value": 2.6592,
          "model_type": "clip",
          "projection_dim": 64,
          "text_config": {
            "bos_token_id": \(tokens.startID),
            "eos_token_id": \(tokens.endID),
            "hidden_act": "gelu",
            "hidden_size": 64,
            "intermediate_size": 256,
            "layer_norm_eps": 1e-05,
            "max_position_embeddings": \(Self.maximumPositions),
            "model_type": "clip_text_model",
            "num_attention_heads": 4,
            "num_hidden_layers": 3,
            "pad_token_id": \(tokens.padID),
            "projection_dim": 64,
            "vocab_size": \(vocabulary)
          },
          "vision_config": {
            "hidden_act": "gelu",
            "hidden_size": 96,
            "image_size": \(side),
            "intermediate_size": 384,
            "layer_norm_eps": 1e-05,
            "model_type": "clip_vision_model",
            "num_attention_heads": 4,
            "num_channels": 3,
            "num_hidden_layers": 3,
            "patch_size": \(Self.patch),
            "projection_dim": 64
          }
        }

        """
    }
}

/// CLIP's weights before training: the text tower as transformers begins, the image tower so that attention is local.
///
/// Each image token starts with a sine and cosine of its row and column, and keys equal to queries: tokens look first at
/// those near them.
struct InitialCLIP: WeightSource {
    private let base: RandomWeights
    private let configuration: CLIPModel.Configuration

    init(_ base: RandomWeights, _ configuration: CLIPModel.Configuration) {
        self.base = base
        self.configuration = configuration
    }

    func tensor(_ name: String, shape: [Int], initial: InitialWeights) -> Tensor {
        if name.hasSuffix(".bias") { return Tensor(zeros: shape) }
        let (textWidth, imageWidth) = (Float(configuration.text.hiddenSize), Float(configuration.vision.hiddenSize))
        return switch name {
        case _ where name.hasPrefix("vision_model.encoder."): vision(name, shape, initial)
        // 0.1 for pixels in [-1, 1], of which CLIP's preprocessing makes larger numbers.
        case "vision_model.embeddings.patch_embedding.weight": normal(name, shape, 0.1 * 2 * 0.269)
        case "vision_model.embeddings.position_embedding.weight": positions(normal(name, shape, 0.02))
        case "vision_model.embeddings.class_embedding": normal(name, shape, 1 / imageWidth.squareRoot())
        case "visual_projection.weight": normal(name, shape, 1 / imageWidth.squareRoot())
        case "text_projection.weight": normal(name, shape, 1 / textWidth.squareRoot())
        case _ where name.hasPrefix("text_model.embeddings."): normal(name, shape, 0.02)
        case _ where name.hasPrefix("text_model.encoder."): text(name, shape, initial)
        default: base.tensor(name, shape: shape, initial: initial)
        }
    }

    private func normal(_ name: String, _ shape: [Int], _ deviation: Float) -> Tensor {
        base.tensor(name, shape: shape, initial: .normal(deviation: deviation))
    }

    /// `CLIPPreTrainedModel._init_weights` of transformers.
    private func text(_ name: String, _ shape: [Int], _ initial: InitialWeights) -> Tensor {
        guard shape.count == 2 else { return base.tensor(name, shape: shape, initial: initial) }
        let width = Float(configuration.text.hiddenSize)
        let deep = 1 / (width * 2 * Float(configuration.text.layers)).squareRoot()
        let deviation =
            name.hasSuffix("out_proj.weight")
            ? 1 / width.squareRoot() : name.hasSuffix("fc1.weight") ? 1 / (2 * width).squareRoot() : deep
        return normal(name, shape, deviation)
    }

    /// Deviation 1/√inputs, half of that where a layer's result is added.
    private func vision(_ name: String, _ shape: [Int], _ initial: InitialWeights) -> Tensor {
        guard shape.count == 2 else { return base.tensor(name, shape: shape, initial: initial) }
        let isLast = name.hasSuffix("out_proj.weight") || name.hasSuffix("fc2.weight")
        return normal(
            name.replacing("k_proj", with: "q_proj"), shape, (isLast ? 0.5 : 1) / Float(shape[1]).squareRoot())
    }

    /// Half the sine and cosine of column and row, at frequencies from π down to π/8 a patch; the class token keeps what
    /// it has.
    private func positions(_ random: Tensor) -> Tensor {
        let width = random.shape[1]
        let grid = configuration.vision.imageSize / configuration.vision.patchSize
        let count = width / 4
        var positions = random
        positions.write { values in
            for patch in 0..<grid * grid {
                for k in 0..<count {
                    let share = Double(k) / Double(max(1, count - 1))
                    let frequency = Double.pi * pow(8, -share)
                    for (axis, place) in [patch % grid, patch / grid].enumerated() {
                        let at = (patch + 1) * width + 2 * axis * count + k
                        values[at] = Float(0.5 * sin(Double(place) * frequency))
                        values[at + count] = Float(0.5 * cos(Double(place) * frequency))
                    }
                }
            }
        }
        return positions
    }
}
