import CAV

/// Turns decoded pictures of any size and pixel format into RGB, without scaling.
///
/// Sizes and formats may change from picture to picture.
struct PixelConverter: ~Copyable {
    private var scaler: OpaquePointer?

    deinit { sws_freeContext(scaler) }

    /// The same everywhere: exact rounding, chroma interpolated at full width, no approximations.
    static let flags = SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP | SWS_BITEXACT

    /// One picture as RGB, as coded: not turned, not stretched.
    mutating func convert(_ source: UnsafeMutablePointer<AVFrame>, path: String) throws(MediaError) -> Frames {
        let (width, height) = (source.pointee.width, source.pointee.height)
        let format = AVPixelFormat(rawValue: source.pointee.format)
        scaler = sws_getCachedContext(
            scaler, width, height, format, width, height, AV_PIX_FMT_RGB24, PixelConverter.flags, nil, nil, nil)
        guard let scaler else {
            throw .noFrames(path: path, reason: "its pixel format cannot be converted")
        }
        if motrans_is_rgb(format) == 0 { setColours(scaler, source.pointee) }
        // libav may write beyond the end of a row, so rows are padded first and packed after.
        let target = Picture(width: width, height: height, format: AV_PIX_FMT_RGB24)
        let converted = sws_scale_frame(scaler, target.frame, source)
        guard converted >= 0 else { throw .noFrames(path: path, reason: LibAV.reason(converted)) }
        return Frames(packing: target)
    }

    /// The matrix and range that the picture names; BT.601 when it names none, as libav itself takes it.
    private func setColours(_ scaler: OpaquePointer, _ source: AVFrame) {
        var inverse: UnsafeMutablePointer<Int32>?
        var table: UnsafeMutablePointer<Int32>?
        var sourceRange: Int32 = 0
        var (targetRange, brightness, contrast, saturation) = (sourceRange, sourceRange, sourceRange, sourceRange)
        guard
            sws_getColorspaceDetails(
                scaler, &inverse, &sourceRange, &table, &targetRange, &brightness, &contrast, &saturation) >= 0
        else { return }
        if source.color_range == AVCOL_RANGE_JPEG { sourceRange = 1 }
        sws_setColorspaceDetails(
            scaler, sws_getCoefficients(Int32(bitPattern: source.colorspace.rawValue)), sourceRange,
            sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, 1 << 16, 1 << 16)
    }
}

extension Frames {
    /// The rows of an RGB picture of libav, without their padding.
    init(packing picture: borrowing Picture) {
        let frame = picture.frame.pointee
        let (width, height, stride) = (Int(frame.width), Int(frame.height), Int(frame.linesize.0))
        guard let data = frame.data.0 else { preconditionFailure("a picture without pixels") }
        let bytes = [UInt8](unsafeUninitializedCapacity: width * height * 3) { target, filled in
            for row in 0..<height {
                let source = UnsafeBufferPointer(start: data + row * stride, count: width * 3)
                _ = target[(row * width * 3)...].update(fromContentsOf: source)
            }
            filled = width * height * 3
        }
        self.init(count: 1, height: height, width: width, bytes: bytes)
    }

    /// One picture as an RGB picture of libav.
    func unpacked(_ index: Int) -> Picture {
        let picture = Picture(width: Int32(width), height: Int32(height), format: AV_PIX_FMT_RGB24)
        guard let data = picture.frame.pointee.data.0 else { preconditionFailure("a picture without pixels") }
        let stride = Int(picture.frame.pointee.linesize.0)
        for row in 0..<height {
            let start = (index * height + row) * width * 3
            bytes.withUnsafeBufferPointer { source in
                guard let base = source.baseAddress else { return }
                (data + row * stride).update(from: base + start, count: width * 3)
            }
        }
        return picture
    }
}
