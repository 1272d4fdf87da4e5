import CAV
public import Foundation

/// Single pictures as PNG bytes and files.
public enum PNG {
    /// One picture of some frames as the bytes of a PNG file.
    ///
    /// Throws when libav has no encoder for it.
    public static func encode(_ frames: Frames, index: Int = 0) throws(MediaError) -> [UInt8] {
        _ = LibAV.silenced
        guard let codec = avcodec_find_encoder(AV_CODEC_ID_PNG) else { throw .noEncoder(name: "PNG") }
        let encoder = Codec(codec)
        encoder.context.pointee.width = Int32(frames.width)
        encoder.context.pointee.height = Int32(frames.height)
        encoder.context.pointee.pix_fmt = AV_PIX_FMT_RGB24
        encoder.context.pointee.time_base = AVRational(num: 1, den: 1)
        encoder.context.pointee.thread_count = 1
        encoder.context.pointee.flags |= Int32(AV_CODEC_FLAG_BITEXACT)
        try check(avcodec_open2(encoder.context, codec, nil))
        let picture = frames.unpacked(index)
        try check(avcodec_send_frame(encoder.context, picture.frame))
        try check(avcodec_send_frame(encoder.context, nil))
        let packet = Packet()
        try check(avcodec_receive_packet(encoder.context, packet.packet))
        return Array(UnsafeBufferPointer(start: packet.packet.pointee.data, count: Int(packet.packet.pointee.size)))
    }

    /// Writes one picture of some frames to a file.
    ///
    /// Throws when the disk refuses.
    public static func write(_ frames: Frames, index: Int = 0, to url: URL) throws(MediaError) {
        let bytes = try encode(frames, index: index)
        do {
            try Data(bytes).write(to: url)
        } catch {
            throw .unwritable(path: url.path(percentEncoded: false), reason: error.localizedDescription)
        }
    }

    private static func check(_ code: Int32) throws(MediaError) {
        if code < 0 { throw .notEncodable(path: "a picture", reason: LibAV.reason(code)) }
    }
}

extension Frames {
    /// The first picture of a file: PNG, JPEG, WebP, or a video.
    ///
    /// Throws what `VideoReader` throws.
    public init(contentsOf url: URL, limits: MediaLimits = MediaLimits()) throws(MediaError) {
        var reader = try VideoReader(url, limits: limits)
        guard let first = try reader.next() else {
            throw .noFrames(path: url.path(percentEncoded: false), reason: "it is empty")
        }
        self = first.picture
    }
}
