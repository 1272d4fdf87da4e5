import Formats
import Testing

@Suite struct FrameMomentsTests {
    @Test("a line of the log is read back, and no other line is taken for one")
    func line() {
        let moments = FrameMoments(clip: 1, indices: [0, 4, 8], times: [0, 0.133, 0.267])
        #expect(moments.line == "clip 2: frames 0 4 8 shown at 0.000 0.133 0.267 s")
        #expect(FrameMoments(line: moments.line) == moments)
        let log = "info: begun\ndebug: \(moments.line)\nwarning: clip 2 is damaged but was read: frames 3\n"
        #expect(FrameMoments.all(inLog: log) == [moments])
        for line in [
            "", "clip x: frames 1 shown at 0.1 s", "clip 1: frames 1 2 shown at 0.1 s", "clip 1: frames  shown at  s",
        ] {
            #expect(FrameMoments(line: line) == nil, "\(line)")
        }
    }
}
