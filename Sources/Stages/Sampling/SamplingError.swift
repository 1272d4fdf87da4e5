/// What can go wrong in sampling beside the files that it reads.
public enum SamplingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Neither for-each nor settings say what to sample.
    case noPrompt
    /// An input that a setting asks for is not connected.
    case needsInput(port: String, setting: String)
    /// The reference has another number of frames than the video.
    case frameCount(reference: Int, video: Int)
    /// `noise-prior-clip` is beyond the last clip.
    case noSuchClip(index: Int, count: Int)
    /// The size does not fit the autoencoder or the video format.
    case badSize(width: Int, height: Int, multiple: Int)
    /// Enlarged, the video is more than its format can have.
    case tooLarge(width: Int, height: Int)
    /// The given noise has no file for a seed.
    case noNoise(seed: Int)
    /// The given noise is of another model.
    case noiseChannels(found: Int, expected: Int)
    /// The network made something that is not a number.
    case notFinite(seed: Int, step: Int)
    /// Parts of the motion adapter have another width than the model.
    case foreignAdapter(part: String, width: Int, expected: Int)

    /// What H.264 encoders take.
    static let longestSide = 16384

    /// The sentence for people.
    public var description: String {
        switch self {
        case .noPrompt: "there is nothing to sample: set `prompt`, or add `for-each: \"${prompts}\"`"
        case .needsInput(let port, let setting): "`\(setting)` needs the input `\(port)`; connect it"
        case .frameCount(let reference, let video):
            "the noise prior inverts \(reference) frames for a video of \(video); take as many frames as the reference has"
        case .noSuchClip(let index, let count): "noise-prior-clip is \(index), the reference has \(count) clips from 0"
        case .badSize(let width, let height, let multiple):
            "\(width) x \(height) is not a multiple of \(multiple) both ways, as the model's autoencoder needs"
        case .tooLarge(let width, let height):
            "enlarged, the video is \(width) x \(height), and a side has at most \(SamplingError.longestSide) pixels; "
                + "lower `enlarge`"
        case .noNoise(let seed):
            "the input `noise` has several files and none for seed \(seed): it needs seed-\(seed).safetensors"
        case .noiseChannels(let found, let expected):
            "the input `noise` has \(found) channels where the model's autoencoder has \(expected)"
        case .notFinite(let seed, let step):
            "the latents of seed \(seed) are not finite after step \(step); lower `guidance` or train with a lower "
                + "`learning-rate`"
        case .foreignAdapter(let part, let width, let expected):
            "the motion adapter's \(part) is \(width) wide, this model's text embedding \(expected): it was made for "
                + "another model; train it again on this one"
        }
    }
}
