import Foundation

/// Which frames of a clip's file an extraction took, and when they are shown there: a line of the attempt's log.
///
/// Not in the artifact: frames that look the same are the same frames, wherever in a file they lay.
public struct FrameMoments: Hashable, Sendable {
    /// Which clip, from 0.
    public let clip: Int
    /// Frames of the file, from 0 in the order of showing.
    public let indices: [Int]
    /// Seconds after the file's first frame.
    public let times: [Double]

    /// Moments as they are; as many times as indices.
    public init(clip: Int, indices: [Int], times: [Double]) {
        precondition(indices.count == times.count, "\(indices.count) frames at \(times.count) times")
        self.clip = clip
        self.indices = indices
        self.times = times
    }

    /// `clip 1: frames 0 4 8 shown at 0.000 0.500 1.000 s`.
    public var line: String {
        "clip \(clip + 1): frames \(indices.map(String.init).joined(separator: " ")) shown at "
            + times.map { String(format: "%.3f", $0) }.joined(separator: " ") + " s"
    }

    /// Reads the line back; nil for any other.
    public init?(line: String) {
        let parts = line.split(separator: ": frames ", maxSplits: 1)
        guard parts.count == 2, parts[0].hasPrefix("clip "), let number = Int(parts[0].dropFirst(5)), number > 0,
            parts[1].hasSuffix(" s")
        else { return nil }
        let halves = parts[1].dropLast(2).split(separator: " shown at ", maxSplits: 1)
        guard halves.count == 2 else { return nil }
        let indices = halves[0].split(separator: " ").compactMap { Int($0) }
        let times = halves[1].split(separator: " ").compactMap { Double($0) }
        guard indices.count == times.count, !indices.isEmpty else { return nil }
        self.init(clip: number - 1, indices: indices, times: times)
    }

    /// The moments in an attempt's log, in the order of the clips.
    public static func all(inLog log: String) -> [FrameMoments] {
        log.split(separator: "\n").compactMap { line in
            let text = line.hasPrefix("debug: ") ? line.dropFirst(7) : line
            return FrameMoments(line: String(text))
        }
    }
}
