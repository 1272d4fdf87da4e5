/// Where a centre crop goes when an odd number of pixels is to be cut off (diffusion.md 4.4).
public enum CropRounding: String, Hashable, Sendable, Codable, CaseIterable {
    /// Half of 179 is 89: transformers' image processors.
    case floor
    /// Half of 179 is 90, half of 177 is 88: torchvision, and with it open_clip.
    case halfToEven = "half-to-even"

    func half(_ difference: Int) -> Int {
        switch self {
        case .floor: difference / 2
        case .halfToEven: Int((Double(difference) / 2).rounded(.toNearestOrEven))
        }
    }
}

extension Frames {
    /// A rectangle of every picture.
    ///
    /// It must lie inside.
    public func cropped(top: Int, left: Int, height newHeight: Int, width newWidth: Int) -> Frames {
        precondition(
            top >= 0 && left >= 0 && newHeight > 0 && newWidth > 0 && top + newHeight <= height
                && left + newWidth <= width,
            "cropping \(newWidth) x \(newHeight) at (\(left), \(top)) out of \(width) x \(height)")
        if newHeight == height, newWidth == width { return self }
        var cropped: [UInt8] = []
        cropped.reserveCapacity(count * newHeight * newWidth * 3)
        for index in 0..<count {
            for row in top..<top + newHeight {
                let start = ((index * height + row) * width + left) * 3
                cropped.append(contentsOf: bytes[start..<start + newWidth * 3])
            }
        }
        return Frames(count: count, height: newHeight, width: newWidth, bytes: cropped)
    }

    /// Every picture in the middle of a square as long as its longer side, on a ground of one colour.
    func padded(with colour: [UInt8]) -> Frames {
        guard height != width else { return self }
        let side = max(height, width)
        let (top, left) = ((side - height) / 2, (side - width) / 2)
        func ground(_ pixels: Int) -> [UInt8] { (0..<pixels).flatMap { _ in colour } }
        let (above, below) = (ground(top * side), ground((side - height - top) * side))
        let (before, after) = (ground(left), ground(side - width - left))
        var padded: [UInt8] = []
        padded.reserveCapacity(count * side * side * 3)
        for index in 0..<count {
            padded += above
            for row in 0..<height {
                let start = (index * height + row) * width * 3
                padded += before
                padded += bytes[start..<start + width * 3]
                padded += after
            }
            padded += below
        }
        return Frames(count: count, height: side, width: side, bytes: padded)
    }

    /// The middle of every picture, once resized to a whole size, which must be at least as large.
    func centre(
        height newHeight: Int, width newWidth: Int, ofHeight wholeHeight: Int, width wholeWidth: Int,
        filter: ResamplingFilter, rounding: CropRounding
    ) -> Frames {
        let (top, left) = (rounding.half(wholeHeight - newHeight), rounding.half(wholeWidth - newWidth))
        return resized(
            height: wholeHeight, width: wholeWidth, rows: top..<top + newHeight, columns: left..<left + newWidth,
            filter: filter)
    }

    /// Every picture resized so that it covers a size with nothing to spare on one axis, and its middle cut out.
    public func covering(
        height newHeight: Int, width newWidth: Int, filter: ResamplingFilter = .bilinear,
        rounding: CropRounding = .floor
    ) -> Frames {
        // In whole numbers: the axis that needs the larger factor decides, the other is rounded to the nearest.
        let byHeight = newHeight * width >= newWidth * height
        let scaledHeight = byHeight ? newHeight : max(newHeight, (height * newWidth + width / 2) / width)
        let scaledWidth = byHeight ? max(newWidth, (width * newHeight + height / 2) / height) : newWidth
        return centre(
            height: newHeight, width: newWidth, ofHeight: scaledHeight, width: scaledWidth, filter: filter,
            rounding: rounding)
    }
}
