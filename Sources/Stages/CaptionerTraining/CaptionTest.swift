import Autograd
import Foundation
import Media
import Models
import Pretraining
import World

/// What a caption says, part by part; nil where it says nothing.
struct CaptionParts: Equatable {
    let size: String?
    let colour: String?
    let subject: String?
    let position: String?
    let place: Place?

    init(_ caption: String) {
        let words = caption.split(separator: " ").map(String.init)
        func word(_ index: Int) -> String? { index < words.count ? words[index] : nil }
        (size, colour, subject) = (word(1), word(2), word(3))
        let position = words.firstIndex(of: "at").map { at in
            words[(at + 1)...].dropFirst(where: { $0 == "the" }).prefix { Self.positions.contains($0) }
        }
        self.position = position.map { $0.joined(separator: " ") }
        place = Place.allCases.first { " \(caption) ".contains(" \($0.phrase) ") }
    }

    private static let positions: Set<String> = ["top", "bottom", "left", "middle", "right"]
}

extension ArraySlice {
    /// Without the first element if it is such a one.
    fileprivate func dropFirst(where isDropped: (Element) -> Bool) -> ArraySlice {
        first.map(isDropped) == true ? dropFirst() : self
    }
}

/// What a captioner says of frames that it was not trained on.
struct CaptionTest {
    /// Frames of each video that are looked at.
    private static let frames = [1, 5]
    /// The longest caption of the world has 21 words and an end.
    static let maximumTokens = 32

    private let videos: SceneVideos
    private let held: Range<Int>
    private let model: LlavaForConditionalGeneration
    private let dialogue: CaptionDialogue

    init(_ videos: SceneVideos, _ held: Range<Int>, model: LlavaForConditionalGeneration, dialogue: CaptionDialogue) {
        (self.videos, self.held, self.model, self.dialogue) = (videos, held, model, dialogue)
    }

    /// Shares of the captions, written greedily.
    struct Measured: Codable {
        /// Those that are right word for word.
        let exact: Double
        /// Those with the right subject.
        let subject: Double
        /// Those with the right colour.
        let colour: Double
        /// Those with the right place.
        let place: Double
        /// Those with the right size.
        let size: Double
        /// Those with the right position, both words of it.
        let position: Double
        /// `subject` for frames of each subject.
        let bySubject: [String: Double]
        /// How many there are.
        let captions: Int

        var summary: String {
            func percent(_ share: Double) -> String { String(format: "%.1f %%", 100 * share) }
            return "exact \(percent(exact)); subject \(percent(subject)), colour \(percent(colour)), "
                + "place \(percent(place)), size \(percent(size)), position \(percent(position))"
        }
    }

    /// A frame's caption, and what was said.
    struct Line {
        let scene: Scene
        let told: String
        let said: String
    }

    /// Captions of frames of the first so many of the videos.
    ///
    /// Throws what `checkCancellation` throws.
    func lines(of count: Int, checkCancellation: () throws -> Void) throws -> [Line] {
        let size = model.configuration.vision.imageSize
        let preprocessing = ImagePreprocessing.llava(size: size)
        return try held.prefix(count).flatMap { video in
            try Self.frames.map { frame in
                try checkCancellation()
                let picture = Frames(
                    count: 1, height: videos.side, width: videos.side, bytes: Array(videos.frame(frame, of: video)))
                let answer = model.generate(
                    dialogue.prompt, Variable(preprocessing(picture)), maximumTokens: Self.maximumTokens)
                let scene = videos.scenes[video]
                return Line(scene: scene, told: scene.denseCaption(frame: frame), said: dialogue.text(answer.ids))
            }
        }
    }

    static func measured(_ lines: [Line]) -> Measured {
        let parts = lines.map { (told: CaptionParts($0.told), said: CaptionParts($0.said)) }
        func share(_ isRight: (Int) -> Bool) -> Double {
            Double(lines.indices.count(where: isRight)) / Double(max(1, lines.count))
        }
        func agree<T: Equatable>(_ part: KeyPath<CaptionParts, T>) -> Double {
            share { parts[$0].told[keyPath: part] == parts[$0].said[keyPath: part] }
        }
        let bySubject = Dictionary(grouping: lines.indices) { lines[$0].scene.subject.rawValue }.mapValues { rows in
            Double(rows.count { parts[$0].told.subject == parts[$0].said.subject }) / Double(rows.count)
        }
        return Measured(
            exact: share { lines[$0].told == lines[$0].said }, subject: agree(\.subject), colour: agree(\.colour),
            place: agree(\.place), size: agree(\.size), position: agree(\.position), bySubject: bySubject,
            captions: lines.count)
    }

    /// What was to be said and what was said, a line each, those that differ first.
    static func table(_ lines: [Line]) -> String {
        let wrong = lines.filter { $0.told != $0.said }
        let right = lines.filter { $0.told == $0.said }
        // What was said may be anything, line breaks and quotes too.
        func quoted(_ text: String) -> String { "\"" + text.replacing("\"", with: "\"\"") + "\"" }
        let rows = (wrong + right).map {
            "\($0.told == $0.said ? "right" : "wrong"),\(quoted($0.told)),\(quoted($0.said))"
        }
        return (["verdict,caption,said"] + rows).joined(separator: "\n") + "\n"
    }
}
