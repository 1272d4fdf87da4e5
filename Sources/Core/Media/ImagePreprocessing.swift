public import Tensors

/// What an image or video encoder does to pictures before its first layer: shortest edge to `size`, centre crop, and
/// normalised channels (diffusion.md 4.4, 9.2).
public struct ImagePreprocessing: Hashable, Sendable {
    /// Side of the square that the encoder sees.
    public let size: Int
    /// How pictures are resized.
    public let filter: ResamplingFilter
    /// Where the crop goes.
    public let rounding: CropRounding
    /// Taken from each channel, of values in 0...1.
    public let mean: [Double]
    /// Each channel is divided by it.
    public let standardDeviation: [Double]
    /// Whether pictures are first put into the middle of a square of the mean colour, so that the crop takes nothing.
    public var padsToSquare = false

    /// CLIP's and OpenCLIP's.
    ///
    /// `rounding` tells open_clip (`halfToEven`) from transformers (`floor`).
    public static func clip(size: Int = 224, rounding: CropRounding = .halfToEven) -> ImagePreprocessing {
        ImagePreprocessing(
            size: size, filter: .bicubic, rounding: rounding, mean: [0.48145466, 0.4578275, 0.40821073],
            standardDeviation: [0.26862954, 0.26130258, 0.27577711])
    }

    /// LLaVA's (diffusion.md 10.3): as CLIP's, of the whole picture in a square (`pads`, the original), or of its middle
    /// (transformers' processor).
    public static func llava(size: Int = 336, pads: Bool = true) -> ImagePreprocessing {
        var preprocessing = ImagePreprocessing.clip(size: size, rounding: .floor)
        preprocessing.padsToSquare = pads
        return preprocessing
    }

    /// VideoMAE's: the statistics of ImageNet.
    public static func videoMAE(size: Int = 224) -> ImagePreprocessing {
        ImagePreprocessing(
            size: size, filter: .bilinear, rounding: .floor, mean: [0.485, 0.456, 0.406],
            standardDeviation: [0.229, 0.224, 0.225])
    }

    /// Pictures as the encoder takes them: `[n, size, size, 3]`, channels last.
    public func callAsFunction(_ frames: Frames) -> Tensor {
        let square = cropped(frames)
        // One table of 256 values per channel: the same for every pixel of that value.
        let tables = zip(mean, standardDeviation).map { mean, deviation in
            (0..<256).map { (Float($0) / 255 - Float(mean)) / Float(deviation) }
        }
        let (red, green, blue) = (tables[0], tables[1], tables[2])
        return Tensor(
            [frames.count, size, size, 3],
            initialising: { target in
                square.bytes.withUnsafeBufferPointer { source in
                    for pixel in 0..<source.count / 3 {
                        target[3 * pixel] = red[Int(source[3 * pixel])]
                        target[3 * pixel + 1] = green[Int(source[3 * pixel + 1])]
                        target[3 * pixel + 2] = blue[Int(source[3 * pixel + 2])]
                    }
                }
            })
    }

    /// Resized and cropped, not yet normalised.
    func cropped(_ frames: Frames) -> Frames {
        // The original cuts the mean colour to whole numbers.
        let frames = padsToSquare ? frames.padded(with: mean.map { UInt8($0 * 255) }) : frames
        // The long edge is cut to a whole number, not rounded.
        let height = frames.height <= frames.width ? size : size * frames.height / frames.width
        let width = frames.width <= frames.height ? size : size * frames.width / frames.height
        return frames.centre(
            height: size, width: size, ofHeight: height, width: width, filter: filter, rounding: rounding)
    }
}
