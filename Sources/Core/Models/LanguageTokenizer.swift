public import Foundation

/// Text to token ids and back, as language models of LLaMA's kind have it: subwords by merges, with bytes for signs that
/// are no token.
///
/// Reads `tokenizer.json` (BPE with byte fallback or of bytes, Unigram), else SentencePiece's `tokenizer.model` (BPE and
/// unigram), as `PreTrainedTokenizerFast` and `LlamaTokenizer` of transformers (diffusion.md 10.3). Added tokens such as
/// `<image>` are looked for first; each part between them is encoded by itself.
public struct LanguageTokenizer: Sendable {
    /// How many ids there are, gaps counted.
    public var vocabularySize: Int { parts.encoding.vocabulary.tokens.count }
    /// What the template puts before every text: the start token.
    public var prefix: [Int] { parts.prefix }

    private let parts: Parts
    private let raw: AddedTokens
    private let normalised: AddedTokens
    private let strips: [Int: (left: Bool, right: Bool)]

    /// What the files say.
    struct Parts: Sendable {
        var normalisation = TextNormalisation.sequence([])
        var splitting = TextSplitting.sequence([])
        var encoding: SubwordEncoding
        var decoding: TokenDecoding
        var added: [Added] = []
        /// Ids that decoding leaves out.
        var special: Set<Int> = []
        var prefix: [Int] = []
        var suffix: [Int] = []
    }

    /// A token that is looked for before anything else.
    struct Added: Sendable {
        var content: String
        var id: Int
        var isNormalised = false
        /// Whether `content` is as it stands in a normalised text.
        var isVerbatim = false
        var stripsLeft = false
        var stripsRight = false
    }

    /// Opens a tokenizer folder.
    ///
    /// Throws `ModelsError` when there is neither file, or it asks for what we do not have.
    public init(folder: URL) throws {
        func existing(_ name: String) -> URL? {
            let url = folder.appending(path: name)
            return FileManager.default.fileExists(atPath: url.path(percentEncoded: false)) ? url : nil
        }
        if let file = existing("tokenizer.json") {
            self.init(try TokenizerJSON.read(file))
        } else if let file = existing("tokenizer.model") {
            self.init(try SentencePieceFile.read(file, beside: folder))
        } else {
            throw ModelsError.missingFile(
                file: folder.appending(path: "tokenizer.json").path(percentEncoded: false),
                neededFor: "the tokenizer of a language model (or a tokenizer.model)")
        }
    }

    init(_ parts: Parts) {
        self.parts = parts
        raw = AddedTokens(
            parts.added.filter { !$0.isNormalised }.map { .init(content: $0.content, id: $0.id, isNormalised: false) })
        // The reference normalises what it looks for, too.
        normalised = AddedTokens(
            parts.added.filter(\.isNormalised).map {
                let content = $0.isVerbatim ? $0.content : string(parts.normalisation(scalars($0.content)))
                return .init(content: content, id: $0.id, isNormalised: true)
            })
        strips = Dictionary(
            parts.added.filter { $0.stripsLeft || $0.stripsRight }.map { ($0.id, ($0.stripsLeft, $0.stripsRight)) },
            uniquingKeysWith: { $1 })
    }

    /// The id of a token by its text; nil when there is none.
    public func id(of token: String) -> Int? { parts.encoding.vocabulary[token] }

    /// The ids of a text.
    ///
    /// - Parameter addsSpecialTokens: whether the template's tokens go around it.
    public func encode(_ text: String, addsSpecialTokens: Bool = true) -> [Int] {
        var ids: [Int] = []
        let all = scalars(text)
        for part in stripped(raw.split(all)) {
            if let id = part.id {
                ids.append(id)
                continue
            }
            let inner = parts.normalisation(Array(part.scalars))
            for (index, piece) in stripped(normalised.split(inner)).enumerated() {
                if let id = piece.id {
                    ids.append(id)
                } else {
                    let isFirst = part.scalars.startIndex == 0 && index == 0
                    let words = parts.splitting([.init(text: Array(piece.scalars), isFirst: isFirst)])
                    ids += words.flatMap { parts.encoding.encode(Array(string($0.text).utf8)) }
                }
            }
        }
        return addsSpecialTokens ? parts.prefix + ids + parts.suffix : ids
    }

    /// White space beside tokens that take it is theirs.
    private func stripped(
        _ parts: [(scalars: ArraySlice<Unicode.Scalar>, id: Int?)]
    ) -> [(scalars: ArraySlice<Unicode.Scalar>, id: Int?)] {
        guard !strips.isEmpty else { return parts }
        return parts.indices.compactMap { index in
            var part = parts[index]
            guard part.id == nil else { return part }
            if index > 0, let id = parts[index - 1].id, strips[id]?.right == true {
                part.scalars = part.scalars.drop { $0.properties.isWhitespace }
            }
            if index + 1 < parts.count, let id = parts[index + 1].id, strips[id]?.left == true {
                while part.scalars.last?.properties.isWhitespace == true { part.scalars.removeLast() }
            }
            return part.scalars.isEmpty ? nil : part
        }
    }

    /// The text of ids; ids that are none are left out.
    ///
    /// - Parameter skipsSpecialTokens: whether tokens such as `</s>` are left out.
    public func decode(_ ids: [Int], skipsSpecialTokens: Bool = true) -> String {
        let tokens = ids.filter { !(skipsSpecialTokens && parts.special.contains($0)) }
            .compactMap { parts.encoding.vocabulary.token($0) }
        return String(decoding: parts.decoding(tokens).flatMap { $0 }, as: UTF8.self)
    }
}
