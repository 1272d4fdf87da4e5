import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// One of the 64 backgrounds of a place, drawn.
struct Background: Sendable {
    /// [side, side, 3], from 0 to 1.
    let values: [Float]
    /// The same in 256 levels.
    let bytes: [UInt8]

    /// A background, kept once drawn when it is of the usual size: all 512 of them take 31 MB.
    static func of(_ place: Place, variant: Int, side: Int) -> Background {
        guard side == Scene.drawnSide else { return Background(place, variant, side) }
        let key = Key(place: place, variant: variant)
        if let kept = cache.withLock({ $0[key] }) { return kept }
        // Drawn without the lock: at worst two threads draw the same.
        let drawn = Background(place, variant, side)
        cache.withLock { $0[key] = drawn }
        return drawn
    }

    private struct Key: Hashable {
        let place: Place
        let variant: Int
    }

    private static let cache = Mutex([Key: Background]())

    init(_ place: Place, _ variant: Int, _ side: Int) {
        let canvas = Canvas(side: side)
        canvas.paint(place, variant)
        values = canvas.values.map { min(max($0, 0), 1) }
        bytes = values.map { UInt8($0 * 255 + 0.5) }
    }

    /// A number in 0 ..< 1 from an index and a seed: the same everywhere, since only integers of 32 bits meet.
    static func chance(_ index: Int, _ seed: Int) -> Float {
        var hash = UInt32(
            truncatingIfNeeded: UInt64(index) &* 2_654_435_761 &+ UInt64(seed) &* 40503 &+ 12345)
        hash = (hash ^ (hash >> 15)) &* 2_246_822_519
        hash = (hash ^ (hash >> 13)) &* 3_266_489_917
        hash ^= hash >> 16
        return Float(hash & 0xff_ffff) / 16_777_216
    }
}

/// A square that is painted in layers; coordinates from 0 to 1, y down.
private final class Canvas {
    typealias RGB = SIMD3<Float>

    let side: Int
    private(set) var values: [Float]

    init(side: Int) {
        self.side = side
        values = [Float](repeating: 0, count: side * side * 3)
    }

    /// The share of a pixel inside, of a signed distance in units of the canvas.
    private func cover(_ distance: Float) -> Float { min(max(0.5 - distance * Float(side), 0), 1) }

    /// Lays a colour over what is there, both depending on the point.
    private func lay(_ colour: (Float, Float) -> RGB, _ share: (Float, Float) -> Float) {
        for row in 0..<side {
            let y = (Float(row) + 0.5) / Float(side)
            for column in 0..<side {
                let x = (Float(column) + 0.5) / Float(side)
                let share = share(x, y)
                guard share != 0 else { continue }
                let colour = colour(x, y)
                let start = (row * side + column) * 3
                for channel in 0..<3 {
                    values[start + channel] = values[start + channel] * (1 - share) + colour[channel] * share
                }
            }
        }
    }

    private func lay(_ colour: RGB, _ share: (Float, Float) -> Float) { lay({ _, _ in colour }, share) }

    private func fill(_ colour: (Float, Float) -> RGB) { lay(colour) { _, _ in 1 } }

    /// What lies below an edge.
    private func fill(below edge: (Float) -> Float, _ colour: (Float, Float) -> RGB) {
        // One row of the edge serves all rows.
        let edges = (0..<side).map { edge((Float($0) + 0.5) / Float(side)) }
        let last = side - 1
        lay(colour) { x, y in cover(edges[min(Int(x * Float(side)), last)] - y) }
    }

    private func dots(_ count: Int, _ seed: Int, _ radii: ClosedRange<Float>, _ colour: RGB, depth: Float) {
        for k in 0..<count {
            let x = Background.chance(3 * k, seed)
            let y = Background.chance(3 * k + 1, seed) * depth
            let radius =
                radii.lowerBound + (radii.upperBound - radii.lowerBound) * Background.chance(3 * k + 2, seed)
            lay(colour) { px, py in cover(distance(px - x, py - y) - radius) }
        }
    }

    func paint(_ place: Place, _ seed: Int) {
        let phase = 6.28 * Background.chance(991, seed)
        let horizon = 0.6 + 0.06 * (Background.chance(992, seed) - 0.5)
        switch place {
        case .beach: beach(phase, horizon)
        case .snow: snow(seed, phase, horizon)
        case .city: city(seed)
        case .grass: grass(phase, horizon)
        case .desert: desert(phase, horizon)
        case .space: space(seed)
        case .sea: sea(seed, phase)
        case .forest: forest(seed, phase)
        }
    }

