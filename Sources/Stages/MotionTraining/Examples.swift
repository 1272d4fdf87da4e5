import Diffusion
import Foundation
import Formats
import Logging
import StageKit
import Tensors

/// A clip as the motion stage sees it.
struct Example {
    let prompt: String
    /// `[1, f, h, w, c]`, scaled.
    let latents: Tensor
    /// The text's embedding, `[1, L, D]`.
    let context: Tensor
    /// Where the motion's word stands in it; empty when nothing is strengthened.
    let word: Range<Int>
    /// ψ of every frame, nil when neither injector nor enhancer looks at it.
    let embeddings: ClipEmbeddings?
}

/// All clips, encoded once.
struct Examples {
    let all: [Example]
    /// The empty text's embedding.
    let empty: Tensor

    /// Reads clips and embeddings and encodes them; the models that do so are gone when this returns.
    static func read(
        _ settings: MotionTrainingSettings, _ model: ModelSet, _ draws: TrainingDraws, _ context: StageContext
    ) throws -> Examples {
        let clips = try ClipFrames.read(context.input("frames"))
        let embeddings = try embeddings(clips, settings, context)
        let encoder = try PromptEncoder(model, precision: settings.precision)
        // Before the costly part: a prompt without a verb is the commonest mistake.
        let words = try clips.map { clip in
            guard settings.enhancer else { return 0..<0 }
            return try encoder.motionTokens(
                of: clip.prompt, motion: settings.motion, span: settings.enhanceSpan.span)
        }
        let vae = try model.vae(precision: settings.precision)
        let all = try clips.enumerated().map { index, clip in
            var generator = draws.generator("latents \(index)")
            return Example(
                prompt: clip.prompt,
                latents: try ClipLatents.encode(
                    clip, with: vae, settings.latents, using: &generator, beforeFrame: context.checkCancellation),
                context: encoder.encode(clip.prompt), word: words[index], embeddings: embeddings?[index])
        }
        return Examples(all: all, empty: encoder.encode(""))
    }

    private static func embeddings(
        _ clips: [ClipFrames], _ settings: MotionTrainingSettings, _ context: StageContext
    ) throws -> [ClipEmbeddings]? {
        guard settings.injector || settings.enhancer else { return nil }
        guard let artifact = context.optionalInput("embeddings") else {
            throw TrainingError.mismatch(
                "the appearance injector and the motion enhancer need image embeddings: connect the input `embeddings`, "
                    + "or set `injector: false` and `enhancer: false`")
        }
        let embeddings = try ClipEmbeddings.read(artifact)
        guard embeddings.map({ $0.frames.shape[0] }) == clips.map(\.frames) else {
            throw TrainingError.mismatch(
                "there are embeddings of \(embeddings.map { $0.frames.shape[0] }) frames for clips of "
                    + "\(clips.map(\.frames)); take both from the same frames")
        }
        return embeddings
    }
}
