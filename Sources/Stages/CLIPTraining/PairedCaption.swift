import Formats
import Pretraining
import Tensors
import World

/// A caption of one frame, and what it claims.
struct PairedCaption: Equatable {
    let text: String
    let subject: Subject
    /// Nil where it says nothing of it.
    let colour: Colour?
    /// Nil where it says nothing of it.
    let place: Place?
    /// Whether it tells where the subject is: then it belongs to that view alone.
    let isDense: Bool

    /// One of the captions that the mixture has for a frame of a scene.
    static func drawn(for scene: Scene, frame: Int, using generator: inout Generator) -> PairedCaption {
        let saysMotion = WorldVocabulary.motions.contains(scene.motion)
        func caption(colour: Bool, motion: Bool, place: Bool) -> PairedCaption {
            PairedCaption(
                text: scene.caption(colour: colour, motion: motion && saysMotion, place: place),
                subject: scene.subject, colour: colour ? scene.colour : nil, place: place ? scene.place : nil,
                isDense: false)
        }
        return switch Double(generator.uniform([1]).scalar) {
        case ..<0.45: caption(colour: true, motion: true, place: true)
        case ..<0.57:
            PairedCaption(
                text: scene.denseCaption(frame: frame), subject: scene.subject, colour: scene.colour,
                place: scene.place, isDense: true)
        case ..<0.70: caption(colour: true, motion: false, place: true)
        case ..<0.76: caption(colour: false, motion: true, place: true)
        case ..<0.88: caption(colour: true, motion: false, place: false)
        case ..<0.96: caption(colour: false, motion: false, place: false)
        default: caption(colour: false, motion: false, place: true)
        }
    }

    /// Whether it names a side, so that a mirror image would make it untrue.
    var saysSide: Bool { text.contains(" left") || text.contains(" right") }

    /// Whether it does not contradict a view; of motions, which no frame shows, nothing is asked.
    func agrees(with view: FrameView) -> Bool {
        guard subject == view.scene.subject, colour == nil || colour == view.scene.colour,
            place == nil || place == view.scene.place
        else { return false }
        return !isDense || text == view.denseCaption
    }
}

/// A frame as a step shows it: perhaps mirrored, perhaps enlarged around its subject.
struct FrameView {
    let video: Int
    let scene: Scene
    let frame: Int
    var isMirrored = false
    /// The square that is enlarged to the whole, in pixels; nil for the whole as it is.
    var square: (left: Int, top: Int, side: Int)?
    /// The subject's centre and half size, as fractions of what is seen.
    var x: Float
    var y: Float
    var size: Float

    init(video: Int, scene: Scene, frame: Int) {
        (self.video, self.scene, self.frame) = (video, scene, frame)
        let pose = scene.poses[frame]
        (x, y, size) = (pose.x, pose.y, pose.size)
    }

    mutating func mirror() {
        isMirrored.toggle()
        x = 1 - x
    }

    /// Enlarges a square of a picture that is `whole` pixels wide.
    mutating func enlarge(left: Int, top: Int, side: Int, of whole: Int) {
        square = (left, top, side)
        x = (x * Float(whole) - Float(left)) / Float(side)
        y = (y * Float(whole) - Float(top)) / Float(side)
        size = size * Float(whole) / Float(side)
    }

    /// What a dense caption says of it; nil where size and place are no longer those of the scene.
    var denseCaption: String? {
        guard square == nil else { return nil }
        let told = scene.denseCaption(frame: frame)
        return isMirrored ? WorldVocabulary.mirrored(told) : told
    }
}
