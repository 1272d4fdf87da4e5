import Artifacts
import Formats
import Foundation
import FrameExtraction
import Media
import StageKit
import Testing

@Suite("frame-extraction")
struct FrameExtractionTests {
    private let stage = StageDescriptor(FrameExtractionStage.self)
    static let shipped = URL(filePath: #filePath).appending(path: "../../../pipelines/clips/turn_box.mp4").standardized

    /// A clip of one colour per frame, eight a second.
    private func clip(_ name: String, frames: Int, in bench: StageBench) throws -> URL {
        let bytes = (0..<frames).flatMap { Array(repeating: UInt8(20 + 9 * $0), count: 32 * 16 * 3) }
        let url = bench.folder.appending(path: name)
        try VideoWriter.write(
            Frames(count: frames, height: 16, width: 32, bytes: bytes), framesPerSecond: 8, to: url)
        return url
    }

    private func clips(_ urls: [URL]) -> InputArtifact {
        StageBench.artifact(
            .clips, Dictionary(uniqueKeysWithValues: urls.enumerated().map { ("\($0).mp4", $1) }),
            .list(urls.indices.map { .map(["prompt": .string("clip \($0)")]) }))
    }

    @Test("the shipped clip gives frames of the size, count and rate that were asked for, with its prompt")
    func shippedClip() throws {
        let bench = try StageBench()
        let outputs = try bench.run(
            stage, ["frames": .int(8), "size": .list([.int(64), .int(40)]), "fps": .double(4)],
            inputs: ["clips": [clips([FrameExtractionTests.shipped])]])
        let frames = try ClipFrames.read(#require(outputs["frames"]))
        #expect(frames.count == 1)
        #expect((frames[0].frames, frames[0].height, frames[0].width) == (8, 40, 64))
        #expect(frames[0].fps == 4 && frames[0].prompt == "clip 0")
        #expect(Set((0..<8).map { frames[0].frame($0) }).count == 8)
        // Every second frame of the file, covering: the same numbers by hand.
        let all = try VideoReader.sample(FrameExtractionTests.shipped, FrameSampling()).frames
        let byHand = all.picking([0, 2, 4, 6, 8, 10, 12, 14]).covering(height: 40, width: 64)
        #expect(byHand.bytes == frames[0].pixels)
    }

    @Test("more than ten clips keep their order")
    func order() throws {
        let bench = try StageBench()
        let urls = try (0..<12).map { try clip("c\($0).mp4", frames: $0 + 1, in: bench) }
        let outputs = try bench.run(
            stage, ["frames": .int(1), "size": .list([.int(8), .int(8)])], inputs: ["clips": [clips(urls)]])
        let frames = try ClipFrames.read(#require(outputs["frames"]))
        #expect(frames.map(\.prompt) == (0..<12).map { "clip \($0)" })
    }

    @Test("start and fps choose frames by time; null takes each frame")
    func times() throws {
        let bench = try StageBench()
        let url = try clip("a.mp4", frames: 16, in: bench)
        func levels(_ settings: [String: Value]) throws -> [Int] {
            let small: [String: Value] = ["size": .list([.int(2), .int(2)])]
            let outputs = try bench.run(
                stage, settings.merging(small) { first, _ in first }, inputs: ["clips": [clips([url])]])
            let frames = try ClipFrames.read(#require(outputs["frames"]))[0]
            return (0..<frames.frames).map { (Int(frames.frame($0)[0]) - 20 + 4) / 9 }
        }
        #expect(try levels(["frames": .int(4), "fps": .double(2)]) == [0, 4, 8, 12])
        #expect(try levels(["frames": .int(3), "fps": .double(8), "start": .double(1)]) == [8, 9, 10])
        #expect(try levels(["frames": .int(16), "fps": .null]) == Array(0..<16))
    }

    @Test("check opens every clip and says of each what is wrong with it")
    func check() throws {
        let bench = try StageBench()
        let good = try clip("good.mp4", frames: 24, in: bench)
        let short = try clip("short.mp4", frames: 9, in: bench)
        let text = bench.folder.appending(path: "text.mp4")
        try Data("#EXTM3U\nfile.ts\n".utf8).write(to: text)
        let picture = bench.folder.appending(path: "picture.png")
        try PNG.write(Frames(count: 1, height: 8, width: 8, bytes: Array(repeating: 9, count: 192)), to: picture)
        let missing = bench.folder.appending(path: "missing.mp4")
        let urls = [good, short, text, bench.folder, missing, picture, FrameExtractionTests.shipped]
        let source = SourceInput(
            kind: .clips, files: urls.enumerated().map { .init(path: "\($0).mp4", url: $1) },
            attributes: .list(urls.map { _ in .map(["prompt": "x"]) }))
        let problems = try bench.check(stage, sources: ["clips": [source]])
        #expect(problems.map(\.subject) == [1, 2, 3, 4, 5].map { .input(port: "clips", index: $0) })
        let texts = problems.map { "\($0.message) | \($0.help ?? "")" }
        #expect(
            texts[0].hasSuffix(
                "too short: 3.0 s needed, it shows 9 frames in 1.125 s | set frames: 9 or less, or take a longer clip"))
        #expect(texts[1].contains("it is a text file"))
        #expect(texts[2].contains("not a file but a folder"))
        #expect(texts[3].contains("no such file"))
        #expect(texts[4].contains("too short") && texts[4].contains("set frames: 1"))
        #expect(try bench.check(stage, ["size": .list([.int(8)])]).map(\.subject) == [.setting("size")])
    }

    @Test("a damaged clip is read with a warning, a hopeless one is an error")
    func damaged() throws {
        let bench = try StageBench()
        let url = try clip("a.mp4", frames: 24, in: bench)
        var data = try Data(contentsOf: url)
        // The index lies at the end of the file: without it nothing can be read.
        try data.prefix(data.count / 2).write(to: url)
        #expect(throws: MediaError.self) { try bench.run(stage, inputs: ["clips": [clips([url])]]) }
        data = try Data(contentsOf: FrameExtractionTests.shipped)
        for index in data.count / 3..<data.count / 3 + 2000 { data[index] = UInt8(truncatingIfNeeded: index &* 7919) }
        try data.write(to: url)
        _ = try bench.run(stage, ["frames": .int(20)], inputs: ["clips": [clips([url])]])
        #expect(bench.log.text.contains("warning: clip 1 is damaged"))
    }

    @Test("cancelling stops it, and attributes that do not fit the files are refused")
    func refused() throws {
        let bench = try StageBench()
        let input = clips([FrameExtractionTests.shipped])
        let (context, _) = try bench.context(
            stage, inputs: ["clips": [input]], checkCancellation: { throw CancellationError() })
        #expect(throws: CancellationError.self) { try stage.run(stage.complete([:]), context) }
        let wrong = StageBench.artifact(.clips, input.files, .list([]))
        #expect(throws: FormatError.self) { try bench.run(stage, inputs: ["clips": [wrong]]) }
    }
}
