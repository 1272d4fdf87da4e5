import ArgumentParser
import Autograd
import Checkpoints
import Diffusion
import Foundation
import Layers
import Models
import StageKit

struct LoRACommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lora", abstract: "LoRA files of this and other tools.", subcommands: [Convert.self])

    struct Convert: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "convert", abstract: "Read a LoRA in any spelling and write it as other tools load it.",
            discussion: """
                Read are the spellings of diffusers (now and before peft), of peft, of kohya's scripts, and MotionDirector's
                lists of tensors (.pt), from safetensors and PyTorch files. What is written has scale 1: an alpha is folded
                into B. A LoRA of another network is refused, with the modules that do not fit.

                Spellings: diffusers writes unet.PATH.lora_A.weight, for load_lora_weights; peft PATH.lora_A.weight, for
                set_peft_model_state_dict; older unet.PATH.lora.down.weight.

                \(ExitStatus.help)
                """)

        @Argument(help: "The LoRA's file.") var file: String
        @Option(help: "The model set that it is for, or the folder of its UNet.") var model: String
        @Option(help: ArgumentHelp("Where it goes.", valueName: "file.safetensors")) var to: String
        @Option(help: "diffusers, peft or older.", transform: Self.spelling) var spelling = LoRAFile.Spelling.diffusers
        @Option(help: "How much it acts: folded into B, on top of its own scale.") var scale: Float = 1
        @Flag(help: "A file that is there already may be replaced.") var replace = false

        func validate() throws {
            guard to.hasSuffix(".safetensors") else {
                throw ValidationError("--to is the name of a safetensors file, not \(to)")
            }
            guard scale.isFinite else { throw ValidationError("--scale is a number, not \(scale)") }
        }

        func run() throws {
            let target = URL(filePath: to)
            guard replace || !FileManager.default.fileExists(atPath: to) else {
                throw CommandFailure(
                    status: .usage, message: "\(to) is there already; nothing was written",
                    help: "add --replace to write it anew")
            }
            do {
                try FileManager.default.createDirectory(
                    at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
                let network = try UNet3DConditionModel.outline(folder: unet())
                let lora = try LoRAFile.read(Checkpoint.open(URL(filePath: file)), sites: network.linears)
                try LoRAFile.write(lora, scale: scale, spelling: spelling, to: target)
                Console().note(Self.summary(of: lora))
            } catch let error as any Error & CustomStringConvertible where Failure.status(of: error) == nil {
                throw CommandFailure(status: .usage, message: "\(error)")
            }
            Console().result(to)
        }

        /// The folder of the network: named itself, or as a part of a set.
        private func unet() throws -> URL {
            let folder = URL(filePath: model, directoryHint: .isDirectory)
            let configuration = folder.appending(path: "config.json")
            if FileManager.default.fileExists(atPath: configuration.path(percentEncoded: false)) {
                let found = try ModelFolder(folder).modelClass
                guard found == .unet3DConditionModel else {
                    throw CommandFailure(
                        status: .usage, message: "\(model) holds a \(found.rawValue), not a UNet3DConditionModel")
                }
                return folder
            }
            let set = try ModelsCommand.set(model, PipelineOptions.reader(overrides: []))
            guard let folder = set.folders[.unet] else {
                throw CommandFailure(
                    status: .usage, message: "model set \(set.name) has no unet",
                    help: "add `unet: FOLDER` to the model set file")
            }
            return folder
        }

        private static func spelling(_ name: String) throws -> LoRAFile.Spelling {
            guard let known = LoRAFile.Spelling(rawValue: name) else {
                let all = LoRAFile.Spelling.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("a spelling is one of \(all), not '\(name)'")
            }
            return known
        }

        /// Which layers it acts on, and its ranks.
        private static func summary(of lora: LoRA) -> String {
            let ranks = Set(lora.factors.map { $0.down.shape[0] }).sorted().map(String.init).joined(separator: ", ")
            let kinds = [LoRATargets.spatial, .temporal].map { kind in
                "\(lora.factors.count { kind.contains($0.site.path) }) \(kind.rawValue)"
            }
            return "\(lora.factors.count) layers (\(kinds.joined(separator: ", "))), rank \(ranks), "
                + "\(lora.parameterCount) numbers"
        }
    }
}
