import Artifacts
import Checkpoints
import Diffusion
import Foundation
import Formats
import StageKit
import Tensors

/// What sampling begins with in place of drawn noise: one video's latents for each seed, all of one size.
struct InitialNoise {
    /// `[1, f, h, w, c]`, by seed.
    private let latents: [Int: Tensor]
    private let shape: [Int]

    var frames: Int { shape[1] }
    var height: Int { shape[2] }
    var width: Int { shape[3] }
    var channels: Int { shape[4] }

    subscript(seed: Int) -> Tensor? { latents[seed] }

    /// Reads `latents` [1, c, f, h, w] of the file of each seed, or of the only file for all.
    ///
    /// Throws `SamplingError.noNoise`, and `FormatError.malformed` for what is no video's latents.
    init(_ artifact: InputArtifact, seeds: [Int]) throws {
        var latents: [Int: Tensor] = [:]
        for seed in seeds {
            let name = "seed-\(seed).safetensors"
            guard let file = artifact.files[name] ?? (artifact.files.count == 1 ? artifact.files.values.first : nil)
            else {
                throw SamplingError.noNoise(seed: seed)
            }
            let checkpoint = try Checkpoint.open(file)
            guard let entry = checkpoint.entry("latents"), entry.shape.count == 5, entry.shape[0] == 1, entry.count > 0
            else {
                throw FormatError.malformed(
                    file: file.path(percentEncoded: false), why: "it has no tensor `latents` [1, c, f, h, w]")
            }
            let one = Latents.channelsLast(try checkpoint.tensor("latents"))
            if let known = latents.values.first, known.shape != one.shape {
                throw FormatError.malformed(
                    file: name, why: "its latents are \(one.shape) where another seed has \(known.shape)")
            }
            latents[seed] = one
        }
        guard let shape = latents.values.first?.shape else { throw SamplingError.noNoise(seed: 1) }
        self.latents = latents
        self.shape = shape
    }
}
