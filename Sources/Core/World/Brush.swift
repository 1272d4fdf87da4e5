/// Eight pixels that are being painted.
struct Brush {
    var red: Lanes
    var green: Lanes
    var blue: Lanes
    /// Pixels to a unit of the subject.
    let pixels: Float
    /// The width of the outline, in pixels.
    let outline: Float

    /// The body: a dark outline around it, then the colour.
    mutating func body(_ distance: Lanes, _ colour: SIMD3<Float>) {
        lay(colour * 0.3, coverage(distance * pixels - outline))
        lay(colour, coverage(distance * pixels))
    }

    /// What lies on the body.
    mutating func detail(_ distance: Lanes, _ colour: SIMD3<Float>) { lay(colour, coverage(distance * pixels)) }

    private mutating func lay(_ colour: SIMD3<Float>, _ share: Lanes) {
        red += (colour.x - red) * share
        green += (colour.y - green) * share
        blue += (colour.z - blue) * share
    }

    /// The share of a pixel inside, of the signed distance in pixels of its middle.
    private func coverage(_ distance: Lanes) -> Lanes {
        smaller(larger(0.5 - distance, .zero), Lanes(repeating: 1))
    }
}

extension Subject {
    /// Paints the subject: its body and what lies on it, in order.
    func paint(_ colour: Colour, at p: Points, with brush: inout Brush) {
        let rgb = colour.rgb
        switch self {
        case .ball:
            let body = p.circle(0, 0, 0.92)
            brush.body(body, rgb)
            brush.detail(larger(magnitude(p.v) - 0.17, body), colour == .white ? [0.5, 0.5, 0.55] : Tone.white)
        case .box:
            let body = p.box(0, 0, 0.85, 0.85, 0.1)
            brush.body(body, rgb)
            brush.detail(larger(smaller(magnitude(p.u), magnitude(p.v)) - 0.11, body), rgb * 0.45)
        case .star:
            brush.body(p.star(Part.star), rgb)
        case .heart:
            let bumps = smaller(p.circle(-0.45, -0.28, 0.52), p.circle(0.45, -0.28, 0.52))
            brush.body(smaller(bumps, p.polygon(Part.heart)), rgb)
        case .moon:
            brush.body(larger(p.circle(0, 0, 1), -p.circle(0.48, -0.12, 0.78)), rgb)
        case .ring:
            brush.body(magnitude(length(p.u, p.v) - 0.68) - 0.28, rgb)
        case .fish:
            brush.body(smaller(p.ellipse(0.15, 0, 0.8, 0.58), p.polygon(Part.tail)), rgb)
            brush.detail(p.circle(0.5, -0.14, 0.2), Tone.white)
            brush.detail(p.circle(0.54, -0.14, 0.1), Tone.dark)
            brush.detail(larger(magnitude(p.u + 0.05) - 0.07, magnitude(p.v) - 0.38), rgb * 0.55)
        case .cat:
            let ears = smaller(p.polygon(Part.leftEar), p.polygon(Part.rightEar))
            brush.body(smaller(p.circle(0, 0.15, 0.8), ears), rgb)
            brush.detail(p.ellipse(-0.32, 0.02, 0.16, 0.22), Tone.dark)
            brush.detail(p.ellipse(0.32, 0.02, 0.16, 0.22), Tone.dark)
            brush.detail(p.polygon(Part.nose), colour == .red ? Tone.white : [0.95, 0.35, 0.45])
        case .ghost:
            let sheet = smaller(p.circle(0, -0.25, 0.72), p.box(0, 0.3, 0.72, 0.6))
            let notches = smaller(p.circle(-0.36, 0.98, 0.26), p.circle(0.36, 0.98, 0.26))
            brush.body(larger(sheet, -notches), rgb)
            brush.detail(p.circle(-0.26, -0.25, 0.17), Tone.dark)
            brush.detail(p.circle(0.26, -0.25, 0.17), Tone.dark)
            brush.detail(p.ellipse(0, 0.2, 0.14, 0.2), Tone.dark)
        case .robot:
            let antenna = smaller(p.box(0, -0.7, 0.07, 0.25), p.circle(0, -0.9, 0.16))
            brush.body(smaller(p.box(0, 0.2, 0.8, 0.68, 0.08), antenna), rgb)
            brush.detail(p.box(-0.36, 0.02, 0.18, 0.18), [0.85, 0.98, 1])
            brush.detail(p.box(0.36, 0.02, 0.18, 0.18), [0.85, 0.98, 1])
            brush.detail(p.box(0, 0.55, 0.45, 0.11), Tone.dark)
        case .flower:
            var petals = Lanes(repeating: .infinity)
            for way in Star.directions {
                petals = smaller(petals, p.circle(0.58 * way.sine, -0.58 * way.cosine, 0.43))
            }
            brush.body(petals, rgb)
            brush.detail(p.circle(0, 0, 0.34), colour == .yellow ? [0.5, 0.28, 0.1] : [0.99, 0.85, 0.2])
        case .car:
            brush.body(smaller(p.box(0, 0.18, 1.02, 0.34, 0.12), p.polygon(Part.cabin)), rgb)
            brush.detail(p.polygon(Part.window), [0.75, 0.92, 1])
            for x in [Float(-0.54), 0.54] { brush.detail(p.circle(x, 0.52, 0.29), Tone.dark) }
            for x in [Float(-0.54), 0.54] { brush.detail(p.circle(x, 0.52, 0.11), [0.8, 0.8, 0.8]) }
        }
    }
}

/// Colours of details.
private enum Tone {
    static let dark: SIMD3<Float> = [0.08, 0.08, 0.10]
    static let white: SIMD3<Float> = [1, 1, 1]
}

/// Shapes that are worked out once.
private enum Part {
    static let star = Star(outer: 1.05, inner: 0.48)
    static let heart = Polygon((-0.88, 0.02), (0, -0.5), (0.88, 0.02), (0, 1))
    static let tail = Polygon((-1.05, -0.6), (-0.45, 0), (-1.05, 0.6))
    static let leftEar = Polygon((-0.82, -0.95), (-0.1, -0.55), (-0.75, 0.05))
    static let rightEar = Polygon((0.82, -0.95), (0.75, 0.05), (0.1, -0.55))
    static let nose = Polygon((-0.14, 0.36), (0.14, 0.36), (0, 0.54))
    static let cabin = Polygon((-0.66, -0.05), (-0.4, -0.62), (0.32, -0.62), (0.64, -0.05))
    static let window = Polygon((-0.46, -0.12), (-0.3, -0.48), (0.24, -0.48), (0.44, -0.12))
}