    private func beach(_ phase: Float, _ horizon: Float) {
        fill { _, y in mix([0.45, 0.75, 0.98], [0.85, 0.93, 1], y / horizon) }
        fill(below: { _ in horizon - 0.12 }) { x, y in
            RGB(0.10, 0.48, 0.80) + 0.06 * sin(70 * y + 3 * sin(6 * x + phase))
        }
        fill(below: { x in horizon + 0.06 + 0.02 * sin(9 * x + phase) }) { x, y in
            RGB(0.94, 0.83, 0.55) + 0.03 * (sin(25 * x + phase) * sin(31 * y))
        }
    }

    private func snow(_ seed: Int, _ phase: Float, _ horizon: Float) {
        fill { _, _ in [0.62, 0.72, 0.86] }
        fill(below: { x in horizon + 0.04 * sin(6 * x + phase) }) { _, _ in [0.97, 0.98, 1] }
        dots(22, seed, 0.012...0.020, [1, 1, 1], depth: 0.62)
    }

    private func city(_ seed: Int) {
        fill { _, y in mix([0.04, 0.05, 0.20], [0.22, 0.16, 0.38], y) }
        for k in 0..<8 {
            let middle = (Float(k) + 0.5) / 8
            let top = 0.25 + 0.35 * Background.chance(k, seed)
            lay([0.12, 0.12, 0.17]) { x, y in cover(abs(x - middle) - 0.056) * cover(top - y) }
            for j in 0..<8 where Background.chance(50 + 8 * k + j, seed) > 0.45 {
                let floor = Float(j) * 0.085
                guard Float(j) / 9 + 0.06 > top - 0.25, top + 0.05 + floor < 0.82 else { continue }
                let height = top + (0.06 + floor)
                lay([0.98, 0.86, 0.40]) { x, y in cover(max(abs(x - middle) - 0.025, abs(y - height) - 0.02)) }
            }
        }
        fill(below: { _ in 0.86 }) { _, _ in [0.25, 0.25, 0.28] }
    }

    private func grass(_ phase: Float, _ horizon: Float) {
        fill { _, y in mix([0.50, 0.78, 1], [0.80, 0.92, 1], y / horizon) }
        fill(below: { x in horizon + 0.015 * sin(12 * x + phase) }) { x, y in
            RGB(0.30, 0.66, 0.22) + 0.05 * sin(40 * x + 8 * sin(9 * y + phase))
        }
    }

    private func desert(_ phase: Float, _ horizon: Float) {
        fill { _, y in mix([0.98, 0.66, 0.35], [1, 0.88, 0.62], y / horizon) }
        fill(below: { x in horizon - 0.02 + 0.05 * sin(5 * x + phase) }) { _, _ in [0.84, 0.58, 0.28] }
        fill(below: { x in horizon + 0.18 + 0.06 * sin(4 * x + 2 * phase) }) { _, _ in [0.70, 0.44, 0.20] }
    }

    private func space(_ seed: Int) {
        let middle = 0.3 + 0.4 * Background.chance(5, seed)
        fill { x, y in
            let glow = exp(-((x - middle) * (x - middle) + (y - 0.5) * (y - 0.5)) * 6)
            return RGB(0.02, 0.02, 0.07) + glow * RGB(0.14, 0.04, 0.22)
        }
        dots(26, seed, 0.008...0.018, [1, 1, 0.92], depth: 1)
    }

    private func sea(_ seed: Int, _ phase: Float) {
        fill { x, y in mix([0.10, 0.58, 0.75], [0.02, 0.16, 0.42], y) + 0.04 * sin(14 * x + 7 * y + phase) }
        for k in 0..<7 {
            let (x, y) = (Background.chance(3 * k, seed), Background.chance(3 * k + 1, seed))
            let radius = 0.02 + 0.03 * Background.chance(3 * k + 2, seed)
            lay([0.70, 0.92, 0.98]) { px, py in 0.8 * cover(abs(distance(px - x, py - y) - radius) - 0.007) }
        }
    }

    private func forest(_ seed: Int, _ phase: Float) {
        fill { _, _ in [0.20, 0.36, 0.22] }
        for k in 0..<5 {
            let trunk = (Float(k) + 0.2 + 0.6 * Background.chance(k, seed)) / 5
            lay([0.34, 0.21, 0.12]) { x, _ in cover(abs(x - trunk) - 0.038) }
        }
        fill(below: { x in 0.84 + 0.02 * sin(11 * x + phase) }) { _, _ in [0.20, 0.26, 0.10] }
        lay([0.10, 0.48, 0.16]) { x, y in cover(y - 0.20 - 0.05 * sin(10 * x + phase)) }
    }
}

private func distance(_ x: Float, _ y: Float) -> Float { (x * x + y * y).squareRoot() }

private func mix(_ a: SIMD3<Float>, _ b: SIMD3<Float>, _ share: Float) -> SIMD3<Float> { a * (1 - share) + b * share }
