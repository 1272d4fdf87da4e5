public import Foundation

/// Text to token ids as CLIP's text encoders were trained with: byte-level BPE with word ends.
///
/// `CLIPTokenizer` of transformers 5 (diffusion.md 4.2): special tokens are split out first (the pad token "!" of
/// ZeroScope's files among them), the rest is brought to NFC, white space collapsed, lower case, split into words,
/// single digits and runs of other signs, and each of these encoded by merges.
public struct CLIPTokenizer: Sendable {
    /// A word, digit or run of signs of a text, and the tokens that it became.
    public struct Piece: Hashable, Sendable {
        /// Its text after normalisation.
        public let text: String
        /// Where its tokens stand in the ids, the start token counted.
        public let tokens: Range<Int>
    }

    /// A text as the text encoder takes it.
    public struct Encoding: Hashable, Sendable {
        /// Start, content, end, then padding: exactly `maximumLength` ids.
        public let ids: [Int]
        /// The pieces whose tokens all fit, in order.
        public let pieces: [Piece]
        /// How many content tokens the text has, those counted that were cut off.
        public let contentCount: Int
        /// Whether tokens were cut off.
        public let isTruncated: Bool
    }

    /// How many ids `encode` gives.
    public let maximumLength: Int
    /// The id before every text.
    public let startID: Int
    /// The id after every text.
    public let endID: Int
    /// The id that fills up.
    public let padID: Int
    /// How many ids there are.
    public let vocabularySize: Int

    /// Opens a tokenizer folder: `vocab.json` and `merges.txt`, else `tokenizer.json`; with `special_tokens_map.json`
    /// and `tokenizer_config.json` where they are. Throws `ModelsError` when they are missing or cannot be.
    public init(folder: URL) throws { fatalError("\(folder)") }

    /// The ids of a text: start, content, end, padded and cut to `maximumLength`.
    public func encode(_ text: String) -> [Int] { encoding(text).ids }

    /// The ids of a text, and which word became which.
    public func encoding(_ text: String) -> Encoding { fatalError(text) }

    /// Where the tokens of a word (or a phrase) stand in the ids of a text: its first occurrence, nil when there is none
    /// (or it was cut off). The start token is counted, so the range indexes the text encoder's output.
    public func tokens(of word: String, in text: String) -> Range<Int>? { fatalError(word + text) }
}
