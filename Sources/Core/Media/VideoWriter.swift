import CAV
public import Foundation

/// Writes mp4 files: H.264 where libav has x264, MPEG-4 Part 2 otherwise; yuv420p, BT.601, limited range, so that every
/// player and every reader shows the same.
///
/// Equal frames give equal bytes with the same libav.
public enum VideoWriter {
    /// How frames are coded here, `libx264` or `mpeg4`; nil when libav has neither.
    public static var encoderName: String? { encoder.map { String(cString: $0.pointee.name) } }

    private static var encoder: UnsafePointer<AVCodec>? {
        avcodec_find_encoder_by_name("libx264") ?? avcodec_find_encoder_by_name("mpeg4")
    }

    /// Writes all frames at a constant rate.
    ///
    /// Width and height must be even. Throws when encoder or disk refuse.
    public static func write(_ frames: Frames, framesPerSecond: Double, to url: URL) throws(MediaError) {
        _ = LibAV.silenced
        let path = url.path(percentEncoded: false)
        guard framesPerSecond > 0, framesPerSecond.isFinite else {
            throw .notEncodable(path: path, reason: "\(framesPerSecond) frames a second")
        }
        guard frames.count > 0 else { throw .notEncodable(path: path, reason: "there are no frames") }
        guard frames.width % 2 == 0, frames.height % 2 == 0 else {
            throw .notEncodable(
                path: path, reason: "\(frames.width) x \(frames.height): yuv420p needs an even width and height")
        }
        guard let codec = encoder else { throw .noEncoder(name: "H.264 or MPEG-4") }
        let output = try OutputFormat(path)
        let encoder = Codec(codec)
        try configure(encoder.context, codec, frames, framesPerSecond, path)
        guard let stream = avformat_new_stream(output.context, nil) else { LibAV.outOfMemory() }
        avcodec_parameters_from_context(stream.pointee.codecpar, encoder.context)
        stream.pointee.time_base = encoder.context.pointee.time_base
        stream.pointee.avg_frame_rate = encoder.context.pointee.framerate
        try check(avio_open(&output.context.pointee.pb, "file:\(path)", AVIO_FLAG_WRITE), path)
        try check(avformat_write_header(output.context, nil), path)
        let scaler = try converter(frames, path)
        defer { sws_freeContext(scaler) }
        for index in 0..<frames.count {
            let rgb = frames.unpacked(index)
            let picture = Picture(
                width: Int32(frames.width), height: Int32(frames.height), format: AV_PIX_FMT_YUV420P)
            picture.frame.pointee.pts = Int64(index)
            try check(sws_scale_frame(scaler, picture.frame, rgb.frame), path)
            picture.frame.pointee.pict_type = AV_PICTURE_TYPE_NONE
            try check(avcodec_send_frame(encoder.context, picture.frame), path)
            try drain(encoder.context, into: output.context, stream, path)
        }
        try check(avcodec_send_frame(encoder.context, nil), path)
        try drain(encoder.context, into: output.context, stream, path)
        try check(av_write_trailer(output.context), path)
        try check(avio_closep(&output.context.pointee.pb), path)
    }

    private static func configure(
        _ context: UnsafeMutablePointer<AVCodecContext>, _ codec: UnsafePointer<AVCodec>, _ frames: Frames,
        _ framesPerSecond: Double, _ path: String
    ) throws(MediaError) {
        let rate = av_d2q(framesPerSecond, 65_535)
        context.pointee.width = Int32(frames.width)
        context.pointee.height = Int32(frames.height)
        context.pointee.pix_fmt = AV_PIX_FMT_YUV420P
        context.pointee.framerate = rate
        context.pointee.time_base = AVRational(num: rate.den, den: rate.num)
        context.pointee.sample_aspect_ratio = AVRational(num: 1, den: 1)
        context.pointee.colorspace = AVCOL_SPC_SMPTE170M
        context.pointee.color_range = AVCOL_RANGE_MPEG
        // More than one thread, or the name and version of the encoder in the file, would change the bytes.
        context.pointee.thread_count = 1
        context.pointee.flags |= Int32(bitPattern: UInt32(AV_CODEC_FLAG_BITEXACT | AV_CODEC_FLAG_GLOBAL_HEADER))
        var options: OpaquePointer?
        defer { av_dict_free(&options) }
        if String(cString: codec.pointee.name) == "libx264" {
            // Nearly lossless: metrics are taken from the file.
            av_dict_set(&options, "crf", "10", 0)
            av_dict_set(&options, "preset", "medium", 0)
            // Without it x264 may choose otherwise for equal frames, from one call to the next.
            av_dict_set(&options, "x264-params", "cpu-independent=1", 0)
        } else {
            context.pointee.flags |= AV_CODEC_FLAG_QSCALE
            context.pointee.global_quality = 2 * FF_QP2LAMBDA
        }
        try check(avcodec_open2(context, codec, &options), path)
    }

    private static func converter(_ frames: Frames, _ path: String) throws(MediaError) -> OpaquePointer {
        let (width, height) = (Int32(frames.width), Int32(frames.height))
        guard
            let scaler = sws_getContext(
                width, height, AV_PIX_FMT_RGB24, width, height, AV_PIX_FMT_YUV420P, PixelConverter.flags, nil, nil, nil)
        else { throw .notEncodable(path: path, reason: "libav cannot convert RGB to yuv420p") }
        let matrix = sws_getCoefficients(SWS_CS_ITU601)
        sws_setColorspaceDetails(scaler, matrix, 1, matrix, 0, 0, 1 << 16, 1 << 16)
        return scaler
    }

    private static func drain(
        _ encoder: UnsafeMutablePointer<AVCodecContext>, into output: UnsafeMutablePointer<AVFormatContext>,
        _ stream: UnsafeMutablePointer<AVStream>, _ path: String
    ) throws(MediaError) {
        let packet = Packet()
        while true {
            let received = avcodec_receive_packet(encoder, packet.packet)
            if received == motrans_averror(EAGAIN) || received == motrans_averror_eof() { return }
            try check(received, path)
            packet.packet.pointee.stream_index = stream.pointee.index
            if packet.packet.pointee.duration == 0 { packet.packet.pointee.duration = 1 }
            av_packet_rescale_ts(packet.packet, encoder.pointee.time_base, stream.pointee.time_base)
            try check(av_interleaved_write_frame(output, packet.packet), path)
        }
    }

    private static func check(_ code: Int32, _ path: String) throws(MediaError) {
        if code < 0 { throw .unwritable(path: path, reason: LibAV.reason(code)) }
    }
}

/// An mp4 being written.
struct OutputFormat: ~Copyable {
    let context: UnsafeMutablePointer<AVFormatContext>

    init(_ path: String) throws(MediaError) {
        var context: UnsafeMutablePointer<AVFormatContext>?
        let made = avformat_alloc_output_context2(&context, nil, "mp4", nil)
        guard made >= 0, let context else { throw .unwritable(path: path, reason: LibAV.reason(made)) }
        // No time of day and no version of libav in the file.
        context.pointee.flags |= AVFMT_FLAG_BITEXACT
        self.context = context
    }

    deinit {
        if context.pointee.pb != nil { avio_closep(&context.pointee.pb) }
        avformat_free_context(context)
    }
}
