import CAV
public import Foundation

/// What a video file says of itself, and what its pictures look like once turned and stretched as it asks.
public struct VideoInformation: Hashable, Sendable {
    /// Columns as shown: square pixels, rotation applied.
    public let width: Int
    /// Rows as shown.
    public let height: Int
    /// Mean frames per second as the file claims; nil when it does not say.
    public let framesPerSecond: Double?
    /// Frames that the file promises; nil when it does not say.
    ///
    /// Often wrong.
    public let promisedFrames: Int?
    /// How the pictures are coded, such as `h264` or `vp9`.
    public let codec: String
    /// The container in libav's words, such as `mov,mp4,m4a,3gp,3g2,mj2`.
    public let container: String
    /// Whether it is a picture file: PNG, JPEG and the like.
    public let isStill: Bool
}

/// What went wrong inside a file that was read all the same.
public struct VideoDamage: Hashable, Sendable {
    /// Packets or frames that are flagged as corrupt, or that the decoder refused.
    public internal(set) var corrupt = 0
    /// Frames decoded so far.
    public internal(set) var decoded = 0
    /// Frames promised but not there.
    ///
    /// Known only once the end was reached; 0 before, or when nothing was promised.
    public internal(set) var missing = 0

    /// Whether anything is worth a warning.
    public var isDamaged: Bool { corrupt > 0 || missing > 0 }
}

/// How much a file may ask for before it is refused.
public struct MediaLimits: Hashable, Sendable {
    /// Pixels of one picture.
    public var pixels = 64 << 20
    /// Pictures decoded of one file.
    public var decodedFrames = 1_000_000
    /// Bytes of all pictures kept.
    public var bytes = 8 << 30

    /// The defaults: far beyond any clip for training.
    public init() {}
}

/// One picture of a video and when it is shown.
public struct DecodedFrame: Sendable {
    /// One picture, turned upright, with square pixels.
    public let picture: Frames
    /// Seconds after the first picture.
    public let time: Double
}

/// Decodes the video of one file, picture by picture in the order of showing.
///
/// It opens that one file only: not what a playlist inside it names, and no network. Colours are converted by the
/// matrix that the file names (BT.601 when it names none), without tone mapping; interlaced pictures stay woven; alpha
/// is dropped.
public struct VideoReader: ~Copyable {
    /// What the file says of itself.
    public let information: VideoInformation
    /// What went wrong so far.
    public internal(set) var damage: VideoDamage

    let path: String
    let limits: MediaLimits
    let input: InputFormat
    let stream: Int32
    let decoder: Codec
    let packet: Packet
    /// The picture decoded last.
    let picture: Picture
    var converter: PixelConverter
    var firstTime: Double?
    var lastTime: Double
    var isDraining: Bool
    /// Packets that are decoded for the sake of others and not shown: what lies before the start of an edit list.
    var hidden: Int

    /// The containers that are opened.
    ///
    /// A playlist (HLS, ffconcat) would make libav open other files: none is here.
    static let containers =
        "mov,matroska,avi,mpegts,mpeg,mpegvideo,h264,hevc,m4v,av1,obu,ivf,flv,asf,ogg,mxf,nut,dv,yuv4mpegpipe,gif,apng,"
        + "png_pipe,jpeg_pipe,webp_pipe,bmp_pipe,tiff_pipe,mp3,flac,wav,aac"

    /// Opens a file and its best video stream.
    ///
    /// Throws when there is none that can be decoded.
    public init(_ url: URL, limits: MediaLimits = MediaLimits()) throws(MediaError) {
        _ = LibAV.silenced
        let path = url.path(percentEncoded: false)
        let input = try InputFormat.opening(path)
        let stream = try input.bestVideo(path)
        let parameters = stream.pointee.codecpar
        guard let parameters else { throw .noVideo(path: path, hasCover: false) }
        let codecName = String(cString: avcodec_get_name(parameters.pointee.codec_id))
        guard let codec = avcodec_find_decoder(parameters.pointee.codec_id) else {
            throw .noDecoder(path: path, codec: codecName)
        }
        let (width, height) = (Int(parameters.pointee.width), Int(parameters.pointee.height))
        guard width > 0, height > 0 else { throw .noFrames(path: path, reason: "its pictures have no size") }
        guard width <= limits.pixels / height else {
            throw .tooLarge(path: path, reason: "pictures of \(width) x \(height)")
        }
        let decoder = Codec(codec)
        avcodec_parameters_to_context(decoder.context, parameters)
        decoder.context.pointee.max_pixels = Int64(limits.pixels)
        decoder.context.pointee.thread_count = 1
        decoder.context.pointee.pkt_timebase = stream.pointee.time_base
        let opened = avcodec_open2(decoder.context, codec, nil)
        guard opened >= 0 else { throw .noFrames(path: path, reason: LibAV.reason(opened)) }
        let shape = DisplayShape(
            width: width, height: height, aspect: av_guess_sample_aspect_ratio(input.context, stream, nil),
            matrix: motrans_stream_display_matrix(stream))
        information = VideoInformation(
            width: shape.width, height: shape.height, framesPerSecond: stream.rate,
            promisedFrames: stream.promisedFrames, codec: codecName,
            container: String(cString: input.context.pointee.iformat.pointee.name),
            isStill: String(cString: input.context.pointee.iformat.pointee.name).hasSuffix("_pipe"))
        // All at the end: a struct that cannot be copied must not throw half made.
        damage = VideoDamage()
        packet = Packet()
        picture = Picture()
        converter = PixelConverter()
        lastTime = 0
        isDraining = false
        hidden = 0
        self.decoder = decoder
        self.path = path
        self.limits = limits
        self.stream = stream.pointee.index
        self.input = input
    }

    /// The next picture, nil at the end.
    ///
    /// Throws when a limit is passed or not one picture could be decoded.
    public mutating func next() throws(MediaError) -> DecodedFrame? {
        guard let time = try advance() else { return nil }
        return DecodedFrame(picture: try render(picture.frame), time: time)
    }
}
