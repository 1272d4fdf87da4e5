import Artifacts
import Formats
import Foundation
import StageKit

/// The numbers of a report as a table for people; lists, such as a matrix of confusions, stay in the report.
struct MeasuredTable {
    private let rows: [(name: String, value: String)]

    /// Throws `FormatError.malformed` when the file is no JSON object.
    init(json: Data, file: String) throws {
        let document: Any
        do { document = try JSONSerialization.jsonObject(with: json) } catch {
            throw FormatError.malformed(file: file, why: "it is not JSON: \(error.localizedDescription)")
        }
        guard let object = document as? [String: Any] else {
            throw FormatError.malformed(file: file, why: "it is no JSON object")
        }
        rows = object.sorted { $0.key < $1.key }.compactMap { name, value in
            if let number = value as? Double { return (Self.words(name), Self.rounded(number)) }
            guard let numbers = value as? [String: Double] else { return nil }
            let list = numbers.sorted { $0.key < $1.key }.map { "\($0.key) \(Self.rounded($0.value))" }
            return (Self.words(name), list.joined(separator: ", "))
        }
    }

    var markdown: String {
        (["| measured | value |", "|---|---|"] + rows.map { "| \($0.name) | \($0.value) |" }).joined(separator: "\n")
    }

    private static func rounded(_ value: Double) -> String { String(format: "%.4g", value) }

    /// `squaredError` as `squared error`.
    private static func words(_ name: String) -> String {
        name.reduce(into: "") { words, letter in words += letter.isUppercase ? " \(letter.lowercased())" : "\(letter)" }
    }
}

/// What a model set says of itself: how it came about, how well its parts do, and under which licence.
struct ModelCard {
    private let settings: ModelAssemblyStage.Settings
    private let parts: [(name: String, artifact: InputArtifact, bytes: Int)]
    private let measured: [MeasuredTable]

    init(_ settings: ModelAssemblyStage.Settings, _ context: StageContext) throws {
        self.settings = settings
        parts = try ["unet", "vae", "clip", "video-encoder", "captioner"].compactMap { port in
            guard let artifact = context.optionalInput(port) else { return nil }
            let sizes = try artifact.files.values.map { try $0.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0 }
            return (port, artifact, sizes.reduce(0, +))
        }
        measured = try (context.inputs["reports"] ?? []).compactMap { report in
            guard let file = report.files["measured.json"] else { return nil }
            return try MeasuredTable(json: Data(contentsOf: file), file: "measured.json")
        }
    }

    var text: String {
        let rows = parts.map { "| \($0.name) | `\($0.artifact.digest)` | \($0.bytes / 1024) KiB in float32 |" }
        let head = "\n\nWhat was measured on videos that training had not seen:\n\n"
        let scores = measured.map(\.markdown)
        return """
            # \(settings.name)

            A model family of the architectures of ZeroScope, OpenCLIP and VideoMAE, small enough for a laptop, trained from
            nothing by motrans on videos that it drew itself (the procedural world: 12 subjects, 8 colours, 8 places). It knows
            that world and nothing else. Videos have \(settings.frames) frames of \(settings.side) x \(settings.side).

            Licence: \(settings.licence). No data of others went into it.

            | part | artifact that it was made from | size |
            |---|---|---|
            \(rows.joined(separator: "\n"))\(scores.isEmpty ? "" : head + scores.joined(separator: "\n\n"))
            """
    }

    /// `model.yaml`.
    static func set(_ settings: ModelAssemblyStage.Settings, captioner: InputArtifact?) -> String {
        let side = settings.side
        let training = "rank: \(settings.rank), gradient-clip: 1"
        let motion =
            "learning-rate: \(settings.motionLearningRate), schedule: cosine, high-noise: \(settings.highNoise), "
            + "injector-learning-rate: \(settings.injectorLearningRate), normalize-image-embedding: true"
        let video =
            "inference-steps: \(settings.inferenceSteps), frames: \(settings.frames), width: \(side), height: \(side), "
            + "fps: \(settings.fps), enlarge: \(settings.enlarge)"
        return """
            # Trained by motrans on videos of its procedural world: see README.md.
            name: \(settings.name)
            unet: unet
            vae: vae
            text-encoder: text_encoder
            tokenizer: tokenizer
            scheduler: scheduler
            image-encoder: image_encoder
            video-encoder: video_encoder
            \(captioner == nil ? "" : "captioner: captioner\n")recommended:
              frame-extraction: {frames: \(settings.frames), size: [\(side), \(side)], fps: \(settings.fps)}
            \(captioner.map { "  recaption: {\(recaption($0))}\n" } ?? "")\
              spatial-lora-training: {steps: \(settings.appearanceSteps), \(training), learning-rate: \(settings.learningRate)}
              motion-training: {steps: \(settings.motionSteps), \(training), \(motion)}
              sampling: {guidance: \(settings.guidance), guidance-rescale: \(settings.guidanceRescale), \(video)}
            """
    }

    /// That captions are the captioner's, and what it was told when it was trained, if it says so.
    private static func recaption(_ captioner: InputArtifact) -> String {
        var settings = ["captioner: model"]
        if let chat = captioner.attributes["chat"]?.string {
            let escaped = chat.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
            settings.append("chat: \"\(escaped)\"")
        }
        if let tokens = captioner.attributes["maximum-tokens"]?.int { settings.append("maximum-tokens: \(tokens)") }
        return settings.joined(separator: ", ")
    }

    /// `model_index.json`: diffusers opens the folder as a pipeline.
    static let index = """
        {
          "_class_name": "TextToVideoSDPipeline",
          "scheduler": ["diffusers", "DDIMScheduler"],
          "text_encoder": ["transformers", "CLIPTextModel"],
          "tokenizer": ["transformers", "CLIPTokenizer"],
          "unet": ["diffusers", "UNet3DConditionModel"],
          "vae": ["diffusers", "AutoencoderKL"]
        }
        """
}
