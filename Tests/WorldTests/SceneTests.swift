import Foundation
import Media
import Tensors
import Testing

@testable import World

@Suite("Scenes follow from their seeds, and captions from the scenes")
struct SceneTests {
    private static let motions = Motion.base + Motion.heldOut + Motion.extra + (0..<20).map(Motion.path)

    @Test func `equal seeds give equal scenes, others give others`() {
        var (one, two) = (Generator(seed: 7), Generator(seed: 7))
        for _ in 0..<20 {
            let scene = Scene.random(motions: Self.motions, using: &one)
            #expect(scene == Scene.random(motions: Self.motions, using: &two))
            #expect(
                scene
                    == Scene(
                        subject: scene.subject, colour: scene.colour, place: scene.place, motion: scene.motion,
                        seed: scene.seed))
            #expect(scene.pixels() == scene.pixels())
            #expect(scene.poses.count == Scene.frames)
        }
        let a = Scene(subject: .cat, colour: .blue, place: .snow, motion: .base[3], seed: 1)
        let b = Scene(subject: .cat, colour: .blue, place: .snow, motion: .base[3], seed: 65)
        #expect(a.poses != b.poses)
        #expect(a.variant == b.variant)
    }

    @Test func `random scenes have every subject, colour, place and motion about equally often`() {
        var generator = Generator(seed: 1)
        let scenes = (0..<4000).map { _ in Scene.random(motions: Motion.base, using: &generator) }
        for (name, counts, kinds) in [
            ("subject", Dictionary(grouping: scenes, by: \.subject.rawValue).mapValues(\.count), 12),
            ("colour", Dictionary(grouping: scenes, by: \.colour.rawValue).mapValues(\.count), 8),
            ("place", Dictionary(grouping: scenes, by: \.place.rawValue).mapValues(\.count), 8),
            ("motion", Dictionary(grouping: scenes, by: \.motion.name).mapValues(\.count), 10),
        ] {
            #expect(counts.count == kinds, "\(name)")
            let mean = 4000 / Double(kinds)
            #expect(counts.values.allSatisfy { abs(Double($0) - mean) < 5 * mean.squareRoot() }, "\(name)")
        }
    }

    @Test func `motions are known by their names, also in JSON`() throws {
        for motion in Self.motions {
            #expect(Motion(named: motion.name) == motion)
            let json = try JSONEncoder().encode(motion)
            #expect(try JSONDecoder().decode(Motion.self, from: json) == motion)
        }
        #expect(String(decoding: try JSONEncoder().encode(Motion.base[1]), as: UTF8.self) == "\"sliding left\"")
        for name in ["", "path", "path-1", "path+3", "path03", "flying"] { #expect(Motion(named: name) == nil) }
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(Motion.self, from: Data("\"flying\"".utf8)) }
    }

    @Test func `a random path is one and the same for an index, and stays near the canvas`() {
        let courses = (0..<20).map { index in Motion.path(index).trajectory { 0 } }
        #expect(Set(courses.map { "\($0)" }).count == 20)
        #expect(courses[3] == Motion.path(3).trajectory { 0 })
        for waypoint in courses.joined() {
            #expect((0.2...0.8).contains(waypoint.x) && (0.2...0.8).contains(waypoint.y))
            #expect((0.2...4).contains(waypoint.scale))
        }
    }

    @Test func `parts of a caption can be left out`() {
        let scene = Scene(
            subject: .ball, colour: .red, place: .grass, motion: Motion(named: "zigzagging")!, seed: 1)
        #expect(scene.caption == "a red ball is zigzagging on the grass")
        #expect(scene.caption(colour: true, motion: false, place: true) == "a red ball on the grass")
        #expect(scene.caption(colour: false, motion: true, place: false) == "a ball is zigzagging")
        #expect(scene.caption(colour: false, motion: false, place: false) == "a ball")
    }

    @Test func `no caption has more than 21 words, and all of them are the world's`() throws {
        // `path3` and the like are names, no words; `is` and the rest of the prototype's list are in captions elsewhere.
        let known = Set(try GoldenTests.golden().words).union(Motion.extra.map(\.name))
        #expect(known.count == 95 + 8)
        var generator = Generator(seed: 3)
        for motion in Motion.base + Motion.heldOut + Motion.extra {
            for _ in 0..<50 {
                let scene = Scene.random(motions: [motion], using: &generator)
                for caption in [scene.caption] + (0..<Scene.frames).map(scene.denseCaption) {
                    let words = caption.split(separator: " ").map(String.init)
                    #expect(words.count <= 21, "\(caption)")
                    #expect(known.isSuperset(of: words), "\(caption)")
                }
            }
        }
    }

    @Test func `32 pixels are the means of 64, and larger pictures show the same`() {
        let scene = Scene(
            subject: .robot, colour: .green, place: .city, motion: Motion(named: "circling")!, seed: 5)
        let (small, drawn, large) = (scene.pixels(), scene.pixels(side: 64), scene.pixels(side: 128))
        #expect(small.count == 8 * 32 * 32 * 3)
        #expect(drawn.count == 4 * small.count)
        #expect(large.count == 4 * drawn.count)
        // A pixel by hand: frame 2, row 11, column 20, blue.
        let at = { (row: Int, column: Int) in Int(drawn[((2 * 64 + row) * 64 + column) * 3 + 2]) }
        let sum = at(22, 40) + at(22, 41) + at(23, 40) + at(23, 41)
        #expect(Int(small[((2 * 32 + 11) * 32 + 20) * 3 + 2]) == (sum + 2) >> 2)
        let mean = zip(Scene.halved(large, side: 128), drawn).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
        #expect(Double(mean) / Double(drawn.count) < 3)
    }

    @Test func `a subject beyond the edge leaves the background as it is`() {
        let gone = Scene(
            subject: .ball, colour: .red, place: .sea, seed: 9,
            poses: [Pose(x: 3, y: -2, size: 0.2, rotation: 0), Pose(x: 1, y: 0.5, size: 0.2, rotation: 0)])
        let pixels = gone.pixels(side: 64)
        #expect(Array(pixels.prefix(64 * 64 * 3)) == Background(.sea, 9, 64).bytes)
        #expect(pixels.suffix(64 * 64 * 3) != pixels.prefix(64 * 64 * 3))
    }

    @Test(.enabled(if: ProcessInfo.processInfo.environment["WORLD_SHEETS"] != nil, "it writes pictures to look at"))
    func `contact sheets`() throws {
        let folder = URL(filePath: ProcessInfo.processInfo.environment["WORLD_SHEETS"]!)
        func sheet(_ name: String, side: Int, _ rows: [[UInt8]]) throws {
            var bytes: [UInt8] = []
            for row in rows {
                for y in 0..<side {
                    for frame in 0..<row.count / (side * side * 3) {
                        let start = (frame * side + y) * side * 3
                        bytes += row[start..<start + side * 3]
                    }
                }
            }
            let width = rows[0].count / (side * 3)
            try PNG.write(
                Frames(count: 1, height: side * rows.count, width: width, bytes: bytes),
                to: folder.appending(path: name))
        }
        var generator = Generator(seed: 11)
        let motions = Motion.base + Motion.heldOut + Motion.extra
        try sheet(
            "motions.png", side: 64, motions.map { Scene.random(motions: [$0], using: &generator).pixels(side: 64) })
        try sheet("motions32.png", side: 32, motions.map { Scene.random(motions: [$0], using: &generator).pixels() })
        try sheet(
            "subjects.png", side: 128,
            Subject.allCases.enumerated().map { row, subject in
                Place.allCases.enumerated().flatMap { column, place in
                    Scene(
                        subject: subject, colour: Colour.allCases[(row * 5 + column) % 8], place: place,
                        motion: .base[0], seed: UInt64(7 + row)
                    ).pixels(side: 128).prefix(128 * 128 * 3)
                }
            })
    }

    /// Measured on one core of a busy AVX-512 server, -O: 0.22 ms a video in the middle, 0.09 ms at best.
    ///
    /// Loose here, since tests share the machine.
    @Test func `a video is drawn in a millisecond`() {
        var generator = Generator(seed: 5)
        let scenes = (0..<400).map { _ in Scene.random(motions: Self.motions, using: &generator) }
        for scene in scenes { _ = Background.of(scene.place, variant: scene.variant, side: 64) }
        let clock = ContinuousClock()
        let times = scenes.map { scene in clock.measure { _ = scene.pixels(side: 64) } }.sorted()
        print("a video of 64 pixels: \(times[0]) at best, \(times[times.count / 2]) in the middle")
        #expect(times[times.count / 2] < .milliseconds(8))
    }
}
