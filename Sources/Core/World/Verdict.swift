#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What a judge says of a video.
public struct Verdict: Sendable {
    /// The likest of the base and held-out motions; nil when the subject is not seen, or moves like none of them.
    ///
    /// Some pairs look alike: a ring that spins rests, and a ring that cartwheels slides right. Other motions than these
    /// fifteen are taken for the likest of them, or for none.
    public let motion: Motion?
    /// The subject's centre in each frame, as fractions of the canvas; frames without it repeat the nearest one.
    public let path: [SIMD2<Float>]
    /// The subject's half-size in each frame, as a fraction of the canvas; frames without it repeat the nearest one.
    public let sizes: [Float]
    /// Whether the subject turns; nil when it is not seen or a turn would not show.
    public let isTurning: Bool?
    /// Nil when the subject is not seen, or looks like none.
    public let subject: Subject?
    /// Nil when the subject is not seen.
    public let colour: Colour?
    /// The likest place; there always is one.
    public let place: Place

    /// Above this share of what cannot be explained, a subject is none.
    private static let strange: Float = 0.6

    init(place: Place, track: Track, likeness: Likeness?) {
        self.place = place
        colour = likeness?.colour
        let isKnown = (likeness?.unexplained ?? 1) < Self.strange
        subject = isKnown ? likeness?.subject : nil
        let side = Float(Judge.side)
        let seen = track.sightings.indices.compactMap { frame -> (Int, SIMD2<Float>, Float)? in
            guard let sighting = track.sightings[frame] else { return nil }
            if isKnown, let pose = likeness?.poses[frame] { return (frame, SIMD2(pose.x, pose.y), pose.size) }
            return (frame, SIMD2(sighting.x, sighting.y) / side, (sighting.area / .pi).squareRoot() / side)
        }
        let all = track.sightings.indices.map { frame in
            seen.min { abs($0.0 - frame) < abs($1.0 - frame) } ?? (frame, SIMD2(0.5, 0.5), 0)
        }
        (path, sizes) = (all.map(\.1), all.map(\.2))
        isTurning =
            if let likeness, isKnown, likeness.subject != .ring {
                if case .turns = likeness.turning { true } else { false }
            } else { nil }
        let movement = Movement(path: path, sizes: sizes, isTurning: isTurning)
        motion = seen.isEmpty ? nil : movement.likest
    }

    /// How well the video shows a motion, from -1 (the opposite) over 0 (nothing of it) to 1.
    ///
    /// For motions with a path, the cosine between the centred path and that of the motion, the best over the jitter
    /// that it may have; 0 if the subject hardly moves. For growing and the like, the same with the sizes. Resting and
    /// spinning are 1 or 0. Motions that differ in turning alone, as sliding right and cartwheeling do, keep half of it
    /// if the subject's turning is not theirs.
    public func agreement(with motion: Motion) -> Float {
        guard sizes.contains(where: { $0 > 0 }) else { return 0 }
        return Movement(path: path, sizes: sizes, isTurning: isTurning).agreement(with: motion)
    }
}

/// A path with sizes and a turning, compared with those of motions.
private struct Movement {
    /// The length of a centred path of eight frames below which it is none: that of shaking, the shortest, is 0.17.
    private static let stillness: Float = 0.12
    /// The same of the logarithms of sizes: that of growing is 0.85.
    private static let constancy: Float = 0.35
    /// The least cosine of a named motion.
    private static let likeness: Float = 0.6

    private let path: [Float]
    private let sizes: [Float]
    private let isTurning: Bool?
    private let frames: Int

    init(path: [SIMD2<Float>], sizes: [Float], isTurning: Bool?) {
        frames = path.count
        self.path = Self.centred(path.map(\.x)) + Self.centred(path.map(\.y))
        self.sizes = Self.centred(sizes.map { log(max($0, 1e-3)) })
        self.isTurning = isTurning
    }

    private var scale: Float { (Float(frames) / Float(Scene.frames)).squareRoot() }
    private var moves: Bool { Self.length(path) > Self.stillness * scale }
    private var resizes: Bool { Self.length(sizes) > Self.constancy * scale }

    /// The motion among the base and held-out ones that agrees most.
    var likest: Motion? {
        // Where turning would not show, none is the likelier.
        let scored = (Motion.base + Motion.heldOut).map { motion in
            (motion, agreement(with: motion) - (isTurning == nil && motion.turns ? 0.001 : 0))
        }
        guard let best = scored.max(by: { $0.1 < $1.1 }), best.1 >= Self.likeness else { return nil }
        return best.0
    }

    func agreement(with motion: Motion) -> Float {
        let template = Template.of(motion, frames: frames)
        let fit: Float
        if template.resizes, !template.moves {
            fit = resizes ? template.variants.map { Self.cosine($0.sizes, sizes) }.max() ?? 0 : 0
            return moves && !isSmall ? fit / 2 : fit
        }
        if template.moves {
            fit = moves ? template.variants.map { Self.cosine($0.path, path) }.max() ?? 0 : 0
            if resizes, !template.resizes, isSmall { return fit / 2 }
        } else {
            fit = moves || resizes ? 0 : 1
        }
        guard let isTurning, motion.turns != isTurning else { return fit }
        // What rests does not spin, and what spins does not rest.
        return template.moves ? fit / 2 : 0
    }

    /// Moves hardly more than the error in the place of a subject that changes its size.
    private var isSmall: Bool { Self.length(path) < 0.3 * scale }

    private static func centred(_ values: [Float]) -> [Float] {
        let mean = values.reduce(0, +) / Float(values.count)
        return values.map { $0 - mean }
    }

    private static func length(_ values: [Float]) -> Float { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }

    private static func cosine(_ a: [Float], _ b: [Float]) -> Float {
        zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } / max(length(a) * length(b), 1e-6)
    }

    /// What a motion looks like, for several draws of its jitter.
    private struct Template {
        let variants: [(path: [Float], sizes: [Float])]
        let moves: Bool
        let resizes: Bool

        static func of(_ motion: Motion, frames: Int) -> Template {
            if frames == Scene.frames, let known = usual[motion] { return known }
            return Template(motion, frames)
        }

        private static let usual = Dictionary(
            uniqueKeysWithValues: (Motion.base + Motion.heldOut + Motion.extra).map {
                ($0, Template($0, Scene.frames))
            })

        private init(_ motion: Motion, _ frames: Int) {
            let values: [Double] = [-1, 0, 1]
            variants = values.flatMap { amplitude in
                values.map { rest in
                    // The third draw is the amplitude, what a motion draws beside follows.
                    var draw = 0
                    let course = motion.trajectory(frames: frames) {
                        draw += 1
                        return draw < 3 ? 0 : draw == 3 ? amplitude : rest
                    }
                    return (
                        Movement.centred(course.map { Float($0.x) }) + Movement.centred(course.map { Float($0.y) }),
                        Movement.centred(course.map { Float(log($0.scale)) })
                    )
                }
            }
            moves = Movement.length(variants[4].path) > 0.01
            resizes = Movement.length(variants[4].sizes) > 0.01
        }
    }
}

extension Motion {
    /// Whether whole turns are part of it.
    fileprivate var turns: Bool { ["spinning", "cartwheeling", "tumbling"].contains(name) }
}
