import Artifacts
import Formats
public import StageKit
import Tensors
import World

/// Reference clips of the procedural world: a few videos of one motion, each with its caption as prompt.
///
/// For comparisons over many motions and numbers of clips; what people have are files, and `frame-extraction`.
public struct WorldClipsStage: Stage {
    /// What a pipeline file may set.
    public struct Settings: StageSettings {
        @Setting("the motion's name") var motion = "zigzagging"
        @Setting("how many clips", in: 1...1000) var shots = 4
        @Setting("who performs it") var subject = "ball"
        @Setting("in which colour") var colour = "red"
        @Setting("where") var place = "grass"
        @Setting("seed of all that chance adds", in: 0...1_000_000_000) var seed = 1
        @Setting("side of the square frames", in: 32...512) var side = 32
        @Setting("frames per second", in: 0.1...240) var fps = 4.0

        /// The defaults: a red ball on the grass.
        public init() {}
    }

    /// Its name in pipeline files.
    public static let kind: StageKind = "world-clips"
    /// Raised whenever equal inputs would give another output.
    public static let version = 1
    /// One line for people.
    public static let summary = "draw a few reference clips of one motion of the procedural world"
    /// What it takes.
    public static let inputs: [InputPort] = []
    /// What it gives.
    public static let outputs = [OutputPort("frames", .frames, help: "the clips, decoded, with their prompts")]

    /// The stage.
    public init() {}

    /// Unknown names.
    public func check(_ settings: Settings, _ request: StageRequest) -> [StageProblem] {
        var problems: [StageProblem] = []
        func need(_ setting: String, _ name: String, _ known: [String]) {
            guard !known.contains(name) else { return }
            problems.append(
                StageProblem(
                    .setting(setting), "the world has no \(setting) '\(name)'",
                    help: "it has " + known.joined(separator: ", ")))
        }
        if Motion(named: settings.motion) == nil {
            need("motion", settings.motion, (Motion.base + Motion.heldOut + Motion.extra).map(\.name))
        }
        need("subject", settings.subject, Subject.allCases.map(\.rawValue))
        need("colour", settings.colour, Colour.allCases.map(\.rawValue))
        need("place", settings.place, Place.allCases.map(\.rawValue))
        if settings.side % 32 != 0 {
            problems.append(StageProblem(.setting("side"), "\(settings.side) is not a multiple of 32"))
        }
        return problems
    }

    /// Draws and writes.
    public func run(_ settings: Settings, _ context: StageContext) throws {
        guard let motion = Motion(named: settings.motion), let subject = Subject(rawValue: settings.subject),
            let colour = Colour(rawValue: settings.colour), let place = Place(rawValue: settings.place)
        else { preconditionFailure("settings that `check` refuses") }
        var generator = TrainingDraws(seed: settings.seed, purpose: "world-clips").generator("scenes")
        let clips = (0..<settings.shots).map { _ in
            let scene = Scene(
                subject: subject, colour: colour, place: place, motion: motion,
                seed: UInt64(generator.integer(below: 1 << 30)))
            return ClipFrames(
                pixels: scene.pixels(side: settings.side), frames: Scene.frames, height: settings.side,
                width: settings.side, fps: settings.fps, prompt: scene.caption)
        }
        try ClipFrames.write(clips, to: context.output("frames"))
    }
}
