import CAV
import Foundation

extension VideoReader {
    /// Decodes one more picture into `picture` and gives its time; nil at the end.
    mutating func advance() throws(MediaError) -> Double? {
        while true {
            let received = avcodec_receive_frame(decoder.context, picture.frame)
            if received >= 0 { return try accept() }
            if received == motrans_averror_eof() {
                try finish()
                return nil
            }
            if received != motrans_averror(EAGAIN) {
                damage.corrupt += 1
                if isDraining {
                    try finish()
                    return nil
                }
            }
            try feed()
        }
    }

    /// A decoded picture as RGB, turned upright, with square pixels.
    mutating func render(_ frame: UnsafeMutablePointer<AVFrame>) throws(MediaError) -> Frames {
        let (width, height) = (Int(frame.pointee.width), Int(frame.pointee.height))
        guard width > 0, height > 0, width <= limits.pixels / height else {
            throw .tooLarge(path: path, reason: "pictures of \(width) x \(height)")
        }
        let stream = input.context.pointee.streams[Int(stream)]
        let shape = DisplayShape(
            width: width, height: height, aspect: av_guess_sample_aspect_ratio(input.context, stream, frame),
            matrix: motrans_frame_display_matrix(frame) ?? stream.flatMap { motrans_stream_display_matrix($0) })
        // Pixels that are far from square can make a small picture a large one.
        guard shape.width <= limits.pixels / shape.height else {
            throw .tooLarge(path: path, reason: "pictures of \(shape.width) x \(shape.height)")
        }
        return shape.apply(to: try converter.convert(frame, path: path))
    }

    private mutating func accept() throws(MediaError) -> Double {
        let frame = picture.frame.pointee
        damage.decoded += 1
        guard damage.decoded <= limits.decodedFrames else {
            throw .tooLarge(path: path, reason: "more than \(limits.decodedFrames) frames")
        }
        if frame.flags & AV_FRAME_FLAG_CORRUPT != 0 || frame.decode_error_flags != 0 { damage.corrupt += 1 }
        let stamp = frame.best_effort_timestamp
        let absolute: Double
        if stamp != motrans_no_pts(), let stream = input.context.pointee.streams[Int(stream)] {
            absolute = Double(stamp) * av_q2d(stream.pointee.time_base)
        } else {
            // Raw streams have no times: their frames follow one another evenly.
            absolute = (firstTime ?? 0) + (firstTime == nil ? 0 : lastTime + 1 / (information.framesPerSecond ?? 25))
        }
        let first = firstTime ?? absolute
        firstTime = first
        lastTime = max(lastTime, absolute - first)
        return lastTime
    }

    private mutating func feed() throws(MediaError) {
        while !isDraining {
            av_packet_unref(packet.packet)
            let read = av_read_frame(input.context, packet.packet)
            if read < 0 {
                if read != motrans_averror_eof() { damage.corrupt += 1 }
                isDraining = true
                avcodec_send_packet(decoder.context, nil)
                return
            }
            guard packet.packet.pointee.stream_index == stream else { continue }
            if packet.packet.pointee.flags & AV_PKT_FLAG_CORRUPT != 0 { damage.corrupt += 1 }
            if packet.packet.pointee.flags & AV_PKT_FLAG_DISCARD != 0 { hidden += 1 }
            let sent = avcodec_send_packet(decoder.context, packet.packet)
            if sent >= 0 { return }
            damage.corrupt += 1
            if damage.corrupt > limits.decodedFrames {
                throw .damaged(path: path, frame: damage.decoded, reason: LibAV.reason(sent))
            }
        }
    }

    private mutating func finish() throws(MediaError) {
        if damage.decoded == 0 {
            throw .noFrames(
                path: path, reason: damage.corrupt > 0 ? "\(damage.corrupt) packets are corrupt" : "it is empty")
        }
        // Asked again at the end: by now an index that grows while reading is complete.
        let stream = input.context.pointee.streams[Int(stream)]
        if let promised = stream?.promisedFrames { damage.missing = max(0, promised - hidden - damage.decoded) }
    }
}

