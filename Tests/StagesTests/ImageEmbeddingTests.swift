import Artifacts
import Autograd
import Formats
import Foundation
import ImageEmbedding
import Media
import Models
import StageKit
import Tensors
import Testing

@Suite("image-embedding")
struct ImageEmbeddingTests {
    private let stage = StageDescriptor(ImageEmbeddingStage.self)

    @Test("every frame is embedded, projected and not normalised, with the mean of the clip; crops differ")
    func embeddings() throws {
        let bench = try StageBench()
        let model = try TinyParts.modelSet(in: bench)
        let clips = [TinyParts.clip(frames: 10, seed: 1), TinyParts.clip(frames: 1, seed: 2)]
        let input = try TinyParts.frames(clips, in: bench)
        let outputs = try bench.run(stage, inputs: ["frames": [input]], model: model)
        let embeddings = try ClipEmbeddings.read(#require(outputs["embeddings"]))
        #expect(embeddings.map { $0.frames.shape[0] } == [10, 1])
        // One frame by hand, of the second batch.
        let encoder = try model.imageEncoder()
        let frame = Frames(count: 1, height: clips[0].height, width: clips[0].width, bytes: clips[0].frame(9))
        let size = encoder.configuration.vision.imageSize
        let row = encoder.imageEmbeddings(Variable(ImagePreprocessing.clip(size: size)(frame))).value.values
        let width = row.count
        #expect(zip(row, embeddings[0].frames.values[9 * width..<10 * width]).allSatisfy { abs($0 - $1) < 1e-5 })
        let norm = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
        #expect(abs(norm - 1) > 1e-3)
        #expect(embeddings[1].mean.values == embeddings[1].frames.values)
        let other = try bench.run(stage, ["crop": "transformers"], inputs: ["frames": [input]], model: model)
        #expect(try ClipEmbeddings.read(#require(other["embeddings"]))[0].frames != embeddings[0].frames)
    }

    @Test("a model set without an image encoder is a problem before anything runs")
    func check() throws {
        let bench = try StageBench()
        #expect(try bench.check(stage).map(\.subject) == [.model(nil)])
        let empty = ModelSet(name: "empty", folders: [:])
        #expect(try bench.check(stage, model: empty).map(\.subject) == [.model(.imageEncoder)])
        #expect(try bench.check(stage, model: TinyParts.modelSet(in: bench)).isEmpty)
        #expect(try stage.modelParts(stage.complete([:])) == [.imageEncoder])
    }
}

/// The tiny model set and small clips, for the tests of stages that encode pictures.
enum TinyParts {
    static func modelSet(in bench: StageBench) throws -> ModelSet {
        let folder = bench.folder.appending(path: "tiny")
        try TinyModelSet.write(to: folder, seed: 1)
        return ModelSet(
            name: "tiny",
            folders: [
                .imageEncoder: folder.appending(path: "image_encoder"),
                .videoEncoder: folder.appending(path: "video_encoder"),
                .tokenizer: folder.appending(path: "tokenizer"),
            ])
    }

    /// Noise of 40 x 62 pixels, so that half of what is cut off is rounded either way; a frame is a little like the one before.
    static func clip(frames: Int, seed: UInt64, prompt: String = "A person is turning a box") -> ClipFrames {
        var generator = Generator(seed: seed)
        var picture = (0..<40 * 62 * 3).map { _ in UInt8(generator.integer(below: 256)) }
        var pixels: [UInt8] = []
        for _ in 0..<frames {
            pixels += picture
            for _ in 0..<500 { picture[generator.integer(below: picture.count)] = UInt8(generator.integer(below: 256)) }
        }
        return ClipFrames(pixels: pixels, frames: frames, height: 40, width: 62, fps: 8, prompt: prompt)
    }

    static func frames(_ clips: [ClipFrames], in bench: StageBench) throws -> InputArtifact {
        let url = bench.folder.appending(path: "frames-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        let folder = OutputFolder(url)
        try ClipFrames.write(clips, to: folder)
        return try bench.artifact((folder, .frames))
    }
}
