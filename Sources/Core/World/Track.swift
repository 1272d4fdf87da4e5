/// Where the subject is in each frame: what differs from the background.
struct Track {
    /// The outline of a subject in one frame.
    struct Sighting {
        /// Centre, in pixels.
        var x: Float
        var y: Float
        /// Pixels of the silhouette, holes filled.
        var area: Float
        /// The pixels themselves, 32 x 32.
        var mask: [Bool]
    }

    /// Differences that count, summed over the three channels, of 765.
    private static let threshold: Int32 = 90
    private static let side = Judge.side
    private static let pixels = Judge.side * Judge.side

    /// What would be seen without the subject: [32, 32, 3].
    let background: [UInt8]
    /// One for each frame; nil where nothing is seen.
    let sightings: [Sighting?]

    /// The background comes from the frames where one of them shows it, and from the drawn one where the subject always
    /// hides it: there the subject does not move away, and no frame tells the two apart.
    init(_ video: Video, over backdrop: Backdrop) {
        var (background, deviates) = Self.uncovered(video, backdrop)
        var moving = Self.differences(video, background)
        let core = Self.core(deviates, moving)
        if core.contains(true) {
            for pixel in 0..<Self.pixels where core[pixel] {
                for channel in pixel * 3..<pixel * 3 + 3 { background[channel] = backdrop.bytes[channel] }
            }
            moving = Self.differences(video, background)
        }
        self.background = background
        sightings = moving.map(Self.sighting)
    }

    /// For each pixel the mean of the frames that are like the one nearest to the drawn background; and whether even that
    /// one is far from it.
    private static func uncovered(_ video: Video, _ backdrop: Backdrop) -> ([UInt8], [Bool]) {
        var background = [UInt8](repeating: 0, count: Video.size)
        var deviates = [Bool](repeating: false, count: pixels)
        for pixel in 0..<pixels {
            var (nearest, least) = (0, Int32.max)
            for frame in 0..<video.frames {
                let start = frame * Video.size + pixel * 3
                let distance = distance(video.bytes, start, backdrop.bytes, pixel * 3)
                if distance < least { (nearest, least) = (start, distance) }
            }
            var (sum, count) = (SIMD3<Int32>(), Int32(0))
            for frame in 0..<video.frames {
                let start = frame * Video.size + pixel * 3
                guard distance(video.bytes, start, video.bytes, nearest) < 45 else { continue }
                sum &+= SIMD3(
                    Int32(video.bytes[start]), Int32(video.bytes[start + 1]), Int32(video.bytes[start + 2]))
                count += 1
            }
            for channel in 0..<3 { background[pixel * 3 + channel] = UInt8((sum[channel] + count / 2) / count) }
            deviates[pixel] = least > 60
        }
        return (background, deviates)
    }

    private static func differences(_ video: Video, _ background: [UInt8]) -> [[Bool]] {
        (0..<video.frames).map { frame in
            (0..<pixels).map { pixel in
                distance(video.bytes, frame * Video.size + pixel * 3, background, pixel * 3) > threshold
            }
        }
    }

    /// Pixels that the subject hides in all frames.
    ///
    /// They differ from the drawn background and touch what moves in nearly every frame; where nothing moves they are the
    /// largest patch that differs. A fault of the background is touched only while the subject passes.
    private static func core(_ deviates: [Bool], _ moving: [[Bool]]) -> [Bool] {
        var core = [Bool](repeating: false, count: pixels)
        let patches = patches(of: deviates).filter { $0.count >= 4 }
        let moves = moving.count { $0.count { $0 } >= 4 } * 2 >= moving.count
        guard moves else {
            for pixel in patches.max(by: { $0.count < $1.count }) ?? [] { core[pixel] = true }
            return core
        }
        for patch in patches {
            let touched = moving.count { mask in patch.contains { pixel in neighbours(pixel).contains { mask[$0] } } }
            if touched * 4 >= moving.count * 3 { for pixel in patch { core[pixel] = true } }
        }
        return core
    }

    /// The silhouette among the pixels that differ: the largest patch and those of at least a quarter of it.
    static func sighting(_ differing: [Bool]) -> Sighting? {
        let patches = patches(of: differing)
        guard let largest = patches.map(\.count).max(), largest >= 4 else { return nil }
        var mask = [Bool](repeating: false, count: pixels)
        for patch in patches where patch.count * 4 >= largest { for pixel in patch { mask[pixel] = true } }
        mask = filled(mask)
        var (x, y, area) = (0, 0, 0)
        for pixel in 0..<pixels where mask[pixel] {
            x += pixel % side
            y += pixel / side
            area += 1
        }
        return Sighting(
            x: Float(x) / Float(area) + 0.5, y: Float(y) / Float(area) + 0.5, area: Float(area), mask: mask)
    }

    /// A mask with its holes: pixels that no way along unset ones joins to the edge.
    private static func filled(_ mask: [Bool]) -> [Bool] {
        var filled = [Bool](repeating: true, count: pixels)
        for patch in patches(of: mask.map { !$0 })
        where patch.contains(where: { $0 % side == 0 || $0 % side == side - 1 || $0 < side || $0 >= pixels - side }) {
            for pixel in patch { filled[pixel] = false }
        }
        return filled
    }

    /// The sets of pixels that hang together by their sides.
    private static func patches(of mask: [Bool]) -> [[Int]] {
        var seen = mask.map { !$0 }
        var patches: [[Int]] = []
        for start in 0..<pixels where !seen[start] {
            seen[start] = true
            var (patch, next) = ([start], 0)
            while next < patch.count {
                for neighbour in neighbours(patch[next]) where !seen[neighbour] {
                    seen[neighbour] = true
                    patch.append(neighbour)
                }
                next += 1
            }
            patches.append(patch)
        }
        return patches
    }

    private static let neighbourhood: [[Int]] = (0..<pixels).map { pixel in
        let (x, y) = (pixel % side, pixel / side)
        return [(x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)]
            .filter { (0..<side).contains($0.0) && (0..<side).contains($0.1) }.map { $0.1 * side + $0.0 }
    }

    private static func neighbours(_ pixel: Int) -> [Int] { neighbourhood[pixel] }

    private static func distance(_ a: [UInt8], _ i: Int, _ b: [UInt8], _ j: Int) -> Int32 {
        var sum: Int32 = 0
        for channel in 0..<3 { sum += abs(Int32(a[i + channel]) - Int32(b[j + channel])) }
        return sum
    }
}
