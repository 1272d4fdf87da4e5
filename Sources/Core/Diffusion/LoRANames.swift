import Foundation

/// How other tools spell the tensors of a LoRA (diffusion.md 6.3), and the module paths behind the spellings.
enum LoRANames {
    enum Role: Hashable { case down, up, alpha }

    /// The module path and the role of a tensor, nil when the name is none of a LoRA's.
    ///
    /// Accepts a prefix `unet.` or none; `lora_A`/`lora_B`, `lora.down`/`lora.up`, `lora_down`/`lora_up`, and the older
    /// `processor.to_q_lora.down`; `.alpha`.
    static func parse(_ name: String) -> (module: String, role: Role)? {
        var path = name.hasPrefix("unet.") ? String(name.dropFirst(5)) : name
        for (suffix, role) in suffixes where path.hasSuffix(suffix) {
            path.removeLast(suffix.count)
            if let processor = path.range(of: ".processor.", options: []), path.hasSuffix("_lora") {
                let layer = path[processor.upperBound...].dropLast(5)
                path = path[..<processor.lowerBound] + "." + (layer == "to_out" ? "to_out.0" : layer)
            }
            return (path, role)
        }
        return nil
    }

    /// The spelling that is written: peft's.
    static func down(_ module: String) -> String { "unet.\(module).lora_A.weight" }
    static func up(_ module: String) -> String { "unet.\(module).lora_B.weight" }

    private static let suffixes: [(String, Role)] = [
        (".lora_A.weight", .down), (".lora_B.weight", .up), (".lora_A.default.weight", .down),
        (".lora_B.default.weight", .up), (".lora.down.weight", .down), (".lora.up.weight", .up),
        (".lora_down.weight", .down), (".lora_up.weight", .up), (".down.weight", .down), (".up.weight", .up),
        (".alpha", .alpha),
    ]
}
