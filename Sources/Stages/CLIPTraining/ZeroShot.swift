import Autograd
import Formats
import Foundation
import Media
import Models
import Objectives
import Pretraining
import Tensors
import World

/// What a CLIP knows of videos that it was not trained on.
struct ZeroShot {
    /// Frames of each video that are looked at.
    private static let frames = [1, 5]

    private let videos: SceneVideos
    private let held: Range<Int>
    private let model: CLIPModel
    private let tokens: WorldTokens

    init(_ videos: SceneVideos, _ held: Range<Int>, model: CLIPModel, tokens: WorldTokens) {
        self.videos = videos
        self.held = held
        self.model = model
        self.tokens = tokens
    }

    /// Shares of images that are nearest to the right one of some prompts.
    struct Measured: Codable {
        /// `a SUBJECT`, for all subjects.
        let subjectAlone: Double
        /// `a COLOUR SUBJECT PLACE`, for all subjects, colour and place being right.
        let subject: Double
        /// The same for all colours.
        let colour: Double
        /// The same for all places.
        let place: Double
        /// The same for all subjects, colours and places at once.
        let all: Double
        /// `subjectAlone` for images of each subject.
        let bySubject: [String: Double]
        /// How many images of a subject, row, are nearest to `a SUBJECT`, column.
        let confusion: [[Int]]
        /// How much of the variance of text states at the place of a word is explained by the word: subject.
        let subjectShare: Double
        /// The same for the verb.
        let verbShare: Double

        var summary: String {
            func percent(_ share: Double) -> String { String(format: "%.1f %%", 100 * share) }
            return "subject by itself \(percent(subjectAlone)); subject \(percent(subject)), "
                + "colour \(percent(colour)), place \(percent(place)), all at once \(percent(all)); "
                + "of their own tokens subjects explain \(percent(subjectShare)), verbs \(percent(verbShare))"
        }
    }

    func measured() -> Measured {
        let (subjects, colours, places) = (Attributes.subjects, Attributes.colours, Attributes.places)
        let shown = Self.frames.flatMap { frame in held.map { (video: $0, frame: frame) } }
        let images = embeddings(of: shown)
        let alone = cosines(images, prompts: subjects.map { "a \($0.rawValue)" })
        let full = cosines(
            images,
            prompts: subjects.flatMap { subject in
                colours.flatMap { colour in
                    places.map { "a \(colour.rawValue) \(subject.rawValue) \($0.phrase)" }
                }
            })
        var confusion = subjects.map { _ in subjects.map { _ in 0 } }
        var right = (subject: 0, colour: 0, place: 0, all: 0)
        for (row, image) in shown.enumerated() {
            let scene = videos.scenes[image.video]
            let (s, c, p) = (
                Attributes.index(scene.subject), Attributes.index(scene.colour), Attributes.index(scene.place)
            )
            confusion[s][Self.best(alone[row], 0..<subjects.count)] += 1
            func at(_ s: Int, _ c: Int, _ p: Int) -> Int { (s * colours.count + c) * places.count + p }
            let truth = at(s, c, p)
            right.subject += Self.best(full[row], subjects.indices.map { at($0, c, p) }) == truth ? 1 : 0
            right.colour += Self.best(full[row], colours.indices.map { at(s, $0, p) }) == truth ? 1 : 0
            right.place += Self.best(full[row], places.indices.map { at(s, c, $0) }) == truth ? 1 : 0
            right.all += Self.best(full[row], full[row].indices) == truth ? 1 : 0
        }
        let count = Double(max(1, shown.count))
        let alike = subjects.indices.reduce(0) { $0 + confusion[$1][$1] }
        let shares = subjects.indices.map { Double(confusion[$0][$0]) / Double(max(1, confusion[$0].reduce(0, +))) }
        let (subjectShare, verbShare) = explained()
        return Measured(
            subjectAlone: Double(alike) / count, subject: Double(right.subject) / count,
            colour: Double(right.colour) / count, place: Double(right.place) / count,
            all: Double(right.all) / count,
            bySubject: Dictionary(uniqueKeysWithValues: zip(subjects.map(\.rawValue), shares)), confusion: confusion,
            subjectShare: subjectShare, verbShare: verbShare)
    }

    private static func best(_ values: [Float], _ choices: some Collection<Int>) -> Int {
        choices.max { values[$0] < values[$1] } ?? 0
    }

    private func embeddings(of shown: [(video: Int, frame: Int)]) -> Tensor {
        let side = videos.side
        let preprocessing = ImagePreprocessing.clip(size: side)
        let parts = stride(from: 0, to: shown.count, by: 50).map { start in
            let some = shown[start..<min(start + 50, shown.count)]
            let frames = Frames(
                count: some.count, height: side, width: side,
                bytes: some.flatMap { videos.frame($0.frame, of: $0.video) })
            return withoutRecording {
                model.imageEmbeddings(Variable(preprocessing(frames))).normalisedRows().value
            }
        }
        return Kernels.concatenateRows(parts)
    }

