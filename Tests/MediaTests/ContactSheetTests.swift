import Foundation
import Tensors
import Testing

@testable import Media

@Suite("contact sheets and enlarged pictures")
struct ContactSheetTests {
    /// One row of pixels, each channel of a pixel the same number.
    private func row(_ values: [[UInt8]]) -> Frames {
        Frames(
            count: values.count, height: 1, width: values[0].count,
            bytes: values.flatMap { $0.flatMap { [$0, $0, $0] } })
    }

    /// The red channel, row by row.
    private func red(_ frames: Frames) -> [[UInt8]] {
        (0..<frames.count * frames.height).map { y in
            (0..<frames.width).map { frames.bytes[(y * frames.width + $0) * 3] }
        }
    }

    @Test func `a row for each video, its frames side by side, two white lines between rows`() {
        let sheet = ContactSheet.drawn([row([[1, 2], [3, 4]]), row([[5, 6], [7, 8]])], scale: 1)
        let white: [UInt8] = [255, 255, 255, 255]
        #expect(sheet.count == 1 && red(sheet) == [[1, 2, 3, 4], white, white, [5, 6, 7, 8]])
    }

    @Test func `videos beside one another; what is left of the last row is white`() {
        let videos = [row([[1], [2]]), row([[3], [4]]), row([[5], [6]])]
        let sheet = ContactSheet.drawn(videos, columns: 2, scale: 1)
        let white = [UInt8](repeating: 255, count: 6)
        #expect(red(sheet) == [[1, 2, 255, 255, 3, 4], white, white, [5, 6, 255, 255, 255, 255]])
        // More columns than videos, and one video of one frame.
        #expect(red(ContactSheet.drawn([row([[9]])], columns: 1, scale: 1)) == [[9]])
        #expect(ContactSheet.drawn([row([[9]])], columns: 3, scale: 1).width == 7)
    }

    @Test func `every pixel becomes a square, picture by picture`() {
        let frames = Frames(count: 2, height: 1, width: 2, bytes: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
        let large = frames.enlarged(2)
        #expect(large.shape == [2, 2, 4, 3])
        let first: [UInt8] = [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6]
        let second: [UInt8] = [7, 8, 9, 7, 8, 9, 10, 11, 12, 10, 11, 12]
        #expect(large.bytes == first + first + second + second)
        #expect(frames.enlarged(1) == frames)
        let sheet = ContactSheet.drawn([row([[1, 2]])])
        #expect(red(sheet) == [[1, 1, 2, 2], [1, 1, 2, 2]])
    }

    @Test func `a sheet that would be too large is scaled less, then thinned`() {
        let video = row([[1, 2, 3, 4], [5, 6, 7, 8]])
        func sheet(_ most: Int) -> Frames { ContactSheet.drawn([video], columns: 1, scale: 3, mostPixels: most) }
        #expect(sheet(72).shape == [1, 3, 24, 3])
        #expect(sheet(71).shape == [1, 2, 16, 3])
        #expect(red(sheet(8)) == [[1, 2, 3, 4, 5, 6, 7, 8]])
        #expect(red(sheet(7)) == [[1, 3, 5, 7]])
    }

    @Test func `a sheet is written as a PNG`() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "sheet-\(UUID().uuidString).png")
        defer { try? FileManager.default.removeItem(at: file) }
        let videos = [row([[10, 20], [30, 40]]), row([[50, 60], [70, 80]])]
        try ContactSheet.write(videos, columns: 2, scale: 2, to: file)
        #expect(try Frames(contentsOf: file) == ContactSheet.drawn(videos, columns: 2, scale: 2))
    }

    @Test func `numbers become bytes: clamped, rounded, and grey where they are none`() {
        let pixels = Tensor([1, 1, 3, 3], [-1, 0, 1, -2, 2, 0.5, .nan, .infinity, -.infinity])
        #expect(Frames(normalised: pixels).bytes == [0, 128, 255, 0, 255, 191, 128, 255, 0])
    }
}
