import Tensors

/// How a picture's new pixels are made from its old ones.
public enum ResamplingFilter: String, Hashable, Sendable, Codable, CaseIterable {
    /// Triangle, one pixel to each side.
    case bilinear
    /// Cubic with a = -0.5, two pixels to each side.
    case bicubic

    var support: Double { self == .bilinear ? 1 : 2 }

    func weight(_ distance: Double) -> Double {
        let x = abs(distance)
        switch self {
        case .bilinear: return x < 1 ? 1 - x : 0
        case .bicubic:
            let a = -0.5
            if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
            return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
        }
    }
}

/// The weights that make each pixel of a resized row, as Pillow computes them (diffusion.md 4.4): antialiased, in
/// fixed point with 22 fraction bits.
struct ResamplingWeights {
    /// The source pixels that are looked at.
    var used: Range<Int> { (starts.first ?? 0)..<(zip(starts, lengths).map { $0 + $1 }.max() ?? 0) }

    /// First source pixel of each target pixel.
    private(set) var starts: [Int] = []
    /// How many source pixels each target pixel takes.
    private(set) var lengths: [Int] = []
    /// `width` weights per target pixel, zero beyond its length.
    private(set) var weights: [Int32] = []
    /// Weights per target pixel.
    let width: Int

    /// Weights of the target pixels in `window` only.
    init(from source: Int, to target: Int, window: Range<Int>, filter: ResamplingFilter) {
        let scale = Double(source) / Double(target)
        let stretch = max(scale, 1)
        let support = filter.support * stretch
        width = Int(support.rounded(.up)) * 2 + 1
        for index in window {
            let centre = (Double(index) + 0.5) * scale
            let start = max(0, Int(centre - support + 0.5))
            let end = min(source, Int(centre + support + 0.5))
            // Reciprocals and their order as in Pillow: the last bit of a weight can depend on it.
            let raw = (start..<end).map { filter.weight((Double($0) - centre + 0.5) * (1 / stretch)) }
            let sum = raw.reduce(0, +)
            let fixed = raw.map { weight in
                Int32((weight * (1 / sum) * 4_194_304).rounded(.toNearestOrAwayFromZero))
            }
            starts.append(start)
            lengths.append(fixed.count)
            weights.append(contentsOf: fixed + Array(repeating: 0, count: width - fixed.count))
        }
    }
}

extension Frames {
    /// Every picture resized, bit for bit as Pillow does it: columns first, rounded to 8 bits, then rows.
    public func resized(height newHeight: Int, width newWidth: Int, filter: ResamplingFilter) -> Frames {
        resized(height: newHeight, width: newWidth, rows: 0..<newHeight, columns: 0..<newWidth, filter: filter)
    }

    /// A window of every picture resized.
    ///
    /// As if cropped afterwards, but only what is kept is computed: a long strip resized to cover a square would
    /// otherwise take all memory.
    func resized(
        height wholeHeight: Int, width wholeWidth: Int, rows: Range<Int>, columns: Range<Int>, filter: ResamplingFilter
    ) -> Frames {
        precondition(
            !rows.isEmpty && !columns.isEmpty && rows.lowerBound >= 0 && columns.lowerBound >= 0
                && rows.upperBound <= wholeHeight && columns.upperBound <= wholeWidth,
            "rows \(rows) and columns \(columns) of \(wholeWidth) x \(wholeHeight)")
        let (newHeight, newWidth) = (rows.count, columns.count)
        if wholeHeight == height, wholeWidth == width {
            return cropped(top: rows.lowerBound, left: columns.lowerBound, height: newHeight, width: newWidth)
        }
        let across = ResamplingWeights(from: width, to: wholeWidth, window: columns, filter: filter)
        let down = ResamplingWeights(from: height, to: wholeHeight, window: rows, filter: filter)
        let size = newHeight * newWidth * 3
        let resized = [UInt8](unsafeUninitializedCapacity: count * size) { target, filled in
            bytes.withUnsafeBufferPointer { source in
                ThreadPool.shared.parallel(count) { index in
                    resize(source, at: index, across, down, into: target, newHeight, newWidth)
                }
            }
            filled = count * size
        }
        return Frames(count: count, height: newHeight, width: newWidth, bytes: resized)
    }

    private func resize(
        _ source: UnsafeBufferPointer<UInt8>, at index: Int, _ across: ResamplingWeights, _ down: ResamplingWeights,
        into target: UnsafeMutableBufferPointer<UInt8>, _ newHeight: Int, _ newWidth: Int
    ) {
        let used = down.used
        var narrow = [UInt8](repeating: 0, count: used.count * newWidth * 3)
        let first = (index * height + used.lowerBound) * width * 3
        narrow.withUnsafeMutableBufferPointer { narrow in
            for row in 0..<used.count {
                let line = first + row * width * 3
                for x in 0..<newWidth {
                    var red: Int32 = 1 << 21
                    var green = red
                    var blue = red
                    var from = line + across.starts[x] * 3
                    for k in 0..<across.lengths[x] {
                        let weight = across.weights[x * across.width + k]
                        red &+= Int32(source[from]) &* weight
                        green &+= Int32(source[from + 1]) &* weight
                        blue &+= Int32(source[from + 2]) &* weight
                        from += 3
                    }
                    let to = (row * newWidth + x) * 3
                    narrow[to] = Frames.clipped(red)
                    narrow[to + 1] = Frames.clipped(green)
                    narrow[to + 2] = Frames.clipped(blue)
                }
            }
            let lineLength = newWidth * 3
            var sums = [Int32](repeating: 0, count: lineLength)
            sums.withUnsafeMutableBufferPointer { sums in
                for y in 0..<newHeight {
                    for i in 0..<lineLength { sums[i] = 1 << 21 }
                    for k in 0..<down.lengths[y] {
                        let weight = down.weights[y * down.width + k]
                        let from = (down.starts[y] - used.lowerBound + k) * lineLength
                        for i in 0..<lineLength { sums[i] &+= Int32(narrow[from + i]) &* weight }
                    }
                    let to = (index * newHeight + y) * lineLength
                    for i in 0..<lineLength { target[to + i] = Frames.clipped(sums[i]) }
                }
            }
        }
    }

    private static func clipped(_ sum: Int32) -> UInt8 { UInt8(truncatingIfNeeded: min(max(sum >> 22, 0), 255)) }
}
