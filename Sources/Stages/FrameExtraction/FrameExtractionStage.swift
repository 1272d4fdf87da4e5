import Artifacts
import Formats
import Foundation
import Logging
import Media
public import StageKit

/// Turns clips into frames of one size and rate, taken by the time they are shown.
///
/// Each frame is resized to cover the wanted size, and its middle is cut out.
public struct FrameExtractionStage: Stage {
    /// Its name in pipeline files.
    public static let kind: StageKind = "frame-extraction"
    /// Raised whenever equal inputs would give another output.
    public static let version = 1
    /// One line for people.
    public static let summary = "decode clips into frames of one size and rate"
    /// What it takes.
    public static let inputs = [InputPort("clips", .clips, help: "video or picture files with their prompts")]
    /// What it gives.
    public static let outputs = [OutputPort("frames", .frames, help: "the frames of each clip")]
    /// It is over in a moment.
    public static let pool = ResourcePool.light

    /// What a pipeline file may set.
    public struct Settings: StageSettings {
        @Setting("frames of each clip", in: 1...10_000) var frames = 24
        @Setting("columns and rows of a frame", in: 1...8192) var size = [576, 320]
        @Setting("frames per second; null takes each frame of the file as it comes", in: 0.01...1000)
        var fps: Double? = 8
        @Setting("seconds of each clip to leave out at its beginning", in: 0...1_000_000) var start = 0.0

        /// The defaults: the paper's.
        public init() {}

        var sampling: FrameSampling { FrameSampling(count: frames, framesPerSecond: fps, start: start) }
    }

    /// The stage.
    public init() {}

    /// Opens every clip: what is missing, no video, broken or too short is found before anything runs.
    public func check(_ settings: Settings, _ request: StageRequest) -> [StageProblem] {
        var problems: [StageProblem] = []
        if settings.size.count != 2 {
            problems.append(
                StageProblem(
                    .setting("size"), "size has \(settings.size.count) numbers, it must have 2: columns and rows",
                    help: "size: [576, 320]"))
        }
        for source in request.sources["clips"] ?? [] {
            for (index, file) in source.files.enumerated() {
                do throws(MediaError) {
                    _ = try VideoSurvey(file.url, for: settings.sampling)
                } catch {
                    problems.append(
                        StageProblem(
                            .input(port: "clips", index: index), error.description,
                            help: FrameExtractionStage.help(for: error, settings)))
                }
            }
        }
        return problems
    }

    private static func help(for error: MediaError, _ settings: Settings) -> String? {
        guard case .tooShort(_, let has, _, let frames) = error else { return nil }
        if frames == 1 {
            return "it is a single picture: set frames: 1, which is enough for appearance, not for motion"
        }
        let fitting = settings.fps.map { Int((has - settings.start) * $0) } ?? frames
        return fitting > 0
            ? "set frames: \(fitting) or less, or take a longer clip" : "lower start, or take a longer clip"
    }

    /// Decodes every clip.
    public func run(_ settings: Settings, _ context: StageContext) throws {
        let clips = try SourceClip.all(of: context.input("clips"))
        var extracted: [ClipFrames] = []
        for (index, clip) in clips.enumerated() {
            try context.checkCancellation()
            context.report(StageProgress(index, of: clips.count, unit: "clip"))
            let sample = try VideoReader.sample(clip.url, settings.sampling) { picture in
                picture.covering(height: settings.size[1], width: settings.size[0])
            }
            if sample.damage.isDamaged {
                context.log.warning(
                    """
                    clip \(index + 1) is damaged but was read: \(sample.damage.corrupt) corrupt packets or frames, \
                    \(sample.damage.missing) frames promised and not there
                    """)
            }
            let moments = FrameMoments(clip: index, indices: sample.indices, times: sample.times)
            context.log.debug("\(moments.line)")
            extracted.append(
                ClipFrames(
                    pixels: sample.frames.bytes, frames: sample.frames.count, height: sample.frames.height,
                    width: sample.frames.width, fps: sample.framesPerSecond, prompt: clip.prompt))
        }
        try ClipFrames.write(extracted, to: context.output("frames"))
        context.report(StageProgress(clips.count, of: clips.count, unit: "clip"))
    }
}

/// A clip of the user's and what it shows.
struct SourceClip {
    let url: URL
    let prompt: String

    /// The clips of an artifact: files named by their number, one line of attributes for each.
    static func all(of artifact: InputArtifact) throws -> [SourceClip] {
        func number(_ path: String) -> Int { Int(path.prefix { $0 != "." }) ?? .max }
        let paths = artifact.files.keys.sorted { (number($0), $0) < (number($1), $1) }
        guard case .list(let lines) = artifact.attributes, lines.count == paths.count else {
            throw FormatError.malformed(
                file: "the attributes", why: "they are not a list with a prompt for each of \(paths.count) clips")
        }
        return try zip(paths, lines).map { path, line in
            guard let url = artifact.files[path], case .map(let members) = line,
                case .string(let prompt) = members["prompt"]
            else { throw FormatError.malformed(file: path, why: "its line in the attributes has no `prompt`") }
            return SourceClip(url: url, prompt: prompt)
        }
    }
}
