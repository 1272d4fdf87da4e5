import Checkpoints
public import Foundation
import Layers
import Tensors

/// The model set `tiny`: the architectures of the real ones at a size that a laptop trains in seconds, untrained.
///
/// Folders and files as diffusers and transformers write them, float16; diffusers opens the folder as a pipeline.
public enum TinyModelSet {
    /// Writes the set: a folder for each part, `model.yaml` that names them and recommends settings, and a README.
    ///
    /// Equal seeds give equal bytes. Files that are there already under these names are replaced. Throws what the disk
    /// throws.
    public static func write(to folder: URL, seed: UInt64 = 0) throws {
        let count = try writeTokenizer(to: folder.appending(path: "tokenizer"))
        var generator = Generator(seed: seed)
        func part(_ name: String, _ configuration: String, file: String, _ build: (URL, Weights) throws -> Void) throws
        {
            let inside = folder.appending(path: name)
            let configurationFile = inside.appending(path: "config.json")
            try text(configuration, to: configurationFile)
            let weights = Weights(RandomWeights(seed: generator.next()))
            try build(configurationFile, weights)
            let tensors = Dictionary(uniqueKeysWithValues: weights.exported().map { ($0.name, $0.tensor) })
            // transformers refuses files that do not say which library's layout they have.
            try SafetensorsFile.write(
                tensors, as: .float16, metadata: ["format": "pt"], to: inside.appending(path: file))
        }
        try part("unet", TinyConfigurations.unet, file: "diffusion_pytorch_model.safetensors") {
            _ = try UNet3DConditionModel(.init(file: $0), $1)
        }
        try part("vae", TinyConfigurations.vae, file: "diffusion_pytorch_model.safetensors") {
            _ = try AutoencoderKL(.init(file: $0), $1)
        }
        try part("text_encoder", TinyConfigurations.textEncoder(count), file: "model.safetensors") {
            _ = try CLIPTextModel(.init(file: $0), $1)
        }
        try part("image_encoder", TinyConfigurations.imageEncoder(count), file: "model.safetensors") {
            _ = try CLIPModel(.init(file: $0), $1)
        }
        try part("video_encoder", TinyConfigurations.videoEncoder, file: "model.safetensors") {
            _ = try VideoMAEForVideoClassification(.init(file: $0), $1)
        }
        try text(
            TinyConfigurations.scheduler,
            to: folder.appending(path: "scheduler").appending(path: "scheduler_config.json"))
        try text(TinyConfigurations.pipeline, to: folder.appending(path: "model_index.json"))
        try text(TinyConfigurations.modelSet(seed), to: folder.appending(path: "model.yaml"))
        try text(TinyConfigurations.readme(seed), to: folder.appending(path: "README.md"))
    }

    /// Writes the tokenizer of the tiny models into a folder, the four files of a `CLIPTokenizer`, and gives the size of
    /// its vocabulary.
    ///
    /// Everyday words and those of the procedural world are one token each. The last two ids are start and end. Throws
    /// what the disk throws.
    ///
    /// - Parameter maximumLength: ids of a text, those of start, end and padding counted.
    @discardableResult
    public static func writeTokenizer(to folder: URL, maximumLength: Int = 77) throws -> Int {
        let tokenizer = TinyTokenizer()
        try text(tokenizer.vocabularyFile, to: folder.appending(path: "vocab.json"))
        try text(tokenizer.mergesFile, to: folder.appending(path: "merges.txt"))
        try text(TinyConfigurations.specialTokens, to: folder.appending(path: "special_tokens_map.json"))
        try text(
            TinyConfigurations.tokenizer(maximumLength: maximumLength),
            to: folder.appending(path: "tokenizer_config.json"))
        return tokenizer.vocabulary.count
    }

    private static func text(_ text: String, to url: URL) throws {
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data((text + "\n").utf8).write(to: url)
    }
}
