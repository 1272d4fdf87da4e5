import Autograd
import Formats
import Foundation
import Media
import Models
import Objectives
import Pretraining
import Tensors
import World

/// Whether the video that is nearest to another, of those where everything else differs, shows the same motion.
struct MotionRetrieval {
    private let videos: SceneVideos
    private let encoder: VideoEncoder

    init(_ videos: SceneVideos, by model: VideoMAEModel) {
        self.videos = videos
        encoder = .base(model)
    }

    /// How well motions are found again, over pairs of another subject, another colour and another place.
    struct Measured: Codable, Equatable {
        /// How many videos were looked at.
        let videos: Int
        /// The share of them whose nearest shows the same motion.
        let nearest: Double
        /// The same for each motion.
        let byMotion: [String: Double]
        /// Mean cosine of two videos of one motion.
        let sameMotion: Double
        /// Mean cosine of two videos of different motions.
        let otherMotion: Double

        var summary: String {
            let each = byMotion.sorted { $0.key < $1.key }.map { String(format: "\($0.key) %.3f", $0.value) }
            return String(format: "nearest of the same motion %.3f", nearest) + " (" + each.joined(separator: ", ")
                + String(format: "); mean cosine %.3f, of other motions %.3f", sameMotion, otherMotion)
        }
    }

    func measured() -> Measured {
        let embeddings = self.embeddings()
        let cosines = Kernels.matmul(embeddings, embeddings, transposeB: true).values
        return Self.measured(cosines, videos.scenes)
    }

    private func embeddings() -> Tensor {
        let preprocessing = ImagePreprocessing.videoMAE(size: encoder.configuration.imageSize)
        let parts = (0..<videos.count).map { video in
            let pixels = preprocessing(videos.frames(of: video))
            return withoutRecording {
                encoder.embeddings(Variable(pixels.reshaped([1] + pixels.shape))).normalisedRows().value
            }
        }
        return Kernels.concatenateRows(parts)
    }

    /// From the cosines of all videos with each other, row by row.
    static func measured(_ cosines: [Float], _ scenes: [Scene]) -> Measured {
        let count = scenes.count
        var found: [String: (right: Int, all: Int)] = [:]
        var (same, other) = ((sum: 0.0, count: 0), (sum: 0.0, count: 0))
        for i in 0..<count {
            var best: Int?
            for j in 0..<count where scenes[i].sharesOnlyMotion(with: scenes[j]) {
                let cosine = Double(cosines[i * count + j])
                if scenes[i].motion == scenes[j].motion {
                    same = (same.sum + cosine, same.count + 1)
                } else {
                    other = (other.sum + cosine, other.count + 1)
                }
                if cosine > best.map({ Double(cosines[i * count + $0]) }) ?? -.infinity { best = j }
            }
            // A video without a partner counts as one that was not found.
            let isRight = best.map { scenes[$0].motion == scenes[i].motion } ?? false
            let so = found[scenes[i].motion.name] ?? (0, 0)
            found[scenes[i].motion.name] = (so.right + (isRight ? 1 : 0), so.all + 1)
        }
        let right = found.values.reduce(0) { $0 + $1.right }
        return Measured(
            videos: count, nearest: Double(right) / Double(max(1, count)),
            byMotion: found.mapValues { Double($0.right) / Double($0.all) },
            sameMotion: same.sum / Double(max(1, same.count)), otherMotion: other.sum / Double(max(1, other.count)))
    }
}

extension Scene {
    /// Whether subject, colour and place are all different.
    fileprivate func sharesOnlyMotion(with other: Scene) -> Bool {
        subject != other.subject && colour != other.colour && place != other.place
    }
}
