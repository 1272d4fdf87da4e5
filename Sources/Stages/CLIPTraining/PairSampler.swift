import Formats
import Media
import Pretraining
import Tensors
import World

/// One step's worth of images and captions.
struct PairBatch {
    let views: [FrameView]
    let captions: [PairedCaption]
    /// As CLIP takes them: `[n, side, side, 3]`.
    let pixels: Tensor
    /// The patches that are looked at, for each image; nil for all.
    let patches: [[Int]]?
    /// What each of these patches shows, image by image: the index of a subject, or their number for anything else.
    let patchClasses: [Int]
    /// `[n, n]`: 1 where a caption does not contradict an image.
    let matches: Tensor
}

/// Draws the batches of a training.
struct PairSampler {
    private let videos: SceneVideos
    private let training: Range<Int>
    private let settings: CLIPTrainingSettings
    private let grid: Int
    private let preprocessing: ImagePreprocessing
    /// Videos of one colour and place.
    private let byColour: [[Int]]
    /// Videos of one subject and place.
    private let bySubject: [[Int]]

    /// - Parameters:
    ///   - training: the videos to draw from.
    ///   - grid: patches in a row of an image.
    init(_ videos: SceneVideos, training: Range<Int>, _ settings: CLIPTrainingSettings, grid: Int) {
        self.videos = videos
        self.training = training
        self.settings = settings
        self.grid = grid
        preprocessing = .clip(size: videos.side)
        func grouped(_ key: (Scene) -> String) -> [[Int]] {
            let groups = Dictionary(grouping: training) { key(videos.scenes[$0]) }
            return groups.sorted { $0.key < $1.key }.map(\.value)
        }
        byColour = grouped { "\($0.colour) \($0.place)" }
        bySubject = grouped { "\($0.subject) \($0.place)" }
    }

    /// The batch of a step.
    ///
    /// - Parameter progress: how much of the training is done, from 0 to 1.
    func batch(at progress: Double, using generator: inout Generator) -> PairBatch {
        let isWindowed = progress < settings.windowShare
        var views: [FrameView] = []
        var captions: [PairedCaption] = []
        for video in drawn(isWindowed ? settings.windowBatch : settings.batch, at: progress, using: &generator) {
            let (view, caption) = pair(video, at: progress, using: &generator)
            views.append(view)
            captions.append(caption)
        }
        let windows = isWindowed ? views.map { window(around: $0, using: &generator) } : nil
        let all = Array(0..<grid * grid)
        return PairBatch(
            views: views, captions: captions, pixels: preprocessing(shown(views)), patches: windows,
            patchClasses: views.enumerated().flatMap { index, view in
                (windows?[index] ?? all).map { patchClass($0, of: view) }
            }, matches: Self.matches(captions, views))
    }

    /// Videos in groups that are hard to tell apart, and in groups of anything.
    private func drawn(_ count: Int, at progress: Double, using generator: inout Generator) -> [Int] {
        let hard = settings.hardShare * min(1, max(0, (progress - 0.08) / 0.2))
        return (0..<count / settings.group).flatMap { _ in
            let chance = Double(generator.uniform([1]).scalar)
            guard chance < hard + settings.sameSubjectShare else {
                return (0..<settings.group).map { _ in training.lowerBound + generator.integer(below: training.count) }
            }
            let groups = chance < hard ? byColour : bySubject
            let alike = groups[generator.integer(below: groups.count)]
            return (0..<settings.group).map { _ in alike[generator.integer(below: alike.count)] }
        }
    }

    private func pair(
        _ video: Int, at progress: Double, using generator: inout Generator
    ) -> (FrameView, PairedCaption) {
        let scene = videos.scenes[video]
        var view = FrameView(video: video, scene: scene, frame: generator.integer(below: Scene.frames))
        let caption = PairedCaption.drawn(for: scene, frame: view.frame, using: &generator)
        if !caption.saysSide, generator.chance(0.5) { view.mirror() }
        if !caption.isDense, generator.chance(settings.zoom * max(0, 1 - progress / 0.6)) {
            let whole = videos.side
            let side = whole / 2 + generator.integer(below: whole / 2 - 1)
            func start(_ centre: Float, _ generator: inout Generator) -> Int {
                let middle = Int((centre * Float(whole) - Float(side) / 2).rounded(.down))
                return min(max(middle + generator.integer(below: 9) - 4, 0), whole - side)
            }
            let (left, top) = (start(view.x, &generator), start(view.y, &generator))
            view.enlarge(left: left, top: top, side: side, of: whole)
        }
        return (view, caption)
    }

    /// The square of patches around the subject, or one beside it.
    private func window(around view: FrameView, using generator: inout Generator) -> [Int] {
        let width = min(settings.window, grid)
        func start(_ centre: Float, _ generator: inout Generator) -> Int {
            let middle = Int((centre * Float(grid) - Float(width) / 2).rounded())
            return min(max(middle + generator.integer(below: 3) - 1, 0), grid - width)
        }
        let (left, top) = (start(view.x, &generator), start(view.y, &generator))
        return (top..<top + width).flatMap { row in (left..<left + width).map { row * grid + $0 } }
    }

    /// The subject, where the middle of a patch lies on it.
    private func patchClass(_ patch: Int, of view: FrameView) -> Int {
        let x = (Float(patch % grid) + 0.5) / Float(grid) - view.x
        let y = (Float(patch / grid) + 0.5) / Float(grid) - view.y
        let isSubject = (x * x + y * y).squareRoot() < view.size * 0.95
        return isSubject ? Attributes.index(view.scene.subject) : Attributes.subjects.count
    }

    private func shown(_ views: [FrameView]) -> Frames {
        let side = videos.side
        var bytes: [UInt8] = []
        bytes.reserveCapacity(views.count * side * side * 3)
        for view in views {
            let frame = videos.frame(view.frame, of: view.video)
            guard view.isMirrored || view.square != nil else {
                bytes += frame
                continue
            }
            var picture = Frames(count: 1, height: side, width: side, bytes: Array(frame))
            if view.isMirrored { picture = picture.mirrored() }
            if let square = view.square {
                picture = picture.cropped(
                    top: square.top, left: square.left, height: square.side, width: square.side
                ).covering(height: side, width: side)
            }
            bytes += picture.bytes
        }
        return Frames(count: views.count, height: side, width: side, bytes: bytes)
    }

    /// Which captions contradict no image; a pair's own never does.
    static func matches(_ captions: [PairedCaption], _ views: [FrameView]) -> Tensor {
        let count = captions.count
        return Tensor([count, count]) { matches in
            for (row, view) in views.enumerated() {
                for (column, caption) in captions.enumerated() {
                    matches[row * count + column] = row == column || caption.agrees(with: view) ? 1 : 0
                }
            }
        }
    }
}
