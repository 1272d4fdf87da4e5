import Foundation
import Media
import Testing

@Suite("Perceptual hashes of frames, and words in containers")
struct FrameHashTests {
    /// A picture of 16 x 16 fields, so that no frequency of the hash is absent and left to rounding, whose brightness a number decides.
    private func picture(_ size: Int, _ number: Int, brighter: Int = 0) -> Frames {
        var bytes: [UInt8] = []
        for y in 0..<size {
            for x in 0..<size {
                let field = UInt64(y * 16 / size * 16 + x * 16 / size + 256 * number)
                // The finaliser of splitmix64: neighbouring numbers have nothing in common.
                let mixed = (field &+ 1) &* 0x9E37_79B9_7F4A_7C15
                let value = Int((mixed ^ mixed >> 31) % 180) + 20 + brighter
                bytes += [value, value * 4 / 5, 255 - value].map { UInt8(min(max($0, 0), 255)) }
            }
        }
        return Frames(count: 1, height: size, width: size, bytes: bytes)
    }

    @Test("the bits are those of the formula, term by term")
    func formula() {
        let picture = picture(32, 1)
        var low: [Double] = []
        for v in 1...8 {
            for u in 1...8 {
                var sum = 0.0
                for y in 0..<32 {
                    for x in 0..<32 {
                        let pixel = picture.bytes[(y * 32 + x) * 3..<(y * 32 + x) * 3 + 3].map(Double.init)
                        let brightness = 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]
                        sum +=
                            brightness * cos(.pi * Double((2 * x + 1) * u) / 64)
                            * cos(.pi * Double((2 * y + 1) * v) / 64)
                    }
                }
                low.append(sum)
            }
        }
        let sorted = low.sorted()
        let median = (sorted[31] + sorted[32]) / 2
        let wanted = low.reduce(UInt64(0)) { $0 << 1 | ($1 > median ? 1 : 0) }
        #expect(FrameHash(picture).distance(to: FrameHash(bits: wanted)) <= 1, "rounding may turn a bit at the median")
    }

    @Test("size and brightness make little difference, another picture much")
    func distances() {
        let hash = FrameHash(picture(64, 1))
        #expect(hash.distance(to: FrameHash(picture(160, 1))) <= 4)
        #expect(hash.distance(to: FrameHash(picture(64, 1, brighter: 20))) <= 6)
        #expect(hash.distance(to: FrameHash(picture(64, 2))) > 16)
    }

    @Test("the hashes of a video are those of its moments, whatever its frame rate")
    func moments() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "hashes-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let frames = Frames(
            joining: (0..<8).map { picture(64, $0) })
        let (slow, doubled) = (folder.appending(path: "slow.mp4"), folder.appending(path: "doubled.mp4"))
        try VideoWriter.write(frames, framesPerSecond: 4, to: slow)
        try VideoWriter.write(frames.picking((0..<16).map { $0 / 2 }), framesPerSecond: 8, to: doubled)
        let hashes = try VideoReader.hashes(of: slow)
        #expect(hashes.count == 8 && Set(hashes).count == 8)
        for (index, hash) in hashes.enumerated() { #expect(hash.distance(to: FrameHash(frames, index: index)) <= 4) }
        for (one, other) in zip(hashes, try VideoReader.hashes(of: doubled)) { #expect(one.distance(to: other) <= 4) }
    }

    @Test("a copy with words has them, the same packets, and the same bytes each time")
    func tags() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tags-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let plain = folder.appending(path: "plain.mp4")
        let frames = Frames(joining: (0..<12).map { picture(64, $0) })
        try VideoWriter.write(frames, framesPerSecond: 6, to: plain)
        let words = [
            "title": "A \"cat\" <jumps> – ein Känguru 🦘", "comment": "one line",
            "synopsis": String(repeating: "{\"k\": 1}\n", count: 3000),
        ]
        let copies = try ["a.mp4", "b.mp4"].map { name in
            let url = folder.appending(path: name)
            try VideoTags.copy(plain, to: url, tags: words)
            return url
        }
        #expect(try Data(contentsOf: copies[0]) == Data(contentsOf: copies[1]))
        let read = try VideoTags.read(copies[0])
        for (name, text) in words { #expect(read[name] == text) }
        #expect(try VideoTags.read(plain)["title"] == nil)
        let packets = try packets(plain)
        #expect(packets.count == 12)
        #expect(try packets == self.packets(copies[0]))
        let (before, after) = (
            try VideoReader.sample(plain, FrameSampling()), try VideoReader.sample(copies[0], FrameSampling())
        )
        #expect(before.frames == after.frames && before.times == after.times)
        #expect(before.indices == Array(0..<12))
        #expect(try VideoReader.sample(plain, FrameSampling(count: 4, framesPerSecond: 3)).indices == [0, 2, 4, 6])
        #expect(throws: MediaError.self) {
            try VideoTags.copy(plain, to: folder.appending(path: "none/x.mp4"), tags: [:])
        }
    }

    private func packets(_ url: URL) throws -> [Data] {
        var packets: [Data] = []
        try VideoPackets.forEach(in: url) { packets.append(Data($0)) }
        return packets
    }
}
