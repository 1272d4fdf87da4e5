public import Foundation
public import Tensors

/// One picture of many videos: a row for each, its frames side by side, or several videos beside one another.
public enum ContactSheet {
    /// How large a sheet may be: encoders refuse some four times as much.
    static let mostPixels = 1 << 26

    /// Draws videos of one size, at least one of at least a frame, each pixel as a square of `scale`.
    ///
    /// Many large videos get a smaller scale, and where 1 is too much, only every so manieth pixel.
    /// - Parameter columns: videos in a row, with a white line between them.
    public static func drawn(_ videos: [Frames], columns: Int = 1, scale: Int = 2) -> Frames {
        drawn(videos, columns: columns, scale: scale, mostPixels: mostPixels)
    }

    static func drawn(_ videos: [Frames], columns: Int, scale: Int, mostPixels: Int) -> Frames {
        guard let first = videos.first, first.count > 0 else { preconditionFailure("a sheet of no videos") }
        precondition(columns > 0 && scale > 0, "a sheet of \(columns) columns, scale \(scale)")
        precondition(
            videos.allSatisfy { $0.shape == first.shape }, "a sheet of videos of different sizes")
        let gap = 2
        let (height, width) = (first.height, first.width)
        let cell = first.count * width + gap
        let rows = (videos.count + columns - 1) / columns
        let (tall, wide) = (rows * (height + gap) - gap, columns * cell - gap)
        var small = [UInt8](repeating: 255, count: tall * wide * 3)
        for (index, video) in videos.enumerated() {
            let (top, left) = (index / columns * (height + gap), index % columns * cell)
            for frame in 0..<video.count {
                for y in 0..<height {
                    let from = (frame * height + y) * width * 3
                    let to = ((top + y) * wide + left + frame * width) * 3
                    small.replaceSubrange(to..<to + width * 3, with: video.bytes[from..<from + width * 3])
                }
            }
        }
        let sheet = Frames(count: 1, height: tall, width: wide, bytes: small)
        let largest = Int((Double(mostPixels) / Double(tall * wide)).squareRoot())
        if largest > 0 { return sheet.enlarged(min(scale, largest)) }
        return sheet.thinned(Int((Double(tall * wide) / Double(mostPixels)).squareRoot().rounded(.up)))
    }

    /// Writes a sheet as PNG.
    ///
    /// Throws what the encoder and the disk throw.
    public static func write(_ videos: [Frames], columns: Int = 1, scale: Int = 2, to file: URL) throws {
        try PNG.write(drawn(videos, columns: columns, scale: scale), to: file)
    }
}

extension Frames {
    /// Every pixel as a square of `scale`.
    public func enlarged(_ scale: Int) -> Frames {
        guard scale > 1 else { return self }
        var large: [UInt8] = []
        large.reserveCapacity(bytes.count * scale * scale)
        for row in 0..<count * height {
            var line: [UInt8] = []
            line.reserveCapacity(width * scale * 3)
            for pixel in row * width..<(row + 1) * width {
                for _ in 0..<scale { line += bytes[3 * pixel..<3 * pixel + 3] }
            }
            for _ in 0..<scale { large += line }
        }
        return Frames(count: count, height: height * scale, width: width * scale, bytes: large)
    }
}

extension Frames {
    /// Of every square of `step` pixels the first.
    fileprivate func thinned(_ step: Int) -> Frames {
        let (rows, columns) = (stride(from: 0, to: height, by: step), stride(from: 0, to: width, by: step))
        var thin: [UInt8] = []
        for picture in 0..<count {
            for y in rows {
                for x in columns {
                    let at = ((picture * height + y) * width + x) * 3
                    thin += bytes[at..<at + 3]
                }
            }
        }
        return Frames(
            count: count, height: (height + step - 1) / step, width: (width + step - 1) / step, bytes: thin)
    }
}

extension Frames {
    /// Pictures from `[n, height, width, 3]` in [-1, 1], clamped and rounded; what is no number is grey.
    public init(normalised pixels: Tensor) {
        let bytes = pixels.read { values in
            values.map { value in
                value.isNaN ? 128 : UInt8(((min(max(value, -1), 1) + 1) * 127.5).rounded(.toNearestOrEven))
            }
        }
        self.init(count: pixels.shape[0], height: pixels.shape[1], width: pixels.shape[2], bytes: bytes)
    }
}
