import Artifacts
import Formats
import Foundation
import Media
import Pretraining
public import StageKit
import Tensors
import World

/// Draws videos of the procedural world, from which the embedded models learn.
public struct WorldRenderingStage: Stage {
    /// What a pipeline file may set.
    public struct Settings: StageSettings {
        @Setting("seed of who moves how and where") var seed = 1
        @Setting("how many videos", in: 1...1_000_000) var videos = 8000
        @Setting("side of the square frames; 32 is half of what is drawn", in: 32...512) var side = 32
        @Setting("motions by name, or lists of them: base, held-out, extra") var motions = ["base"]
        @Setting("how many random paths there are beside the motions", in: 0...100_000) var paths = 0
        @Setting("share of the videos that follow a random path, where there are any", in: 0...1) var pathShare = 0.4
        @Setting("subjects; none for all") var subjects: [String] = []
        @Setting("colours; none for all") var colours: [String] = []
        @Setting("places; none for all") var places: [String] = []

        /// The defaults.
        public init() {}
    }

    /// Its name in pipeline files.
    public static let kind: StageKind = "world-rendering"
    /// Raised whenever equal inputs would give another output.
    public static let version = 1
    /// One line for people.
    public static let summary = "draw videos of the procedural world, with what they show"
    /// What it takes.
    public static let inputs: [InputPort] = []
    /// What it gives.
    public static let outputs = [
        OutputPort("scenes", .scenes, help: "videos of 8 frames and what they show"),
        OutputPort("sheet", .file, help: "a picture of the first of them"),
    ]

    /// The stage.
    public init() {}

    /// Unknown names, nothing to draw, and too much.
    public func check(_ settings: Settings, _ request: StageRequest) -> [StageProblem] {
        var problems: [StageProblem] = []
        func unknown(_ setting: String, _ names: [String], _ known: [String]) {
            for name in names where !known.contains(name) {
                problems.append(
                    StageProblem(
                        .setting(setting), "the world has no '\(name)' among its \(setting)",
                        help: "it has " + known.joined(separator: ", ")))
            }
        }
        let lists = MotionList.allCases.map(\.rawValue)
        unknown("motions", settings.motions.filter { Motion(named: $0) == nil }, lists + Motion.base.map(\.name))
        unknown("subjects", settings.subjects, Subject.allCases.map(\.rawValue))
        unknown("colours", settings.colours, Colour.allCases.map(\.rawValue))
        unknown("places", settings.places, Place.allCases.map(\.rawValue))
        if settings.motions.isEmpty, settings.paths == 0 {
            problems.append(StageProblem(.setting("motions"), "there is neither a motion nor a path to draw"))
        }
        if settings.side % 32 != 0 {
            problems.append(StageProblem(.setting("side"), "\(settings.side) is not a multiple of 32"))
        }
        let gigabytes = (settings.videos * Scene.frames * settings.side * settings.side * 3) >> 30
        if gigabytes >= 64 {
            problems.append(
                StageProblem(
                    .setting("videos"),
                    "so many videos of this side are \(gigabytes) GiB, and all are in memory at once"))
        }
        return problems
    }

    /// Draws and writes.
    public func run(_ settings: Settings, _ context: StageContext) throws {
        let motions = settings.motions.flatMap { name -> [Motion] in
            MotionList(rawValue: name)?.motions ?? Motion(named: name).map { [$0] } ?? []
        }
        let subjects = chosen(Subject.self, settings.subjects)
        let colours = chosen(Colour.self, settings.colours)
        let places = chosen(Place.self, settings.places)
        var generator = TrainingDraws(seed: settings.seed, purpose: "world-rendering").generator("scenes")
        var scenes: [Scene] = []
        var pixels: [UInt8] = []
        pixels.reserveCapacity(settings.videos * Scene.frames * settings.side * settings.side * 3)
        for index in 0..<settings.videos {
            try context.checkCancellation()
            let isPath = settings.paths > 0 && (motions.isEmpty || generator.chance(settings.pathShare))
            let motion =
                isPath
                ? Motion.path(generator.integer(below: settings.paths))
                : motions[generator.integer(below: motions.count)]
            let scene = Scene(
                subject: subjects[generator.integer(below: subjects.count)],
                colour: colours[generator.integer(below: colours.count)],
                place: places[generator.integer(below: places.count)], motion: motion,
                seed: UInt64(generator.integer(below: 1 << 30)))
            scenes.append(scene)
            pixels += scene.pixels(side: settings.side)
            context.report(StageProgress(index + 1, of: settings.videos, unit: "video"))
        }
        let videos = SceneVideos(scenes: scenes, side: settings.side, pixels: pixels)
        try videos.write(to: context.output("scenes"))
        try ContactSheet.write(
            (0..<min(32, videos.count)).map(videos.frames), columns: 2, to: context.output("sheet").file("sheet.png"))
    }

    private func chosen<T: CaseIterable & RawRepresentable>(_ type: T.Type, _ names: [String]) -> [T]
    where T.RawValue == String {
        names.isEmpty ? Array(T.allCases) : names.compactMap(T.init(rawValue:))
    }
}

/// Lists of motions that a pipeline file can name.
enum MotionList: String, CaseIterable {
    case base
    case heldOut = "held-out"
    case extra

    var motions: [Motion] {
        switch self {
        case .base: Motion.base
        case .heldOut: Motion.heldOut
        case .extra: Motion.extra
        }
    }
}
