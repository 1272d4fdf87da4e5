import Checkpoints
import Diffusion
import Foundation
import Layers
import Models
public import StageKit

/// Every missing part, and every missing or misshapen tensor of the parts that are there; reads headers only.
///
/// Also what the parts promise each other: the text encoder's width is what the network attends to, and the autoencoder's
/// latents are what it denoises.
public func checkModel(_ model: ModelSet?, parts: [ModelPart]) -> [StageProblem] {
    guard let model else {
        return [StageProblem(.model(nil), "this step needs a model and has none", help: "add `model: NAME`")]
    }
    var problems: [StageProblem] = []
    for part in parts {
        guard let folder = model.folders[part] else {
            problems.append(
                StageProblem(
                    .model(part), "model set \(model.name) has no \(part.rawValue)",
                    help: "add `\(part.rawValue): FOLDER` to the model set file"))
            continue
        }
        problems += messages(part, folder).map { StageProblem(.model(part), "\(part.rawValue): \($0)") }
    }
    return problems.isEmpty ? disagreements(model, Set(parts)) : problems
}

private func messages(_ part: ModelPart, _ folder: URL) -> [String] {
    switch part {
    case .tokenizer: sentence { _ = try CLIPTokenizer(folder: folder) }
    case .scheduler: sentence { _ = try DDIMScheduler(folder: folder) }
    case .captioner: []
    case .unet, .vae, .textEncoder, .imageEncoder, .videoEncoder: ModelFolder.check(folder)
    }
}

private func sentence(_ body: () throws -> Void) -> [String] {
    do {
        try body()
        return []
    } catch { return ["\(error)"] }
}

private func disagreements(_ model: ModelSet, _ parts: Set<ModelPart>) -> [StageProblem] {
    guard parts.contains(.unet), let unet = configuration(model, .unet, UNet3DConditionModel.Configuration.init(file:))
    else { return [] }
    var problems: [StageProblem] = []
    if parts.contains(.textEncoder), let text = configuration(model, .textEncoder, CLIPTextConfiguration.init(file:)),
        text.hiddenSize != unet.crossAttentionDimension
    {
        problems.append(
            StageProblem(
                .model(.textEncoder),
                "the text encoder's states are \(text.hiddenSize) wide, the unet attends to \(unet.crossAttentionDimension): "
                    + "they do not belong together"))
    }
    if parts.contains(.vae), let vae = configuration(model, .vae, AutoencoderKL.Configuration.init(file:)),
        vae.latentChannels != unet.inChannels
    {
        problems.append(
            StageProblem(
                .model(.vae),
                "the vae's latents have \(vae.latentChannels) channels, the unet takes \(unet.inChannels): "
                    + "they do not belong together"))
    }
    return problems
}

private func configuration<T>(_ model: ModelSet, _ part: ModelPart, _ read: (URL) throws -> T) -> T? {
    model.folders[part].flatMap { try? read($0.appending(path: "config.json")) }
}

/// The factor by which the model's autoencoder shrinks images, read from its config; nil when it cannot be read.
public func spatialFactor(of model: ModelSet?) -> Int? {
    model.flatMap { configuration($0, .vae, AutoencoderKL.Configuration.init(file:)) }
        .map { 1 << ($0.blockOutChannels.count - 1) }
}

/// LoRA files of the user's at an input port that were made for another network than the model set's.
public func checkLoRAs(_ request: StageRequest, port: String) -> [StageProblem] {
    guard let sources = request.sources[port], let model = request.model,
        let unet = configuration(model, .unet, UNet3DConditionModel.Configuration.init(file:))
    else { return [] }
    // Names and shapes of the network alone: nothing is read.
    let network = Weights(RandomWeights(seed: 0), readsValues: false)
    guard (try? UNet3DConditionModel(unet, network)) != nil else { return [] }
    return sources.flatMap(\.files).enumerated().compactMap { index, file in
        guard file.url.pathExtension == "safetensors", file.url.lastPathComponent != MotionAdapter.fileName else {
            return nil
        }
        do {
            _ = try LoRAFile.read(Checkpoint.open(file.url), sites: network.linears)
            return nil
        } catch { return StageProblem(.input(port: port, index: index), "\(error)") }
    }
}
