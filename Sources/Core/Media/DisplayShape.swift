import CAV

/// How a coded picture becomes the one that is shown: pixels made square, then turned and mirrored as the file asks.
struct DisplayShape {
    let width: Int
    let height: Int
    private let squareWidth: Int
    private let squareHeight: Int
    private let isTransposed: Bool
    private let flipsColumns: Bool
    private let flipsRows: Bool

    /// - Parameters:
    ///   - width: columns as coded.
    ///   - height: rows as coded.
    ///   - aspect: width of a pixel to its height; anything senseless is taken as square.
    ///   - matrix: nine numbers a b u c d v x y w in row order, a point (p, q) goes to (ap + cq, bp + dq); nil for none.
    init(width: Int, height: Int, aspect: AVRational, matrix: UnsafePointer<Int32>?) {
        let ratio = aspect.num > 0 && aspect.den > 0 ? av_q2d(aspect) : 1
        let isSensible = ratio > 0.1 && ratio < 10
        // The axis that is too short grows, so no detail is lost.
        squareWidth = isSensible && ratio > 1 ? Int((Double(width) * ratio).rounded()) : width
        squareHeight = isSensible && ratio < 1 ? Int((Double(height) / ratio).rounded()) : height
        let (a, b, c, d) = matrix.map { ($0[0], $0[1], $0[3], $0[4]) } ?? (1, 0, 0, 1)
        // Angles between quarter turns exist in theory only: the nearest is taken.
        isTransposed = b.magnitude > a.magnitude && c.magnitude > d.magnitude
        flipsColumns = isTransposed ? c < 0 : a < 0
        flipsRows = isTransposed ? b < 0 : d < 0
        self.width = isTransposed ? squareHeight : squareWidth
        self.height = isTransposed ? squareWidth : squareHeight
    }

    /// One coded picture as shown.
    func apply(to coded: Frames) -> Frames {
        let square = coded.resized(height: squareHeight, width: squareWidth, filter: .bicubic)
        if !isTransposed, !flipsColumns, !flipsRows { return square }
        var turned = [UInt8](repeating: 0, count: square.bytes.count)
        for y in 0..<height {
            let row = flipsRows ? height - 1 - y : y
            for x in 0..<width {
                let column = flipsColumns ? width - 1 - x : x
                let from = (isTransposed ? column * square.width + row : row * square.width + column) * 3
                let to = (y * width + x) * 3
                for channel in 0..<3 { turned[to + channel] = square.bytes[from + channel] }
            }
        }
        return Frames(count: 1, height: height, width: width, bytes: turned)
    }
}
