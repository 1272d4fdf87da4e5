import Checkpoints
import Foundation
import Tensors

/// By what a file multiplies B·A: alpha / rank, with alpha from a tensor of the layer, from the metadata that diffusers
/// writes, or from the `adapter_config.json` that peft writes beside the file; without an alpha 1, as peft assumes.
struct LoRAScale {
    private let file: Checkpoint
    private let alpha: Double?
    /// alpha / √rank (Kalajdzievski 2023, "A Rank Stabilization Scaling Factor for Fine-Tuning with LoRA").
    private let isStabilised: Bool

    /// Throws `DiffusionError.unreadable` when layers have alphas of their own by patterns, or the file adds more than
    /// two factors.
    init(of file: Checkpoint, _ source: LoRAFile.SettingsSource) throws {
        self.file = file
        guard let text = try Self.text(of: file, source) else {
            (alpha, isStabilised) = (nil, false)
            return
        }
        let place = file.location.path(percentEncoded: false)
        let settings: [String: Setting]
        do {
            settings = try JSONDecoder().decode([String: Setting].self, from: Data(text.utf8))
        } catch {
            throw DiffusionError.unreadable(file: place, why: "its adapter settings are no JSON object")
        }
        func setting(_ name: String) -> Setting? { settings[name] ?? settings["unet.\(name)"] }
        for name in ["alpha_pattern", "use_dora"] where setting(name)?.isSet == true {
            throw DiffusionError.unreadable(file: place, why: "it has `\(name)`, which is not supported")
        }
        if let given = setting("lora_alpha") {
            guard let number = given.number, number.isFinite else {
                throw DiffusionError.unreadable(file: place, why: "its `lora_alpha` is not a number")
            }
            alpha = number
        } else {
            alpha = nil
        }
        isStabilised = setting("use_rslora")?.isSet ?? false
    }

    /// The scale of a layer.
    func scale(alpha name: String?, rank: Int) throws -> Float {
        if let name {
            guard file.entry(name)?.count == 1 else {
                throw DiffusionError.unreadable(
                    file: file.location.path(percentEncoded: false), why: "tensor \(name) is not one number")
            }
            return try file.tensor(name).reshaped([]).scalar / Float(rank)
        }
        guard let alpha else { return 1 }
        return Float(alpha / (isStabilised ? Double(rank).squareRoot() : Double(rank)))
    }

    private static func text(of file: Checkpoint, _ source: LoRAFile.SettingsSource) throws -> String? {
        if let text = file.metadata["lora_adapter_metadata"] { return text }
        // Another file may lie beside a LoRA of another tool: only the name that goes with it counts.
        guard file.location.deletingPathExtension().lastPathComponent == "adapter_model" else { return nil }
        let beside = file.location.deletingLastPathComponent().appending(path: "adapter_config.json")
        let isThere = FileManager.default.fileExists(atPath: beside.path(percentEncoded: false))
        switch source {
        case .beside: return isThere ? try String(contentsOf: beside, encoding: .utf8) : nil
        case .file(let url?): return try String(contentsOf: url, encoding: .utf8)
        case .file(nil):
            guard !isThere else {
                throw DiffusionError.unreadable(
                    file: file.location.path(percentEncoded: false),
                    why:
                        "adapter_config.json beside it tells its scale, and is not given with it: give the folder of both"
                )
            }
            return nil
        }
    }

    /// A JSON value, as far as it matters here.
    private struct Setting: Decodable {
        let number: Double?
        /// Whether it is true, or an object that is not empty.
        let isSet: Bool

        init(from decoder: any Decoder) throws {
            let value = try decoder.singleValueContainer()
            number = try? value.decode(Double.self)
            let entries = try? decoder.container(keyedBy: Key.self).allKeys
            isSet = (try? value.decode(Bool.self)) ?? (entries?.isEmpty == false)
        }

        private struct Key: CodingKey {
            let stringValue: String
            let intValue: Int? = nil
            init?(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }
    }
}
