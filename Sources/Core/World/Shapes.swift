/// Eight neighbours of a row at once.
typealias Lanes = SIMD8<Float>

/// Points in the units of a subject, with their signed distances to shapes: negative inside.
///
/// A subject fills about the square from -1 to 1, v down.
///
/// The union of two shapes is the smaller of their distances, the intersection the larger; `larger(a, -b)` cuts b out.
struct Points {
    let u: Lanes
    let v: Lanes

    func circle(_ x: Float, _ y: Float, _ radius: Float) -> Lanes { length(u - x, v - y) - radius }

    /// Approximate: exact at the rim.
    func ellipse(_ x: Float, _ y: Float, _ a: Float, _ b: Float) -> Lanes {
        (length((u - x) / a, (v - y) / b) - 1) * min(a, b)
    }

    /// A box of half-sizes `a` and `b` with corners rounded by `radius`.
    func box(_ x: Float, _ y: Float, _ a: Float, _ b: Float, _ radius: Float = 0) -> Lanes {
        let (qx, qy) = (magnitude(u - x) - (a - radius), magnitude(v - y) - (b - radius))
        return length(larger(qx, .zero), larger(qy, .zero)) + smaller(larger(qx, qy), .zero) - radius
    }

    func polygon(_ polygon: Polygon) -> Lanes {
        var distance = Lanes(repeating: -.infinity)
        for side in polygon.sides {
            distance = larger(distance, (u - side.x) * side.normalX + (v - side.y) * side.normalY)
        }
        return distance
    }

    /// A star of five tips, one of them upwards.
    func star(_ star: Star) -> Lanes {
        // The nearest tip is the one of which a point has the most; across and along it, one side serves all ten.
        var along = Lanes(repeating: -.infinity)
        for tip in star.tips { along = larger(along, u * tip.x + v * tip.y) }
        let across = larger(u * u + v * v - along * along, .zero).squareRoot()
        return across * star.normalX + (along - star.outer) * star.normalY
    }
}

/// A convex polygon as its half-planes.
struct Polygon {
    let sides: [(x: Float, y: Float, normalX: Float, normalY: Float)]

    /// From its corners, clockwise on screen.
    init(_ corners: (x: Float, y: Float)...) {
        sides = corners.indices.map { index in
            let (from, to) = (corners[index], corners[(index + 1) % corners.count])
            let (x, y) = (to.x - from.x, to.y - from.y)
            let length = (x * x + y * y).squareRoot()
            return (from.x, from.y, y / length, -x / length)
        }
    }
}

/// A star between two radii: its tips, and the normal of a side beside the first of them.
struct Star {
    let outer: Float
    let tips: [(x: Float, y: Float)]
    let normalX: Float
    let normalY: Float

    init(outer: Float, inner: Float) {
        self.outer = outer
        tips = Star.directions.map { ($0.sine, -$0.cosine) }
        // From the tip (0, outer) to the notch at a tenth of a turn.
        let (x, y) = (inner * 0.587_785_25, inner * 0.809_017 - outer)
        let length = (x * x + y * y).squareRoot()
        (normalX, normalY) = (-y / length, x / length)
    }

    /// Five directions, the first upwards, clockwise: sine and cosine of 0, 72, 144, 216 and 288 degrees.
    static let directions: [(sine: Float, cosine: Float)] = [
        (0, 1), (0.951_056_5, 0.309_017), (0.587_785_25, -0.809_017), (-0.587_785_25, -0.809_017),
        (-0.951_056_5, 0.309_017),
    ]
}

func length(_ x: Lanes, _ y: Lanes) -> Lanes { (x * x + y * y).squareRoot() }
func smaller(_ a: Lanes, _ b: Lanes) -> Lanes { a.replacing(with: b, where: b .< a) }
func larger(_ a: Lanes, _ b: Lanes) -> Lanes { a.replacing(with: b, where: b .> a) }
func magnitude(_ a: Lanes) -> Lanes { larger(a, -a) }
