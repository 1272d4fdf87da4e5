import Artifacts
import Autograd
import Checkpoints
import Formats
import Foundation
import SpatialLoRATraining
import StageKit
import Tensors
import Testing

@Suite struct FormatsTests {
    private let room: StageRoom

    init() throws { room = try StageRoom(SpatialLoRATrainingStage.self) }

    @Test func `frames come back as they were written`() throws {
        let clips = [TrainingWorld.clip(), TrainingWorld.clip(frames: 1, width: 16, prompt: "a still")]
        let artifact = try room.artifact(.frames, "frames") { try ClipFrames.write(clips, to: $0) }
        #expect(artifact.files.keys.sorted() == ["0.safetensors", "1.safetensors"])
        #expect(try ClipFrames.read(artifact) == clips)
        let normalised = clips[0].normalised(1..<2)
        #expect(normalised.shape == [1, 16, 32, 3])
        #expect(normalised.values[2] == Float(90) / 127.5 - 1)
    }

    @Test func `frames without their attributes or files are refused`() throws {
        let artifact = try room.artifact(.frames, "frames") { try ClipFrames.write([TrainingWorld.clip()], to: $0) }
        func changed(_ files: [String: URL], _ attributes: Value) -> InputArtifact {
            InputArtifact(
                digest: artifact.digest, kind: .frames, files: files, folder: nil, attributes: attributes)
        }
        #expect(throws: FormatError.self) { try ClipFrames.read(changed(artifact.files, .null)) }
        let empty = try room.artifact(.frames, "empty") {
            try SafetensorsFile.write(
                bytes: ["frames": (bytes: [], shape: [1, 0, 4, 3])], to: $0.file("0.safetensors"))
            $0.attributes = artifact.attributes
        }
        #expect(throws: FormatError.self) { try ClipFrames.read(empty) }
        let uneven = try room.artifact(.embeddings, "uneven") {
            try ClipEmbeddings.write([3, 4].map { ClipEmbeddings(frames: Tensor(zeros: [2, $0])) }, to: $0)
        }
        #expect(throws: FormatError.self) { try ClipEmbeddings.read(uneven) }
        #expect(throws: FormatError.missingFile(file: "0.safetensors", kind: "frames")) {
            try ClipFrames.read(changed([:], artifact.attributes))
        }
        #expect(throws: FormatError.self) {
            try ClipFrames.read(changed(artifact.files, .list([.map(["fps": .int(0), "prompt": .string("x")])])))
        }
    }

    @Test func `captions, embeddings, videos and scores come back as they were written`() throws {
        let captions = [Caption(prompt: "a cat", caption: "a \"grey\" cat / asleep")]
        let written = try room.artifact(.captions, "captions") { try Caption.write(captions, to: $0) }
        #expect(try Caption.read(written) == captions)

        let embeddings = [ClipEmbeddings(frames: Tensor([2, 3], [1, 2, 3, 3, 4, 9]))]
        #expect(embeddings[0].mean.values == [2, 3, 6])
        let read = try ClipEmbeddings.read(
            room.artifact(.embeddings, "embeddings") { try ClipEmbeddings.write(embeddings, to: $0) })
        #expect(read.map(\.frames) == embeddings.map(\.frames) && read.map(\.mean) == embeddings.map(\.mean))

        let videos = [
            SampledVideo(file: "seed-1.mp4", prompt: "p", entity: nil, seed: 1),
            SampledVideo(file: "seed-2.mp4", prompt: "p", entity: "a cat", seed: 2),
        ]
        let folder = try room.artifact(.videos, "videos") { folder in
            for video in videos { try Data().write(to: folder.file(video.file)) }
            SampledVideo.describe(videos, in: folder)
        }
        #expect(try SampledVideo.read(folder).map(\.video) == videos)

        let scores = Scores(videos: [
            .init(prompt: "p", seed: 1, entity: nil, values: ["clip_t": 0.25, "mofid": .nan]),
            .init(prompt: "p", seed: 2, entity: "a cat", values: ["clip_t": 0.75, "clip_e": 0.5]),
        ])
        #expect(scores.mean == ["clip_t": 0.5, "clip_e": 0.5])
        #expect(try Scores.read(room.artifact(.scores, "scores") { try scores.write(to: $0) }) == scores)
    }

    @Test func `a model that lacks a part or a tensor, or whose parts do not belong together, is told before it runs`()
        throws
    {
        let model = TrainingWorld.model
        let parts: [ModelPart] = [.unet, .vae, .textEncoder, .tokenizer, .scheduler]
        #expect(checkModel(model, parts: parts).isEmpty)
        #expect(checkModel(nil, parts: parts).map(\.subject) == [.model(nil)])
        #expect(checkModel(model, parts: [.videoEncoder]).map(\.subject) == [.model(.videoEncoder)])

        func changed(_ part: ModelPart, _ file: String, _ edit: (String) -> String) throws -> ModelSet {
            let folder = room.root.appending(path: "changed-\(part.rawValue)-\(UUID().uuidString)")
            try FileManager.default.copyItem(at: model.folder(part), to: folder)
            let url = folder.appending(path: file)
            try Data(edit(String(decoding: Data(contentsOf: url), as: UTF8.self)).utf8).write(to: url)
            var folders = model.folders
            folders[part] = folder
            return ModelSet(name: "changed", folders: folders)
        }
        let deeper = try changed(.unet, "config.json") {
            $0.replacing(/"layers_per_block": *\d/, with: "\"layers_per_block\": 2")
        }
        let missing = checkModel(deeper, parts: [.unet])
        #expect(missing.count > 10 && missing.allSatisfy { $0.subject == .model(.unet) })
        #expect(missing.contains { $0.message.contains("down_blocks.0.resnets.1.conv1.weight") })
        let other = try changed(.scheduler, "scheduler_config.json") {
            $0.replacing("DDIMScheduler", with: "EulerDiscreteScheduler")
        }
        #expect(checkModel(other, parts: parts).map(\.subject) == [.model(.scheduler)])

        var folders = model.folders
        folders[.unet] = folders[.vae]
        let swapped = checkModel(ModelSet(name: "swapped", folders: folders), parts: parts)
        #expect(swapped.map(\.subject) == [.model(.unet)])
        #expect(swapped[0].message.contains("holds a AutoencoderKL, not a UNet3DConditionModel"))
        let talkative = try changed(.tokenizer, "tokenizer_config.json") {
            $0.replacing(/"model_max_length": *\d+/, with: "\"model_max_length\": 99")
        }
        let longer = checkModel(talkative, parts: parts)
        #expect(longer.map(\.subject) == [.model(.tokenizer)] && longer[0].message.contains("up to 99 ids"))
        #expect(throws: FormatError.self) { try PromptEncoder(talkative) }
    }

    @Test func `a step after which a weight is not finite is a divergence`() {
        let weight = Variable(Tensor([2], [1, 2]), requiresGradient: true)
        func step(rate: Double) throws {
            var groups = [
                TrainedGroup([weight], learningRate: rate, weightDecay: 0, betas: [0.9, 0.999], epsilon: 1e-8)
            ]
            _ = try trainStep(&groups, loss: weight.sumOfSquares(), clip: 0, step: 7)
        }
        #expect(throws: Never.self) { try step(rate: 0.1) }
        let error = #expect(throws: TrainingError.self) { try step(rate: 1e39) }
        #expect(error.map { "\($0)" }?.hasPrefix("training diverged at step 7") == true)
    }

    @Test func `every clip is seen once in an epoch, and the numbers of a step do not depend on how many there are`() {
        let draws = TrainingDraws(seed: 3, purpose: "test")
        for epoch in 0..<4 {
            #expect(Set((0..<5).map { draws.clip(at: 5 * epoch + $0, of: 5) }).count == 5)
        }
        var (one, two) = (draws.step(17), TrainingDraws(seed: 3, purpose: "test").step(17))
        #expect(one.normal([8]) == two.normal([8]))
        var other = TrainingDraws(seed: -3, purpose: "test").step(17)
        #expect(one.normal([8]) != other.normal([8]))
    }
}
