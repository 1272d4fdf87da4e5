import Tensors

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Where a subject is in one frame, before its size is known.
struct Waypoint: Equatable {
    /// Of the centre, in units of the canvas, y down.
    var x: Double
    var y: Double
    /// Times the size at rest.
    var scale = 1.0
    /// In radians, clockwise on screen.
    var rotation = 0.0
}

extension Motion {
    /// The trajectory: one waypoint a frame, t = frame / (frames - 1).
    ///
    /// - Parameter jitter: uniform in -1 ..< 1 at each call. Where one number moves a whole trajectory, it is drawn once.
    func trajectory(frames: Int = Scene.frames, jitter: () -> Double) -> [Waypoint] {
        func within(_ bound: Double) -> Double { bound * jitter() }
        let (x, y) = (0.5 + within(0.16), 0.52 + within(0.12))
        let a = 1 + within(0.12)
        guard case .verb(let verb) = course else { return path(frames: frames, amplitude: a) }
        // From -1 to 1, as most motions need it.
        func run(_ t: Double) -> Double { a * (2 * t - 1) }
        let each: (_ t: Double, _ frame: Int) -> Waypoint
        switch verb {
        case .resting: each = { _, _ in Waypoint(x: x, y: y) }
        case .slidingLeft: each = { t, _ in Waypoint(x: 0.5 - 0.27 * run(t), y: y) }
        case .slidingRight: each = { t, _ in Waypoint(x: 0.5 + 0.27 * run(t), y: y) }
        case .rising: each = { t, _ in Waypoint(x: x, y: 0.5 - 0.27 * run(t)) }
        case .falling: each = { t, _ in Waypoint(x: x, y: 0.5 + 0.27 * run(t)) }
        case .growing: each = { t, _ in Waypoint(x: x, y: y, scale: 0.5 + 0.85 * a * t) }
        case .shrinking: each = { t, _ in Waypoint(x: x, y: y, scale: 0.5 + 0.85 * a * (1 - t)) }
        case .bouncing:
            let floor = 0.68 + within(0.03)
            each = { t, _ in Waypoint(x: x, y: floor - a * 0.36 * abs(sin(2 * .pi * t))) }
        case .shaking: each = { _, frame in Waypoint(x: x + a * 0.07 * (frame % 2 == 0 ? 1 : -1), y: y) }
        case .spinning: each = { t, _ in Waypoint(x: x, y: y, rotation: 2 * .pi * t * a) }
        case .zigzagging:
            let middle = 0.5 + within(0.04)
            each = { t, _ in Waypoint(x: 0.5 + 0.28 * run(t), y: middle + 0.22 * Self.triangle(1.75 * t)) }
        case .circling:
            let start = within(0.3)
            each = { t, _ in
                let angle = 2 * .pi * t * a + start
                return Waypoint(x: 0.5 + 0.26 * sin(angle), y: 0.5 - 0.26 * cos(angle))
            }
        case .swinging:
            // A pendulum of length 0.55 that hangs at (0.5, 0.12).
            let start = within(0.2)
            each = { t, _ in
                let angle = 0.75 * a * cos(2 * .pi * t + start)
                return Waypoint(x: 0.5 + 0.55 * sin(angle), y: 0.12 + 0.55 * cos(angle), rotation: -angle)
            }
        case .jumping:
            let floor = 0.74 + within(0.03)
            each = { t, _ in Waypoint(x: 0.5 + 0.28 * run(t), y: floor - 0.5 * 4 * t * (1 - t)) }
        case .cartwheeling:
            let height = 0.58 + within(0.06)
            each = { t, _ in Waypoint(x: 0.5 + 0.28 * run(t), y: height, rotation: 2 * .pi * t) }
        case .orbiting:
            // Towards the back it becomes smaller.
            let start = .pi + within(0.3)
            each = { t, _ in
                let angle = start - 2 * .pi * t * a
                return Waypoint(x: 0.5 + 0.26 * sin(angle), y: 0.5 - 0.16 * cos(angle), scale: 1 - 0.3 * cos(angle))
            }
        case .pulsing: each = { t, _ in Waypoint(x: x, y: y, scale: 1 + 0.35 * a * sin(4 * .pi * t)) }
        case .diving: each = { t, _ in Waypoint(x: 0.25 + 0.5 * t, y: 0.28 + 0.48 * t * t * a, rotation: 0.9 * t) }
        case .hovering: each = { t, _ in Waypoint(x: x, y: y + 0.07 * a * sin(2 * .pi * t)) }
        case .tumbling: each = { t, _ in Waypoint(x: x, y: 0.5 + 0.27 * run(t), rotation: -2 * .pi * t) }
        case .drifting: each = { t, _ in Waypoint(x: 0.5 + 0.25 * run(t), y: 0.5 - 0.22 * run(t)) }
        case .patrolling: each = { t, _ in Waypoint(x: 0.5 + 0.28 * a * Self.triangle(t), y: y) }
        case .wobbling: each = { t, _ in Waypoint(x: x, y: y, rotation: 0.5 * a * sin(4 * .pi * t)) }
        }
        return (0..<frames).map { each(Self.time($0, of: frames), $0) }
    }

    /// Three sine waves each for x, y, rotation and the logarithm of the scale; the last two in every other path.
    private func path(frames: Int, amplitude: Double) -> [Waypoint] {
        guard case .path(let index) = course else { preconditionFailure("\(self) is no path") }
        var random = Generator(seed: UInt64(index)).split("path")
        func wave(_ size: Double, _ random: inout Generator) -> (Double) -> Double {
            let weights = random.normal([3]).values.map(Double.init)
            let phases = random.uniform([3]).values.map { 2 * .pi * Double($0) }
            return { t in
                (1...3).reduce(0) { sum, k in
                    sum + weights[k - 1] * size / Double(k) * sin(Double(k) * .pi * t + phases[k - 1])
                }
            }
        }
        let (x, y) = (wave(0.2, &random), wave(0.2, &random))
        let turn = wave(1.2, &random)
        let growth = wave(0.25, &random)
        let (turns, grows) = (random.integer(below: 2) == 1, random.integer(below: 2) == 1)
        return (0..<frames).map { frame in
            let t = Self.time(frame, of: frames)
            return Waypoint(
                x: 0.5 + min(max(x(t), -0.3), 0.3) * amplitude, y: 0.5 + min(max(y(t), -0.3), 0.3) * amplitude,
                scale: grows ? exp(growth(t)) : 1, rotation: turns ? turn(t) : 0)
        }
    }

    private static func time(_ frame: Int, of frames: Int) -> Double { Double(frame) / Double(frames - 1) }

    /// A wave of period 1: -1 at 0, 1 at a half.
    private static func triangle(_ t: Double) -> Double { 2 * abs(2 * (t - (t + 0.5).rounded(.down))) - 1 }
}
