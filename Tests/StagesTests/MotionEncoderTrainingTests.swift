import Artifacts
import Autograd
import Formats
import Foundation
import Layers
import Models
import Pretraining
import StageKit
import Tensors
import Testing
import World

@testable import MotionEncoderTraining

@Suite struct MotionEncoderTrainingTests {
    private static let settings: [String: Value] = [
        "steps": .int(3), "batch": .int(4), "warm-up": .int(1), "likeness-from": .double(0.3),
        "measure-every": .int(2),
    ]

    @Test func `a few steps give a video encoder; the same seed the same bytes, with any number of threads`() throws {
        let room = try StageRoom(MotionEncoderTrainingStage.self)
        let inputs = [
            "scenes": try room.scenes("scenes", WorldScenes.videos(8, motions: Motion.base + [.path(4)])),
            "evaluation": try room.scenes("evaluation", WorldScenes.videos(6, motions: Motion.heldOut)),
        ]
        let result = try room.run(Self.settings, inputs: inputs)
        let model = result.output("model")
        #expect(model.files.keys.sorted() == ["config.json", "model.safetensors"])
        let encoder = try VideoEncoder(folder: try #require(model.folder))
        guard case .base(let network) = encoder else {
            Issue.record("it has a classifier")
            return
        }
        #expect(network.configuration.tokens == 64 && network.weights.parameterCount < 400_000)
        #expect(encoder.embeddings(Variable(Tensor(zeros: [2, 8, 32, 32, 3]))).shape == [2, 96])
        #expect(result.progress.map(\.done) == [1, 2, 3])
        #expect(result.progress.allSatisfy { $0.readings.allSatisfy(\.value.isFinite) })
        let report = result.output("report")
        #expect(report.files.keys.sorted() == ["losses.csv", "losses.svg", "measured.json"])
        let measured = try JSONDecoder().decode(
            MotionRetrieval.Measured.self, from: Data(contentsOf: try #require(report.files["measured.json"])))
        #expect(measured.videos == 6 && (0...1).contains(measured.nearest))

        try room.expectSame(result, Self.settings, inputs: inputs)
        let other = try room.run(Self.settings.merging(["seed": .int(1)]) { $1 }, inputs: inputs).output("model")
        #expect(try contents(other)["model.safetensors"] != contents(model)["model.safetensors"])
        let alone = try room.run(Self.settings, inputs: ["scenes": try #require(inputs["scenes"])])
        #expect(alone.output("report").files["measured.json"] == nil)
        #expect(try contents(alone.output("model")) == contents(model))
    }

    @Test func `half of the filters start as differences of frames`() {
        let weights = InitialMotionEncoder(RandomWeights(seed: 1)).tensor(
            "embeddings.patch_embeddings.projection.weight", shape: [4, 3, 2, 8, 8], initial: .zeros)
        let values = weights.values
        for block in 0..<12 {
            let (first, second) = (values[block * 128..<block * 128 + 64], values[block * 128 + 64..<block * 128 + 128])
            let areOpposite = zip(first, second).allSatisfy { $0 == -$1 }
            #expect(areOpposite == (block < 6))
        }
    }
}

@Suite struct SubjectCourseTests {
    private let poses = (0..<8).map { frame in
        let t = Float(frame) / 7
        return Pose(x: 0.2 + 0.5 * t, y: 0.4 + 0.3 * t * t, size: 0.15 + 0.05 * t, rotation: 0.3 + 1.2 * t)
    }

    private func changed(_ change: (inout SubjectCourse) -> Void) -> SubjectCourse {
        var course = SubjectCourse(poses)
        change(&course)
        return course
    }

    private func expectEqual(_ a: some Collection<Float>, _ b: [Float], _ what: Comment? = nil) {
        #expect(a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) < 1e-5 }, what)
    }

    @Test func `a trajectory is what it says`() {
        let trajectory = SubjectCourse(poses).trajectory
        #expect(trajectory.count == 40)
        expectEqual(trajectory[..<8], (0..<8).map { 4 * 0.5 * (Float($0) / 7 - 0.5) })
        #expect(abs(trajectory[8..<16].reduce(0, +)) < 1e-4 && abs(trajectory[16..<24].reduce(0, +)) < 1e-4)
        expectEqual(trajectory[24..<32], (0..<8).map { sin(1.2 * Float($0) / 7) })
        expectEqual(trajectory[32...], (0..<8).map { cos(1.2 * Float($0) / 7) })
    }

    @Test func `reflections turn a trajectory over, and rotations back`() {
        let plain = SubjectCourse(poses).trajectory
        let (mirrored, flipped) = (changed { $0.mirror() }.trajectory, changed { $0.flip() }.trajectory)
        let transposed = changed { $0.transpose() }.trajectory
        let sines = plain[24..<32].map { -$0 }
        expectEqual(mirrored, plain[..<8].map { -$0 } + plain[8..<24] + sines + plain[32...], "mirrored")
        expectEqual(flipped, plain[..<8] + plain[8..<16].map { -$0 } + plain[16..<24] + sines + plain[32...], "flipped")
        expectEqual(
            transposed, Array(plain[8..<16] + plain[..<8] + plain[16..<24]) + sines + plain[32...], "transposed")
    }

    @Test func `reversed in time, places come in the other order and turns count from the last frame`() {
        let (plain, reversed) = (SubjectCourse(poses).trajectory, changed { $0.reverse() }.trajectory)
        for block in 0..<3 {
            expectEqual(reversed[block * 8..<block * 8 + 8], plain[block * 8..<block * 8 + 8].reversed())
        }
        expectEqual(reversed[24..<32], (0..<8).map { sin(-1.2 * Float($0) / 7) })
    }

    @Test func `coverage is told token by token, in time, row and column, and in each frame by frame`() {
        let course = SubjectCourse(poses)
        #expect(SubjectCourse.cellsOfToken(patches: 4) == 8)
        let coverage = Tensor([64, 8]) { course.coverage(patches: 4, into: $0, at: 0) }.values
        for frame in 0..<8 {
            for row in 0..<8 {
                for column in 0..<8 {
                    let token = (frame / 2 * 4 + row / 2) * 4 + column / 2
                    let cell = (frame % 2 * 2 + row % 2) * 2 + column % 2
                    let pose = poses[frame]
                    let distance = hypot((Float(column) + 0.5) / 8 - pose.x, (Float(row) + 0.5) / 8 - pose.y)
                    let expected = 1 / (1 + exp(-(pose.size - distance) / 0.03))
                    #expect(abs(coverage[token * 8 + cell] - expected) < 1e-5)
                }
            }
        }
        #expect(coverage.max() ?? 0 > 0.9 && coverage.min() ?? 1 < 0.001)
    }

    @Test func `positions are those of two frames a row`() {
        let positions = SubjectCourse(poses).positions
        #expect(positions.count == 24)
        expectEqual(
            positions[3..<6], [4 * poses[1].x - 2, 4 * poses[1].y - 2, 2 * log(poses[1].size / 0.18)])
    }

    @Test func `likeness is 1 for a trajectory and itself, and little for its mirror image`() {
        let (plain, mirrored) = (SubjectCourse(poses).trajectory, changed { $0.mirror() }.trajectory)
        let kernel = SubjectCourse.likeness(Tensor([3, 40], plain + mirrored + plain)).values
        #expect(kernel[0] == 1 && kernel[2] == 1 && kernel[1] == kernel[3] && kernel[1] < 0.05)
        let distance = zip(plain, mirrored).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        #expect(abs(kernel[1] - exp(-distance / 4)) < 1e-6)
    }
}

@Suite struct MotionBatchTests {
    /// Videos in which only the pixel at the subject's centre is bright.
    private func dots() -> SceneVideos {
        var generator = Generator(seed: 6)
        let scenes = (0..<6).map { _ in Scene.random(motions: Motion.heldOut, using: &generator) }
        var pixels = [UInt8](repeating: 0, count: 6 * 8 * 32 * 32 * 3)
        for (video, scene) in scenes.enumerated() {
            for (frame, pose) in scene.poses.enumerated() {
                let at = (((video * 8 + frame) * 32 + Int(pose.y * 32)) * 32 + Int(pose.x * 32)) * 3
                (pixels[at], pixels[at + 1], pixels[at + 2]) = (250, 150, 50)
            }
        }
        return SceneVideos(scenes: scenes, side: 32, pixels: pixels)
    }

    @Test func `pixels and targets are turned over alike`() {
        let videos = dots()
        for mask in 0..<16 {
            var augmentation = Augmentation()
            augmentation.isMirrored = mask & 1 != 0
            augmentation.isFlipped = mask & 2 != 0
            augmentation.isTransposed = mask & 4 != 0
            augmentation.isReversed = mask & 8 != 0
            let batch = MotionBatch((0..<6).map { ($0, augmentation) }, from: videos)
            let (values, positions) = (batch.pixels.values, batch.positions.values)
            for frame in 0..<48 {
                let start = frame * 32 * 32 * 3
                let brightest = (0..<32 * 32).max { values[start + 3 * $0] < values[start + 3 * $1] } ?? 0
                let (x, y) = ((positions[3 * frame] + 2) / 4, (positions[3 * frame + 1] + 2) / 4)
                #expect(abs(x * 32 - Float(brightest % 32) - 0.5) < 0.51, "\(mask)")
                #expect(abs(y * 32 - Float(brightest / 32) - 0.5) < 0.51, "\(mask)")
            }
        }
    }

    @Test func `pixels are those of the encoder's preprocessing, with channels exchanged, darkened and shifted`() {
        let videos = dots()
        let plain = MotionBatch([(0, Augmentation())], from: videos)
        var augmentation = Augmentation()
        augmentation.channels = [2, 0, 1]
        augmentation.brightness = 0.8
        augmentation.offsets = [0.1, 0, -0.1]
        let changed = MotionBatch([(0, augmentation)], from: videos)
        let pose = videos.scenes[0].poses[0]
        let at = (Int(pose.y * 32) * 32 + Int(pose.x * 32)) * 3
        let (mean, deviation): ([Float], [Float]) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        let bytes: [Float] = [250, 150, 50]
        for channel in 0..<3 {
            let expected = (bytes[channel] / 255 - mean[channel]) / deviation[channel]
            #expect(abs(plain.pixels.values[at + channel] - expected) < 1e-4)
            let value = (bytes[[2, 0, 1][channel]] / 127.5 - 1) * 0.8 + [0.1, 0, -0.1][channel]
            let shifted = ((value + 1) / 2 - mean[channel]) / deviation[channel]
            #expect(abs(changed.pixels.values[at + channel] - shifted) < 1e-4)
        }
        #expect(plain.coverage == changed.coverage && plain.trajectories == changed.trajectories)
    }

    @Test func `what is drawn varies, and stays in its bounds`() {
        var generator = Generator(seed: 1)
        let drawn = (0..<400).map { _ in Augmentation(using: &generator) }
        #expect(Set(drawn.map(\.channels)).count == 6)
        #expect(drawn.allSatisfy { (0.7...1).contains($0.brightness) && $0.offsets.allSatisfy { abs($0) <= 0.15 } })
        #expect((160...240).contains(drawn.count(where: \.isMirrored)))
        #expect((160...240).contains(drawn.count(where: \.isReversed)))
        #expect((35...90).contains(drawn.count(where: \.isFlipped)))
        #expect((35...90).contains(drawn.count(where: \.isTransposed)))
    }

    @Test func `only videos where all else differs are looked for`() {
        func scene(_ subject: Subject, _ colour: Colour, _ place: Place, _ motion: Motion) -> Scene {
            Scene(subject: subject, colour: colour, place: place, motion: motion, seed: 1)
        }
        let (zigzag, circle) = (Motion.heldOut[0], Motion.heldOut[1])
        let scenes = [
            scene(.ball, .red, .snow, zigzag), scene(.cat, .blue, .sea, zigzag), scene(.fish, .pink, .city, circle),
            scene(.ball, .green, .space, circle),
        ]
        // The last is nearest to the first, but shows the same subject.
        let cosines: [Float] = [
            1, 0.8, 0.3, 0.9,
            0.8, 1, 0.2, 0.1,
            0.3, 0.2, 1, 0.1,
            0.9, 0.1, 0.1, 1,
        ]
        let measured = MotionRetrieval.measured(cosines, scenes)
        #expect(measured.byMotion == ["zigzagging": 1, "circling": 0])
        #expect(measured.nearest == 0.5)
        #expect(abs(measured.sameMotion - (0.8 + 0.8 + 0.1 + 0.1) / 4) < 1e-6)
        #expect(abs(measured.otherMotion - (0.3 + 0.3 + 0.2 + 0.2 + 0.1 + 0.1) / 6) < 1e-6)
    }
}
