import Artifacts
import Checkpoints
public import Diffusion
import Foundation
public import Layers
public import StageKit

/// What a `spatial-lora` artifact holds: one LoRA for all clips, or one for each.
public struct SpatialLoRAs {
    /// One, or one for each clip in order.
    public let loras: [LoRA]

    /// LoRAs as they are.
    public init(_ loras: [LoRA]) {
        precondition(!loras.isEmpty, "no spatial LoRA")
        self.loras = loras
    }

    /// The LoRA that goes with a clip.
    public subscript(clip: Int) -> LoRA { loras[loras.count == 1 ? 0 : clip] }

    /// The folder of one of several LoRAs inside the artifact; a single one lies at the top.
    public static func folder(_ index: Int, of count: Int) -> String { count == 1 ? "" : "\(index)" }

    /// Writes `pytorch_lora_weights.safetensors`, or several in `0/`, `1/`, … Throws what the disk throws.
    public func write(to output: OutputFolder) throws {
        for (index, lora) in loras.enumerated() {
            let folder = output.file(SpatialLoRAs.folder(index, of: loras.count))
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try LoRAFile.write(lora, to: folder.appending(path: LoRAFile.name))
        }
    }

    /// Reads the artifact for a network.
    ///
    /// Throws `FormatError` when it has no LoRA, `DiffusionError.foreignLoRA` when it was made for another network.
    public static func read(_ artifact: InputArtifact, network: Weights) throws -> SpatialLoRAs {
        func lora(_ url: URL) throws -> LoRA {
            try LoRAFile.read(Checkpoint.open(url), sites: network.linears, settings: artifact.adapterSettings)
        }
        let found = try LoRAFiles.choose(from: artifact.files).map(lora)
        guard !found.isEmpty else {
            throw FormatError.missingFile(file: LoRAFile.name, kind: artifact.kind.name)
        }
        return SpatialLoRAs(found)
    }
}

extension MotionAdapter {
    /// Reads a `motion-adapter` artifact for a network.
    ///
    /// Throws `FormatError` when it has neither file, `DiffusionError` when it was made for another network.
    public static func read(_ artifact: InputArtifact, network: Weights) throws -> MotionAdapter {
        let adapter = artifact.files[MotionAdapter.fileName]
        let lora =
            artifact.files[LoRAFile.name] ?? (adapter == nil ? LoRAFiles.choose(from: artifact.files).first : nil)
        guard lora != nil || adapter != nil else {
            throw FormatError.missingFile(file: LoRAFile.name, kind: artifact.kind.name)
        }
        return try MotionAdapter(lora: lora, settings: artifact.adapterSettings, adapter: adapter, network: network)
    }
}

extension InputArtifact {
    /// What was given with a LoRA of peft, and is in the key; what lies beside it otherwise is not looked at.
    fileprivate var adapterSettings: LoRAFile.SettingsSource { .file(files["adapter_config.json"]) }
}
