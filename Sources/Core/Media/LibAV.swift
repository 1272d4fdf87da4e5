import CAV
import Foundation

/// Owners of libav's objects: each closes its own exactly once.
///
/// No pointer of libav leaves this module.

/// An open input file.
struct InputFormat: ~Copyable {
    let context: UnsafeMutablePointer<AVFormatContext>

    deinit {
        var context: UnsafeMutablePointer<AVFormatContext>? = context
        avformat_close_input(&context)
    }
}

/// A decoder or encoder.
struct Codec: ~Copyable {
    let context: UnsafeMutablePointer<AVCodecContext>

    init(_ codec: UnsafePointer<AVCodec>?) {
        guard let context = avcodec_alloc_context3(codec) else { LibAV.outOfMemory() }
        self.context = context
    }

    deinit {
        var context: UnsafeMutablePointer<AVCodecContext>? = context
        avcodec_free_context(&context)
    }
}

/// Room for one picture.
struct Picture: ~Copyable {
    let frame: UnsafeMutablePointer<AVFrame>

    init() {
        guard let frame = av_frame_alloc() else { LibAV.outOfMemory() }
        self.frame = frame
    }

    /// A picture with room for its pixels, its rows padded.
    init(width: Int32, height: Int32, format: AVPixelFormat) {
        self.init()
        frame.pointee.width = width
        frame.pointee.height = height
        frame.pointee.format = format.rawValue
        guard av_frame_get_buffer(frame, 64) >= 0 else { LibAV.outOfMemory() }
    }

    deinit {
        var frame: UnsafeMutablePointer<AVFrame>? = frame
        av_frame_free(&frame)
    }
}

/// Room for one coded picture.
struct Packet: ~Copyable {
    let packet: UnsafeMutablePointer<AVPacket>

    init() {
        guard let packet = av_packet_alloc() else { LibAV.outOfMemory() }
        self.packet = packet
    }

    deinit {
        var packet: UnsafeMutablePointer<AVPacket>? = packet
        av_packet_free(&packet)
    }
}

/// What concerns libav as a whole.
enum LibAV {
    /// libav talks to standard error on its own; what it knows comes back in error values instead.
    static let silenced: Void = av_log_set_level(AV_LOG_QUIET)

    /// libav's sentence for an error value.
    static func reason(_ code: Int32) -> String {
        var text = [CChar](repeating: 0, count: 256)
        guard av_strerror(code, &text, text.count) == 0 else { return "libav error \(code)" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    static func outOfMemory() -> Never { fatalError("libav is out of memory") }
}
