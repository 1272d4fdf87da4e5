public import Foundation

/// 64 bits that tell what a picture looks like: near for pictures that look alike, whatever their size and coding.
///
/// The DCT hash of C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010, section 3.2.1 (the
/// `ph_dct_imagehash` of phash.org): brightness, 32 x 32 pixels, the 8 x 8 lowest frequencies without the constant row and
/// column, a bit for each that is above their median.
public struct FrameHash: Hashable, Sendable {
    /// Bit 63 is the lowest frequency on both axes; rows follow one another.
    public let bits: UInt64

    /// A hash as it was.
    public init(bits: UInt64) { self.bits = bits }

    /// The hash of one of some pictures.
    public init(_ frames: Frames, index: Int = 0) {
        let small = frames[index].resized(height: Self.side, width: Self.side, filter: .bilinear)
        // BT.601's brightness, as phash.org takes it.
        let brightness = (0..<Self.side * Self.side).map { pixel -> Double in
            let (red, green) = (Double(small.bytes[3 * pixel]), Double(small.bytes[3 * pixel + 1]))
            return 0.299 * red + 0.587 * green + 0.114 * Double(small.bytes[3 * pixel + 2])
        }
        // rows[v, x] = Σ_y cos(v, y) brightness[y, x], then low[v, u] = Σ_x cos(u, x) rows[v, x].
        var low: [Double] = []
        for v in 0..<8 {
            var row = [Double](repeating: 0, count: Self.side)
            for y in 0..<Self.side {
                for x in 0..<Self.side { row[x] += Self.cosines[v][y] * brightness[y * Self.side + x] }
            }
            for u in 0..<8 {
                var sum = 0.0
                for x in 0..<Self.side { sum += Self.cosines[u][x] * row[x] }
                low.append(sum)
            }
        }
        let sorted = low.sorted()
        let median = (sorted[31] + sorted[32]) / 2
        bits = low.reduce(0) { $0 << 1 | ($1 > median ? 1 : 0) }
    }

    /// How many of the 64 bits differ: 0 for pictures that look the same, some 32 for any two.
    public func distance(to other: FrameHash) -> Int { (bits ^ other.bits).nonzeroBitCount }

    private static let side = 32

    /// cos(π (2x + 1) f / 64) for the frequencies f = 1 … 8.
    private static let cosines: [[Double]] = (1...8).map { frequency in
        (0..<side).map { x in
            let angle = Double.pi * Double((2 * x + 1) * frequency) / Double(2 * side)
            return cos(angle)
        }
    }
}

extension VideoReader {
    /// The hashes of frames at `count` moments that lie evenly over a video, so that another frame rate is no difference.
    ///
    /// Moment k is (k + 1/2) / count of the way. Throws what decoding throws.
    public static func hashes(of url: URL, count: Int = 8) throws(MediaError) -> [FrameHash] {
        precondition(count > 0, "hashes of \(count) frames")
        var reader = try VideoReader(url)
        var found: [(time: Double, hash: FrameHash)] = []
        while let frame = try reader.next() { found.append((frame.time, FrameHash(frame.picture))) }
        guard let first = found.first, let last = found.last else {
            throw .noFrames(path: url.path(percentEncoded: false), reason: "it is empty")
        }
        // The last frame is shown as long as the others on the mean.
        let end = found.count > 1 ? last.time * Double(found.count) / Double(found.count - 1) : 1
        return (0..<count).map { moment in
            let time = end * (Double(moment) + 0.5) / Double(count)
            return found.last { $0.time <= time + 1e-6 }?.hash ?? first.hash
        }
    }
}
