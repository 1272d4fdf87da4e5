import Autograd
import Formats
import Foundation
import Logging
import Media
import Models
import StageKit
import Tensors

/// Takes the scores of one video after another.
///
/// Knows nothing of where they go.
final class Scorer {
    private let settings: MetricScoringStage.Settings
    private let log: Logger
    private let clip: (model: CLIPModel, preprocessing: ImagePreprocessing)?
    private let tokenizer: CLIPTokenizer?
    private let videoEncoder: VideoEncoder?
    /// The embedding of each reference clip's motion.
    private var references: [[Float]] = []
    /// The embeddings of texts seen so far: many videos share a prompt.
    private var texts: [String: [Float]] = [:]

    /// Frames that go through the image encoder at once.
    private static let batch = 8

    init(_ settings: MetricScoringStage.Settings, _ set: ModelSet, references: InputArtifact?, log: Logger) throws {
        self.settings = settings
        self.log = log
        if settings.wants(.clipT, .clipE, .tempCons) {
            let model = try set.imageEncoder(precision: settings.precision)
            let size = model.configuration.vision.imageSize
            clip = (model, .clip(size: size, rounding: settings.crop == .openCLIP ? .halfToEven : .floor))
        } else {
            clip = nil
        }
        tokenizer = settings.wants(.clipT, .clipE) ? try set.imageEncoderTokenizer() : nil
        if let clip, let why = tokenizer?.disagreement(with: clip.model.text.configuration) {
            throw FormatError.malformed(file: "the tokenizer of model set \(set.name)", why: why)
        }
        if settings.wants(.mofid), let references {
            let encoder = try set.videoEncoder(precision: settings.precision)
            videoEncoder = encoder
            self.references = try ClipFrames.read(references).map { reference in
                Scorer.embedding(
                    of: Frames(
                        count: reference.frames, height: reference.height, width: reference.width,
                        bytes: reference.pixels), by: encoder)
            }
        } else {
            videoEncoder = nil
            if settings.wants(.mofid) { log.notice("no references are connected: MoFid is left out") }
        }
    }

    /// All wanted scores of a video that can be taken; what cannot (the steadiness of a single frame) is left out.
    func score(_ video: SampledVideo, _ url: URL) throws -> Scores.Video {
        let sample = try VideoReader.sample(url, FrameSampling())
        if sample.damage.isDamaged {
            log.warning("\(video.file) is damaged: \(sample.damage.decoded) frames of it are scored")
        }
        let entity = video.entity ?? Entity.inPrompt(video.prompt)
        var values: [String: Double] = [:]
        if clip != nil {
            let images = imageEmbeddings(sample.frames)
            if settings.wants(.clipT) { values["clip_t"] = mean(images, against: textEmbedding(video.prompt)) }
            if settings.wants(.clipE) {
                if let entity {
                    values["clip_e"] = mean(images, against: textEmbedding(entity))
                } else {
                    log.warning("no entity in '\(video.prompt)': CLIP-E is left out; name one with `entity:`")
                }
            }
            if settings.wants(.tempCons), images.count > 1 {
                values["temp_cons"] = Cosine.mean(zip(images, images.dropFirst()).map { Cosine.of($0, $1) })
            }
        }
        if let videoEncoder, !references.isEmpty {
            let motion = Scorer.embedding(of: sample.frames, by: videoEncoder)
            let fidelities = references.map { Cosine.of($0, motion) }
            // By the video itself, not by its place in a list: another video beside it changes nothing.
            var draw = Generator(seed: UInt64(settings.seed)).split("reference \(video.seed) \(video.prompt)")
            values["mofid"] = fidelities[draw.integer(below: fidelities.count)]
            values["mofid_all"] = Cosine.mean(fidelities)
        }
        return Scores.Video(
            prompt: video.prompt, seed: video.seed, entity: entity, values: values)
    }

    private func imageEmbeddings(_ frames: Frames) -> [[Float]] {
        guard let clip else { return [] }
        var rows: [[Float]] = []
        for start in stride(from: 0, to: frames.count, by: Scorer.batch) {
            let pixels = clip.preprocessing(frames[start..<min(start + Scorer.batch, frames.count)])
            rows += Scorer.rows(withoutRecording { clip.model.imageEmbeddings(Variable(pixels)).value })
        }
        return rows
    }

    private func textEmbedding(_ text: String) -> [Float] {
        if let known = texts[text] { return known }
        guard let clip, let tokenizer else { preconditionFailure("a text without a text encoder") }
        let encoding = tokenizer.encoding(text)
        if encoding.isTruncated { log.warning("CLIP reads only the beginning of '\(text)'") }
        let row = Scorer.rows(withoutRecording { clip.model.textEmbeddings([encoding.ids]).value })[0]
        texts[text] = row
        return row
    }

    private func mean(_ images: [[Float]], against text: [Float]) -> Double? {
        Cosine.mean(images.map { Cosine.of($0, text) })
    }

    /// The embedding of a video's motion: as many frames as the encoder takes, spread over all there are.
    private static func embedding(of frames: Frames, by encoder: VideoEncoder) -> [Float] {
        let wanted = encoder.configuration.frames
        let pixels = ImagePreprocessing.videoMAE(size: encoder.configuration.imageSize)(
            frames.picking(spread(wanted, over: frames.count)))
        let input = Variable(pixels.reshaped([1] + pixels.shape))
        return rows(withoutRecording { encoder.embeddings(input).value })[0]
    }

    /// Frame numbers floor(j (n - 1) / (wanted - 1)); a frame repeats when there are too few.
    static func spread(_ wanted: Int, over count: Int) -> [Int] {
        (0..<wanted).map { wanted > 1 ? $0 * (count - 1) / (wanted - 1) : 0 }
    }

    private static func rows(_ tensor: Tensor) -> [[Float]] {
        let width = tensor.shape[tensor.shape.count - 1]
        let values = tensor.values
        return stride(from: 0, to: values.count, by: width).map { Array(values[$0..<$0 + width]) }
    }
}

/// Cosines between embeddings, in double precision.
enum Cosine {
    /// nil when one of them has no direction or is not finite.
    static func of(_ a: [Float], _ b: [Float]) -> Double? {
        precondition(a.count == b.count, "cosine of \(a.count) and \(b.count) numbers")
        var (dot, squareA, squareB) = (0.0, 0.0, 0.0)
        for (x, y) in zip(a, b) {
            dot += Double(x) * Double(y)
            squareA += Double(x) * Double(x)
            squareB += Double(y) * Double(y)
        }
        let cosine = dot / (squareA * squareB).squareRoot()
        return cosine.isFinite ? min(max(cosine, -1), 1) : nil
    }

    /// The mean of all that could be taken; nil when one could not, for it would mean something else.
    static func mean(_ cosines: [Double?]) -> Double? {
        let known = cosines.compactMap { $0 }
        return known.isEmpty || known.count < cosines.count ? nil : known.reduce(0, +) / Double(known.count)
    }
}
