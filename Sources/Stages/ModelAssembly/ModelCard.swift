import Artifacts
import Formats
import Foundation
import StageKit

/// What a model set says of itself: how it came about, how well its parts do, and under which licence.
struct ModelCard {
    private let settings: ModelAssemblyStage.Settings
    private let parts: [(name: String, artifact: InputArtifact)]
    private let measured: [String]

    init(_ settings: ModelAssemblyStage.Settings, _ context: StageContext) throws {
        self.settings = settings
        parts = ["unet", "vae", "clip", "video-encoder", "captioner"].compactMap { port in
            context.optionalInput(port).map { (port, $0) }
        }
        measured = try (context.inputs["reports"] ?? []).compactMap { report in
            guard let file = report.files["measured.json"] else { return nil }
            return try String(decoding: Data(contentsOf: file), as: UTF8.self)
        }
    }

    var text: String {
        let rows = parts.map { part in
            let bytes = part.artifact.files.values.reduce(0) { sum, file in
                sum + ((try? FileManager.default.attributesOfItem(atPath: file.path)[.size] as? Int) ?? 0)
            }
            return "| \(part.name) | `\(part.artifact.digest)` | \(bytes / 1024) KiB in float32 |"
        }
        let head = "\n\nWhat was measured on videos that training had not seen:\n\n"
        let scores = measured.map { "```json\n" + $0.trimmingCharacters(in: .whitespacesAndNewlines) + "\n```" }
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
        let training = "rank: \(settings.rank), learning-rate: \(settings.learningRate), gradient-clip: 1"
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
              spatial-lora-training: {steps: \(settings.appearanceSteps), \(training)}
              motion-training: {steps: \(settings.motionSteps), \(training)}
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
