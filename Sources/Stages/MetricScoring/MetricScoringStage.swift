import Artifacts
import Formats
import Foundation
public import StageKit
import Tensors
import Tracing

/// Scores generated videos: how well they show the prompt and its subject, how steady they are, and how close their
/// motion is to that of the reference clips (diffusion.md 8.9).
public struct MetricScoringStage: Stage {
    /// Its name in pipeline files.
    public static let kind: StageKind = "metric-scoring"
    /// Raised whenever equal inputs would give another output.
    public static let version = 1
    /// One line for people.
    public static let summary = "score videos by CLIP-T, CLIP-E, TempCons and MoFid"
    /// What it takes.
    public static let inputs = [
        InputPort("videos", .videos, takesMany: true, help: "the videos to score"),
        InputPort(
            "references", .frames, isOptional: true, help: "frames of the clips whose motion was learned, for MoFid"),
    ]
    /// What it gives.
    public static let outputs = [OutputPort("scores", .scores, help: "scores.json and scores.csv")]

    /// A score.
    public enum Metric: String, SettingChoice {
        case clipT = "clip-t"
        case clipE = "clip-e"
        case tempCons = "temp-cons"
        case mofid

        /// Its name in scores.json.
        var key: String { rawValue.replacing("-", with: "_") }
    }

    /// Whose rounding the centre crop follows.
    public enum Crop: String, SettingChoice {
        case openCLIP = "open-clip"
        case transformers
    }

    /// What a pipeline file may set.
    public struct Settings: StageSettings {
        @Setting("which scores to take") var metrics: [Metric] = [.clipT, .clipE, .tempCons, .mofid]
        @Setting("draws the reference that each video's motion is compared with", in: 0...9_007_199_254_740_992)
        var seed = 0
        @Setting("where CLIP's centre crop goes when an odd number of pixels is cut off") var crop = Crop.openCLIP
        @Setting("how matrices of the networks are kept and multiplied") var precision = Precision.float32

        /// The defaults: the paper's four.
        public init() {}

        func wants(_ metrics: Metric...) -> Bool { metrics.contains { self.metrics.contains($0) } }
    }

    /// The stage.
    public init() {}

    /// The encoders that the wanted scores need.
    public func modelParts(_ settings: Settings) -> [ModelPart] {
        var parts: [ModelPart] = []
        if settings.wants(.clipT, .clipE, .tempCons) { parts.append(.imageEncoder) }
        if settings.wants(.clipT, .clipE) { parts.append(.tokenizer) }
        if settings.wants(.mofid) { parts.append(.videoEncoder) }
        return parts
    }

    /// Whether there is anything to score, and the encoders are there and whole.
    public func check(_ settings: Settings, _ request: StageRequest) -> [StageProblem] {
        var problems: [StageProblem] = []
        if settings.metrics.isEmpty {
            problems.append(StageProblem(.setting("metrics"), "metrics is empty", help: "leave it out for all four"))
        }
        var parts = modelParts(settings)
        // An image encoder that brings its own vocabulary needs none of the set.
        if let encoder = request.model?.folders[.imageEncoder], request.model?.folders[.tokenizer] == nil,
            FileManager.default.fileExists(atPath: encoder.appending(path: "vocab.json").path(percentEncoded: false))
        {
            parts.removeAll { $0 == .tokenizer }
        }
        problems += request.checkModel(parts: parts).map { problem in
            guard problem.subject == .model(.videoEncoder), request.model?.folders[.videoEncoder] == nil else {
                return problem
            }
            return StageProblem(
                problem.subject, problem.message,
                help: "add `video-encoder: FOLDER` to it, or leave mofid out: metrics: [clip-t, clip-e, temp-cons]")
        }
        return problems
    }

    /// Scores every video.
    public func run(_ settings: Settings, _ context: StageContext) throws {
        guard let set = context.model else { throw FormatError.missingPart(set: "(none)", part: "image-encoder") }
        let videos = try (context.inputs["videos"] ?? []).flatMap { try SampledVideo.read($0) }
        guard !videos.isEmpty else { throw MetricScoringError.noVideos }
        let scorer = try Scorer(settings, set, references: context.optionalInput("references"), log: context.log)
        var scored: [Scores.Video] = []
        for (index, (video, url)) in videos.enumerated() {
            try context.checkCancellation()
            context.report(StageProgress(index, of: videos.count, unit: "video"))
            let span = Trace.unit("scoring of a video")
            defer { span.end() }
            scored.append(try scorer.score(video, url))
        }
        let scores = Scores(videos: scored)
        let output = context.output("scores")
        try scores.write(to: output)
        try Data(ScoresCSV(scores).text.utf8).write(to: output.file("scores.csv"))
        context.report(
            StageProgress(
                videos.count, of: videos.count, unit: "video",
                readings: scores.mean.sorted { $0.key < $1.key }.map { StageProgress.Reading($0.key, $0.value) }))
    }
}

/// What can go wrong while scoring.
enum MetricScoringError: Error, CustomStringConvertible {
    /// No artifact names a video.
    case noVideos

    var description: String { "there are no videos to score: the inputs of `videos` name none" }
}
