import Diffusion
import Foundation

/// Which of some files are LoRAs that a stage reads: what it wrote itself, or what somebody brings from elsewhere.
///
/// Names alone decide, so that a check before the run and the run see the same.
enum LoRAFiles {
    /// In order: the standard name, one folder for each clip, peft's name, the only file whatever its name, or the only
    /// one with the ending of a weight file.
    static func choose(from files: [String: URL]) -> [URL] {
        if let single = files[LoRAFile.name] { return [single] }
        var several: [URL] = []
        while let url = files["\(several.count)/\(LoRAFile.name)"] { several.append(url) }
        if !several.isEmpty { return several }
        for name in ["adapter_model.safetensors", "adapter_model.bin"] {
            if let url = files[name] { return [url] }
        }
        if files.count == 1, let only = files.values.first { return [only] }
        let weights = files.filter { LoRAFile.endings.contains($0.value.pathExtension.lowercased()) }
        return weights.count == 1 ? Array(weights.values) : []
    }
}
