import Media
import Tensors
import Testing

/// Golden numbers of diffusion.md 12.10, from Pillow, open_clip and transformers.
@Suite("resizing and preprocessing")
struct ResamplingTests {
    /// p(y, x, c) = (7x + 13y + 53c + 5 ((x y) mod 11)) mod 256.
    static func synthetic(height: Int, width: Int) -> Frames {
        var bytes: [UInt8] = []
        for y in 0..<height {
            for x in 0..<width {
                for c in 0..<3 { bytes.append(UInt8((7 * x + 13 * y + 53 * c + 5 * ((x * y) % 11)) % 256)) }
            }
        }
        return Frames(count: 1, height: height, width: width, bytes: bytes)
    }

    private func pixel(_ frames: Frames, _ y: Int, _ x: Int) -> [UInt8] {
        let start = (y * frames.width + x) * 3
        return Array(frames.bytes[start..<start + 3])
    }

    private func sum(_ frames: Frames) -> Int { frames.bytes.reduce(0) { $0 + Int($1) } }

    @Test("320 x 576 shrinks to 224 x 403 as in Pillow, to the last bit")
    func shrinking() {
        let image = ResamplingTests.synthetic(height: 320, width: 576)
        #expect(sum(image) == 70_502_663)
        let bicubic = image.resized(height: 224, width: 403, filter: .bicubic)
        #expect(sum(bicubic) == 34_528_622)
        #expect(pixel(bicubic, 0, 0) == [6, 59, 112])
        #expect(pixel(bicubic, 100, 200) == [15, 78, 131])
        #expect(pixel(bicubic, 223, 402) == [152, 41, 94])
        let bilinear = image.resized(height: 224, width: 403, filter: .bilinear)
        #expect(sum(bilinear) == 34_539_854)
        #expect(pixel(bilinear, 0, 0) == [7, 60, 113])
        #expect(pixel(bilinear, 100, 200) == [26, 79, 132])
        #expect(pixel(bilinear, 223, 402) == [155, 41, 94])
    }

