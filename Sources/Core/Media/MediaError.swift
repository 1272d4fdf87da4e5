/// What can be wrong with a video or picture file.
///
/// `description` is the sentence for people.
public enum MediaError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file is not there.
    case missing(path: String)
    /// A folder, a device: not a file with bytes.
    case notAFile(path: String)
    /// The operating system refused.
    case unreadable(path: String, reason: String)
    /// Its first bytes are no container of the kinds that are read.
    case notMedia(path: String, reason: String)
    /// Sound only, or sound with a cover picture.
    case noVideo(path: String, hasCover: Bool)
    /// The container is read, the coding of its pictures is not.
    case noDecoder(path: String, codec: String)
    /// More pixels or frames than is sane to hold.
    case tooLarge(path: String, reason: String)
    /// It ends before the frames that were asked for.
    case tooShort(path: String, has: Double, needs: Double, frames: Int)
    /// Not a single frame can be decoded.
    case noFrames(path: String, reason: String)
    /// Reading stopped in the middle for a reason that is not its end.
    case damaged(path: String, frame: Int, reason: String)
    /// This libav lacks an encoder.
    case noEncoder(name: String)
    /// Frames that the coding cannot hold.
    case notEncodable(path: String, reason: String)
    /// The operating system or the encoder refused.
    case unwritable(path: String, reason: String)

    /// What happened, where, why, and what to do.
    public var description: String {
        switch self {
        case .missing(let path): "\(path): no such file"
        case .notAFile(let path): "\(path): not a file but a folder or a device"
        case .unreadable(let path, let reason): "\(path): cannot be read: \(reason)"
        case .notMedia(let path, let reason): "\(path): not a video: \(reason)"
        case .noVideo(let path, let hasCover):
            hasCover
                ? "\(path): has no video, only sound and a cover picture" : "\(path): has no video stream, only sound"
        case .noDecoder(let path, let codec):
            "\(path): its video is coded as \(codec), which this libav cannot decode; convert it to H.264 first"
        case .tooLarge(let path, let reason): "\(path): too large: \(reason)"
        case .tooShort(let path, let has, let needs, let frames):
            "\(path): too short: \(MediaError.seconds(needs)) needed, it shows \(frames) "
                + "\(frames == 1 ? "frame" : "frames") in \(MediaError.seconds(has))"
        case .noFrames(let path, let reason): "\(path): no frame of it can be decoded: \(reason)"
        case .damaged(let path, let frame, let reason): "\(path): damaged after frame \(frame): \(reason)"
        case .noEncoder(let name): "this libav has no encoder for \(name); install one that has libx264 or mpeg4"
        case .notEncodable(let path, let reason): "\(path): cannot be encoded: \(reason)"
        case .unwritable(let path, let reason): "\(path): cannot be written: \(reason)"
        }
    }

    private static func seconds(_ value: Double) -> String { "\((value * 1000).rounded() / 1000) s" }
}
