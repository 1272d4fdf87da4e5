import Foundation
import Media
import Testing

/// What real and broken files do; ffmpeg makes them on the fly.
@Suite("odd and broken video files", .enabled(if: FFmpeg.path != nil, "no ffmpeg to make the files with"))
struct HostileFilesTests {
    @Test("containers with late starts, without counts or without times give the same frames")
    func containers() throws {
        try withFolder { folder in
            try FFmpeg.run(FFmpeg.moving, "-c:v libx264 -g 12 -bf 2 plain.mp4", in: folder)
            try FFmpeg.run("-i plain.mp4 -c copy -output_ts_offset 10 late.mp4", in: folder)
            try FFmpeg.run("-i plain.mp4 -c copy -movflags frag_keyframe+empty_moov fragments.mp4", in: folder)
            try FFmpeg.run("-i plain.mp4 -c copy transport.ts", in: folder)
            try FFmpeg.run("-i plain.mp4 -c copy matroska.mkv", in: folder)
            try FFmpeg.run("-i plain.mp4 -c copy -f h264 raw.h264", in: folder)
            let sampling = FrameSampling(count: 16, framesPerSecond: 8)
            let plain = try VideoReader.sample(folder.appending(path: "plain.mp4"), sampling)
            #expect(Set((0..<16).map { plain.frames[$0].bytes }).count == 16)
            for name in ["late.mp4", "fragments.mp4", "transport.ts", "matroska.mkv"] {
                let other = try VideoReader.sample(folder.appending(path: name), sampling)
                #expect(other.frames == plain.frames, "\(name)")
                #expect(!other.damage.isDamaged, "\(name)")
                #expect(try VideoSurvey(folder.appending(path: name), for: sampling).duration > 1.9, "\(name)")
            }
            #expect(try VideoReader.sample(folder.appending(path: "raw.h264"), FrameSampling()).frames.count == 48)
        }
    }

    @Test("variable rates are sampled by time, not by number")
    func variableRate() throws {
        try withFolder { folder in
            // The first second at 24 frames, of the second one only every sixth frame.
            try FFmpeg.run(
                FFmpeg.moving, "-vf select='lt(t,1)+not(mod(n,6))' -fps_mode vfr -c:v libx264 a.mp4", in: folder)
            let sample = try VideoReader.sample(
                folder.appending(path: "a.mp4"), FrameSampling(count: 8, framesPerSecond: 4))
            #expect(sample.times.map { ($0 * 100).rounded() / 100 } == [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75])
        }
    }

    @Test("frames before an edit list's start are not shown, and not called missing")
    func editList() throws {
        try withFolder { folder in
            try FFmpeg.run(FFmpeg.moving, "-c:v libx264 -g 48 a.mp4", in: folder)
            try FFmpeg.run("-ss 1 -i a.mp4 -c copy b.mp4", in: folder)
            let all = try VideoReader.sample(folder.appending(path: "a.mp4"), FrameSampling())
            let cut = try VideoReader.sample(folder.appending(path: "b.mp4"), FrameSampling())
            #expect(cut.frames.count == 24 && !cut.damage.isDamaged)
            #expect(cut.frames[0] == all.frames[24])
        }
    }

    @Test("pictures are turned as the file asks", arguments: [90, 180, 270])
    func rotation(_ degrees: Int) throws {
        try withFolder { folder in
            try FFmpeg.run(FFmpeg.corners, "-c:v libx264 a.mp4", in: folder)
            try FFmpeg.run("-i a.mp4 -c copy -metadata:s:v rotate=\(degrees) b.mp4", in: folder)
            // ffmpeg's own idea of how it looks.
            try FFmpeg.run("-i b.mp4 -frames:v 1 b.png", in: folder)
            let reader = try VideoReader(folder.appending(path: "b.mp4"))
            #expect((reader.information.width, reader.information.height) == (degrees == 180 ? (64, 48) : (48, 64)))
            let picture = try Frames(contentsOf: folder.appending(path: "b.mp4"))
            let reference = try Frames(contentsOf: folder.appending(path: "b.png"))
            #expect(picture.shape == reference.shape)
            #expect(corners(picture) == corners(reference))
            #expect(corners(picture) != ["red", "green", "blue", "white"])
        }
    }

