import Artifacts
import Foundation
import Media

/// What is kept of a video that gc takes: its facts, and four of its frames side by side.
enum VideoRemains {
    private static let frames = 4
    /// Pixels of the longer side of each.
    private static let side = 96

    /// Nil for what cannot be decoded.
    static func of(_ file: URL) -> (facts: [String: Value], picture: Data?)? {
        guard var reader = try? VideoReader(file) else { return nil }
        let information = reader.information
        var pictures: [Frames] = []
        while let frame = try? reader.next() { pictures.append(small(frame.picture)) }
        guard !pictures.isEmpty else { return nil }
        var facts: [String: Value] = [
            "frames": .int(pictures.count), "width": .int(information.width), "height": .int(information.height),
            "codec": .string(information.codec),
        ]
        if let rate = information.framesPerSecond { facts["fps"] = .double(rate) }
        let count = min(frames, pictures.count)
        let chosen = (0..<count).map { pictures[count == 1 ? 0 : $0 * (pictures.count - 1) / (count - 1)] }
        return (facts, (try? PNG.encode(strip(chosen))).map { Data($0) })
    }

    private static func small(_ picture: Frames) -> Frames {
        let longer = max(picture.width, picture.height)
        guard longer > side else { return picture }
        return picture.resized(
            height: max(1, picture.height * side / longer), width: max(1, picture.width * side / longer),
            filter: .bilinear)
    }

    /// Pictures of one size beside each other.
    private static func strip(_ pictures: [Frames]) -> Frames {
        let (height, width) = (pictures[0].height, pictures[0].width)
        var bytes: [UInt8] = []
        for row in 0..<height {
            for picture in pictures {
                bytes += picture.bytes[(row * width * 3)..<((row + 1) * width * 3)]
            }
        }
        return Frames(count: 1, height: height, width: width * pictures.count, bytes: bytes)
    }
}
