import Foundation
import Layers

/// How other tools spell the tensors of a LoRA (diffusion.md 6.3), and the layers of a network behind the spellings.
struct LoRANames {
    enum Role: Hashable { case down, up, alpha }

    /// kohya's spelling joins the parts of a path by `_`: only the network can tell where they were.
    private let joined: [String: String]

    init(sites: [LinearSite]) {
        joined = Dictionary(
            sites.map { ($0.path.replacing(".", with: "_"), $0.path) }, uniquingKeysWith: { first, _ in first })
    }

    /// The module path and the role of a tensor, nil when the name is none of a LoRA's.
    ///
    /// Accepts a prefix `unet.`, peft's `base_model.model.`, both or none; `lora_A`/`lora_B` with an adapter's name or
    /// without, `lora.down`/`lora.up`, `lora_down`/`lora_up`, the older `processor.to_q_lora.down`; kohya's
    /// `lora_unet_…`; `.alpha`.
    func parse(_ name: String) -> (module: String, role: Role)? {
        if name.hasPrefix(Self.kohya) {
            guard let dot = name.firstIndex(of: "."), let role = Self.roles[String(name[dot...])] else { return nil }
            let module = String(name[..<dot].dropFirst(Self.kohya.count))
            return (joined[module] ?? module, role)
        }
        var path = Substring(name)
        for prefix in ["unet.", "base_model.model.", "unet."] where path.hasPrefix(prefix) {
            path = path.dropFirst(prefix.count)
        }
        guard let (stem, role) = Self.split(String(path)) else { return nil }
        guard let processor = stem.range(of: ".processor."), stem.hasSuffix("_lora") else { return (stem, role) }
        let layer = stem[processor.upperBound...].dropLast("_lora".count)
        return (stem[..<processor.lowerBound] + "." + (layer == "to_out" ? "to_out.0" : layer), role)
    }

    /// Whether a tensor is of a text encoder's LoRA, which other tools put into the same file.
    static func isOfTextEncoder(_ name: String) -> Bool {
        ["text_encoder", "lora_te", "te1_", "te2_", "text_model."].contains { name.hasPrefix($0) }
    }

    /// A name without its end, which tells the role.
    private static func split(_ name: String) -> (String, Role)? {
        for (suffix, role) in roles.sorted(by: { $0.key.count > $1.key.count }) where name.hasSuffix(suffix) {
            return (String(name.dropLast(suffix.count)), role)
        }
        // peft in memory: PATH.lora_A.ADAPTER.weight
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count > 3, parts.last == "weight" else { return nil }
        let stem = parts.dropLast(3).joined(separator: ".")
        switch parts[parts.count - 3] {
        case "lora_A": return (stem, .down)
        case "lora_B": return (stem, .up)
        default: return nil
        }
    }

    private static let kohya = "lora_unet_"
    private static let roles: [String: Role] = [
        ".lora_A.weight": .down, ".lora_B.weight": .up, ".lora.down.weight": .down, ".lora.up.weight": .up,
        ".lora_down.weight": .down, ".lora_up.weight": .up, ".down.weight": .down, ".up.weight": .up, ".alpha": .alpha,
    ]
}