    @Test("pixels that are not square are made so")
    func aspect() throws {
        try withFolder { folder in
            try FFmpeg.run(FFmpeg.corners, "-vf setsar=2/1 -c:v libx264 wide.mp4", in: folder)
            try FFmpeg.run(FFmpeg.corners, "-vf setsar=1/2 -c:v libx264 tall.mp4", in: folder)
            for (name, width, height) in [("wide.mp4", 128, 48), ("tall.mp4", 64, 96)] {
                let picture = try Frames(contentsOf: folder.appending(path: name))
                #expect(picture.shape == [1, height, width, 3])
                #expect(corners(picture) == ["red", "green", "blue", "white"])
            }
        }
    }

    @Test(
        "every pixel format shows the same colours",
        arguments: [
            "-pix_fmt yuv420p -c:v libx264", "-pix_fmt yuvj420p -c:v libx264", "-pix_fmt yuv444p -c:v libx264",
            "-pix_fmt yuv420p10le -c:v libx264", "-pix_fmt yuv422p -c:v libx264 -flags +ildct+ilme",
            "-vf scale=out_color_matrix=bt709:out_range=tv -colorspace bt709 -pix_fmt yuv420p -c:v libx264",
            "-vf scale=out_color_matrix=bt2020nc -colorspace bt2020nc -pix_fmt yuv420p10le -c:v libx264",
            "-pix_fmt rgb24 -c:v ffv1", "-pix_fmt yuva420p -c:v ffv1", "-pix_fmt pal8 -c:v png",
        ])
    func pixelFormats(_ options: String) throws {
        try withFolder { folder in
            try FFmpeg.run(FFmpeg.corners, options, "a.mkv", in: folder)
            #expect(
                try corners(Frames(contentsOf: folder.appending(path: "a.mkv"))) == ["red", "green", "blue", "white"])
        }
    }

    @Test("odd sizes and gray pictures are read")
    func oddSizes() throws {
        try withFolder { folder in
            try FFmpeg.run(
                "-f lavfi -i color=gray:s=66x34:r=8:d=1 -vf scale=33:17 -pix_fmt yuv444p -c:v libx264 odd.mp4",
                in: folder)
            #expect(try Frames(contentsOf: folder.appending(path: "odd.mp4")).shape == [1, 17, 33, 3])
            try FFmpeg.run("-f lavfi -i color=gray:s=32x16:r=8:d=1 -pix_fmt gray -c:v ffv1 gray.mkv", in: folder)
            let gray = try Frames(contentsOf: folder.appending(path: "gray.mkv"))
            #expect(gray.bytes.allSatisfy { abs(Int($0) - 128) < 4 })
        }
    }

    @Test("a size that changes in the middle is followed")
    func sizeChange() throws {
        try withFolder { folder in
            try FFmpeg.run("-f lavfi -i color=red:s=64x48:r=8:d=1 -c:v libx264 a.ts", in: folder)
            try FFmpeg.run("-f lavfi -i color=red:s=96x48:r=8:d=1 -c:v libx264 -output_ts_offset 1 b.ts", in: folder)
            let joined = folder.appending(path: "c.ts")
            let parts = try ["a.ts", "b.ts"].map { try Data(contentsOf: folder.appending(path: $0)) }
            try (parts[0] + parts[1]).write(to: joined)
            let all = try VideoReader.sample(joined, FrameSampling())
            #expect(all.frames.shape == [16, 48, 64, 3])
            let covered = try VideoReader.sample(joined, FrameSampling()) { $0.covering(height: 32, width: 32) }
            #expect(covered.frames.shape == [16, 32, 32, 3])
        }
    }

    @Test("a truncated file gives what is there and says how much is missing")
    func truncated() throws {
        try withFolder { folder in
            try FFmpeg.run(FFmpeg.moving, "-c:v libx264 -g 12 -movflags +faststart a.mp4", in: folder)
            let url = folder.appending(path: "cut.mp4")
            let whole = try Data(contentsOf: folder.appending(path: "a.mp4"))
            try whole.prefix(whole.count * 6 / 10).write(to: url)
            let sample = try VideoReader.sample(url, FrameSampling())
            #expect((5..<47).contains(sample.frames.count))
            #expect(sample.damage.missing == 48 - sample.damage.decoded && sample.damage.isDamaged)
            #expect(throws: MediaError.self) {
                try VideoReader.sample(url, FrameSampling(count: 16, framesPerSecond: 8))
            }
            #expect(throws: MediaError.self) { try VideoSurvey(url, for: FrameSampling(count: 16, framesPerSecond: 8)) }
            try whole.prefix(200).write(to: url)
            #expect(throws: MediaError.self) { try VideoReader.sample(url, FrameSampling()) }
        }
    }

    @Test("bytes that are wrong are counted, never a crash")
    func corrupt() throws {
        try withFolder { folder in
            try FFmpeg.run(FFmpeg.moving, "-c:v mpeg4 -q:v 3 -movflags +faststart a.mp4", in: folder)
            let whole = try Data(contentsOf: folder.appending(path: "a.mp4"))
            var damaged = 0
            for seed in 0..<20 {
                var bytes = whole
                var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1
                for _ in 0..<40 {
                    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    // Beyond the header for the first ten, anywhere for the others.
                    let lowest = seed < 10 ? whole.count / 3 : 0
                    bytes[lowest + Int(state >> 33) % (whole.count - lowest)] = UInt8(truncatingIfNeeded: state >> 20)
                }
                let url = folder.appending(path: "x.mp4")
                try bytes.write(to: url)
                do {
                    if try VideoReader.sample(url, FrameSampling()).damage.isDamaged { damaged += 1 }
                } catch let error as MediaError {
                    #expect(error.description.contains(url.path(percentEncoded: false)))
                    damaged += 1
                }
            }
            #expect(damaged > 8)
        }
    }

    @Test("sound, with or without a cover picture, is no video")
    func sound() throws {
        try withFolder { folder in
            try FFmpeg.run("-f lavfi -i color=red:s=64x64:d=1 -frames:v 1 cover.png", in: folder)
            try FFmpeg.run("-f lavfi -i sine=d=1 -c:a aac plain.m4a", in: folder)
            try FFmpeg.run(
                "-f lavfi -i sine=d=1 -i cover.png -map 0 -map 1 -c:a aac -c:v copy -disposition:v attached_pic cover.m4a",
                in: folder)
            let plain = #expect(throws: MediaError.self) {
                try VideoReader(folder.appending(path: "plain.m4a")).close()
            }
            #expect(plain?.description.hasSuffix("has no video stream, only sound") == true)
            let cover = #expect(throws: MediaError.self) {
                try VideoReader(folder.appending(path: "cover.m4a")).close()
            }
            #expect(cover?.description.hasSuffix("has no video, only sound and a cover picture") == true)
        }
    }

    @Test("playlists do not make other files open")
    func playlists() throws {
        try withFolder { folder in
            try FFmpeg.run(FFmpeg.corners, "-c:v libx264 secret.mp4", in: folder)
            try FFmpeg.run(FFmpeg.corners, "-c:v libx264 secret.ts", in: folder)
            let secret = folder.appending(path: "secret").path(percentEncoded: false)
            for (name, text) in [
                ("list.mp4", "ffconcat version 1.0\nfile 'secret.mp4'\n"),
                ("list.ffconcat", "ffconcat version 1.0\nfile '\(secret).mp4'\n"),
                ("hls.mp4", "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nsecret.ts\n#EXT-X-ENDLIST\n"),
                ("hls.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n\(secret).ts\n#EXT-X-ENDLIST\n"),
                ("words.mp4", "This is not a video at all.\n"),
            ] {
                let url = folder.appending(path: name)
                try Data(text.utf8).write(to: url)
                let error = #expect(throws: MediaError.self) { try VideoReader(url).close() }
                #expect(error?.description.hasSuffix("not a video: it is a text file") == true, "\(name)")
            }
        }
    }

    @Test("a name with a pattern of numbers is one picture, not a series")
    func patternName() throws {
        try withFolder { folder in
            try FFmpeg.run("-f lavfi -i color=red:s=16x16:d=1 -frames:v 1 -update 1 a.png", in: folder)
            let source = folder.appending(path: "a.png")
            try FileManager.default.copyItem(at: source, to: folder.appending(path: "39:b.png"))
            #expect(try Frames(contentsOf: folder.appending(path: "39:b.png")).shape == [1, 16, 16, 3])
        }
    }

    @Test("limits hold before memory is taken")
    func limits() throws {
        try withFolder { folder in
            try FFmpeg.run(FFmpeg.moving, "-c:v libx264 a.mp4", in: folder)
            let url = folder.appending(path: "a.mp4")
            for change in [{ $0.pixels = 3000 }, { $0.decodedFrames = 10 }, { $0.bytes = 30_000 }]
                as [(inout MediaLimits) -> Void]
            {
                var limits = MediaLimits()
                change(&limits)
                let error = #expect(throws: MediaError.self) {
                    try VideoReader.sample(url, FrameSampling(), limits: limits)
                }
                #expect(error?.description.contains("too large") == true)
            }
        }
    }

    @Test("pixels stretched to a picture beyond the limit are refused")
    func stretched() throws {
        try withFolder { folder in
            try FFmpeg.run(FFmpeg.corners, "-vf setsar=9/1 -c:v libx264 a.mp4", in: folder)
            var limits = MediaLimits()
            limits.pixels = 64 * 48 * 4
            let error = #expect(throws: MediaError.self) {
                try Frames(contentsOf: folder.appending(path: "a.mp4"), limits: limits)
            }
            #expect(error?.description.hasSuffix("too large: pictures of 576 x 48") == true)
        }
    }

    /// The colour in each corner, in words.
    private func corners(_ picture: Frames) -> [String] {
        let (dx, dy) = (picture.width / 4, picture.height / 4)
        return [(dx, dy), (3 * dx, dy), (dx, 3 * dy), (3 * dx, 3 * dy)].map { x, y in
            let start = (y * picture.width + x) * 3
            let pixel = picture.bytes[start..<start + 3].map { $0 > 243 ? 1 : $0 < 12 ? 0 : 7 }
            switch pixel {
            case [1, 0, 0]: return "red"
            case [0, 1, 0]: return "green"
            case [0, 0, 1]: return "blue"
            case [1, 1, 1]: return "white"
            default: return "\(Array(picture.bytes[start..<start + 3]))"
            }
        }
    }
}

