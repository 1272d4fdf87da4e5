public import Artifacts
import Checkpoints
import Formats
import Foundation
import Pretraining
public import StageKit

/// Puts trained networks together into a model set: the folders of a diffusers pipeline, the encoders of the metrics,
/// `model.yaml` and a card that says how well each part does.
public struct ModelAssemblyStage: Stage {
    /// What a pipeline file may set.
    public struct Settings: StageSettings {
        @Setting("the name of the set") var name = "tiny"
        @Setting("how numbers are stored") var storage = StoredAs.float16
        @Setting("guidance that suits the set", in: 1...100) var guidance = 4.0
        @Setting("how far that is brought back to the prompt\'s own contrast", in: 0...1) var guidanceRescale = 0.7
        @Setting("rank of LoRAs that suits the set", in: 1...4096) var rank = 16
        @Setting("learning rate of the appearance stage that suits the set", in: 0...1) var learningRate = 2e-3
        @Setting("learning rate of the motion stage that suits the set, let down to 0 along a cosine", in: 0...1)
        var motionLearningRate = 5e-3
        @Setting("share of its steps whose timestep is drawn high", in: 0...1) var highNoise = 0.5
        @Setting("learning rate of its appearance injector", in: 0...1) var injectorLearningRate = 1e-4
        @Setting("steps of the appearance stage that suit the set", in: 1...1_000_000) var appearanceSteps = 60
        @Setting("steps of the motion stage that suit the set", in: 1...1_000_000) var motionSteps = 400
        @Setting("denoising steps that suit the set", in: 1...1000) var inferenceSteps = 20
        @Setting("side of its frames", in: 8...4096) var side = 32
        @Setting("frames of its videos", in: 1...1024) var frames = 8
        @Setting("frames per second of its videos", in: 1...120) var fps = 4
        @Setting("how many times larger sampled videos are written than they are made", in: 1...64) var enlarge = 8
        @Setting("the licence of the weights") var licence = "MIT"

        /// The defaults.
        public init() {}
    }

    /// How wide stored numbers are.
    public enum StoredAs: String, SettingChoice {
        case float16
        case float32
    }

    /// Its name in pipeline files.
    public static let kind: StageKind = "model-assembly"
    /// Raised whenever equal inputs would give another output.
    public static let version = 4
    /// One line for people.
    public static let summary = "put trained networks together into a model set, with a card"
    /// What it takes.
    public static let inputs = [
        InputPort("unet", .model, help: "a UNet3DConditionModel and its scheduler"),
        InputPort("vae", .model, help: "an AutoencoderKL"),
        InputPort("clip", .model, help: "CLIP: image encoder, and its text tower the text encoder"),
        InputPort("video-encoder", .model, help: "a VideoMAE"),
        InputPort("captioner", .model, isOptional: true, help: "a LLaVA"),
        InputPort("reports", .trainingReport, isOptional: true, takesMany: true, help: "what the card tells"),
    ]
    /// What it gives.
    public static let outputs = [OutputPort("model", .modelSet, help: "a folder that `model:` can name")]

    /// The stage.
    public init() {}

    /// A name that would not be one in YAML or as a folder.
    public func check(_ settings: Settings, _ request: StageRequest) -> [StageProblem] {
        let isPlain = settings.name.wholeMatch(of: /[A-Za-z][A-Za-z0-9_.-]*/) != nil
        let words = ["true", "false", "null"]
        guard !isPlain || words.contains(settings.name.lowercased()) else { return [] }
        return [
            StageProblem(
                .setting("name"), "'\(settings.name)' is no name for a model set",
                help: "letters, digits, `_`, `.` and `-`, a letter first")
        ]
    }

    /// Copies, narrows and writes.
    public func run(_ settings: Settings, _ context: StageContext) throws {
        let output = context.output("model")
        let writer = PartWriter(output: output, type: settings.storage == .float16 ? .float16 : .float32)
        let diffusers = "diffusion_pytorch_model.safetensors"
        try writer.copy(context.input("unet"), to: "unet", weights: diffusers, except: ["scheduler_config.json"])
        try writer.place(context.input("unet").file("scheduler_config.json"), at: "scheduler/scheduler_config.json")
        try writer.copy(context.input("vae"), to: "vae", weights: diffusers)
        try writer.copy(context.input("clip"), to: "image_encoder", weights: "model.safetensors")
        try writer.textEncoder(of: context.input("clip"), to: "text_encoder")
        for file in context.input("clip").files.keys.sorted() where PartWriter.isTokenizer(file) {
            try writer.place(context.input("clip").file(file), at: "tokenizer/\(file)")
        }
        try writer.copy(context.input("video-encoder"), to: "video_encoder", weights: "model.safetensors")
        let captioner = context.optionalInput("captioner")
        if let captioner { try writer.copy(captioner, to: "captioner", weights: "model.safetensors") }
        try writer.text(ModelCard.index, to: "model_index.json")
        try writer.text(ModelCard.set(settings, captioner: captioner), to: "model.yaml")
        try writer.text(try ModelCard(settings, context).text, to: "README.md")
    }
}

extension ArtifactKind {
    /// A folder with a `model.yaml`.
    public static let modelSet: ArtifactKind = "model-set"
}
