public import Foundation

/// The model set `tiny`: the architectures of the real ones at a size that a laptop trains in seconds. Untrained.
public enum TinyModelSet {
    /// Writes the set: folders `unet vae text_encoder tokenizer scheduler image_encoder video_encoder`, `model.yaml` that
    /// names them and recommends settings, and a README. Equal seeds give equal bytes. Throws what the disk throws.
    public static func write(to folder: URL, seed: UInt64 = 0) throws { fatalError("\(folder) \(seed)") }
}
