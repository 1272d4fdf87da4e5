import Artifacts
import Formats
import Foundation
import Media
import StageKit
import Testing
import World

@testable import SceneJudging

@Suite struct SceneJudgingTests {
    private let bench: StageBench
    private let stage = StageDescriptor(SceneJudgingStage.self)

    init() throws { bench = try StageBench() }

    private func motion(_ name: String) throws -> Motion { try #require(Motion(named: name)) }

    /// Drawings as sampling writes videos: enlarged mp4 files, each with its prompt.
    private func videos(_ shown: [(scene: World.Scene, prompt: String)]) throws -> InputArtifact {
        let url = bench.folder.appending(path: "videos-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        let output = OutputFolder(url)
        for (index, video) in shown.enumerated() {
            let frames = Frames(count: Scene.frames, height: 32, width: 32, bytes: video.scene.pixels())
            try VideoWriter.write(frames.enlarged(8), framesPerSecond: 4, to: output.file("seed-\(index).mp4"))
        }
        SampledVideo.describe(
            shown.enumerated().map {
                SampledVideo(file: "seed-\($0).mp4", prompt: $1.prompt, entity: nil, seed: $0)
            }, in: output)
        return try bench.artifact((output, .videos))
    }

    private func references(_ prompts: [String]) throws -> InputArtifact {
        let url = bench.folder.appending(path: "references-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        let output = OutputFolder(url)
        let pixels = [UInt8](repeating: 0, count: 2 * 2 * 3)
        try ClipFrames.write(
            prompts.map { ClipFrames(pixels: pixels, frames: 1, height: 2, width: 2, fps: 4, prompt: $0) }, to: output)
        return try bench.artifact((output, .frames))
    }

    private func scores(_ inputs: [String: [InputArtifact]], threshold: Double = 0.8) throws -> Scores {
        try Scores.read(#require(bench.run(stage, ["threshold": .double(threshold)], inputs: inputs)["scores"]))
    }

    @Test func `what shows what it is asked for is right in everything, and nothing has leaked`() throws {
        let scenes = [
            Scene(subject: .car, colour: .blue, place: .snow, motion: try motion("sliding left"), seed: 1),
            Scene(subject: .robot, colour: .purple, place: .desert, motion: try motion("zigzagging"), seed: 2),
            Scene(subject: .heart, colour: .green, place: .sea, motion: try motion("growing"), seed: 3),
        ]
        let artifacts = [
            try videos(scenes.prefix(2).map { ($0, $0.caption) }), try videos([(scenes[2], scenes[2].caption)]),
        ]
        let references = try references(["a red ball is jumping on the grass"])
        let scores = try scores(["videos": artifacts, "references": [references]])
        #expect(scores.videos.map(\.prompt) == scenes.map(\.caption) && scores.videos.map(\.seed) == [0, 1, 0])
        for video in scores.videos {
            for name in ["motion_right", "motion_likest", "subject_right", "colour_right", "place_right"] {
                #expect(video.values[name] == 1, "\(name) of \(video.prompt)")
            }
            for name in ["subject_leak", "colour_leak", "place_leak"] {
                #expect(video.values[name] == 0, "\(name) of \(video.prompt)")
            }
            #expect((video.values["path"] ?? 0) > 0.8)
        }
        #expect(scores.mean["motion_right"] == 1 && scores.mean["colour_leak"] == 0)
    }

    @Test func `what shows the reference instead is wrong, and has leaked where the prompt asks for another`() throws {
        let shown = Scene(subject: .ball, colour: .red, place: .grass, motion: try motion("rising"), seed: 5)
        let video = try videos([(shown, "A red cat is falling in the snow")])
        let references = try references(["a blue star is rising in space", shown.caption])
        let values = try scores(["videos": [video], "references": [references]]).videos[0].values
        // The colour is the one that was asked for; one of the references has another, which is not seen.
        #expect(values["colour_right"] == 1 && values["colour_leak"] == 0)
        #expect(values["subject_right"] == 0 && values["subject_leak"] == 1)
        #expect(values["place_right"] == 0 && values["place_leak"] == 1)
        #expect(values["motion_right"] == 0 && values["motion_likest"] == 0 && (values["path"] ?? 0) < -0.8)
        // With nothing learned, nothing can leak; a reference that shows what is asked for cannot either.
        let alone = try scores(["videos": [video]]).videos[0].values
        #expect(
            alone.keys.sorted() == [
                "colour_right", "motion_likest", "motion_right", "path", "place_right", "subject_right",
            ])
        let same = try self.references(["a red cat is falling in the snow"])
        #expect(try scores(["videos": [video], "references": [same]]).videos[0].values == alone)
    }

    @Test func `only what the prompt names is judged; the threshold is the caller's`() throws {
        let shown = Scene(subject: .ball, colour: .red, place: .grass, motion: try motion("circling"), seed: 5)
        let input = [try videos([(shown, "Something blue"), (shown, "A dog in a house"), (shown, shown.caption)])]
        let scores = try scores(["videos": input], threshold: 1)
        #expect(scores.videos[0].values == ["colour_right": 0] && scores.videos[1].values == [:])
        #expect(scores.videos[2].values["motion_right"] == 0 && scores.videos[2].values["motion_likest"] == 1)
        #expect(scores.mean["colour_right"] == 0.5)
    }

    @Test func `single frames and other sizes are refused`() throws {
        func refused(_ frames: Frames) throws {
            let url = bench.folder.appending(path: "odd-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
            let output = OutputFolder(url)
            try VideoWriter.write(frames, framesPerSecond: 4, to: output.file("a.mp4"))
            SampledVideo.describe([SampledVideo(file: "a.mp4", prompt: "a cat", entity: nil, seed: 1)], in: output)
            let video = try bench.artifact((output, .videos))
            let error = #expect(throws: FormatError.self) { try scores(["videos": [video]]) }
            #expect("\(error, default: "")".contains("\(frames.count) frames of \(frames.width) x \(frames.height)"))
        }
        func frames(_ count: Int, _ height: Int, _ width: Int) -> Frames {
            Frames(
                count: count, height: height, width: width,
                bytes: [UInt8](repeating: 90, count: count * height * width * 3))
        }
        try refused(frames(1, 32, 32))
        try refused(frames(4, 48, 48))
        try refused(frames(4, 32, 64))
    }

    @Test func `prompts are read by the world's words, whatever is around them`() throws {
        let full = SceneDescription("A RED ball is Sliding Left, on the grass!")
        #expect(full.subject == .ball && full.colour == .red && full.place == .grass)
        #expect(full.motion?.name == "sliding left")
        #expect(SceneDescription("a star in space").place == .space)
        #expect(SceneDescription("a spaceship").place == nil)
        let none = SceneDescription("redder cats ball-like")
        #expect(none.colour == nil && none.subject == .ball && none.motion == nil)
        for scene in [Scene(subject: .moon, colour: .orange, place: .forest, motion: .extra[7], seed: 1)] {
            let read = SceneDescription(scene.caption)
            #expect(read.subject == .moon && read.colour == .orange && read.place == .forest)
            #expect(read.motion == .extra[7])
        }
    }
}
