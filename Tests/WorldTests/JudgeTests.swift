import Foundation
import Tensors
import Testing

@testable import World

/// Drawings of seeds that nothing in the judge was made from, as they are and worse than an autoencoder gives them.
@Suite("The judge knows what it sees, sharp and blurred")
struct JudgeTests {
    private struct Score {
        var right = 0
        var misses: [String] = []
        var share: Double { Double(right) / Double(max(right + misses.count, 1)) }

        mutating func add<Answer: Equatable>(_ given: Answer?, _ wanted: Answer, _ scene: Scene) {
            if given == wanted {
                right += 1
            } else {
                misses.append("\(scene.caption), \(scene.seed): \(given, default: "none")")
            }
        }
    }

    private static let paths = [
        "sliding left", "sliding right", "rising", "falling", "bouncing", "shaking", "zigzagging", "circling",
        "swinging",
        "jumping",
    ]

    private static func motion(_ name: String) throws -> Motion { try #require(Motion(named: name)) }

    /// A mean of 3 x 3 pixels, then noise of 6 levels.
    private static func worsened(_ pixels: [UInt8], _ noise: inout Generator) -> [UInt8] {
        var result: [UInt8] = []
        for frame in 0..<Scene.frames {
            result += Backdrops.blurred(Array(pixels[frame * Video.size..<(frame + 1) * Video.size]))
        }
        let deviations = noise.normal([result.count]).values
        return zip(result, deviations).map { UInt8(min(max(Float($0) + 6 * $1, 0), 255)) }
    }

    /// The figures in the comment of `Judge` are of this test.
    @Test(arguments: [false, true])
    func `450 scenes of the fifteen motions`(isWorsened: Bool) {
        let judge = Judge()
        let motions = Motion.base + Motion.heldOut
        var (generator, noise) = (Generator(seed: 987_654), Generator(seed: 5))
        var (path, other, colour, place, subject) = (Score(), Score(), Score(), Score(), Score())
        for index in 0..<450 {
            let scene = Scene.random(motions: [motions[index % motions.count]], using: &generator)
            let pixels = isWorsened ? Self.worsened(scene.pixels(), &noise) : scene.pixels()
            let verdict = judge.judge(pixels, frames: Scene.frames, side: 32)
            if Self.paths.contains(scene.motion.name) {
                path.add(verdict.motion, scene.motion, scene)
            } else {
                other.add(verdict.motion, scene.motion, scene)
            }
            colour.add(verdict.colour, scene.colour, scene)
            place.add(verdict.place, scene.place, scene)
            subject.add(verdict.subject, scene.subject, scene)
        }
        for (name, score, least) in [
            ("motions with a path", path, 0.98), ("other motions", other, 0.94), ("colour", colour, 0.98),
            ("place", place, 0.99), ("subject", subject, 0.93),
        ] {
            print("\(isWorsened ? "blurred" : "sharp"), \(name): \(score.right) of \(score.right + score.misses.count)")
            #expect(score.share >= least, "\(name): \(score.misses.joined(separator: "\n"))")
        }
    }

    @Test func `a video agrees with its own motion, not with its opposite`() throws {
        let judge = Judge()
        let (left, right) = (try Self.motion("sliding left"), try Self.motion("sliding right"))
        for (name, opposite) in [
            ("sliding left", "sliding right"), ("rising", "falling"), ("growing", "shrinking"), ("resting", "shaking"),
            ("spinning", "resting"), ("jumping", "bouncing"), ("circling", "zigzagging"),
        ] {
            let motion = try Self.motion(name)
            for seed in 0..<6 as Range<UInt64> {
                let scene = Scene(subject: .car, colour: .red, place: .snow, motion: motion, seed: seed)
                let verdict = judge.judge(scene.pixels(), frames: Scene.frames, side: 32)
                #expect(verdict.agreement(with: motion) > 0.9, "\(name), \(seed)")
                #expect(verdict.agreement(with: try Self.motion(opposite)) < 0.7, "\(name), \(seed)")
            }
        }
        let scene = Scene(subject: .cat, colour: .blue, place: .grass, motion: left, seed: 3)
        let verdict = judge.judge(scene.pixels(), frames: Scene.frames, side: 32)
        #expect(verdict.agreement(with: right) < -0.95)
        // Half a pixel of 32.
        for (pose, place) in zip(scene.poses, verdict.path) {
            #expect(abs(pose.x - place.x) < 0.016 && abs(pose.y - place.y) < 0.016)
        }
        for (pose, size) in zip(scene.poses, verdict.sizes) { #expect(abs(pose.size - size) < 0.1 * pose.size) }
    }

    @Test func `larger videos are judged by their means`() {
        let scene = Scene(subject: .robot, colour: .purple, place: .beach, motion: .heldOut[3], seed: 17)
        let judge = Judge()
        let (small, large) = (
            judge.judge(scene.pixels(), frames: Scene.frames, side: 32),
            judge.judge(scene.pixels(side: 64), frames: Scene.frames, side: 64)
        )
        #expect(small.path == large.path)
        #expect(small.motion == scene.motion && large.motion == scene.motion)
        #expect(judge.judge(scene.pixels(side: 128), frames: Scene.frames, side: 128).subject == .robot)
    }

    @Test func `where there is nothing, nothing is seen`() {
        let judge = Judge()
        let background = Scene.halved(Background(.desert, 5, 64).bytes, side: 64)
        let empty = judge.judge((0..<8).flatMap { _ in background }, frames: 8, side: 32)
        #expect(empty.place == .desert)
        #expect(empty.subject == nil && empty.colour == nil && empty.motion == nil && empty.isTurning == nil)
        for motion in Motion.base { #expect(empty.agreement(with: motion) == 0) }
        // Noise and plain grey must have a verdict, whatever it is.
        var noise = Generator(seed: 2)
        let chaos = noise.uniform([2 * Video.size]).values.map { UInt8($0 * 255) }
        _ = judge.judge(chaos, frames: 2, side: 32)
        _ = judge.judge([UInt8](repeating: 128, count: 3 * Video.size), frames: 3, side: 32)
    }

    /// Of the processor, since tests share the machine: 7 to 11 ms in the middle was measured, 5 ms at best.
    @Test func `a verdict takes 20 milliseconds at most, in the middle`() {
        let judge = Judge()
        var generator = Generator(seed: 6)
        let videos = (0..<60).map { _ in Scene.random(motions: Motion.base, using: &generator).pixels() }
        let times = videos.map { video in
            let start = Self.processorTime()
            _ = judge.judge(video, frames: Scene.frames, side: 32)
            return Self.processorTime() - start
        }.sorted()
        print("a verdict: \(times[0]) s at best, \(times[30]) in the middle, \(times[59]) at worst, of one core")
        #expect(times[30] < 0.02)
    }

    /// What this thread has had of a core, in seconds.
    private static func processorTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