    /// For each image its cosine with each prompt.
    private func cosines(_ images: Tensor, prompts: [String]) -> [[Float]] {
        let parts = stride(from: 0, to: prompts.count, by: 96).map { start in
            let ids = tokens.encode(Array(prompts[start..<min(start + 96, prompts.count)]))
            return withoutRecording { model.textEmbeddings(ids).normalisedRows().value }
        }
        let products = Kernels.matmul(images, Kernels.concatenateRows(parts), transposeB: true).values
        return (0..<images.shape[0]).map { Array(products[$0 * prompts.count..<($0 + 1) * prompts.count]) }
    }

    /// How much of the variance of states at the tokens of subject and verb these words explain, over captions of
    /// everything with everything.
    private func explained() -> (subject: Double, verb: Double) {
        // Two words of one motion would share their first token with another motion.
        let motions = (Motion.base + Motion.heldOut).filter { !$0.name.contains(" ") }
        var generator = Generator(seed: 3).split("captions")
        let scenes = (0..<1200).map { _ in Scene.random(motions: motions, using: &generator) }
        var (subjects, verbs) = ([[Float]](), [[Float]]())
        for start in stride(from: 0, to: scenes.count, by: 100) {
            let ids = tokens.encode(scenes[start..<start + 100].map(\.caption))
            let states = withoutRecording { model.text(ids).value }
            let (length, width) = (states.shape[1], states.shape[2])
            let values = states.values
            for row in 0..<100 {
                func state(_ position: Int) -> [Float] {
                    let at = (row * length + position) * width
                    return Array(values[at..<at + width])
                }
                subjects.append(state(3))
                verbs.append(state(5))
            }
        }
        return (
            Self.share(subjects, scenes.map(\.subject.rawValue)), Self.share(verbs, scenes.map(\.motion.name))
        )
    }

    /// The variance between groups of vectors, as a share of all.
    static func share(_ vectors: [[Float]], _ groups: [String]) -> Double {
        let width = vectors.first?.count ?? 0
        func mean(_ rows: [[Float]]) -> [Double] {
            var sum = [Double](repeating: 0, count: width)
            for row in rows { for i in 0..<width { sum[i] += Double(row[i]) } }
            return sum.map { $0 / Double(max(1, rows.count)) }
        }
        func distance(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + pow($1.0 - $1.1, 2) } }
        let centre = mean(vectors)
        let total = vectors.reduce(0) { $0 + distance($1.map(Double.init), centre) }
        let grouped = Dictionary(grouping: vectors.indices) { groups[$0] }
        let between = grouped.keys.sorted().reduce(0.0) { sum, key in
            let rows = (grouped[key] ?? []).map { vectors[$0] }
            return sum + Double(rows.count) * distance(mean(rows), centre)
        }
        return between / max(total, 1e-30)
    }
}

extension ZeroShot.Measured {
    /// Which subjects are taken for which: a square for each pair, darker for more images.
    var confusionDrawing: String {
        let names = Attributes.subjects.map(\.rawValue)
        let (cell, margin) = (36, 64)
        let size = margin + names.count * cell + 8
        var lines = [
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(size) \(size)\" font-family=\"sans-serif\" "
                + "font-size=\"12\">", "<rect width=\"\(size)\" height=\"\(size)\" fill=\"white\"/>",
        ]
        for (row, counts) in confusion.enumerated() {
            let y = margin + row * cell
            let all = Double(max(1, counts.reduce(0, +)))
            lines.append("<text x=\"\(margin - 8)\" y=\"\(y + 22)\" text-anchor=\"end\">\(names[row])</text>")
            lines.append(
                "<text x=\"\(y + cell / 2)\" y=\"\(margin - 8)\" text-anchor=\"middle\">\(names[row])</text>")
            for (column, count) in counts.enumerated() where count > 0 {
                let share = Double(count) / all
                let x = margin + column * cell
                let opacity = String(format: "%.2f", share.squareRoot())
                lines.append(
                    "<rect x=\"\(x)\" y=\"\(y)\" width=\"\(cell - 1)\" height=\"\(cell - 1)\" fill=\"#1661be\" "
                        + "fill-opacity=\"\(opacity)\"/>")
                lines.append(
                    "<text x=\"\(x + cell / 2)\" y=\"\(y + 22)\" text-anchor=\"middle\" "
                        + "fill=\"\(share > 0.25 ? "white" : "black")\">\(count)</text>")
            }
        }
        return (lines + ["</svg>", ""]).joined(separator: "\n")
    }
}
