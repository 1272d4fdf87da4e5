import Artifacts
import Autograd
import Checkpoints
import Diffusion
import Formats
import Foundation
import Layers
import Logging
import Media
import Models
import Pretraining
public import StageKit
import Tensors
import World

/// Trains a text-to-video UNet from scratch on latents of the procedural world.
///
/// First on single frames with the temporal layers left out, then on videos from there: the route of ModelScope. Its
/// target is the velocity under a schedule that ends in almost pure noise: with a last step that still shows the motion,
/// a network never needs to read the verb (Lin and others 2024, "Common diffusion noise schedules").
public struct UNetTrainingStage: Stage {
    /// What a pipeline file may set.
    public typealias Settings = UNetTrainingSettings

    /// Its name in pipeline files.
    public static let kind: StageKind = "unet-training"
    /// Raised whenever equal inputs would give another output.
    public static let version = 2
    /// One line for people.
    public static let summary = "train a text-to-video UNet from scratch on latents of the procedural world"
    /// What it takes.
    public static let inputs = [
        InputPort("latents", .sceneLatents, help: "latents of videos of the world"),
        InputPort("clip", .model, help: "CLIP with its tokenizer: the text tower is the text encoder"),
        InputPort("autoencoder", .model, isOptional: true, help: "decodes the samples of previews"),
        InputPort("initial", .model, isOptional: true, help: "a UNet to go on from, such as that of the image phase"),
    ]
    /// What it gives.
    public static let outputs = [
        OutputPort("model", .model, help: "a UNet3DConditionModel folder and its scheduler"),
        OutputPort("report", .trainingReport, help: "loss curve, sheets of samples, and what a judge saw in them"),
    ]

    /// The stage.
    public init() {}

    /// The learning rate follows the number of steps, so none of them is left out.
    public func progressSettings(_ settings: Settings) -> Set<String>? { [] }

    /// No channels, and those that norms or heads cannot split.
    public func check(_ settings: Settings, _ request: StageRequest) -> [StageProblem] {
        guard !settings.channels.isEmpty else {
            return [StageProblem(.setting("channels"), "there is no level")]
        }
        var problems: [StageProblem] = []
        for (name, part) in [("groups", settings.groups), ("head-width", settings.headWidth)] {
            if let odd = settings.channels.first(where: { $0 % part != 0 }) {
                problems.append(StageProblem(.setting("channels"), "\(odd) is not a multiple of `\(name)`, \(part)"))
            }
        }
        if settings.shapeNoiseFrom >= settings.shapeNoiseTo {
            problems.append(
                StageProblem(
                    .setting("shape-noise-from"),
                    "\(settings.shapeNoiseFrom) is not below `shape-noise-to`, \(settings.shapeNoiseTo)"))
        }
        return problems
    }

    /// Trains and writes.
    public func run(_ settings: Settings, _ context: StageContext) throws {
        let latents = try SceneLatents.read(context.input("latents"))
        try fits(latents, levels: settings.channels.count)
        let text = try CaptionEncoder(folder: ModelArtifact.folder(context.input("clip")))
        let recipe = UNetRecipe(settings, latents: latents, textWidth: text.width)
        let scheduler = DDIMScheduler(try SchedulerConfig(json: Data(recipe.scheduler.utf8)))
        let draws = TrainingDraws(seed: settings.seed, purpose: "unet-training \(settings.phase.rawValue)")
        let configuration = context.scratch.appending(path: "config.json")
        try Data(recipe.configuration.utf8).write(to: configuration)
        var seeds = draws.generator("weights")
        let source: any WeightSource =
            if let initial = context.optionalInput("initial") {
                CheckpointWeights(try Checkpoint.open(ModelArtifact.folder(initial)))
            } else {
                TemporalLayersAtRest(RandomWeights(seed: seeds.next()))
            }
        let weights = Weights(source, trainable: true)
        let network = try UNet3DConditionModel(.init(file: configuration), weights)
        let autoencoder = try context.optionalInput("autoencoder").map {
            try AutoencoderKL(folder: ModelArtifact.folder($0))
        }
        var training = Pretraining([weights], recipe: recipe.pretraining, draws: draws) { name in
            settings.phase == .video || !TemporalLayersAtRest.isTemporal(name) ? 1 : 0
        }
        let report = context.output("report")
        var judged = JudgedSamples()
        let memory = (
            write: { try JSONEncoder().encode(judged) },
            read: { judged = try JSONDecoder().decode(JudgedSamples.self, from: $0) }
        )
        try training.run(
            context, previewEvery: autoencoder == nil ? 0 : settings.previewEvery, memory: memory
        ) { _, generator in
            let isImage = settings.phase == .image
            let seesFrames = isImage || generator.chance(settings.frameShare)
            let batch =
                seesFrames
                ? latents.frames(isImage ? settings.batch : settings.frameBatch, settings, using: &generator)
                : latents.videos(settings.batch, settings, using: &generator)
            let loss = recipe.loss(of: network, batch, text, scheduler.schedule, skipsTemporal: isImage)
            return (loss, [])
        } preview: { step in
            guard let autoencoder else { return }
            let samples = try Preview(settings, network: network, scheduler: scheduler, autoencoder: autoencoder)
                .samples(text, shape: latents.values.shape, draws: draws, context)
            try ContactSheet.write(
                samples.prefix(Preview.shown).map(\.frames), columns: 2, to: report.file("samples-\(step).png"))
            judged.append(step: step, samples)
            context.log.notice("\(judged.summary)")
        }
        if autoencoder != nil { try judged.write(to: report) }
        let output = context.output("model")
        try ModelArtifact.write(
            weights, configuration: recipe.configuration, file: "diffusion_pytorch_model.safetensors", to: output)
        try Data(recipe.scheduler.utf8).write(to: output.file("scheduler_config.json"))
        try training.curve.write(to: report)
    }

    /// Every level but the first halves the size, and the way back doubles it.
    private func fits(_ latents: SceneLatents, levels: Int) throws {
        let (height, width) = (latents.values.shape[2], latents.values.shape[3])
        let multiple = levels < 32 ? 1 << (levels - 1) : Int.max
        guard latents.count > 0, height > 0, width > 0, height % multiple == 0, width % multiple == 0 else {
            throw FormatError.malformed(
                file: SceneLatents.fileName,
                why: "\(latents.count) videos of \(height) x \(width): \(levels) levels of `channels` need at least "
                    + "one video, and multiples of \(multiple) both ways")
        }
    }
}

/// Random weights but for the ends of temporal transformers, which are zeros: the network starts as one of images.
///
/// Temporal convolutions end in zeros in any case, as in the reference.
struct TemporalLayersAtRest: WeightSource {
    private let base: RandomWeights

    init(_ base: RandomWeights) { self.base = base }

    /// Whether a parameter belongs to a layer that a network of images leaves out.
    static func isTemporal(_ name: String) -> Bool {
        ["temp_attentions.", "temp_convs."].contains(where: name.contains) || name.hasPrefix("transformer_in.")
    }

    func tensor(_ name: String, shape: [Int], initial: InitialWeights) -> Tensor {
        let isEnd =
            name.hasSuffix("proj_out.weight") || name.hasSuffix("proj_out.bias")
        return isEnd && Self.isTemporal(name) ? Tensor(zeros: shape) : base.tensor(name, shape: shape, initial: initial)
    }
}
