/// Frames of a video with their background, on which subjects are drawn in trial.
///
/// Drawn at once at 32 pixels, with an edge as wide as asked for: nearly what the means of 64 give, and much faster.
struct Easel {
    /// Where a frame is compared: the surroundings of the subject.
    private struct Window {
        let left: Int
        let top: Int
        let bottom: Int
        let groups: Int
        /// The squared difference of the frame and the background there, without that of noise.
        var contrast: Float = 0
        /// What noise makes of it.
        var noise: Float = 0

        /// Pixels.
        var area: Int { (bottom - top) * groups * Lanes.scalarCount }
    }

    private static let side = Judge.side
    private static let pixels = Judge.side * Judge.side

    /// Values [3, 32, 32], from 0 to 1.
    private let background: [Float]
    /// Values [frames, 3, 32, 32], from 0 to 1.
    private let frames: [Float]
    private var windows: [Window?]

    init(_ video: Video, _ track: Track) {
        background = Self.planes(track.background[...])
        frames = (0..<video.frames).flatMap { frame in
            Self.planes(video.bytes[frame * Video.size..<(frame + 1) * Video.size])
        }
        windows = track.sightings.map { sighting in sighting.map { Self.window($0.mask) } }
        for frame in windows.indices {
            guard let window = windows[frame] else { continue }
            let noise = noise(frame, window) * Float(window.area)
            let contrast = error(frame, window) { _ in } - noise
            windows[frame]?.noise = noise
            windows[frame]?.contrast = contrast
        }
    }

    /// The share of the frame's difference from the background that a subject does not explain: 0 for an equal picture.
    ///
    /// A nil frame is not seen and explains nothing.
    func error(
        _ frame: Int, _ subject: Subject, _ colour: Colour, _ pose: Pose, softness: Float
    ) -> Float {
        guard let window = windows[frame] else { return 1 }
        let brush = Brush(
            red: .zero, green: .zero, blue: .zero, pixels: pose.size * Float(Self.side) / softness,
            outline: 1.2 * Float(Self.side) / Float(Scene.drawnSide) / softness)
        let stand = Stand(pose)
        let error = error(frame, window, brush) { brush, row, column in
            subject.paint(colour, at: stand.points(row, column), with: &brush)
        }
        return max(error - window.noise, 0) / max(window.contrast, 1e-3)
    }

    /// The squared difference of frame and background in a pixel outside the window: that of noise, so none is large.
    private func noise(_ frame: Int, _ window: Window) -> Float {
        let columns = window.left..<window.left + window.groups * Lanes.scalarCount
        var (sum, count) = (Float(0), Float(0))
        for pixel in 0..<Self.pixels
        where !(columns.contains(pixel % Self.side) && (window.top..<window.bottom).contains(pixel / Self.side)) {
            var difference: Float = 0
            for plane in 0..<3 {
                let one = frames[(frame * 3 + plane) * Self.pixels + pixel] - background[plane * Self.pixels + pixel]
                difference += one * one
            }
            sum += min(difference, 0.02)
            count += 1
        }
        return sum / max(count, 1)
    }

    /// The squared difference in the window after painting.
    @inline(__always)
    private func error(_ frame: Int, _ window: Window, _ paint: (inout Brush) -> Void) -> Float {
        let brush = Brush(red: .zero, green: .zero, blue: .zero, pixels: 1, outline: 0)
        return error(frame, window, brush) { brush, _, _ in paint(&brush) }
    }

    @inline(__always)
    private func error(
        _ frame: Int, _ window: Window, _ blank: Brush, _ paint: (inout Brush, _ row: Int, _ column: Int) -> Void
    ) -> Float {
        var sum = Lanes()
        background.withUnsafeBytes { background in
            frames.withUnsafeBytes { frames in
                for row in window.top..<window.bottom {
                    for group in 0..<window.groups {
                        let column = window.left + group * Lanes.scalarCount
                        let at = row * Self.side + column
                        func load(_ bytes: UnsafeRawBufferPointer, _ plane: Int) -> Lanes {
                            bytes.loadUnaligned(
                                fromByteOffset: (plane * Self.pixels + at) * MemoryLayout<Float>.size, as: Lanes.self)
                        }
                        var brush = blank
                        brush.red = load(background, 0)
                        brush.green = load(background, 1)
                        brush.blue = load(background, 2)
                        paint(&brush, row, column)
                        let red = brush.red - load(frames, frame * 3)
                        let green = brush.green - load(frames, frame * 3 + 1)
                        let blue = brush.blue - load(frames, frame * 3 + 2)
                        sum += red * red + green * green + blue * blue
                    }
                }
            }
        }
        return sum.sum()
    }

    /// The rectangle around a mask and three pixels more, its width a multiple of eight.
    private static func window(_ mask: [Bool]) -> Window {
        let set = (0..<pixels).filter { mask[$0] }
        let columns = set.map { $0 % side }
        let left = max((columns.min() ?? 0) - 3, 0)
        let right = min((columns.max() ?? 0) + 4, side)
        let groups = (right - left + Lanes.scalarCount - 1) / Lanes.scalarCount
        return Window(
            left: min(left, side - groups * Lanes.scalarCount), top: max((set.first ?? 0) / side - 3, 0),
            bottom: min((set.last ?? 0) / side + 4, side), groups: groups)
    }

    private static func planes(_ bytes: ArraySlice<UInt8>) -> [Float] {
        let start = bytes.startIndex
        return (0..<3).flatMap { channel in
            (0..<pixels).map { Float(bytes[start + $0 * 3 + channel]) / 255 }
        }
    }
}

/// From pixels of the judge to the units of a subject.
private struct Stand {
    private static let steps = Lanes(0, 1, 2, 3, 4, 5, 6, 7)
    let pose: Pose
    let across: SIMD2<Float>

    init(_ pose: Pose) {
        self.pose = pose
        across = SIMD2(cosine(pose.rotation), sine(pose.rotation)) / pose.size
    }

    @inline(__always)
    func points(_ row: Int, _ column: Int) -> Points {
        let unit = 1 / Float(Judge.side)
        let x = (Self.steps + (Float(column) + 0.5)) * unit - pose.x
        let y = (Float(row) + 0.5) * unit - pose.y
        return Points(u: x * across.x + y * across.y, v: y * across.x - x * across.y)
    }
}
