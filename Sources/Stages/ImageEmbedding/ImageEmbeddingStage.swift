import Artifacts
import Autograd
import Formats
import Foundation
import Media
import Models
public import StageKit
import Tensors
import Tracing

/// Embeds every frame of every clip with CLIP's image tower: projected, not normalised to length 1, as the appearance
/// injector and the motion enhancer take them (diffusion.md 8.4).
public struct ImageEmbeddingStage: Stage {
    /// Its name in pipeline files.
    public static let kind: StageKind = "image-embedding"
    /// Raised whenever equal inputs would give another output.
    public static let version = 1
    /// One line for people.
    public static let summary = "embed every frame, and their mean, with the image encoder"
    /// What it takes.
    public static let inputs = [InputPort("frames", .frames, help: "the frames of each clip")]
    /// What it gives.
    public static let outputs = [
        OutputPort("embeddings", .embeddings, help: "an embedding for each frame, and the mean of each clip")
    ]

    /// What a pipeline file may set.
    public struct Settings: StageSettings {
        @Setting("where the centre crop goes when an odd number of pixels is cut off") var crop = Crop.openCLIP
        @Setting("how matrices of the network are kept and multiplied") var precision = Precision.float32

        /// The defaults.
        public init() {}
    }

    /// Whose rounding the centre crop follows.
    public enum Crop: String, SettingChoice {
        case openCLIP = "open-clip"
        case transformers

        var rounding: CropRounding { self == .openCLIP ? .halfToEven : .floor }
    }

    /// Frames that go through the encoder at once: enough to keep it busy, few enough for memory.
    private static let batch = 8

    /// The stage.
    public init() {}

    /// The image encoder.
    public func modelParts(_ settings: Settings) -> [ModelPart] { [.imageEncoder] }

    /// Whether the image encoder is there and whole.
    public func check(_ settings: Settings, _ request: StageRequest) -> [StageProblem] {
        request.checkModel(parts: modelParts(settings))
    }

    /// Embeds all frames.
    public func run(_ settings: Settings, _ context: StageContext) throws {
        guard let set = context.model else { throw FormatError.missingPart(set: "(none)", part: "image-encoder") }
        let clips = try ClipFrames.read(context.input("frames"))
        let model = try set.imageEncoder(precision: settings.precision)
        let preprocessing = ImagePreprocessing.clip(
            size: model.configuration.vision.imageSize, rounding: settings.crop.rounding)
        let total = clips.reduce(0) { $0 + $1.frames }
        var done = 0
        var embeddings: [ClipEmbeddings] = []
        for clip in clips {
            let frames = Frames(count: clip.frames, height: clip.height, width: clip.width, bytes: clip.pixels)
            var rows: [Float] = []
            for start in stride(from: 0, to: clip.frames, by: ImageEmbeddingStage.batch) {
                try context.checkCancellation()
                let span = Trace.unit("embedding of frames")
                defer { span.end() }
                let part = frames[start..<min(start + ImageEmbeddingStage.batch, clip.frames)]
                rows += withoutRecording { model.imageEmbeddings(Variable(preprocessing(part))).value.values }
                done += part.count
                context.report(StageProgress(done, of: total, unit: "frame"))
            }
            guard rows.allSatisfy(\.isFinite) else { throw ImageEmbeddingError.notFinite }
            embeddings.append(ClipEmbeddings(frames: Tensor([clip.frames, rows.count / clip.frames], rows)))
        }
        try ClipEmbeddings.write(embeddings, to: context.output("embeddings"))
    }
}

/// What can go wrong while embedding.
enum ImageEmbeddingError: Error, CustomStringConvertible {
    /// The encoder gave infinities or NaN.
    case notFinite

    var description: String {
        "the image encoder gives values that are not finite: its weights are damaged or of another architecture"
    }
}
