/// One background at the size of the judge.
struct Backdrop: Sendable {
    let place: Place
    /// Values [32, 32, 3].
    let bytes: [UInt8]
}

/// All backgrounds of all places, and the search for the one that a video has.
enum Backdrops {
    /// Differences above this are those of a subject, which is in the way.
    private static let cap: UInt8 = 40

    /// Sharp and blurred: the search compares blurred ones, so that a blurred video finds its own too.
    static let all: [(sharp: Backdrop, blurred: Backdrop)] = Place.allCases.flatMap { place in
        (0..<Scene.variants).map { variant in
            let drawn = Background(place, variant, Scene.drawnSide).bytes
            let bytes = Scene.halved(drawn, side: Scene.drawnSide)
            return (Backdrop(place: place, bytes: bytes), Backdrop(place: place, bytes: blurred(bytes)))
        }
    }

    /// The background nearest to the median of the frames: as it is drawn or, if that is nearer, blurred.
    static func best(for video: Video) -> Backdrop {
        let median = video.median()
        let soft = blurred(median)
        var (best, least) = (0, Int.max)
        for (index, backdrop) in all.enumerated() {
            let distance = distance(soft, backdrop.blurred.bytes)
            if distance < least { (best, least) = (index, distance) }
        }
        let found = all[best]
        let isSharp = distance(median, found.sharp.bytes) <= distance(median, found.blurred.bytes)
        return isSharp ? found.sharp : found.blurred
    }

    private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        a.withUnsafeBufferPointer { a in
            b.withUnsafeBufferPointer { b in
                var sum: UInt32 = 0
                for index in 0..<Video.size {
                    let (x, y) = (a[index], b[index])
                    sum &+= UInt32(min(max(x, y) &- min(x, y), cap))
                }
                return Int(sum)
            }
        }
    }

    /// The mean of 3 x 3 pixels, fewer at the edge.
    static func blurred(_ bytes: [UInt8]) -> [UInt8] {
        let side = Judge.side
        var means = [UInt8](repeating: 0, count: bytes.count)
        for y in 0..<side {
            let rows = max(y - 1, 0)...min(y + 1, side - 1)
            for x in 0..<side {
                let columns = max(x - 1, 0)...min(x + 1, side - 1)
                let count = rows.count * columns.count
                for channel in 0..<3 {
                    var sum = count / 2
                    for row in rows {
                        for column in columns { sum += Int(bytes[(row * side + column) * 3 + channel]) }
                    }
                    means[(y * side + x) * 3 + channel] = UInt8(sum / count)
                }
            }
        }
        return means
    }
}
