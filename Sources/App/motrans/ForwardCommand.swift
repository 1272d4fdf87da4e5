import ArgumentParser
import Checkpoints
import Diffusion
import Foundation
import Models
import Tensors

struct ForwardCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forward", abstract: "Run one model or scheduler folder on given tensors.",
        discussion: """
            The class is in the folder's config.json; inputs and outputs have the names and layouts of the reference
            class. UNet3DConditionModel: sample, timestep, encoder_hidden_states → sample. AutoencoderKL: pixel_values →
            mean, logvar; latents → sample. CLIP: input_ids, pixel_values → last_hidden_state, pooler_output, text_embeds,
            image_embeds. VideoMAE: pixel_values → last_hidden_state, logits. LLaVA: input_ids (an image is as many image
            ids as it has patches), pixel_values → logits. A scheduler: sample and noise_estimates (one
            for each timestep, in order) → sample, timesteps.

            \(ExitStatus.help)
            """)

    @Argument(help: "A folder with a config.json (or scheduler_config.json) and its weights.") var folder: String
    @Option(help: ArgumentHelp("The input tensors.", valueName: "in.safetensors")) var inputs: String
    @Option(help: ArgumentHelp("Where the output tensors go.", valueName: "out.safetensors")) var outputs: String

    func run() throws {
        let url = URL(filePath: folder, directoryHint: .isDirectory)
        let outcome: [String: SafetensorsFile.Content]
        do {
            let inputs = try Checkpoint.open(URL(filePath: inputs))
            outcome = try SchedulerFolder.isScheduler(url) ? schedule(url, inputs) : compute(url, inputs)
            try SafetensorsFile.write(outcome, to: URL(filePath: outputs))
        } catch let error as any Error & CustomStringConvertible where Failure.status(of: error) == nil {
            throw CommandFailure(status: .usage, message: "\(error)")
        }
        for name in outcome.keys.sorted() { Console().note("\(name) → \(outputs)") }
    }

    private func compute(_ folder: URL, _ inputs: Checkpoint) throws -> [String: SafetensorsFile.Content] {
        let arrays = try Dictionary(
            uniqueKeysWithValues: inputs.names.map { name in
                guard let entry = inputs.entry(name), entry.type.isInteger else {
                    return (name, NumericArray.numbers(try inputs.tensor(name)))
                }
                return (name, .integers(try inputs.integers(name), shape: entry.shape))
            })
        let model = try ModelFolder(folder)
        tellUnused(inputs, known: model.inputNames)
        return try model.forward(arrays).mapValues { .floats($0, as: .float32) }
    }

    private func schedule(_ folder: URL, _ inputs: Checkpoint) throws -> [String: SafetensorsFile.Content] {
        let tensors = try Dictionary(uniqueKeysWithValues: inputs.names.map { ($0, try inputs.tensor($0)) })
        tellUnused(inputs, known: ["sample", "noise_estimates"])
        let outcome = try DDIMScheduler(folder: folder).forward(tensors)
        return Dictionary(
            uniqueKeysWithValues: outcome.map { name, tensor in
                name == "timesteps"
                    ? (name, .integers(tensor.values.map { Int($0) }, shape: tensor.shape))
                    : (name, .floats(tensor, as: .float32))
            })
    }
}

extension ForwardCommand {
    /// A misspelt name would otherwise go unseen where an input may be left out.
    private func tellUnused(_ inputs: Checkpoint, known: [String]) {
        for name in inputs.names.sorted() where !known.contains(name) {
            Console().note("not used: \(name) (known here: \(known.joined(separator: ", ")))")
        }
    }
}

/// Tells scheduler folders from model folders.
private enum SchedulerFolder {
    static func isScheduler(_ folder: URL) throws -> Bool {
        let path = folder.path(percentEncoded: false)
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
            throw CommandFailure(status: .usage, message: "there is no folder \(path)")
        }
        return FileManager.default.fileExists(
            atPath: folder.appending(path: "scheduler_config.json").path(percentEncoded: false))
    }
}