    @Test("a picture of 6 x 9 shrinks and grows as in Pillow")
    func tiny() {
        let image = ResamplingTests.synthetic(height: 6, width: 9)
        func red(_ frames: Frames) -> [[UInt8]] {
            (0..<frames.height).map { y in (0..<frames.width).map { pixel(frames, y, $0)[0] } }
        }
        #expect(
            red(image.resized(height: 4, width: 6, filter: .bicubic)) == [
                [6, 18, 31, 44, 59, 72], [27, 49, 74, 92, 87, 105], [49, 84, 91, 100, 118, 128],
                [71, 111, 109, 126, 128, 148],
            ])
        #expect(
            red(image.resized(height: 4, width: 6, filter: .bilinear)) == [
                [9, 20, 34, 47, 61, 73], [29, 51, 73, 89, 89, 104], [50, 81, 90, 101, 115, 126],
                [71, 108, 108, 124, 129, 146],
            ])
        #expect(
            red(image.resized(height: 8, width: 13, filter: .bicubic))[0]
                == [0, 2, 8, 12, 17, 21, 26, 31, 36, 41, 45, 50, 53])
    }

    @Test("each of several pictures is resized by itself, and an equal size changes nothing")
    func several() {
        let image = ResamplingTests.synthetic(height: 20, width: 30)
        let turned = Frames(count: 1, height: 20, width: 30, bytes: image.bytes.reversed())
        let both = Frames(joining: [image, turned]).resized(height: 9, width: 17, filter: .bicubic)
        #expect(both[0] == image.resized(height: 9, width: 17, filter: .bicubic))
        #expect(both[1] == turned.resized(height: 9, width: 17, filter: .bicubic))
        #expect(image.resized(height: 20, width: 30, filter: .bicubic) == image)
        let flat = Frames(count: 1, height: 5, width: 7, bytes: Array(repeating: 200, count: 105))
        #expect(flat.resized(height: 64, width: 1, filter: .bicubic).bytes.allSatisfy { $0 == 200 })
    }

    @Test("CLIP's pixels are those of open_clip, or of transformers with the other rounding")
    func clip() {
        let image = ResamplingTests.synthetic(height: 320, width: 576)
        let openCLIP = ImagePreprocessing.clip(rounding: .halfToEven)(image)
        #expect(openCLIP.shape == [1, 224, 224, 3])
        expect(openCLIP, mean: 0.187556)
        expect(openCLIP, at: 0, [0.3975, 1.36952, 1.03673])
        expect(openCLIP, at: 100, [0.98144, 1.11439, -0.93986])
        let transformers = ImagePreprocessing.clip(rounding: .floor)(image)
        expect(transformers, mean: 0.187566)
        expect(transformers, at: 0, [0.22232, 1.11439, 0.83765])
        expect(transformers, at: 100, [0.80626, 0.82924, -1.08206])
    }

    @Test("VideoMAE's pixels are bilinear and normalised by ImageNet")
    func videoMAE() {
        let image = ResamplingTests.synthetic(height: 320, width: 576)
        expect(ImagePreprocessing.videoMAE()(image), at: 100, [0.96455, 1.06303, -1.28157])
    }

    @Test("the long edge is cut to a whole number, upright pictures included")
    func orientation() {
        let upright = ResamplingTests.synthetic(height: 50, width: 21)
        #expect(ImagePreprocessing.clip(size: 16)(upright).shape == [1, 16, 16, 3])
        #expect(ImagePreprocessing.clip(size: 64)(upright).shape == [1, 64, 64, 3])
    }

    @Test("a crop takes the middle; an odd rest goes by the rounding that was asked for")
    func cropping() {
        let image = ResamplingTests.synthetic(height: 4, width: 183)
        func centre(_ width: Int, _ rounding: CropRounding) -> Frames {
            image.covering(height: 4, width: width, rounding: rounding)
        }
        #expect(centre(4, .floor) == image.cropped(top: 0, left: 89, height: 4, width: 4))
        #expect(centre(4, .halfToEven) == image.cropped(top: 0, left: 90, height: 4, width: 4))
        #expect(centre(6, .halfToEven) == image.cropped(top: 0, left: 88, height: 4, width: 6))
    }

    @Test("covering is resizing and then cropping, and a strip of one row costs no more than what is kept")
    func window() {
        let image = Frames(
            joining: [40, 41].map { ResamplingTests.synthetic(height: 23, width: $0).covering(height: 23, width: 37) })
        for (height, width) in [(10, 12), (50, 30), (23, 9), (64, 200)] {
            let byHeight = height * 37 >= width * 23
            let whole = image.resized(
                height: byHeight ? height : (23 * width + 18) / 37, width: byHeight ? (37 * height + 11) / 23 : width,
                filter: .bilinear)
            let cropped = whole.cropped(
                top: (whole.height - height) / 2, left: (whole.width - width) / 2, height: height, width: width)
            #expect(image.covering(height: height, width: width) == cropped)
        }
        for (height, width) in [(1, 300_000), (300_000, 1)] {
            let strip = Frames(
                count: 1, height: height, width: width, bytes: Array(repeating: 77, count: 3 * height * width))
            #expect(strip.covering(height: 32, width: 64).bytes.allSatisfy { $0 == 77 })
            #expect(ImagePreprocessing.clip(size: 32)(strip).shape == [1, 32, 32, 3])
        }
    }

    @Test("covering keeps proportions and fills the size", arguments: [(64, 40), (40, 64), (33, 32), (1, 7), (100, 3)])
    func covering(_ width: Int, _ height: Int) {
        for (sourceWidth, sourceHeight) in [(576, 320), (320, 576), (7, 7), (1, 30)] {
            // A picture with one colour to the left and another to the right keeps its middle line in the middle.
            var bytes: [UInt8] = []
            for _ in 0..<sourceHeight {
                for x in 0..<sourceWidth {
                    bytes.append(contentsOf: Array(repeating: 2 * x + 1 < sourceWidth ? 0 : 255, count: 3))
                }
            }
            let image = Frames(count: 1, height: sourceHeight, width: sourceWidth, bytes: bytes)
            let covered = image.covering(height: height, width: width)
            #expect(covered.shape == [1, height, width, 3])
            guard width >= 8, sourceWidth >= 7 else { continue }
            #expect(pixel(covered, height / 2, 0)[0] < 128 && pixel(covered, height / 2, width - 1)[0] > 127)
        }
    }

    private func expect(_ tensor: Tensor, mean: Double) {
        let values = tensor.values
        #expect(abs(values.reduce(0.0) { $0 + Double($1) } / Double(values.count) - mean) < 1e-6)
    }

    private func expect(_ tensor: Tensor, at position: Int, _ channels: [Float]) {
        let start = (position * tensor.shape[2] + position) * 3
        for (value, golden) in zip(tensor.values[start..<start + 3], channels) { #expect(abs(value - golden) < 6e-6) }
    }
}
