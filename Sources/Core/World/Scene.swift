public import Tensors

/// Where a subject is in one frame.
public struct Pose: Hashable, Sendable, Codable {
    /// Of the centre, as a fraction of the canvas, from the left.
    public let x: Float
    /// Of the centre, as a fraction of the canvas, from the top.
    public let y: Float
    /// Half of the subject's size, as a fraction of the canvas.
    public let size: Float
    /// In radians, clockwise on screen.
    public let rotation: Float

    /// A pose from its numbers.
    public init(x: Float, y: Float, size: Float, rotation: Float) {
        self.x = x
        self.y = y
        self.size = size
        self.rotation = rotation
    }
}

/// One video of the world: who moves how and where, and all that chance adds, which follows from the seed.
public struct Scene: Hashable, Sendable {
    /// Frames of a video.
    public static let frames = 8
    /// Backgrounds of each place.
    static let variants = 64

    /// Who moves.
    public let subject: Subject
    /// The colour of its body.
    public let colour: Colour
    /// Where it moves.
    public let place: Place
    /// How it moves.
    public let motion: Motion
    /// What chance adds: size, jitter of the trajectory, and which of the backgrounds of the place.
    public let seed: UInt64
    /// One for each frame.
    public let poses: [Pose]

    /// The scene of these words and this seed.
    public init(subject: Subject, colour: Colour, place: Place, motion: Motion, seed: UInt64) {
        self.subject = subject
        self.colour = colour
        self.place = place
        self.motion = motion
        self.seed = seed
        let generator = Generator(seed: seed)
        var (course, stature) = (generator.split("trajectory"), generator.split("size"))
        let size = 0.185 * (1 + 0.12 * stature.jitter())
        poses = motion.trajectory { course.jitter() }.map {
            Pose(x: Float($0.x), y: Float($0.y), size: Float(size * $0.scale), rotation: Float($0.rotation))
        }
    }

    /// A scene of given poses, for tests.
    init(
        subject: Subject, colour: Colour, place: Place, motion: Motion = .base[0], seed: UInt64, poses: [Pose]
    ) {
        (self.subject, self.colour, self.place, self.motion) = (subject, colour, place, motion)
        (self.seed, self.poses) = (seed, poses)
    }

    /// A scene of these motions, of which there is at least one; subject, colour, place and motion are equally likely.
    public static func random(motions: [Motion], using generator: inout Generator) -> Scene {
        Scene(
            subject: Subject.allCases[generator.integer(below: Subject.allCases.count)],
            colour: Colour.allCases[generator.integer(below: Colour.allCases.count)],
            place: Place.allCases[generator.integer(below: Place.allCases.count)],
            motion: motions[generator.integer(below: motions.count)],
            seed: UInt64(generator.integer(below: 1 << 30)))
    }

    /// Which of the backgrounds of the place.
    var variant: Int { Int(seed % UInt64(Self.variants)) }
}

extension Generator {
    /// Uniform in -1 ..< 1.
    fileprivate mutating func jitter() -> Double { Double(next() >> 11) * 0x1p-52 - 1 }
}
