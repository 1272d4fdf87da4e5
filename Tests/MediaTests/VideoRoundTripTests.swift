import Foundation
import Media
import Testing

@Suite("writing and reading video")
struct VideoRoundTripTests {
    /// A disc on a gradient that moves with the frame.
    static func movie(frames: Int, height: Int, width: Int) -> Frames {
        var bytes: [UInt8] = []
        for f in 0..<frames {
            for y in 0..<height {
                for x in 0..<width {
                    let (dx, dy) = (x - (f * 3 + 8), y - height / 2)
                    let isDisc = dx * dx + dy * dy < 49
                    bytes.append(isDisc ? 220 : UInt8(x * 200 / width))
                    bytes.append(isDisc ? 40 : UInt8(y * 200 / height))
                    bytes.append(isDisc ? 30 : 90)
                }
            }
        }
        return Frames(count: frames, height: height, width: width, bytes: bytes)
    }

    private func difference(_ a: Frames, _ b: Frames) -> Double {
        zip(a.bytes, b.bytes).reduce(0.0) { $0 + abs(Double($1.0) - Double($1.1)) } / Double(a.bytes.count)
    }

    @Test("an mp4 gives back its frames, nearly unchanged, at their times", arguments: [1.0, 8, 24_000.0 / 1001, 60])
    func roundTrip(_ rate: Double) throws {
        try withFolder { folder in
            let url = folder.appending(path: "a b:c%.mp4")
            let movie = VideoRoundTripTests.movie(frames: 9, height: 40, width: 64)
            try VideoWriter.write(movie, framesPerSecond: rate, to: url)
            let read = try VideoReader.sample(url, FrameSampling())
            #expect(read.frames.shape == movie.shape)
            #expect(difference(read.frames, movie) < 3)
            #expect(abs(read.framesPerSecond - rate) < rate * 1e-3)
            for (index, time) in read.times.enumerated() { #expect(abs(time - Double(index) / rate) < 1e-3) }
            #expect(!read.damage.isDamaged)
        }
    }

    @Test("equal frames give equal bytes, and no date or version is in them")
    func determinism() throws {
        try withFolder { folder in
            let movie = VideoRoundTripTests.movie(frames: 5, height: 32, width: 48)
            // Many, and beside the other tests: one pair in five differed before the encoder was told to be exact.
            let urls = (0..<12).map { folder.appending(path: "\($0).mp4") }
            for url in urls { try VideoWriter.write(movie, framesPerSecond: 8, to: url) }
            let first = try Data(contentsOf: urls[0])
            for url in urls { #expect(try first == Data(contentsOf: url)) }
            #expect(first.range(of: Data("Lavf".utf8)) == nil)
        }
    }

    @Test("one frame is a video too")
    func single() throws {
        try withFolder { folder in
            let url = folder.appending(path: "one.mp4")
            let movie = VideoRoundTripTests.movie(frames: 1, height: 16, width: 16)
            try VideoWriter.write(movie, framesPerSecond: 8, to: url)
            #expect(try VideoReader.sample(url, FrameSampling(count: 1, framesPerSecond: 8)).frames.count == 1)
        }
    }

    @Test("a sample takes the frame on show at each time, and stops when it has enough")
    func sampling() throws {
        try withFolder { folder in
            let url = folder.appending(path: "a.mp4")
            try VideoWriter.write(
                VideoRoundTripTests.movie(frames: 24, height: 16, width: 64), framesPerSecond: 24, to: url)
            func times(_ sampling: FrameSampling) throws -> [Int] {
                try VideoReader.sample(url, sampling).times.map { Int(($0 * 24).rounded()) }
            }
            #expect(try times(FrameSampling(count: 8, framesPerSecond: 8)) == [0, 3, 6, 9, 12, 15, 18, 21])
            #expect(try times(FrameSampling(count: 4, framesPerSecond: 10)) == [0, 2, 4, 7])
            #expect(try times(FrameSampling(count: 3, framesPerSecond: 48, start: 0.5)) == [12, 12, 13])
            #expect(try times(FrameSampling(count: 3, start: 0.25)) == [6, 7, 8])
            #expect(try times(FrameSampling(framesPerSecond: 4)) == [0, 6, 12, 18])
            #expect(try times(FrameSampling()).count == 24)
            let short = #expect(throws: MediaError.self) { try times(FrameSampling(count: 9, framesPerSecond: 8)) }
            #expect(
                short?.description
                    == "\(url.path(percentEncoded: false)): too short: 1.125 s needed, it shows 24 frames in 1.0 s")
            #expect(throws: MediaError.self) { try times(FrameSampling(count: 1, framesPerSecond: 8, start: 1.5)) }
        }
    }

    @Test("a survey agrees with what a sample finds, without decoding all")
    func survey() throws {
        try withFolder { folder in
            let url = folder.appending(path: "a.mp4")
            try VideoWriter.write(
                VideoRoundTripTests.movie(frames: 24, height: 16, width: 64), framesPerSecond: 24, to: url)
            let survey = try VideoSurvey(url, for: FrameSampling(count: 8, framesPerSecond: 8))
            #expect(survey.frames == 24 && abs(survey.duration - 1) < 1e-3)
            #expect(survey.information.width == 64 && survey.information.height == 16)
            for sampling in [
                FrameSampling(count: 9, framesPerSecond: 8), FrameSampling(count: 25),
                FrameSampling(count: 3, start: 1),
            ] {
                #expect(throws: MediaError.self) { try VideoSurvey(url, for: sampling) }
                #expect(throws: MediaError.self) { try VideoReader.sample(url, sampling) }
            }
        }
    }

    @Test("frames that mp4 cannot hold are refused")
    func refused() throws {
        try withFolder { folder in
            let url = folder.appending(path: "a.mp4")
            let odd = VideoRoundTripTests.movie(frames: 1, height: 15, width: 16)
            #expect(throws: MediaError.self) { try VideoWriter.write(odd, framesPerSecond: 8, to: url) }
            let even = VideoRoundTripTests.movie(frames: 1, height: 16, width: 16)
            for rate in [0, -1, .nan, .infinity] {
                #expect(throws: MediaError.self) { try VideoWriter.write(even, framesPerSecond: rate, to: url) }
            }
            #expect(throws: MediaError.self) {
                try VideoWriter.write(even, framesPerSecond: 8, to: folder.appending(path: "no/x.mp4"))
            }
        }
    }

    @Test("a PNG gives back its picture exactly")
    func png() throws {
        try withFolder { folder in
            let movie = VideoRoundTripTests.movie(frames: 3, height: 17, width: 23)
            let url = folder.appending(path: "a.png")
            try PNG.write(movie, index: 2, to: url)
            #expect(try Frames(contentsOf: url) == movie[2])
            #expect(try Data(PNG.encode(movie, index: 2)) == Data(contentsOf: url))
            let reader = try VideoReader(url)
            #expect(reader.information.isStill)
            #expect(try VideoReader.sample(url, FrameSampling(count: 1, framesPerSecond: 8)).frames == movie[2])
            #expect(throws: MediaError.self) {
                try VideoReader.sample(url, FrameSampling(count: 2, framesPerSecond: 8))
            }
        }
    }
}

/// A folder for one test, gone afterwards.
func withFolder(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "media-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
}
