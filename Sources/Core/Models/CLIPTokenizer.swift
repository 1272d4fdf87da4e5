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

    private let encoder: BytePairEncoding
    private let rawTokens: AddedTokens
    private let normalisedTokens: AddedTokens

    /// Opens a tokenizer folder: `vocab.json` and `merges.txt`, else `tokenizer.json`; with `special_tokens_map.json`
    /// and `tokenizer_config.json` where they are.
    ///
    /// Throws `ModelsError` when they are missing or cannot be.
    public init(folder: URL) throws { try self.init(TokenizerFiles(folder: folder)) }

    init(_ files: TokenizerFiles) throws {
        let unknown = try files.id(of: .unknown)
        encoder = BytePairEncoding(vocabulary: files.vocabulary, merges: files.merges, unknown: unknown)
        startID = try files.id(of: .start)
        endID = try files.id(of: .end)
        padID = try files.id(of: .pad)
        maximumLength = files.maximumLength
        vocabularySize = (files.vocabulary.values.max() ?? -1) + 1
        rawTokens = AddedTokens(files.addedTokens.filter { !$0.isNormalised })
        normalisedTokens = AddedTokens(files.addedTokens.filter(\.isNormalised))
        guard maximumLength > 2 else {
            throw ModelsError.unsupported(
                file: files.folder, key: "model_max_length", value: "\(maximumLength)", supported: "more than 2")
        }
    }

    /// The ids of a text: start, content, end, padded and cut to `maximumLength`.
    public func encode(_ text: String) -> [Int] { encoding(text).ids }

    /// The ids of a text, and which word became which.
    public func encoding(_ text: String) -> Encoding {
        var content: [Int] = []
        var pieces: [Piece] = []
        for piece in split(text) {
            let begin = content.count + 1
            content += piece.ids
            guard content.count <= maximumLength - 2 else { continue }
            pieces.append(Piece(text: piece.text, tokens: begin..<content.count + 1))
        }
        let ids = [startID] + content.prefix(maximumLength - 2) + [endID]
        return Encoding(
            ids: ids + Array(repeating: padID, count: maximumLength - ids.count), pieces: pieces,
            contentCount: content.count, isTruncated: content.count > maximumLength - 2)
    }

    /// Where the tokens of a word (or a phrase) stand in the ids of a text: its first occurrence, nil when there is
    /// none (or it was cut off).
    ///
    /// The start token is counted, so the range indexes the text encoder's output.
    public func tokens(of word: String, in text: String) -> Range<Int>? {
        let wanted = split(word).map(\.text)
        let pieces = encoding(text).pieces
        guard !wanted.isEmpty, pieces.count >= wanted.count else { return nil }
        for first in 0...(pieces.count - wanted.count) {
            let last = first + wanted.count - 1
            guard zip(pieces[first...last], wanted).allSatisfy({ $0.text == $1 }) else { continue }
            return pieces[first].tokens.lowerBound..<pieces[last].tokens.upperBound
        }
        return nil
    }

    /// The pieces of a text with their ids, however many.
    private func split(_ text: String) -> [(text: String, ids: [Int])] {
        var pieces: [(text: String, ids: [Int])] = []
        for part in rawTokens.split(Array(text.unicodeScalars)) {
            if let id = part.id {
                pieces.append((string(part.scalars), [id]))
                continue
            }
            for inner in normalisedTokens.split(Self.normalised(part.scalars)) {
                if let id = inner.id {
                    pieces.append((string(inner.scalars), [id]))
                } else {
                    pieces += Self.words(inner.scalars).map { (string($0), encoder.encode(string($0))) }
                }
            }
        }
        return pieces
    }

    private func string(_ scalars: some Collection<Unicode.Scalar>) -> String {
        var string = String.UnicodeScalarView()
        string.append(contentsOf: scalars)
        return String(string)
    }

    /// NFC, runs of white space to one space, lower case scalar by scalar (so that a final sigma is like any other).
    static func normalised(_ scalars: ArraySlice<Unicode.Scalar>) -> [Unicode.Scalar] {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        var result: [Unicode.Scalar] = []
        for scalar in String(view).precomposedStringWithCanonicalMapping.unicodeScalars {
            if scalar.properties.isWhitespace {
                if result.last != " " { result.append(" ") }
            } else {
                result += scalar.properties.lowercaseMapping.unicodeScalars
            }
        }
        return result
    }

    private enum Kind { case letter, number, space, other }

    private static func kind(_ scalar: Unicode.Scalar) -> Kind {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: .letter
        case .decimalNumber, .letterNumber, .otherNumber: .number
        default: scalar.properties.isWhitespace ? .space : .other
        }
    }

    private static let contractions: [[Unicode.Scalar]] = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"].map {
        Array(($0 as String).unicodeScalars)
    }

    /// What the pattern `'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+` finds from left to right.
    static func words(_ scalars: ArraySlice<Unicode.Scalar>) -> [ArraySlice<Unicode.Scalar>] {
        var words: [ArraySlice<Unicode.Scalar>] = []
        var index = scalars.startIndex
        while index < scalars.endIndex {
            let rest = scalars[index...]
            if let contraction = contractions.first(where: { rest.starts(with: $0) }) {
                words.append(rest.prefix(contraction.count))
                index += contraction.count
                continue
            }
            let kind = kind(scalars[index])
            var end = index + 1
            if kind != .number {
                while end < scalars.endIndex, Self.kind(scalars[end]) == kind { end += 1 }
            }
            if kind != .space { words.append(scalars[index..<end]) }
            index = end
        }
        return words
    }
}
