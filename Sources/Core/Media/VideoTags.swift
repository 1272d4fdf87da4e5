import CAV
public import Foundation

/// What a video file's container says in words, and copies of a file with other words.
///
/// Names are libav's, which stand for the standard tags of each container: in an mp4 `title`, `comment` and `synopsis` are
/// the atoms `©nam`, `©cmt` and `ldes` of iTunes' list, which players and file managers show.
public enum VideoTags {
    /// The tags of a file, names in lower case.
    ///
    /// Throws `MediaError` for what is no video.
    public static func read(_ url: URL) throws(MediaError) -> [String: String] {
        _ = LibAV.silenced
        let input = try InputFormat.opening(url.path(percentEncoded: false))
        var tags: [String: String] = [:]
        var entry: UnsafeMutablePointer<AVDictionaryEntry>?
        while let next = av_dict_get(input.context.pointee.metadata, "", entry, AV_DICT_IGNORE_SUFFIX) {
            tags[String(cString: next.pointee.key).lowercased()] = String(cString: next.pointee.value)
            entry = next
        }
        return tags
    }

    /// Copies a file as an mp4 with these tags and no others.
    ///
    /// Packets are copied as they are: nothing is decoded or coded. Equal files and tags give equal bytes with the same
    /// libav.
    /// - Throws: `MediaError`; of a file that was begun something may be left.
    public static func copy(_ source: URL, to target: URL, tags: [String: String]) throws(MediaError) {
        _ = LibAV.silenced
        let path = target.path(percentEncoded: false)
        let input = try InputFormat.opening(source.path(percentEncoded: false))
        let output = try OutputFormat(path)
        for (name, text) in tags.sorted(by: { $0.key < $1.key }) {
            av_dict_set(&output.context.pointee.metadata, name, text, 0)
        }
        for index in 0..<Int(input.context.pointee.nb_streams) {
            guard let from = input.context.pointee.streams[index],
                let to = avformat_new_stream(output.context, nil)
            else { LibAV.outOfMemory() }
            try check(motrans_copy_stream(to, from), path)
        }
        try check(avio_open(&output.context.pointee.pb, "file:\(path)", AVIO_FLAG_WRITE), path)
        try check(avformat_write_header(output.context, nil), path)
        let packet = Packet()
        while true {
            av_packet_unref(packet.packet)
            let read = av_read_frame(input.context, packet.packet)
            if read == motrans_averror_eof() { break }
            guard read >= 0 else {
                throw .unreadable(path: source.path(percentEncoded: false), reason: LibAV.reason(read))
            }
            let index = Int(packet.packet.pointee.stream_index)
            // A stream that appears in the middle was not in the header.
            guard index < Int(output.context.pointee.nb_streams), let from = input.context.pointee.streams[index],
                let to = output.context.pointee.streams[index]
            else { continue }
            av_packet_rescale_ts(packet.packet, from.pointee.time_base, to.pointee.time_base)
            packet.packet.pointee.pos = -1
            try check(av_interleaved_write_frame(output.context, packet.packet), path)
        }
        try check(av_write_trailer(output.context), path)
        try check(avio_closep(&output.context.pointee.pb), path)
    }

    private static func check(_ code: Int32, _ path: String) throws(MediaError) {
        if code < 0 { throw .unwritable(path: path, reason: LibAV.reason(code)) }
    }
}

/// The coded pictures of a video, as they lie in the file.
public enum VideoPackets {
    /// Hands on the packets of the best video stream in the order of the file: the same whatever container holds them, as
    /// long as it keeps the coding's own layout (mp4, mov and Matroska do, MPEG transport streams do not).
    ///
    /// Throws `MediaError` for what is no video.
    public static func forEach(in url: URL, _ body: (UnsafeRawBufferPointer) -> Void) throws(MediaError) {
        _ = LibAV.silenced
        let path = url.path(percentEncoded: false)
        let input = try InputFormat.opening(path)
        let stream = try input.bestVideo(path).pointee.index
        let packet = Packet()
        while true {
            av_packet_unref(packet.packet)
            guard av_read_frame(input.context, packet.packet) >= 0 else { return }
            guard packet.packet.pointee.stream_index == stream, packet.packet.pointee.size > 0 else { continue }
            body(UnsafeRawBufferPointer(start: packet.packet.pointee.data, count: Int(packet.packet.pointee.size)))
        }
    }
}
