import Artifacts
import Formats
import Foundation
import Media
import Pretraining
import StageKit
import Testing
import World
import WorldClips
import WorldRendering

@Suite struct WorldRenderingTests {
    private let room: StageRoom

    init() throws { room = try StageRoom(WorldRenderingStage.self, model: nil) }

    @Test func `as many videos as asked for, of what is named; the same seed gives the same bytes`() throws {
        let settings: [String: Value] = [
            "videos": .int(11), "motions": .list(["held-out", "rising"]), "subjects": .list(["cat", "fish"]),
            "colours": .list(["red"]), "places": .list(["snow"]),
        ]
        let result = try room.run(settings)
        let videos = try SceneVideos.read(result.output("scenes"))
        #expect(videos.count == 11 && videos.side == 32)
        #expect(result.progress.map(\.done) == Array(1...11))
        let motions = Motion.heldOut + [try #require(Motion(named: "rising"))]
        for (index, scene) in videos.scenes.enumerated() {
            #expect(scene.colour == .red && scene.place == .snow && motions.contains(scene.motion))
            #expect([Subject.cat, .fish].contains(scene.subject))
            #expect(videos.frames(of: index).bytes == scene.pixels())
        }
        #expect(Set(videos.scenes.map(\.subject)).count == 2 && Set(videos.scenes.map(\.motion)).count > 1)
        // Two videos of eight frames in a row, six rows, every pixel a square of two.
        let sheet = try Frames(contentsOf: #require(result.output("sheet").files["sheet.png"]))
        #expect(sheet.shape == [1, 2 * (6 * 34 - 2), 2 * (2 * (8 * 32 + 2) - 2), 3])
        let again = try room.run(settings)
        #expect(try contents(again.output("scenes")) == contents(result.output("scenes")))
        let other = try room.run(settings.merging(["seed": .int(-3)]) { $1 })
        #expect(try SceneVideos.read(other.output("scenes")).scenes != videos.scenes)
    }

    @Test func `more videos begin with the fewer; a larger side shows the same scenes`() throws {
        let few = try SceneVideos.read(room.run(["videos": .int(1)]).output("scenes"))
        let more = try SceneVideos.read(room.run(["videos": .int(3), "side": .int(64)]).output("scenes"))
        #expect(few.count == 1 && more.side == 64 && more.scenes[0] == few.scenes[0])
        #expect(more.frames(of: 0).bytes == few.scenes[0].pixels(side: 64))
    }

    @Test func `random paths take their share, or all where there are no motions`() throws {
        func names(_ settings: [String: Value]) throws -> [String] {
            try SceneVideos.read(room.run(settings).output("scenes")).scenes.map(\.motion.name)
        }
        let mixed = try names(["videos": .int(60), "paths": .int(3), "path-share": .double(0.5)])
        let paths = mixed.filter { $0.hasPrefix("path") }
        #expect((15...45).contains(paths.count) && Set(paths).isSubset(of: ["path0", "path1", "path2"]))
        let alone = try names(["videos": .int(4), "paths": .int(3), "motions": .list([])])
        #expect(alone.allSatisfy { $0.hasPrefix("path") })
        let none = try names(["videos": .int(9), "paths": .int(3), "path-share": .double(0)])
        #expect(none.allSatisfy { !$0.hasPrefix("path") })
    }

    @Test func `names that the world does not have are refused with those that it has`() throws {
        #expect(try room.check() == [])
        let problems = try room.check([
            "motions": .list(["base", "zigzag"]), "subjects": .list(["dog"]), "colours": .list(["gray"]),
            "places": .list(["moon"]), "side": .int(48),
        ])
        #expect(
            problems.map(\.message) == [
                "the world has no 'zigzag' among its motions", "the world has no 'dog' among its subjects",
                "the world has no 'gray' among its colours", "the world has no 'moon' among its places",
                "48 is not a multiple of 32",
            ])
        #expect(problems[0].help?.hasPrefix("it has base, held-out, extra, resting, ") == true)
        #expect(problems[2].help == "it has red, orange, yellow, green, blue, purple, pink, white")
        let large = try room.check(["videos": .int(1_000_000), "side": .int(256)])
        #expect(
            large.map(\.message) == ["so many videos of this side are 1464 GiB, and all are in memory at once"])
        #expect(try room.check(["videos": .int(1_000_000)]) == [])
        let nothing = try room.check(["motions": .list([])])
        #expect(nothing.map(\.message) == ["there is neither a motion nor a path to draw"])
        #expect(try room.check(["motions": .list([]), "paths": .int(2)]) == [])
        #expect(try room.check(["motions": .list(["path7", "wobbling"])]) == [])
    }
}

@Suite struct WorldClipsTests {
    private let room: StageRoom

    init() throws { room = try StageRoom(WorldClipsStage.self, model: nil) }

    @Test func `clips of one motion differ by chance alone; the same seed gives the same bytes`() throws {
        let settings: [String: Value] = ["motion": "jumping", "shots": .int(3), "place": "sea", "side": .int(64)]
        let frames = try room.run(settings).output("frames")
        let clips = try ClipFrames.read(frames)
        #expect(clips.map(\.prompt) == Array(repeating: "a red ball is jumping under the sea", count: 3))
        #expect(clips.allSatisfy { $0.frames == 8 && $0.width == 64 && $0.height == 64 && $0.fps == 4 })
        #expect(Set(clips.map(\.pixels)).count == 3)
        let again = try room.run(settings).output("frames")
        #expect(try contents(again) == contents(frames) && again.attributes == frames.attributes)
        // One clip is the first of four.
        let one = try ClipFrames.read(room.run(settings.merging(["shots": .int(1)]) { $1 }).output("frames"))
        #expect(one == Array(clips.prefix(1)))
        let other = try ClipFrames.read(room.run(settings.merging(["seed": .int(2)]) { $1 }).output("frames"))
        #expect(other[0].pixels != clips[0].pixels)
    }

    @Test func `names that the world does not have are refused with those that it has`() throws {
        #expect(try room.check() == [] && room.check(["motion": "path12"]) == [])
        let problems = try room.check([
            "motion": "zigzag", "subject": "dog", "colour": "gray", "place": "moon", "side": .int(33),
        ])
        #expect(
            problems.map(\.message) == [
                "the world has no motion 'zigzag'", "the world has no subject 'dog'", "the world has no colour 'gray'",
                "the world has no place 'moon'", "33 is not a multiple of 32",
            ])
        #expect(problems[0].help?.contains("zigzagging, circling") == true)
        #expect(problems[3].help == "it has beach, snow, city, grass, desert, space, sea, forest")
    }
}
