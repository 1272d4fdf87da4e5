import Autograd
public import Checkpoints
public import Foundation
public import Layers
import Tensors

/// LoRA files as diffusers and peft write them (diffusion.md 6.3).
public enum LoRAFile {
    /// The name that other tools look for in a folder.
    public static let name = "pytorch_lora_weights.safetensors"

    /// How the names of files end that may hold a LoRA.
    public static let endings: Set<String> = ["safetensors", "bin", "pt", "pth"]

    /// How the tensors of a file are called.
    public enum Spelling: String, Sendable, CaseIterable {
        /// `unet.<path>.lora_A.weight`: what `load_lora_weights` of diffusers takes.
        case diffusers
        /// `<path>.lora_A.weight`: what `set_peft_model_state_dict` of peft takes.
        case peft
        /// `unet.<path>.lora.down.weight`: what diffusers wrote before it had peft.
        case older

        /// Of `lora_A` (down) and `lora_B` (up).
        func name(_ module: String, isDown: Bool) -> String {
            switch self {
            case .diffusers: "unet.\(module).lora_\(isDown ? "A" : "B").weight"
            case .peft: "\(module).lora_\(isDown ? "A" : "B").weight"
            case .older: "unet.\(module).lora.\(isDown ? "down" : "up").weight"
            }
        }
    }

    /// Where the settings of peft are looked for, which tell a LoRA's scale: `adapter_config.json`.
    public enum SettingsSource: Sendable {
        /// Beside the file.
        case beside
        /// In this file or, where there is none, nowhere: for those who must know all that they read. One that lies beside
        /// the LoRA all the same is an error, as its scale would be lost.
        case file(URL?)
    }

    /// Writes both factors of each layer, float32; `scale` is folded into B.
    ///
    /// Throws `CheckpointError` when the disk refuses.
    public static func write(
        _ lora: LoRA, scale: Float = 1, spelling: Spelling = .diffusers, metadata: [String: String] = [:], to url: URL
    ) throws(CheckpointError) {
        var tensors: [String: Tensor] = [:]
        for factors in lora.factors {
            tensors[spelling.name(factors.site.path, isDown: true)] = factors.down.value
            let up = factors.up.value
            tensors[spelling.name(factors.site.path, isDown: false)] = scale == 1 ? up : Kernels.scale(up, by: scale)
        }
        try SafetensorsFile.write(tensors, metadata: metadata.merging(["format": "pt"]) { $1 }, to: url)
    }

    /// Reads a LoRA in any spelling of diffusion.md 6: A and B under several names, with an alpha or without, and
    /// MotionDirector's lists of tensors.
    ///
    /// A scale other than 1 (alpha / rank, from a tensor, the metadata or an `adapter_config.json` beside the file) is
    /// folded into B.
    /// - Parameters:
    ///   - sites: the Linears of the network it is for, `unet.weights.linears`.
    ///   - settings: where an `adapter_config.json` is looked for.
    /// Throws `DiffusionError.foreignLoRA` with all modules that are not there or have another shape, and
    /// `DiffusionError.unreadable` when it is no LoRA.
    public static func read(
        _ file: Checkpoint, sites: [LinearSite], settings: SettingsSource = .beside
    ) throws -> LoRA {
        if let list = TensorList(file) { return try list.lora(sites: sites) }
        let path = file.location.path(percentEncoded: false)
        let names = LoRANames(sites: sites)
        var found: [String: [LoRANames.Role: String]] = [:]
        for name in file.names {
            guard !LoRANames.isOfTextEncoder(name) else {
                throw DiffusionError.unreadable(
                    file: path,
                    why: "tensor \(name) is of a text encoder's LoRA, which is not supported: leave those out")
            }
            guard let (module, role) = names.parse(name) else {
                throw DiffusionError.unreadable(file: path, why: "tensor \(name) is not one of a UNet's LoRA")
            }
            if let other = found[module, default: [:]].updateValue(name, forKey: role) {
                throw DiffusionError.unreadable(file: path, why: "\(other) and \(name) are the same factor")
            }
        }
        guard !found.isEmpty else { throw DiffusionError.unreadable(file: path, why: "it holds no tensor") }
        let scales = try LoRAScale(of: file, settings)
        let known = Set(sites.map(\.path))
        var mismatches = found.keys.filter { !known.contains($0) }.sorted().map {
            "\($0) is not a Linear of this network"
        }
        // In the order of the network, so that equal files make equal optimiser states.
        let pairs: [LoRA.Factors] = try sites.compactMap { site in
            guard let names = found[site.path] else { return nil }
            guard let down = names[.down], let up = names[.up] else {
                mismatches.append("\(site.path) has only one of its two factors")
                return nil
            }
            let (a, b) = (try factor(down, in: file), try factor(up, in: file))
            for (name, tensor) in [(down, a), (up, b)] where !tensor.read({ $0.allSatisfy(\.isFinite) }) {
                throw DiffusionError.unreadable(file: path, why: "tensor \(name) has numbers that are not finite")
            }
            if let why = site.refuses(down: a.shape, up: b.shape) {
                mismatches.append("\(site.path) \(why)")
                return nil
            }
            let scale = try scales.scale(alpha: names[.alpha], rank: a.shape[0])
            return LoRA.Factors(
                site: site, down: Variable(a), up: Variable(scale == 1 ? b : Kernels.scale(b, by: scale)))
        }
        guard mismatches.isEmpty else {
            throw DiffusionError.foreignLoRA(file: path, mismatches: mismatches, modules: found.count)
        }
        return LoRA(pairs)
    }

    /// Convolutional spellings have trailing axes of length 1.
    private static func factor(_ name: String, in file: Checkpoint) throws -> Tensor {
        let tensor = try file.tensor(name)
        guard tensor.shape.count > 2, tensor.shape.dropFirst(2).allSatisfy({ $0 == 1 }) else { return tensor }
        return tensor.reshaped(Array(tensor.shape.prefix(2)))
    }
}

extension LinearSite {
    /// Why two factors are not of this layer; nil when they are.
    func refuses(down: [Int], up: [Int]) -> String? {
        guard down.count == 2, up.count == 2 else {
            return "has factors \(down) and \(up), of a convolution: only linear layers are supported"
        }
        guard down.count == 2, up.count == 2, down[1] == inputs, up[0] == outputs, down[0] == up[1], down[0] > 0 else {
            return "has factors \(down) and \(up) where the network has [\(outputs), \(inputs)]"
        }
        return nil
    }
}
