import Formats
import Media
import Pretraining
import Tensors
import World

/// What is done to one video before it is looked at, so that neither colours nor one direction of motion is learned.
struct Augmentation: Equatable {
    /// Which channel of the video each channel shows.
    var channels = [0, 1, 2]
    var isMirrored = false
    var isFlipped = false
    var isTransposed = false
    var isReversed = false
    /// Factor of values in [-1, 1].
    var brightness: Float = 1
    /// Added to each channel of such values.
    var offsets: [Float] = [0, 0, 0]

    init() {}

    init(using generator: inout Generator) {
        for i in 0..<2 { channels.swapAt(i, i + generator.integer(below: 3 - i)) }
        isMirrored = generator.chance(0.5)
        isFlipped = generator.chance(0.15)
        isTransposed = generator.chance(0.15)
        isReversed = generator.chance(0.5)
        let drawn = generator.uniform([4]).values
        brightness = 0.7 + 0.3 * drawn[0]
        offsets = drawn[1...].map { 0.3 * $0 - 0.15 }
    }

    /// Where the subject is afterwards.
    func course(_ poses: [Pose]) -> SubjectCourse {
        var course = SubjectCourse(poses)
        if isMirrored { course.mirror() }
        if isFlipped { course.flip() }
        if isTransposed { course.transpose() }
        if isReversed { course.reverse() }
        return course
    }

    /// For each channel, what becomes of each of the 256 levels: the augmented value by an encoder's statistics.
    func levels(_ preprocessing: ImagePreprocessing) -> [Float] {
        (0..<3).flatMap { channel in
            let mean = Float(preprocessing.mean[channel])
            let deviation = Float(preprocessing.standardDeviation[channel])
            return (0..<256).map { level in
                let value = (Float(level) / 127.5 - 1) * brightness + offsets[channel]
                return ((value + 1) / 2 - mean) / deviation
            }
        }
    }

    /// The pixels of a video of square frames, `[8, side, side, 3]`, as an encoder takes them.
    func write(
        _ video: UnsafeBufferPointer<UInt8>, side: Int, levels: [Float],
        into target: UnsafeMutableBufferPointer<Float>, at start: Int
    ) {
        let last = side - 1
        levels.withUnsafeBufferPointer { levels in
            var index = start
            for frame in 0..<Scene.frames {
                let source = (isReversed ? Scene.frames - 1 - frame : frame) * side
                for row in 0..<side {
                    for column in 0..<side {
                        var (y, x) = isTransposed ? (column, row) : (row, column)
                        if isFlipped { y = last - y }
                        if isMirrored { x = last - x }
                        let pixel = ((source + y) * side + x) * 3
                        target[index] = levels[Int(video[pixel + channels[0]])]
                        target[index + 1] = levels[256 + Int(video[pixel + channels[1]])]
                        target[index + 2] = levels[512 + Int(video[pixel + channels[2]])]
                        index += 3
                    }
                }
            }
        }
    }
}

/// One step's worth of videos, and what is to be said of them.
struct MotionBatch {
    /// `[n, 8, side, side, 3]`, as VideoMAE takes them.
    let pixels: Tensor
    /// `[n * tokens, cells of a token]`.
    let coverage: Tensor
    /// `[n * 4, 6]`.
    let positions: Tensor
    /// `[n, 40]`.
    let trajectories: Tensor

    /// Videos drawn with repetition, each augmented by itself.
    init(_ count: Int, from videos: SceneVideos, using generator: inout Generator) {
        let drawn = (0..<count).map { _ in
            (video: generator.integer(below: videos.count), augmentation: Augmentation(using: &generator))
        }
        self.init(drawn, from: videos)
    }

    /// Some videos, augmented.
    init(_ drawn: [(video: Int, augmentation: Augmentation)], from videos: SceneVideos) {
        let side = videos.side
        let size = Scene.frames * side * side * 3
        let preprocessing = ImagePreprocessing.videoMAE(size: side)
        pixels = Tensor([drawn.count, Scene.frames, side, side, 3]) { target in
            videos.pixels.withUnsafeBufferPointer { bytes in
                for (index, (video, augmentation)) in drawn.enumerated() {
                    augmentation.write(
                        UnsafeBufferPointer(rebasing: bytes[video * size..<(video + 1) * size]), side: side,
                        levels: augmentation.levels(preprocessing), into: target, at: index * size)
                }
            }
        }
        let courses = drawn.map { $0.augmentation.course(videos.scenes[$0.video].poses) }
        let patches = side / MotionEncoder.patch
        let cells = SubjectCourse.cellsOfToken(patches: patches)
        let tokens = Scene.frames / MotionEncoder.tubelet * patches * patches
        coverage = Tensor([drawn.count * tokens, cells]) { target in
            for (index, course) in courses.enumerated() {
                course.coverage(patches: patches, into: target, at: index * tokens * cells)
            }
        }
        positions = Tensor(
            [drawn.count * Scene.frames / MotionEncoder.tubelet, 3 * MotionEncoder.tubelet],
            courses.flatMap(\.positions))
        trajectories = Tensor([drawn.count, SubjectCourse.trajectoryLength], courses.flatMap(\.trajectory))
    }
}
