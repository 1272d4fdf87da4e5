import Foundation
import Media
import Testing

@testable import World

/// What the prototype draws, and how it moves: Tests/Goldens/world.py wrote these files.
@Suite("The world is that of the prototype")
struct GoldenTests {
    struct Golden: Decodable {
        struct Trajectory: Decodable {
            let motion: String
            let draw: Double
            let x, y, scale, rotation: [Double]
        }
        struct Picture: Decodable {
            let subject: Subject
            let colour: Colour
            let place: Place
            let variant: Int
            let x, y, size, rotation: Float
        }
        struct Caption: Decodable {
            let subject: Subject
            let colour: Colour
            let place: Place
            let motion: Motion
            let x, y, size: Float
            let caption, dense: String
        }
        let trajectories: [Trajectory]
        let chances: [[Double]]
        let pictures: [Picture]
        let captions: [Caption]
        let words: [String]
    }

    private static let folder = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Goldens/World")

    static func golden() throws -> Golden {
        try JSONDecoder().decode(Golden.self, from: Data(contentsOf: folder.appending(path: "world.json")))
    }

    @Test func `every named motion has the prototype's trajectory for equal draws`() throws {
        let golden = try Self.golden()
        #expect(golden.trajectories.count == 3 * 23)
        for expected in golden.trajectories {
            let motion = try #require(Motion(named: expected.motion))
            let course = motion.trajectory { expected.draw }
            for (frame, waypoint) in course.enumerated() {
                let given = [waypoint.x, waypoint.y, waypoint.scale, waypoint.rotation]
                let wanted = [expected.x, expected.y, expected.scale, expected.rotation].map { $0[frame] }
                for (a, b) in zip(given, wanted) {
                    #expect(abs(a - b) < 1e-8, "\(motion) with draws of \(expected.draw), frame \(frame)")
                }
            }
        }
    }

    @Test func `the hash behind the backgrounds gives the same numbers`() throws {
        for chance in try Self.golden().chances {
            #expect(Background.chance(Int(chance[0]), Int(chance[1])) == Float(chance[2]))
        }
    }

    /// The prototype works partly in double precision: a level more or less is rounding.
    ///
    /// A sine of single precision may differ by more where a stripe is steep, hence not every value is held to it.
    @Test func `subjects and backgrounds have the prototype's pixels`() throws {
        let golden = try Self.golden()
        let sheet = try Frames(contentsOf: Self.folder.appending(path: "pictures.png"))
        let size = 64 * 64 * 3
        #expect(sheet.shape == [1, 64 * golden.pictures.count, 64, 3])
        #expect(Set(golden.pictures.map(\.subject)).count == 12)
        #expect(Set(golden.pictures.map(\.place)).count == 8)
        #expect(Set(golden.pictures.map(\.colour)).count == 8)
        for (index, picture) in golden.pictures.enumerated() {
            let scene = Scene(
                subject: picture.subject, colour: picture.colour, place: picture.place,
                seed: UInt64(picture.variant),
                poses: [Pose(x: picture.x, y: picture.y, size: picture.size, rotation: picture.rotation)])
            let differences = zip(scene.pixels(side: 64), sheet.bytes[index * size..<(index + 1) * size])
                .map { abs(Int($0) - Int($1)) }
            #expect(differences.count == size)
            #expect(differences.max()! <= 2, "\(picture.colour) \(picture.subject), \(picture.place)")
            let off = differences.count { $0 > 1 }
            #expect(off * 1000 <= size, "\(picture.colour) \(picture.subject), \(picture.place): \(off) values")
        }
    }

    @Test func `captions are the prototype's, word by word`() throws {
        for expected in try Self.golden().captions {
            let scene = Scene(
                subject: expected.subject, colour: expected.colour, place: expected.place, motion: expected.motion,
                seed: 0, poses: [Pose(x: expected.x, y: expected.y, size: expected.size, rotation: 0)])
            #expect(scene.caption == expected.caption)
            #expect(scene.denseCaption(frame: 0) == expected.dense)
        }
    }
}
