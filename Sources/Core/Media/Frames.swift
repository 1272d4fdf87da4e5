/// Pictures of one size: RGB, 8 bits a channel, [count, height, width, 3] in row-major order.
///
/// One picture is `count` 1.
public struct Frames: Hashable, Sendable {
    /// How many pictures.
    public let count: Int
    /// Rows of each.
    public let height: Int
    /// Pixels of a row.
    public let width: Int
    /// `count * height * width * 3` bytes.
    public let bytes: [UInt8]

    /// Pictures from their bytes, whose number must fit.
    public init(count: Int, height: Int, width: Int, bytes: [UInt8]) {
        precondition(
            count >= 0 && height > 0 && width > 0 && bytes.count == count * height * width * 3,
            "frames [\(count), \(height), \(width), 3] from \(bytes.count) bytes")
        self.count = count
        self.height = height
        self.width = width
        self.bytes = bytes
    }

    /// Pictures of one size after one another.
    ///
    /// At least one.
    public init(joining pictures: [Frames]) {
        guard let first = pictures.first else { preconditionFailure("joining no frames") }
        precondition(
            pictures.allSatisfy { $0.height == first.height && $0.width == first.width },
            "joining frames of different sizes")
        var bytes: [UInt8] = []
        bytes.reserveCapacity(pictures.reduce(0) { $0 + $1.bytes.count })
        for picture in pictures { bytes.append(contentsOf: picture.bytes) }
        self.init(
            count: pictures.reduce(0) { $0 + $1.count }, height: first.height, width: first.width, bytes: bytes)
    }

    /// `[count, height, width, 3]`, as artifacts and tensors name it.
    public var shape: [Int] { [count, height, width, 3] }

    /// One of the pictures.
    public subscript(index: Int) -> Frames { self[index..<index + 1] }

    /// Some of the pictures.
    public subscript(range: Range<Int>) -> Frames {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "frames \(range) of \(count)")
        let size = height * width * 3
        return Frames(
            count: range.count, height: height, width: width,
            bytes: Array(bytes[range.lowerBound * size..<range.upperBound * size]))
    }

    /// The pictures at these indices, in this order, repeats welcome.
    public func picking(_ indices: [Int]) -> Frames {
        precondition(indices.allSatisfy { (0..<count).contains($0) }, "frames \(indices) of \(count)")
        let size = height * width * 3
        var picked: [UInt8] = []
        picked.reserveCapacity(indices.count * size)
        for index in indices { picked.append(contentsOf: bytes[index * size..<(index + 1) * size]) }
        return Frames(count: indices.count, height: height, width: width, bytes: picked)
    }
}
