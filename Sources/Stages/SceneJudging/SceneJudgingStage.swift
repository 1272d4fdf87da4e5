import Artifacts
import Formats
import Foundation
import Logging
import Media
public import StageKit
import World

/// Looks at videos of the procedural world and says whether they show what their prompts ask for.
///
/// Nothing that it uses was trained: it tracks what moves before a still background, and redraws the world to name what it
/// sees. So a metric that was trained here is not the only judge of a model that was trained here.
public struct SceneJudgingStage: Stage {
    /// What a pipeline file may set.
    public struct Settings: StageSettings {
        @Setting("agreement with the motion's path from which it counts as right", in: 0...1) var threshold = 0.8

        /// The defaults.
        public init() {}
    }

    /// Its name in pipeline files.
    public static let kind: StageKind = "scene-judging"
    /// Raised whenever equal inputs would give another output.
    public static let version = 1
    /// One line for people.
    public static let summary =
        "judge videos of the procedural world by drawing it again: motion, subject, colour, place, leaks"
    /// What it takes.
    public static let inputs = [
        InputPort("videos", .videos, takesMany: true, help: "sampled videos"),
        InputPort(
            "references", .frames, isOptional: true,
            help: "the clips that the motion was learned from: what of their looks is seen again has leaked"),
    ]
    /// What it gives.
    public static let outputs = [OutputPort("scores", .scores, help: "scores.json: 1 for right, 0 for wrong")]

    /// The stage.
    public init() {}

    /// Judges every video.
    public func run(_ settings: Settings, _ context: StageContext) throws {
        let videos = try (context.inputs["videos"] ?? []).flatMap { try SampledVideo.read($0) }
        let references = try context.optionalInput("references").map { try ClipFrames.read($0) } ?? []
        let shown = references.map { SceneDescription($0.prompt) }
        let judge = Judge()
        var scored: [Scores.Video] = []
        for (index, (video, url)) in videos.enumerated() {
            try context.checkCancellation()
            let frames = try VideoReader.sample(url, FrameSampling()).frames
            guard frames.count >= 2, frames.width == frames.height, frames.width % 32 == 0 else {
                throw FormatError.malformed(
                    file: video.file,
                    why: "\(frames.count) frames of \(frames.width) x \(frames.height): the judge knows squares whose "
                        + "side is a multiple of 32, and sees motion in at least 2 frames")
            }
            let verdict = judge.judge(frames.bytes, frames: frames.count, side: frames.width)
            let asked = SceneDescription(video.prompt)
            scored.append(
                Scores.Video(
                    prompt: video.prompt, seed: video.seed, entity: video.entity,
                    values: asked.values(of: verdict, references: shown, threshold: Float(settings.threshold))))
            context.report(StageProgress(index + 1, of: videos.count, unit: "video"))
        }
        try Scores(videos: scored).write(to: context.output("scores"))
    }
}

/// What a prompt says of a scene, as far as its words are the world's.
struct SceneDescription: Hashable {
    let subject: Subject?
    let colour: Colour?
    let place: Place?
    let motion: Motion?

    init(_ prompt: String) {
        let words = prompt.lowercased().split { !$0.isLetter }.map(String.init)
        subject = words.lazy.compactMap(Subject.init(rawValue:)).first
        colour = words.lazy.compactMap(Colour.init(rawValue:)).first
        let text = " " + words.joined(separator: " ") + " "
        place = Place.allCases.first { text.contains(" \($0.phrase) ") }
        motion = (Motion.base + Motion.heldOut + Motion.extra).first { text.contains(" \($0.name) ") }
    }

    /// 1 or 0 for each thing that the prompt names, and for each thing of the references that the video shows though the
    /// prompt names another.
    func values(of verdict: Verdict, references: [SceneDescription], threshold: Float) -> [String: Double] {
        var values: [String: Double] = [:]
        if let motion {
            let agreement = verdict.agreement(with: motion)
            values["path"] = Double(agreement)
            values["motion_right"] = agreement >= threshold ? 1 : 0
            values["motion_likest"] = verdict.motion == motion ? 1 : 0
        }
        func right<T: Equatable>(_ name: String, _ asked: T?, _ seen: T?, _ known: [T?]) {
            guard let asked else { return }
            values["\(name)_right"] = seen == asked ? 1 : 0
            let others = known.compactMap { $0 }.filter { $0 != asked }
            if !others.isEmpty { values["\(name)_leak"] = seen.map(others.contains) == true ? 1 : 0 }
        }
        right("subject", subject, verdict.subject, references.map(\.subject))
        right("colour", colour, verdict.colour, references.map(\.colour))
        right("place", place, verdict.place, references.map(\.place))
        return values
    }
}
