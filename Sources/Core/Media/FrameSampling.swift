import CAV
public import Foundation

/// Which frames of a video are wanted: by the time they are shown, never by their number in the file.
public struct FrameSampling: Hashable, Sendable {
    /// How many; nil for all there are.
    public let count: Int?
    /// Frames per second of the sample; nil for each frame of the file as it comes.
    public let framesPerSecond: Double?
    /// Seconds after the first frame.
    public let start: Double

    /// A sample of `count` frames, at a rate or one after another, from a start.
    public init(count: Int? = nil, framesPerSecond: Double? = nil, start: Double = 0) {
        precondition(count.map { $0 > 0 } ?? true, "a sample of \(count ?? 0) frames")
        precondition(
            framesPerSecond.map { $0 > 0 && $0.isFinite } ?? true, "frames at \(framesPerSecond ?? 0) a second")
        precondition(start >= 0 && start.isFinite, "a sample that starts at \(start) s")
        self.count = count
        self.framesPerSecond = framesPerSecond
        self.start = start
    }

    /// When the frame of this number is wanted; nil when any time will do.
    func time(_ index: Int) -> Double? { framesPerSecond.map { start + Double(index) / $0 } }
}

/// The frames that a sample found.
public struct SampledFrames: Sendable {
    /// The frames, in order.
    public let frames: Frames
    /// When each is shown in the file, seconds after its first frame.
    public let times: [Double]
    /// Which frame of the file each is, from 0 in the order of showing.
    public let indices: [Int]
    /// Their rate: the one asked for, else the file's own mean.
    public let framesPerSecond: Double
    /// What was wrong with the file as far as it was read.
    public let damage: VideoDamage
}

extension VideoReader {
    /// Takes a sample of a file's frames, each through `transform` (which makes all of them one size).
    ///
    /// The frame of a time is the one on show at that time. Decoding stops with the last frame wanted. Throws
    /// `tooShort` when the file ends before `count` frames.
    public static func sample(
        _ url: URL, _ sampling: FrameSampling, limits: MediaLimits = MediaLimits(),
        transform: (Frames) -> Frames = { $0 }
    ) throws(MediaError) -> SampledFrames {
        var reader = try VideoReader(url, limits: limits)
        return try reader.sample(sampling, transform)
    }

    private mutating func sample(
        _ sampling: FrameSampling, _ transform: (Frames) -> Frames
    ) throws(MediaError) -> SampledFrames {
        let wanted = sampling.count ?? Int.max
        let slack = tolerance(sampling)
        var kept = KeptFrames(limit: limits.bytes, path: path)
        // The picture on show until the next one begins: it is the frame of every time wanted up to then.
        let shown = Picture()
        var shownTime: Double?
        var shownIndex = 0
        while kept.count < wanted, let time = try advance() {
            if let shownTime {
                try keep(shown.frame, shownIndex, at: shownTime, until: time - slack, sampling, transform, &kept)
            }
            let index = damage.decoded - 1
            if sampling.framesPerSecond == nil {
                if time >= sampling.start - slack {
                    try kept.append(transform(try render(picture.frame)), time, index)
                }
            } else {
                av_frame_unref(shown.frame)
                av_frame_move_ref(shown.frame, picture.frame)
                shownTime = time
                shownIndex = index
            }
        }
        if let shownTime {
            try keep(shown.frame, shownIndex, at: shownTime, until: end - slack, sampling, transform, &kept)
        }
        guard kept.count > 0, sampling.count == nil || kept.count == wanted else {
            throw .tooShort(path: path, has: end, needs: sampling.length(rate: rate), frames: damage.decoded)
        }
        return SampledFrames(
            frames: kept.joined, times: kept.times, indices: kept.indices,
            framesPerSecond: sampling.framesPerSecond ?? rate, damage: damage)
    }

    /// Keeps a picture once for every wanted time before `limit` that has no frame yet.
    private mutating func keep(
        _ frame: UnsafeMutablePointer<AVFrame>, _ index: Int, at time: Double, until limit: Double,
        _ sampling: FrameSampling, _ transform: (Frames) -> Frames, _ kept: inout KeptFrames
    ) throws(MediaError) {
        var rendered: Frames?
        while kept.count < sampling.count ?? Int.max, let due = sampling.time(kept.count), due < limit {
            if rendered == nil { rendered = transform(try render(frame)) }
            if let rendered { try kept.append(rendered, time, index) }
        }
    }

    /// How far a frame may come late and still be on show: times in files are rounded to ticks of their clock.
    private func tolerance(_ sampling: FrameSampling) -> Double {
        let stream = input.context.pointee.streams[Int(stream)]
        let tick = stream.map { av_q2d($0.pointee.time_base) } ?? 0
        return min(tick / 2 + 1e-6, 0.1 / (sampling.framesPerSecond ?? rate))
    }

    /// Frames per second as decoded so far, else as the file claims.
    private var rate: Double {
        if damage.decoded > 1, lastTime > 0 { return Double(damage.decoded - 1) / lastTime }
        return information.framesPerSecond ?? 25
    }

    /// When the picture decoded last goes off.
    private var end: Double { lastTime + 1 / rate }
}

extension FrameSampling {
    /// Seconds of video, from its first frame, that it takes to fill the sample.
    func length(rate: Double) -> Double { start + Double(max(count ?? 1, 1)) / (framesPerSecond ?? rate) }
}

/// Frames kept of a file, up to a number of bytes.
private struct KeptFrames {
    let limit: Int
    let path: String
    private(set) var times: [Double] = []
    private(set) var indices: [Int] = []
    private var pictures: [Frames] = []
    private var bytes = 0

    init(limit: Int, path: String) {
        self.limit = limit
        self.path = path
    }

    var count: Int { times.count }

    /// All of them; pictures of another size than the first (a video may change it) are made to cover that size.
    var joined: Frames {
        guard let first = pictures.first else { preconditionFailure("no frames kept") }
        return Frames(joining: pictures.map { $0.covering(height: first.height, width: first.width) })
    }

    mutating func append(_ picture: Frames, _ time: Double, _ index: Int) throws(MediaError) {
        bytes += picture.bytes.count
        guard bytes <= limit else {
            throw .tooLarge(path: path, reason: "its frames take more than \(limit >> 20) MiB")
        }
        times.append(time)
        indices.append(index)
        pictures.append(picture)
    }
}