extension InputFormat {
    /// Opens a file by content, never by name: `file:` keeps a name such as `39:colon.mp4` from being a protocol, and
    /// the lists keep out playlists that name other files.
    static func opening(_ path: String) throws(MediaError) -> InputFormat {
        try InputFormat.checkFile(path)
        var options: OpaquePointer?
        av_dict_set(&options, "protocol_whitelist", "file", 0)
        av_dict_set(&options, "format_whitelist", VideoReader.containers, 0)
        defer { av_dict_free(&options) }
        var context: UnsafeMutablePointer<AVFormatContext>?
        let opened = avformat_open_input(&context, "file:\(path)", nil, &options)
        guard opened >= 0, let context else {
            throw .notMedia(path: path, reason: InputFormat.complaint(opened, path))
        }
        let input = InputFormat(context: context)
        let found = avformat_find_stream_info(context, nil)
        guard found >= 0 else { throw .notMedia(path: path, reason: InputFormat.complaint(found, path)) }
        return input
    }

    private static func checkFile(_ path: String) throws(MediaError) {
        var status = stat()
        guard stat(path, &status) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { throw .missing(path: path) }
            throw .unreadable(path: path, reason: String(cString: strerror(errno)))
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile(path: path) }
        guard access(path, R_OK) == 0 else {
            throw .unreadable(path: path, reason: String(cString: strerror(errno)))
        }
        guard status.st_size > 0 else { throw .notMedia(path: path, reason: "it is empty") }
    }

    /// libav's reason, or better: what the file is instead.
    private static func complaint(_ code: Int32, _ path: String) -> String {
        if let file = FileHandle(forReadingAtPath: path), let head = try? file.read(upToCount: 4096) {
            try? file.close()
            let isText = head.allSatisfy { $0 >= 0x20 || [0x09, 0x0A, 0x0C, 0x0D].contains($0) }
            if isText, String(data: head.prefix { $0 < 0x80 }, encoding: .ascii) != nil {
                return "it is a text file"
            }
        }
        return code == motrans_averror(EINVAL) ? "its container is not one of those that are read" : LibAV.reason(code)
    }

    /// The video stream that libav thinks best; never a cover picture.
    func bestVideo(_ path: String) throws(MediaError) -> UnsafeMutablePointer<AVStream> {
        let streams = UnsafeBufferPointer(start: context.pointee.streams, count: Int(context.pointee.nb_streams))
        let best = av_find_best_stream(context, AVMEDIA_TYPE_VIDEO, -1, -1, nil, 0)
        let videos = streams.compactMap { $0 }.filter {
            $0.pointee.codecpar.pointee.codec_type == AVMEDIA_TYPE_VIDEO
        }
        let real = videos.filter { $0.pointee.disposition & AV_DISPOSITION_ATTACHED_PIC == 0 }
        guard let chosen = real.first(where: { $0.pointee.index == best }) ?? real.first else {
            throw .noVideo(path: path, hasCover: !videos.isEmpty)
        }
        for other in streams.compactMap({ $0 }) where other != chosen { other.pointee.discard = AVDISCARD_ALL }
        return chosen
    }
}

extension UnsafeMutablePointer<AVStream> {
    /// The mean rate, as `r_frame_rate` is the rate of the clock in files of variable rate.
    var rate: Double? {
        let mean = pointee.avg_frame_rate
        if mean.num > 0, mean.den > 0 { return av_q2d(mean) }
        let clock = pointee.r_frame_rate
        return clock.num > 0 && clock.den > 0 ? av_q2d(clock) : nil
    }

    /// The number in the header, lowered to what the index holds once edit lists have been applied.
    var promisedFrames: Int? {
        guard pointee.nb_frames > 0 else { return nil }
        let indexed = Int(avformat_index_get_entries_count(self))
        return indexed > 0 ? min(Int(pointee.nb_frames), indexed) : Int(pointee.nb_frames)
    }
}
