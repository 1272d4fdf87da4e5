/// Says what a video of the world shows, from its pixels alone: nothing in it was trained.
///
/// Meant for videos that a model made: whether the subject moves as asked, and whether it is the subject, the colour and
/// the place that were asked for. It works backwards through the drawing:
///
/// 1. `Backdrops`: the background is the likest of the 512 that there are.
/// 2. `Track`: what differs from it, frame by frame, is the subject: where it is and how large.
/// 3. `Likeness`: subjects, colours and ways to turn are drawn there again; the drawing nearest to the video names them.
/// 4. `Verdict`: the path, the sizes and the turning are compared with those of the named motions.
///
/// Right in 450 drawings of seeds of their own: motions with a path 300 of 300, the other motions 147 of 150, colour and
/// place 450, subject 448. Blurred by a mean of 3 x 3 pixels and with noise of 6 levels: 298, 144, colour 447, place 450,
/// subject 427. What is not told apart: a ring that spins or cartwheels from one that does not.
public struct Judge: Sendable {
    /// The side to which videos are brought.
    static let side = 32

    /// A judge; the first one draws all backgrounds, which takes a moment.
    public init() { _ = Backdrops.all }

    /// What a video shows: [frames, side, side, 3], RGB.
    ///
    /// The side is 32 or a multiple, of which the mean is taken; two frames are the least.
    public func judge(_ pixels: [UInt8], frames: Int, side: Int) -> Verdict {
        precondition(
            frames >= 2 && side > 0 && side % Self.side == 0 && pixels.count == frames * side * side * 3,
            "a video of \(frames) frames, side \(side), in \(pixels.count) bytes")
        let video = Video(pixels, frames: frames, side: side)
        let backdrop = Backdrops.best(for: video)
        let track = Track(video, over: backdrop)
        let likeness = Likeness(video, track)
        return Verdict(place: backdrop.place, track: track, likeness: likeness)
    }
}

/// A video of 32 x 32 pixels, from 0 to 255.
struct Video {
    /// Values of a frame.
    static let size = Judge.side * Judge.side * 3

    let frames: Int
    let bytes: [UInt8]

    init(_ pixels: [UInt8], frames: Int, side: Int) {
        self.frames = frames
        let factor = side / Judge.side
        guard factor > 1 else {
            bytes = pixels
            return
        }
        var means: [UInt8] = []
        means.reserveCapacity(frames * Self.size)
        for row in 0..<frames * Judge.side {
            for column in 0..<Judge.side {
                for channel in 0..<3 {
                    var sum = 0
                    for y in row * factor..<(row + 1) * factor {
                        for x in column * factor..<(column + 1) * factor {
                            sum += Int(pixels[(y * side + x) * 3 + channel])
                        }
                    }
                    means.append(UInt8((sum + factor * factor / 2) / (factor * factor)))
                }
            }
        }
        bytes = means
    }

    /// The median of each value over time.
    func median() -> [UInt8] {
        var values = [UInt8](repeating: 0, count: frames)
        return (0..<Self.size).map { index in
            for frame in 0..<frames {
                let value = bytes[frame * Self.size + index]
                var place = frame
                while place > 0, values[place - 1] > value {
                    values[place] = values[place - 1]
                    place -= 1
                }
                values[place] = value
            }
            return UInt8((Int(values[(frames - 1) / 2]) + Int(values[frames / 2]) + 1) / 2)
        }
    }
}
