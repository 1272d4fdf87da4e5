import CAV
public import Foundation

/// What the packets of a video say, without decoding them: cheap, and truer than the header.
public struct VideoSurvey: Hashable, Sendable {
    /// What the header says.
    public let information: VideoInformation
    /// Frames counted, as far as it was read.
    public let frames: Int
    /// Seconds from the first frame to the end of the last, as far as it was read.
    public let duration: Double

    /// Opens a file, decodes its first picture to prove that it can be, and counts packets until there is enough video
    /// for a sample.
    ///
    /// Throws what `VideoReader.sample` would, `tooShort` included.
    public init(_ url: URL, for sampling: FrameSampling, limits: MediaLimits = MediaLimits()) throws(MediaError) {
        var first = try VideoReader(url, limits: limits)
        guard try first.next() != nil else {
            throw .noFrames(path: url.path(percentEncoded: false), reason: "it is empty")
        }
        var reader = try VideoReader(url, limits: limits)
        information = reader.information
        let needs = sampling.length(rate: reader.information.framesPerSecond ?? 25)
        (frames, duration) = reader.countPackets(upTo: needs)
        let interval = frames > 1 ? duration / Double(frames) : 1 / (information.framesPerSecond ?? 25)
        let lastDue =
            sampling.framesPerSecond.map { sampling.start + Double((sampling.count ?? 1) - 1) / $0 }
            ?? sampling.start + Double((sampling.count ?? 1) - 1) * interval
        guard lastDue < duration - interval * 0.01 else {
            throw .tooShort(path: url.path(percentEncoded: false), has: duration, needs: needs, frames: frames)
        }
    }
}

extension VideoReader {
    /// Counts the packets of the video up to a second beyond `enough`; gives their number and the time they span.
    fileprivate mutating func countPackets(upTo enough: Double) -> (frames: Int, duration: Double) {
        guard let stream = input.context.pointee.streams[Int(stream)] else { return (0, 0) }
        let tick = av_q2d(stream.pointee.time_base)
        let rate = information.framesPerSecond ?? 25
        var (count, earliest, latest) = (0, Int64.max, Int64.min)
        // In floating point: a damaged file's times may be as far apart as whole numbers go.
        func span() -> Double {
            latest > earliest ? (Double(latest) - Double(earliest)) * tick : Double(count - 1) / rate
        }
        while true {
            av_packet_unref(packet.packet)
            guard av_read_frame(input.context, packet.packet) >= 0 else { break }
            let read = packet.packet.pointee
            guard read.stream_index == self.stream, read.flags & AV_PKT_FLAG_DISCARD == 0 else { continue }
            count += 1
            if read.pts != motrans_no_pts() {
                earliest = min(earliest, read.pts)
                latest = max(latest, read.pts)
            }
            if span() > enough + 1 || count >= limits.decodedFrames { break }
        }
        guard count > 1 else { return (count, Double(count) / rate) }
        return (count, span() * Double(count) / Double(count - 1))
    }
}
