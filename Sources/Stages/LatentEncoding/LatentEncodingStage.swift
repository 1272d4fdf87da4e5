import Artifacts
import Autograd
import Formats
import Models
import Pretraining
public import StageKit
import Tensors
import World

/// Encodes videos of the procedural world once, for the training of a denoising network.
public struct LatentEncodingStage: Stage {
    /// What a pipeline file may set.
    public struct Settings: StageSettings {
        @Setting("frames encoded at a time", in: 1...65536) var batch = 64

        /// The defaults.
        public init() {}
    }

    /// Its name in pipeline files.
    public static let kind: StageKind = "latent-encoding"
    /// Raised whenever equal inputs would give another output.
    public static let version = 1
    /// One line for people.
    public static let summary = "encode videos of the procedural world into latents"
    /// What it takes.
    public static let inputs = [
        InputPort("scenes", .scenes, help: "videos of the world"),
        InputPort("autoencoder", .model, help: "an AutoencoderKL"),
    ]
    /// What it gives.
    public static let outputs = [OutputPort("latents", .sceneLatents, help: "means of the posteriors, scaled")]

    /// The stage.
    public init() {}

    /// Encodes and writes.
    public func run(_ settings: Settings, _ context: StageContext) throws {
        let videos = try SceneVideos.read(context.input("scenes"))
        let model = try AutoencoderKL(folder: ModelArtifact.folder(context.input("autoencoder")))
        let frames = (0..<videos.count).flatMap { video in (0..<Scene.frames).map { (video: video, frame: $0) } }
        var values: [Float] = []
        var shape: [Int] = []
        for start in stride(from: 0, to: frames.count, by: settings.batch) {
            try context.checkCancellation()
            let part = Array(frames[start..<min(start + settings.batch, frames.count)])
            let mean = withoutRecording { model.encode(Variable(videos.normalised(part))).mean.value }
            shape = Array(mean.shape.dropFirst())
            mean.read { values += $0 }
            context.report(StageProgress(start + part.count, of: frames.count, unit: "frame"))
        }
        let latents = Tensor([videos.count, Scene.frames] + shape, values)
        let scaled = Kernels.scale(latents, by: Float(model.configuration.scalingFactor))
        try SceneLatents(scenes: SceneList(videos.scenes), values: scaled).write(to: context.output("latents"))
    }
}
