public import Foundation
public import Tensors

/// One picture of many videos: a row for each, its frames side by side, or several videos beside one another.
public enum ContactSheet {
    /// Draws videos of one size, each pixel as a square of `scale`.
    ///
    /// - Parameter columns: videos in a row, with a white line between them.
    public static func drawn(_ videos: [Frames], columns: Int = 1, scale: Int = 2) -> Frames {
        guard let first = videos.first else { preconditionFailure("a sheet of no videos") }
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
        return Frames(count: 1, height: tall, width: wide, bytes: small).enlarged(scale)
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
    /// Pictures from `[n, height, width, 3]` in [-1, 1], clamped and rounded.
    public init(normalised pixels: Tensor) {
        let bytes = pixels.read { values in
            values.map { UInt8(((min(max($0, -1), 1) + 1) * 127.5).rounded(.toNearestOrEven)) }
        }
        self.init(count: pixels.shape[0], height: pixels.shape[1], width: pixels.shape[2], bytes: bytes)
    }
}
