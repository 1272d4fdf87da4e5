import Checkpoints
public import Diffusion
import Foundation
import Layers
public import Models
public import StageKit

/// Every missing part, every part of another kind, and every missing or misshapen tensor; reads headers only.
///
/// Also what the parts promise each other: the text encoder's width is what the network attends to, the autoencoder's
/// latents are what it denoises, and text encoders and captioners know all ids of their tokenizers.
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
    guard problems.isEmpty else { return problems }
    return disagreements(model, Set(parts)).map {
        StageProblem(.model($0.part), "\($0.part.rawValue): \($0.why): they do not belong together")
    }
}

extension StageRequest {
    /// What is wrong with these parts of the step's model; many steps ask the same.
    public func checkModel(parts: [ModelPart]) -> [StageProblem] {
        once("model: \(parts)") { Formats.checkModel(model, parts: parts) }
    }

    /// The factor by which the model's autoencoder shrinks images; nil when its config cannot be read.
    public var spatialFactor: Int? { once("spatial factor") { Formats.spatialFactor(of: model) } }

    /// The channels of the model's latents; nil when its config cannot be read.
    public var latentChannels: Int? {
        once("latent channels") {
            model.flatMap { configuration($0, .vae, AutoencoderKL.Configuration.init(file:)) }?.latentChannels
        }
    }

    /// The tokenizer of the model's text encoder; nil when it cannot be read.
    public var tokenizer: CLIPTokenizer? { once("tokenizer") { try? model?.tokenizer() } }

    /// The model's scheduler; nil when it cannot be read.
    public var scheduler: DDIMScheduler? { once("scheduler") { try? model?.scheduler() } }

    /// Answers differ by the model's folders alone.
    private func once<Answer: Sendable>(_ question: String, _ find: () -> Answer) -> Answer {
        let folders = (model?.folders ?? [:]).map { "\($0.key): \($0.value.path)" }.sorted()
        return findings.once("\(question) of \(model?.name ?? "no model"), \(folders)", find)
    }
}

private func messages(_ part: ModelPart, _ folder: URL) -> [String] {
    switch part {
    case .tokenizer: sentence { _ = try CLIPTokenizer(folder: folder) }
    case .scheduler: sentence { _ = try DDIMScheduler(folder: folder) }
    case .captioner: messages(folder, [.llava]) + sentence { _ = try LanguageTokenizer(folder: folder) }
    case .unet: messages(folder, [.unet3DConditionModel])
    case .vae: messages(folder, [.autoencoderKL])
    case .textEncoder: messages(folder, [.clipTextModel, .clipTextModelWithProjection])
    case .imageEncoder: messages(folder, [.clipModel])
    case .videoEncoder: messages(folder, [.videoMAEModel, .videoMAEForPreTraining, .videoMAEForVideoClassification])
    }
}

private func messages(_ folder: URL, _ classes: [ModelFolder.Class]) -> [String] {
    // A folder that cannot be opened is told by the check.
    if let found = try? ModelFolder(folder).modelClass, !classes.contains(found) {
        let wanted = classes.map(\.rawValue).joined(separator: " or ")
        return ["\(folder.path(percentEncoded: false)) holds a \(found.rawValue), not a \(wanted)"]
    }
    return ModelFolder.check(folder)
}

private func sentence(_ body: () throws -> Void) -> [String] {
    do {
        try body()
        return []
    } catch { return ["\(error)"] }
}

private func disagreements(_ model: ModelSet, _ parts: Set<ModelPart>) -> [(part: ModelPart, why: String)] {
    func read<T>(_ part: ModelPart, _ read: (URL) throws -> T) -> T? {
        parts.contains(part) ? configuration(model, part, read) : nil
    }
    var found: [(part: ModelPart, why: String)] = []
    func expect(_ part: ModelPart, _ number: Int, _ what: String, _ wanted: Int, _ whose: String) {
        if number != wanted { found.append((part, "\(what) \(number), \(whose) \(wanted)")) }
    }
    let unet = read(.unet, UNet3DConditionModel.Configuration.init(file:))
    let text = read(.textEncoder, CLIPTextConfiguration.init(file:))
    if let unet {
        expect(.unet, unet.outChannels, "its predictions have", unet.inChannels, "the channels that go in are")
        if let text {
            expect(
                .textEncoder, text.hiddenSize, "its states have width", unet.crossAttentionDimension,
                "the unet attends to")
        }
    }
    if let vae = read(.vae, AutoencoderKL.Configuration.init(file:)) {
        if let unet {
            expect(.vae, vae.latentChannels, "the channels of its latents are", unet.inChannels, "the unet takes")
        }
        for channels in [vae.inChannels, vae.outChannels] {
            expect(.vae, channels, "the channels of its images are", 3, "frames have")
        }
    }
    let image = read(.imageEncoder, CLIPModel.Configuration.init(file:))
    if let image { expect(.imageEncoder, image.vision.channels, "the channels that it takes are", 3, "frames have") }
    if let video = read(.videoEncoder, VideoMAEConfiguration.init(file:)) {
        expect(.videoEncoder, video.channels, "the channels that it takes are", 3, "frames have")
    }
    if let captioner = read(.captioner, LlavaConfiguration.init(file:)) {
        expect(.captioner, captioner.vision.channels, "the channels that it takes are", 3, "frames have")
        if let tokenizer = try? model.captionerTokenizer() {
            expect(
                .captioner, tokenizer.id(of: "<image>") ?? -1, "its tokenizer's <image> is", captioner.imageID,
                "its config.json says")
            let (ids, known) = (tokenizer.vocabularySize, captioner.text.vocabularySize)
            if ids > known { found.append((.captioner, "its tokenizer has \(ids) ids, it knows \(known)")) }
        }
    }
    if parts.contains(.tokenizer) {
        for (encoder, tokenizer) in [(text, try? model.tokenizer()), (image?.text, try? model.imageEncoderTokenizer())]
        {
            if let encoder, let why = tokenizer?.disagreement(with: encoder) { found.append((.tokenizer, why)) }
        }
    }
    return found
}

private func configuration<T>(_ model: ModelSet, _ part: ModelPart, _ read: (URL) throws -> T) -> T? {
    model.folders[part].flatMap { try? read(ModelFolder.configuration(of: $0)) }
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
    var first = 0
    return sources.flatMap { source -> [StageProblem] in
        defer { first += source.files.count }
        let files = Dictionary(source.files.map { ($0.path, $0.url) }) { first, _ in first }
        if files[MotionAdapter.fileName] != nil, files[LoRAFile.name] == nil { return [] }
        let chosen = LoRAFiles.choose(from: files)
        guard !chosen.isEmpty else {
            return [
                StageProblem(
                    .input(port: port, index: first),
                    "it is not clear which of these \(files.count) files is the LoRA",
                    help: "name the file itself, or keep one LoRA in a folder, as \(LoRAFile.name)")
            ]
        }
        return chosen.compactMap { url in
            do {
                _ = try LoRAFile.read(
                    Checkpoint.open(url), sites: network.linears, settings: .file(files["adapter_config.json"]))
                return nil
            } catch {
                let index = source.files.firstIndex { $0.url == url } ?? 0
                return StageProblem(.input(port: port, index: first + index), "\(error)")
            }
        }
    }
}