@Suite("files that need no ffmpeg")
struct PlainFilesTests {
    @Test("what is no file, or empty, is refused in words")
    func notFiles() throws {
        try withFolder { folder in
            let absent = folder.appending(path: "absent.mp4")
            #expect(throws: MediaError.missing(path: absent.path(percentEncoded: false))) {
                try VideoReader(absent).close()
            }
            #expect(throws: MediaError.self) { try VideoReader(folder).close() }
            let empty = folder.appending(path: "empty.mp4")
            try Data().write(to: empty)
            let error = #expect(throws: MediaError.self) { try VideoReader(empty).close() }
            #expect(error?.description.hasSuffix("not a video: it is empty") == true)
            let noise = folder.appending(path: "noise.mp4")
            try Data((0..<5000).map { UInt8(truncatingIfNeeded: $0 &* $0 &* 31 >> 3) }).write(to: noise)
            #expect(throws: MediaError.self) { try VideoReader(noise).close() }
        }
    }

    @Test("the clip that ships is what its notice says")
    func shippedClip() throws {
        let clip = URL(filePath: #filePath).appending(path: "../../../pipelines/clips/turn_box.mp4").standardized
        let reader = try VideoReader(clip)
        #expect((reader.information.width, reader.information.height) == (576, 320))
        #expect(reader.information.framesPerSecond == 8 && reader.information.codec == "h264")
        let sample = try VideoReader.sample(clip, FrameSampling(count: 24, framesPerSecond: 8)) {
            $0.covering(height: 40, width: 64)
        }
        #expect(sample.frames.shape == [24, 40, 64, 3])
        #expect(!sample.damage.isDamaged)
    }
}

extension VideoReader {
    /// Ends a reader at once: what opening throws is all that a test wants.
    consuming func close() {}
}
