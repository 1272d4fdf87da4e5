#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The subject, the colour and the turning whose drawing is nearest to a video.
struct Likeness {
    /// How the rotation goes on through a video.
    enum Turning: Hashable {
        case none
        /// Whole turns from the first frame to the last; backwards when negative.
        case turns(Float)
        /// As the pendulum of swinging, from which the place follows.
        case swing

        /// - Parameters:
        ///   - t: from 0 in the first frame to 1 in the last.
        ///   - x: of the centre, as a fraction of the canvas.
        func rotation(_ t: Float, x: Float) -> Float {
            switch self {
            case .none: 0
            case .turns(let turns): 2 * .pi * turns * t
            case .swing: -asin(min(max((x - 0.5) / 0.55, -1), 1))
            }
        }

        static let few: [Turning] = [.none, .swing, .turns(1), .turns(-1)]
        static let all: [Turning] = [.none, .swing] + [-1, 0.88, 0.94, 1, 1.06, 1.12].map { .turns($0) }
    }

    let subject: Subject
    let colour: Colour
    let turning: Turning
    /// One for each frame, nil where nothing was seen.
    let poses: [Pose?]
    /// The share of what distinguishes the video from its background that the drawing does not explain.
    let unexplained: Float

    private struct Candidate {
        let subject: Subject
        let colour: Colour
        var turning = Turning.none
        var poses: [Pose?] = []
        var error: Float = .infinity
    }

    /// Nil when no frame shows anything.
    init?(_ video: Video, _ track: Track) {
        let seen = track.sightings.indices.filter { track.sightings[$0] != nil }
        guard !seen.isEmpty else { return nil }
        let search = Search(easel: Easel(video, track), track: track, seen: seen)
        var candidates = Self.colours(video, track).flatMap { colour in
            Subject.allCases.map { search.roughly(Candidate(subject: $0, colour: colour), softness: 1.5) }
        }
        candidates.sort { $0.error < $1.error }
        let softness: Float =
            search.roughly(candidates[0], softness: 1.2).error <= search.roughly(candidates[0], softness: 2.5).error
            ? 1.2 : 2.5
        let refined = candidates.prefix(4).map { search.refined($0, softness: softness) }
        guard let best = refined.min(by: { $0.error < $1.error }) else { return nil }
        (subject, colour, turning) = (best.subject, best.colour, best.turning)
        (poses, unexplained) = (best.poses, best.error)
    }

    /// The colours that most pixels of the silhouettes have, nearly.
    private static func colours(_ video: Video, _ track: Track) -> [Colour] {
        var votes = [Float](repeating: 0, count: Colour.allCases.count)
        let palette = Colour.allCases.map { $0.rgb * 255 }
        for (frame, sighting) in track.sightings.enumerated() {
            guard let mask = sighting?.mask else { continue }
            for pixel in mask.indices where mask[pixel] {
                let at = frame * Video.size + pixel * 3
                let rgb = SIMD3(Float(video.bytes[at]), Float(video.bytes[at + 1]), Float(video.bytes[at + 2]))
                for (index, colour) in palette.enumerated() {
                    let difference = rgb - colour
                    votes[index] += 1 / (1 + (difference * difference).sum() / 1600)
                }
            }
        }
        return zip(votes, Colour.allCases).sorted { $0.0 > $1.0 }.prefix(3).map(\.1)
    }

    /// Tries drawings on the frames in which something was seen.
    private struct Search {
        let easel: Easel
        let track: Track
        let seen: [Int]

        /// Up to four of the frames.
        private var few: [Int] { stride(from: 0, to: seen.count, by: (seen.count + 3) / 4).map { seen[$0] } }

        /// Where the subject must be to have the silhouette that was seen.
        private func pose(_ frame: Int, _ subject: Subject, _ turning: Turning) -> Pose? {
            guard let sighting = track.sightings[frame] else { return nil }
            let silhouette = Silhouette.of(subject)
            let side = Float(Judge.side)
            let rotation = turning.rotation(Float(frame) / Float(track.sightings.count - 1), x: sighting.x / side)
            let size = (sighting.area / (side * side) / silhouette.area).squareRoot()
            let (c, s) = (cosine(rotation), sine(rotation))
            let (dx, dy) = (silhouette.x * size, silhouette.y * size)
            return Pose(
                x: sighting.x / side - (dx * c - dy * s), y: sighting.y / side - (dx * s + dy * c), size: size,
                rotation: rotation)
        }

