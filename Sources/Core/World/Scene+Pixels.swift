#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension Scene {
    /// The side at which the world is defined.
    static let drawnSide = 64

    /// All frames: [8, side, side, 3], RGB.
    ///
    /// A side of 64, or a multiple of it, is drawn; 32 is the mean of 2 x 2 pixels of 64.
    public func pixels(side: Int = 32) -> [UInt8] {
        precondition(side == 32 || side > 0 && side % Self.drawnSide == 0, "a scene of side \(side)")
        guard side == 32 else { return drawn(side) }
        return Self.halved(drawn(Self.drawnSide), side: Self.drawnSide)
    }

    /// The mean of 2 x 2 pixels, halves rounded up.
    static func halved(_ bytes: [UInt8], side: Int) -> [UInt8] {
        let (rows, half) = (bytes.count / (side * 3), side / 2)
        return [UInt8](unsafeUninitializedCapacity: bytes.count / 4) { halved, count in
            bytes.withUnsafeBufferPointer { bytes in
                for row in 0..<rows / 2 {
                    let (upper, lower) = (row * 2 * side * 3, (row * 2 + 1) * side * 3)
                    for column in 0..<half {
                        for channel in 0..<3 {
                            let at = column * 6 + channel
                            let sum =
                                UInt16(bytes[upper + at]) + UInt16(bytes[upper + at + 3])
                                + UInt16(bytes[lower + at]) + UInt16(bytes[lower + at + 3])
                            halved[(row * half + column) * 3 + channel] = UInt8((sum + 2) >> 2)
                        }
                    }
                }
            }
            count = bytes.count / 4
        }
    }

    private func drawn(_ side: Int) -> [UInt8] {
        let background = Background.of(place, variant: variant, side: side)
        let size = side * side * 3
        return [UInt8](unsafeUninitializedCapacity: poses.count * size) { bytes, count in
            for (frame, pose) in poses.enumerated() {
                let picture = UnsafeMutableBufferPointer(rebasing: bytes[frame * size..<(frame + 1) * size])
                _ = picture.initialize(from: background.bytes)
                background.values.withUnsafeBufferPointer { draw(pose, over: $0, into: picture, side) }
            }
            count = poses.count * size
        }
    }

    /// Draws the subject; the rest of the picture is left as it is.
    private func draw(
        _ pose: Pose, over background: UnsafeBufferPointer<Float>, into picture: UnsafeMutableBufferPointer<UInt8>,
        _ side: Int
    ) {
        let (cosine, sine) = (cos(pose.rotation), sin(pose.rotation))
        let reach = 1.3 * pose.size + 0.04
        func edge(_ place: Float) -> Int { Int(min(max(place * Float(side), 0), Float(side))) }
        let (left, right) = (edge(pose.x - reach), edge(pose.x + reach + 0.02))
        let (top, bottom) = (edge(pose.y - reach), edge(pose.y + reach + 0.02))
        guard left < right, top < bottom else { return }
        let unit = 1 / Float(side)
        var offsets = Lanes()
        for lane in 0..<Lanes.scalarCount { offsets[lane] = (Float(lane) + 0.5) * unit - pose.x }
        for row in top..<bottom {
            let y = (Float(row) + 0.5) * unit - pose.y
            for start in stride(from: left, to: right, by: Lanes.scalarCount) {
                let x = offsets + Float(start) * unit
                let lanes = min(Lanes.scalarCount, right - start)
                let base = (row * side + start) * 3
                var brush = Brush(
                    red: Lanes(), green: Lanes(), blue: Lanes(), pixels: pose.size * Float(side),
                    outline: 1.2 * Float(side) / Float(Self.drawnSide))
                for lane in 0..<lanes {
                    brush.red[lane] = background[base + lane * 3]
                    brush.green[lane] = background[base + lane * 3 + 1]
                    brush.blue[lane] = background[base + lane * 3 + 2]
                }
                let points = Points(
                    u: (x * cosine + y * sine) / pose.size, v: (y * cosine - x * sine) / pose.size)
                subject.paint(colour, at: points, with: &brush)
                for lane in 0..<lanes {
                    picture[base + lane * 3] = UInt8(brush.red[lane] * 255 + 0.5)
                    picture[base + lane * 3 + 1] = UInt8(brush.green[lane] * 255 + 0.5)
                    picture[base + lane * 3 + 2] = UInt8(brush.blue[lane] * 255 + 0.5)
                }
            }
        }
    }
}
