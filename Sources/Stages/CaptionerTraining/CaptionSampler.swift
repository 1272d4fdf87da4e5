import Formats
import Media
import Pretraining
import Tensors
import World

/// Draws the frames of a training, each with what its dense caption says.
struct CaptionSampler {
    /// Up to what share a neighbour counts: a little more than in a picture whose pixels were made squares and which
    /// was reduced again with a bicubic filter (0.094).
    private static let softness: Float = 0.12

    private let videos: SceneVideos
    private let training: Range<Int>
    private let settings: CaptionerTrainingSettings
    private let preprocessing: ImagePreprocessing

    /// - Parameters:
    ///   - training: the videos to draw from.
    ///   - size: side of pictures as the image encoder takes them.
    init(_ videos: SceneVideos, training: Range<Int>, _ settings: CaptionerTrainingSettings, size: Int) {
        (self.videos, self.training, self.settings) = (videos, training, settings)
        preprocessing = .llava(size: size)
    }

    /// The pictures of a step, `[batch, size, size, 3]`, and their captions.
    func batch(using generator: inout Generator) -> (pixels: Tensor, captions: [String]) {
        var (pictures, captions) = ([Frames](), [String]())
        for _ in 0..<settings.batch {
            let video = training.lowerBound + generator.integer(below: training.count)
            let frame = generator.integer(below: Scene.frames)
            var picture = Frames(
                count: 1, height: videos.side, width: videos.side, bytes: Array(videos.frame(frame, of: video)))
            var caption = videos.scenes[video].denseCaption(frame: frame)
            if generator.chance(settings.mirror) {
                picture = picture.mirrored()
                caption = WorldVocabulary.mirrored(caption)
            }
            if generator.chance(settings.soften) {
                picture = picture.softened(Self.softness * generator.uniform([1]).scalar)
            }
            pictures.append(picture)
            captions.append(caption)
        }
        return (preprocessing(Frames(joining: pictures)), captions)
    }
}

extension Frames {
    /// Each pixel with a share of those beside it, then of those above and below; an edge stands in for what is beyond.
    func softened(_ share: Float) -> Frames {
        let row = width * 3
        return blurred(share, step: 3, length: width) { ($0 / 3) % width }
            .blurred(share, step: row, length: height) { ($0 / row) % height }
    }

    private func blurred(_ share: Float, step: Int, length: Int, place: (Int) -> Int) -> Frames {
        let blurred = bytes.indices.map { index in
            let place = place(index)
            let before = place > 0 ? bytes[index - step] : bytes[index]
            let after = place < length - 1 ? bytes[index + step] : bytes[index]
            let value = (1 - 2 * share) * Float(bytes[index]) + share * (Float(before) + Float(after))
            return UInt8(value + 0.5)
        }
        return Frames(count: count, height: height, width: width, bytes: blurred)
    }
}
