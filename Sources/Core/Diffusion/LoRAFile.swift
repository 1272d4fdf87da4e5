import Autograd
public import Checkpoints
public import Foundation
public import Layers
import Tensors

/// LoRA files as diffusers and peft write them (diffusion.md 6.3).
public enum LoRAFile {
    /// The name that other tools look for in a folder.
    public static let name = "pytorch_lora_weights.safetensors"

    /// Writes `unet.<path>.lora_A.weight` and `.lora_B.weight`; `scale` is folded into B.
    ///
    /// Throws `CheckpointError` when the disk refuses.
    public static func write(
        _ lora: LoRA, scale: Float = 1, metadata: [String: String] = [:], to url: URL
    ) throws(CheckpointError) {
        let tensors = Dictionary(uniqueKeysWithValues: lora.exported(scale: scale).map { ($0.name, $0.tensor) })
        try SafetensorsFile.write(tensors, metadata: metadata.merging(["format": "pt"]) { $1 }, to: url)
    }

    /// Reads a LoRA in any spelling of diffusion.md 6.3: A and B under several names, with an alpha or without.
    ///
    /// A scale other than 1 (alpha / rank, from a tensor or the metadata) is folded into B.
    /// - Parameters:
    ///   - sites: the Linears of the network it is for, `unet.weights.linears`.
    /// Throws `DiffusionError.foreignLoRA` when it names a module that is not there or has another shape, and
    /// `DiffusionError.unreadable` when it is no LoRA.
    public static func read(_ file: Checkpoint, sites: [LinearSite]) throws -> LoRA {
        let path = file.location.path(percentEncoded: false)
        var found: [String: [LoRANames.Role: String]] = [:]
        for name in file.names {
            guard let (module, role) = LoRANames.parse(name) else {
                throw DiffusionError.unreadable(file: path, why: "tensor \(name) is not one of a LoRA")
            }
            found[module, default: [:]][role] = name
        }
        guard !found.isEmpty else { throw DiffusionError.unreadable(file: path, why: "it holds no tensor") }
        let known = Set(sites.map(\.path))
        if let foreign = found.keys.filter({ !known.contains($0) }).min() {
            throw DiffusionError.foreignLoRA(file: path, module: foreign, why: "is not a Linear of this network")
        }
        // In the order of the network, so that equal files make equal optimiser states.
        return LoRA(
            try sites.filter { found[$0.path] != nil }.map { site in
                let names = found[site.path] ?? [:]
                guard let down = names[.down], let up = names[.up] else {
                    throw DiffusionError.foreignLoRA(
                        file: path, module: site.path, why: "has only one of its two factors")
                }
                let (a, b) = (try factor(down, in: file), try factor(up, in: file))
                guard a.shape.count == 2, b.shape.count == 2, a.shape[1] == site.inputs, b.shape[0] == site.outputs,
                    a.shape[0] == b.shape[1], a.shape[0] > 0
                else {
                    throw DiffusionError.foreignLoRA(
                        file: path, module: site.path,
                        why:
                            "has factors \(a.shape) and \(b.shape) where the network has [\(site.outputs), \(site.inputs)]"
                    )
                }
                let scale = try scale(alpha: names[.alpha], rank: a.shape[0], in: file)
                return LoRA.Factors(
                    site: site, down: Variable(a), up: Variable(scale == 1 ? b : Kernels.scale(b, by: scale)))
            })
    }

    /// Convolutional spellings have trailing axes of length 1.
    private static func factor(_ name: String, in file: Checkpoint) throws -> Tensor {
        let tensor = try file.tensor(name)
        guard tensor.shape.count > 2, tensor.shape.dropFirst(2).allSatisfy({ $0 == 1 }) else { return tensor }
        return tensor.reshaped(Array(tensor.shape.prefix(2)))
    }

    /// alpha / rank; without an alpha peft assumes alpha = rank.
    private static func scale(alpha: String?, rank: Int, in file: Checkpoint) throws -> Float {
        if let alpha, file.entry(alpha)?.count == 1 { return try file.tensor(alpha).scalar / Float(rank) }
        guard let text = file.metadata["lora_adapter_metadata"],
            let peft = try? JSONDecoder().decode([String: JSONNumber].self, from: Data(text.utf8)),
            let alpha = peft["lora_alpha"]?.value ?? peft["unet.lora_alpha"]?.value,
            let r = peft["r"]?.value ?? peft["unet.r"]?.value, r > 0
        else { return 1 }
        return Float(alpha / r)
    }

    /// A JSON value of which only numbers matter.
    private struct JSONNumber: Decodable {
        let value: Double?

        init(from decoder: any Decoder) throws { value = try? decoder.singleValueContainer().decode(Double.self) }
    }
}