        private func error(_ candidate: Candidate, _ turning: Turning, _ frames: [Int], softness: Float) -> Float {
            frames.reduce(0) { sum, frame in
                guard let pose = pose(frame, candidate.subject, turning) else { return sum + 1 }
                return sum + easel.error(frame, candidate.subject, candidate.colour, pose, softness: softness)
            } / Float(frames.count)
        }

        /// The best of the usual turnings by up to four frames, at the places that the silhouettes tell.
        func roughly(_ candidate: Candidate, softness: Float) -> Candidate {
            let few = few
            var best = candidate
            best.error = .infinity
            for turning in Turning.few {
                let error = error(candidate, turning, few, softness: softness)
                if error < best.error { (best.turning, best.error) = (turning, error) }
            }
            return best
        }

        /// The best turning of all, places and sizes moved until the drawing fits best.
        ///
        /// A turning must be clearly better than none: flicker also looks like one.
        func refined(_ candidate: Candidate, softness: Float) -> Candidate {
            let few = few
            let errors = Turning.all.map { ($0, error(candidate, $0, few, softness: softness)) }
            let still = fitted(candidate, .none, softness)
            guard let best = errors.min(by: { $0.1 < $1.1 }), best.0 != .none else { return still }
            let turned = fitted(candidate, best.0, softness)
            return turned.error < 0.85 * still.error ? turned : still
        }

        private func fitted(_ candidate: Candidate, _ turning: Turning, _ softness: Float) -> Candidate {
            var drawn = candidate
            drawn.turning = turning
            drawn.poses = track.sightings.map { _ in nil }
            drawn.error = 0
            for frame in seen {
                guard let pose = pose(frame, candidate.subject, turning) else { continue }
                let (best, error) = fitted(frame, candidate, pose, softness)
                drawn.poses[frame] = best
                drawn.error += error / Float(seen.count)
            }
            return drawn
        }

        /// Moves and resizes by smaller and smaller steps, each kept if the drawing fits better.
        private func fitted(
            _ frame: Int, _ candidate: Candidate, _ pose: Pose, _ softness: Float
        ) -> (Pose, Float) {
            func error(_ pose: Pose) -> Float {
                easel.error(frame, candidate.subject, candidate.colour, pose, softness: softness)
            }
            var (best, least) = (pose, error(pose))
            for (step, growth) in [(Float(0.02), Float(0.08)), (0.008, 0.04)] {
                let moves: [(Float, Float, Float)] = [
                    (step, 0, 1), (-step, 0, 1), (0, step, 1), (0, -step, 1), (0, 0, 1 + growth), (0, 0, 1 - growth),
                ]
                for (x, y, scale) in moves {
                    let next = Pose(
                        x: best.x + x, y: best.y + y, size: best.size * scale, rotation: best.rotation)
                    let error = error(next)
                    if error < least { (best, least) = (next, error) }
                }
            }
            return (best, least)
        }
    }
}

/// The filled silhouette of a subject of size 1 at the origin, not turned.
private struct Silhouette {
    let area: Float
    /// Its centre of mass.
    let x: Float
    let y: Float

    static func of(_ subject: Subject) -> Silhouette { all[subject] ?? Silhouette(subject) }

    private static let all = Dictionary(uniqueKeysWithValues: Subject.allCases.map { ($0, Silhouette($0)) })

    private init(_ subject: Subject) {
        // Large on the canvas, with the outline as wide as that of the usual size.
        let size: Float = 0.4
        let side = Judge.side
        let outline = 1.2 / (Float(Scene.drawnSide) * 0.185) * size * Float(side)
        let mask = (0..<side * side).map { pixel in
            let u = ((Float(pixel % side) + 0.5) / Float(side) - 0.5) / size
            let v = ((Float(pixel / side) + 0.5) / Float(side) - 0.5) / size
            var brush = Brush(red: .zero, green: .zero, blue: .zero, pixels: size * Float(side), outline: outline)
            subject.paint(.white, at: Points(u: Lanes(repeating: u), v: Lanes(repeating: v)), with: &brush)
            return brush.green[0] > 0.05
        }
        guard let sighting = Track.sighting(mask) else { preconditionFailure("\(subject) cannot be seen") }
        area = sighting.area / Float(side * side) / (size * size)
        x = (sighting.x / Float(side) - 0.5) / size
        y = (sighting.y / Float(side) - 0.5) / size
    }
}

func cosine(_ angle: Float) -> Float { cos(angle) }
func sine(_ angle: Float) -> Float { sin(angle) }
