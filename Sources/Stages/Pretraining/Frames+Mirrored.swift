public import Media

extension Frames {
    /// Left and right exchanged.
    public func mirrored() -> Frames {
        var mirrored: [UInt8] = []
        mirrored.reserveCapacity(bytes.count)
        for row in 0..<count * height {
            for column in (0..<width).reversed() {
                let start = (row * width + column) * 3
                mirrored.append(bytes[start])
                mirrored.append(bytes[start + 1])
                mirrored.append(bytes[start + 2])
            }
        }
        return Frames(count: count, height: height, width: width, bytes: mirrored)
    }
}
