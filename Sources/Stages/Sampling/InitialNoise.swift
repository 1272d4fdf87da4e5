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
            if let why = Self.problem(checkpoint) {
                throw FormatError.malformed(file: file.path(percentEncoded: false), why: why)
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

    /// Why a file is no video's latents; nil when it is.
    private static func problem(_ file: Checkpoint) -> String? {
        guard let entry = file.entry("latents") else { return "it has no tensor `latents`" }
        guard entry.shape.count == 5, entry.shape[0] == 1, entry.count > 0, entry.shape[2] <= 1000 else {
            return "its `latents` are \(entry.shape), not [1, c, f, h, w] of at most 1000 frames"
        }
        guard let values = try? file.tensor("latents"), values.read({ $0.allSatisfy(\.isFinite) }) else {
            return "its `latents` have numbers that are not finite"
        }
        return nil
    }

    /// What is wrong with files of the user's, before anything runs.
    static func problems(_ request: StageRequest, seeds: [Int]) -> [StageProblem] {
        let channels = request.latentChannels
        return (request.sources["noise"] ?? []).flatMap(\.files).enumerated().compactMap { index, file in
            func problem(_ why: String) -> StageProblem {
                StageProblem(.input(port: "noise", index: index), "\(file.url.path(percentEncoded: false)): \(why)")
            }
            do {
                let checkpoint = try Checkpoint.open(file.url)
                if let why = self.problem(checkpoint) { return problem(why) }
                let found = checkpoint.entry("latents")?.shape[1] ?? 0
                guard let channels, found != channels else { return nil }
                return problem("\(SamplingError.noiseChannels(found: found, expected: channels))")
            } catch { return StageProblem(.input(port: "noise", index: index), "\(error)") }
        }
    }
}
