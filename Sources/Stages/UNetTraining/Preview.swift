import Autograd
import Diffusion
import Formats
import Foundation
import Media
import Models
import Pretraining
import StageKit
import Tensors
import World

/// What a network in training makes of a few fixed prompts.
struct Preview {
    private let settings: UNetTrainingSettings
    private let sampler: GuidedSampler
    private let autoencoder: AutoencoderKL

    init(
        _ settings: UNetTrainingSettings, network: UNet3DConditionModel, scheduler: DDIMScheduler,
        autoencoder: AutoencoderKL
    ) {
        self.settings = settings
        self.autoencoder = autoencoder
        sampler = GuidedSampler(network: network, scheduler: scheduler)
    }

    /// How many samples a sheet has: two of each of five motions, one motion for each row.
    static let shown = 10

    /// What it makes of a fixed list of scenes; single frames in the image phase.
    func samples(
        _ text: CaptionEncoder, shape: [Int], draws: TrainingDraws, _ context: StageContext
    ) throws -> [(scene: Scene, frames: Frames)] {
        let motions = ["sliding left", "sliding right", "rising", "falling", "bouncing"].compactMap(Motion.init(named:))
        var generator = draws.generator("preview prompts")
        let scenes = (0..<max(Self.shown, settings.previewCount)).map { index in
            let motion = index < Self.shown ? [motions[index / 2]] : Motion.base
            return Scene.random(motions: motion, using: &generator)
        }
        var noises = draws.generator("preview noise")
        var samples: [(scene: Scene, frames: Frames)] = []
        for start in stride(from: 0, to: scenes.count, by: Self.shown) {
            let part = Array(scenes[start..<min(start + Self.shown, scenes.count)])
            let drawn = try frames(of: part, text, shape: shape, &noises, context)
            samples += zip(part, drawn).map { (scene: $0, frames: $1) }
        }
        return samples
    }

    private func frames(
        of scenes: [Scene], _ text: CaptionEncoder, shape: [Int], _ noises: inout Generator, _ context: StageContext
    ) throws -> [Frames] {
        let frames = settings.phase == .image ? 1 : Scene.frames
        let noise = noises.normal([scenes.count, frames] + shape.dropFirst(2))
        let prompt = text.encode(scenes.map(\.caption))
        let negative = text.encode(scenes.map { _ in "" })
        let latents = try sampler.sample(
            from: noise, .init(prompt: prompt, negative: negative), guidance: Float(settings.previewGuidance),
            rescale: Float(settings.previewRescale), steps: settings.previewSteps, using: &noises
        ) { _ in try context.checkCancellation() }
        let scale = Float(1 / autoencoder.configuration.scalingFactor)
        return scenes.indices.map { index in
            let one = Kernels.scale(Kernels.rows(latents, index..<index + 1), by: scale)
            let pixels = withoutRecording {
                autoencoder.decode(Variable(one.reshaped([frames] + shape.dropFirst(2)))).value
            }
            return Frames(normalised: pixels)
        }
    }
}

/// What a judge, which was not trained, sees in samples of a training: how far the network obeys its captions.
struct JudgedSamples: Codable {
    private struct Line: Codable {
        let step: Int
        let place: Double
        let colour: Double
        let subject: Double
        let motion: Double?
    }

    private let judge = Judge()
    private var lines: [Line] = []

    private enum CodingKeys: CodingKey { case lines }

    init() {}

    mutating func append(step: Int, _ samples: [(scene: Scene, frames: Frames)]) {
        let isVideo = samples.allSatisfy { $0.frames.count > 1 }
        let verdicts = samples.map { sample in
            // A judge wants two frames: a still stands still.
            let bytes = isVideo ? sample.frames.bytes : sample.frames.bytes + sample.frames.bytes
            return judge.judge(bytes, frames: isVideo ? sample.frames.count : 2, side: sample.frames.width)
        }
        func share(_ isRight: (Verdict, Scene) -> Bool) -> Double {
            Double(zip(verdicts, samples).count { isRight($0, $1.scene) }) / Double(max(1, samples.count))
        }
        lines.append(
            Line(
                step: step, place: share { $0.place == $1.place }, colour: share { $0.colour == $1.colour },
                subject: share { $0.subject == $1.subject },
                motion: isVideo ? share { $0.agreement(with: $1.motion) >= 0.8 } : nil))
    }

    /// The last line for a log.
    var summary: String {
        guard let line = lines.last else { return "" }
        func percent(_ value: Double) -> String { "\(Int((value * 100).rounded())) %" }
        let motion = line.motion.map { ", motion \(percent($0))" } ?? ""
        return "samples at step \(line.step): place \(percent(line.place)), colour \(percent(line.colour)), "
            + "subject \(percent(line.subject))\(motion)"
    }

    /// Writes `samples.csv`: shares of samples that show what their captions ask for.
    func write(to output: OutputFolder) throws {
        let rows = lines.map { line in
            ["\(line.step)"]
                + [line.place, line.colour, line.subject].map { String(format: "%.4g", $0) }
                + [line.motion.map { String(format: "%.4g", $0) } ?? ""]
        }
        let table = ([["step", "place", "colour", "subject", "motion"]] + rows).map { $0.joined(separator: ",") }
        try (table.joined(separator: "\n") + "\n")
            .write(to: output.file("samples.csv"), atomically: false, encoding: .utf8)
    }
}
