import Autograd
import Checkpoints
public import Foundation
public import Layers
public import Tensors

/// What the motion stage trains, and what of it sampling needs: two files in one folder (diffusion.md 6.3).
public struct MotionAdapter {
    /// Small facts that travel in the file's metadata.
    public struct Facts: Hashable, Sendable {
        /// The word that names the motion, nil when each prompt's own was found.
        public var motion: String?
        /// How much of the motion's phrase is enhanced.
        public var span: MotionWord.Span
        /// The prompts that it was trained with.
        public var prompts: [String]

        /// Facts as they are.
        public init(motion: String?, span: MotionWord.Span, prompts: [String]) {
            self.motion = motion
            self.span = span
            self.prompts = prompts
        }
    }

    /// Temporal LoRA; nil when it was switched off.
    public var temporalLoRA: LoRA?
    /// W_p of every place; nil when it was switched off.
    public var injector: AppearanceInjector?
    /// The MLP behind E_r; nil when it was switched off.
    public var enhancer: MotionEnhancer?
    /// v̄, the mean over the reference videos of their embeddings, `[d]`.
    public var videoEmbedding: Tensor?
    /// E_r of the training prompts, averaged over them and the pieces of the word, `[D]`.
    public var residualEmbedding: Tensor?
    /// See `Facts`.
    public var facts: Facts

    /// An adapter of these parts.
    public init(
        temporalLoRA: LoRA?, injector: AppearanceInjector?, enhancer: MotionEnhancer?, videoEmbedding: Tensor?,
        residualEmbedding: Tensor?, facts: Facts
    ) {
        self.temporalLoRA = temporalLoRA
        self.injector = injector
        self.enhancer = enhancer
        self.videoEmbedding = videoEmbedding
        self.residualEmbedding = residualEmbedding
        self.facts = facts
    }

    /// The file with everything but the LoRA.
    public static let fileName = "motrans_adapter.safetensors"

    /// Writes both files into a folder that exists.
    ///
    /// Throws `CheckpointError` when the disk refuses.
    public func write(to folder: URL) throws {
        if let temporalLoRA { try LoRAFile.write(temporalLoRA, to: folder.appending(path: LoRAFile.name)) }
        var tensors: [String: Tensor] = [:]
        for (name, tensor) in (injector?.exported() ?? []) + (enhancer?.exported() ?? []) { tensors[name] = tensor }
        tensors["video_embedding"] = videoEmbedding
        tensors["residual_embedding"] = residualEmbedding
        var metadata = ["format": "pt", "span": facts.span.rawValue, "prompts": facts.prompts.joined(separator: "\n")]
        metadata["motion"] = facts.motion
        metadata["inject_point"] = injector?.point.rawValue
        metadata["fusion"] = injector?.fusion.rawValue
        metadata["normalize_image_embedding"] = injector.map { "\($0.normalisesEmbedding)" }
        try SafetensorsFile.write(tensors, metadata: metadata, to: folder.appending(path: MotionAdapter.fileName))
    }

    /// Reads an adapter for a network.
    ///
    /// - Parameters:
    ///   - lora: the temporal LoRA's file, nil when there is none.
    ///   - settings: where the settings of a LoRA of peft are.
    ///   - adapter: the file with the rest, nil when there is none (a LoRA of another tool).
    ///   - network: `unet.weights`, whose modules it must fit.
    /// Throws `DiffusionError` when it was made for another network.
    public init(
        lora: URL?, settings: LoRAFile.SettingsSource = .beside, adapter: URL?, network: Weights
    ) throws {
        temporalLoRA = try lora.map {
            try LoRAFile.read(Checkpoint.open($0), sites: network.linears, settings: settings)
        }
        guard let adapter else {
            (injector, enhancer, videoEmbedding, residualEmbedding) = (nil, nil, nil, nil)
            facts = Facts(motion: nil, span: .verb, prompts: [])
            return
        }
        let file = try Checkpoint.open(adapter)
        injector = try MotionAdapter.injector(in: file, network)
        enhancer = try MotionAdapter.enhancer(in: file)
        videoEmbedding = file.entry("video_embedding") == nil ? nil : try file.tensor("video_embedding")
        residualEmbedding = file.entry("residual_embedding") == nil ? nil : try file.tensor("residual_embedding")
        facts = Facts(
            motion: file.metadata["motion"], span: file.metadata["span"].flatMap(MotionWord.Span.init) ?? .verb,
            prompts: file.metadata["prompts"]?.split(separator: "\n").map(String.init) ?? [])
    }

    private static func injector(in file: Checkpoint, _ network: Weights) throws -> AppearanceInjector? {
        let prefix = "appearance_injector."
        let names = file.names.filter { $0.hasPrefix(prefix) }
        guard !names.isEmpty else { return nil }
        let sites = AppearanceInjector.Site.all(in: network)
        let path = file.location.path(percentEncoded: false)
        let expected = Set(sites.map { "\(prefix)\($0.path).weight" })
        if let foreign = names.first(where: { !expected.contains($0) }) {
            throw DiffusionError.malformedAdapter(
                file: path, tensor: foreign, why: "belongs to no temporal transformer of this network")
        }
        var width: Int?
        return AppearanceInjector(
            try sites.map { site in
                let name = "\(prefix)\(site.path).weight"
                guard file.entry(name) != nil else {
                    throw DiffusionError.malformedAdapter(file: path, tensor: name, why: "is missing")
                }
                let weight = try file.tensor(name)
                guard weight.shape.count == 2, weight.shape[0] == site.channels,
                    width.map({ $0 == weight.shape[1] }) ?? true
                else {
                    throw DiffusionError.malformedAdapter(
                        file: path, tensor: name, why: "is \(weight.shape), not [\(site.channels), d]")
                }
                width = weight.shape[1]
                return (site, Variable(weight))
            },
            point: file.metadata["inject_point"].flatMap(AppearanceInjector.Point.init) ?? .input,
            fusion: file.metadata["fusion"].flatMap(Adapters.Fusion.init) ?? .add,
            normalisesEmbedding: file.metadata["normalize_image_embedding"] == "true")
    }

    private static func enhancer(in file: Checkpoint) throws -> MotionEnhancer? {
        guard file.names.contains(where: { $0.hasPrefix("motion_enhancer.") }) else { return nil }
        let path = file.location.path(percentEncoded: false)
        let tensors = try MotionEnhancer.names.map { name in
            guard file.entry(name) != nil else {
                throw DiffusionError.malformedAdapter(file: path, tensor: name, why: "is missing")
            }
            return try file.tensor(name)
        }
        let (w1, b1, w2, b2) = (tensors[0], tensors[1], tensors[2], tensors[3])
        guard w1.shape.count == 2, w2.shape.count == 2, b1.shape == [w1.shape[0]], w2.shape[1] == w1.shape[0],
            b2.shape == [w2.shape[0]], w1.shape[1] > w2.shape[0]
        else {
            throw DiffusionError.malformedAdapter(
                file: path, tensor: MotionEnhancer.names[0],
                why: "and its neighbours have shapes \(tensors.map(\.shape)) that do not fit each other")
        }
        return MotionEnhancer(weight1: w1, bias1: b1, weight2: w2, bias2: b2)
    }
}
