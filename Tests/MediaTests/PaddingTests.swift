import Testing

@testable import Media

@Suite struct PaddingTests {
    @Test func `LLaVA's pictures are the whole ones in a square of the mean colour, or their middles`() {
        // Two rows of three: one row of ground goes below, as half of one row is none.
        let bytes = (0..<18).map { UInt8($0 * 10) }
        let wide = Frames(count: 1, height: 2, width: 3, bytes: bytes)
        let whole = ImagePreprocessing.llava(size: 3)
        let below: [UInt8] = [122, 116, 104, 122, 116, 104, 122, 116, 104]
        #expect(whole.cropped(wide).bytes == bytes + below)
        let tall = Frames(count: 1, height: 3, width: 1, bytes: Array(bytes.prefix(9)))
        let ground: [UInt8] = [122, 116, 104]
        var rows: [UInt8] = []
        for row in 0..<3 {
            rows += ground
            rows += bytes[row * 3..<row * 3 + 3]
            rows += ground
        }
        #expect(whole.cropped(tall).bytes == rows)
        let middle = ImagePreprocessing.llava(size: 2, pads: false)
        #expect(middle.cropped(wide) == ImagePreprocessing.clip(size: 2, rounding: .floor).cropped(wide))
        let left: [UInt8] = Array(bytes[0..<6]) + Array(bytes[9..<15])
        #expect(middle.cropped(wide).bytes == left)
    }
}
