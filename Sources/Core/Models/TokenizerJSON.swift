import Foundation

/// Reads `tokenizer.json`, the format of the tokenizers library.
///
/// Strict: every kind of step that we do not have, and every option that would change an id, is an error that names it.
enum TokenizerJSON {
    static func read(_ url: URL) throws -> LanguageTokenizer.Parts {
        let name = url.path(percentEncoded: false)
        let json = try OrderedJSON(Data(contentsOf: url), name: name)
        guard let model = json["model"] else {
            throw ModelsError.unreadable(file: name, why: "it has no `model`")
        }
        var vocabulary = try vocabulary(model, name)
        let added = try (json["added_tokens"]?.members ?? []).map { try Self.added($0, name) }
        for token in added { try vocabulary.add(Array(token.token.content.utf8), id: token.token.id, name: name) }
        let template = try template(json["post_processor"], name)
        return LanguageTokenizer.Parts(
            normalisation: try TextNormalisation(json["normalizer"], name: name),
            splitting: try TextSplitting(json["pre_tokenizer"], name: name),
            encoding: try encoding(model, vocabulary, name),
            decoding: try TokenDecoding(json["decoder"], name: name), added: added.map(\.token),
            special: Set(added.filter(\.isSpecial).map(\.token.id)), prefix: template.prefix,
            suffix: template.suffix)
    }

    private static func wrong(_ name: String, _ key: String, _ value: String, _ supported: String) -> ModelsError {
        .unsupported(file: name, key: key, value: value, supported: supported)
    }

    /// A map from tokens to ids, or a list of tokens with scores.
    private static func vocabulary(_ model: OrderedJSON, _ name: String) throws -> SubwordVocabulary {
        var vocabulary = SubwordVocabulary()
        switch model["vocab"] {
        case .object(let entries)?:
            for entry in entries {
                guard let id = entry.value.int else {
                    let token = String(decoding: entry.key, as: UTF8.self)
                    throw ModelsError.unreadable(file: name, why: "the token \"\(token)\" has no whole id")
                }
                try vocabulary.add(entry.key, id: id, name: name)
            }
        case .array(let entries)?:
            for (id, entry) in entries.enumerated() {
                guard let token = entry.members.first?.bytes else {
                    throw ModelsError.unreadable(file: name, why: "entry \(id) of its vocabulary is no token")
                }
                try vocabulary.add(token, id: id, name: name)
            }
        default: throw ModelsError.unreadable(file: name, why: "its model has no vocabulary")
        }
        return vocabulary
    }

    private static func encoding(
        _ model: OrderedJSON, _ vocabulary: SubwordVocabulary, _ name: String
    ) throws -> SubwordEncoding {
        let kind = model["type"]?.text ?? (model["merges"] == nil ? "Unigram" : "BPE")
        let hasBytes = model["byte_fallback"]?.bool ?? false
        let byteIDs = hasBytes ? vocabulary.byteIDs : nil
        switch kind {
        case "BPE":
            for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
                if let text = model[key]?.text, !text.isEmpty { throw wrong(name, key, "\"\(text)\"", "none") }
            }
            if let dropout = model["dropout"]?.number, dropout != 0 {
                throw wrong(name, "dropout", "\(dropout)", "none")
            }
            let unknown = model["unk_token"]?.bytes.flatMap { vocabulary[$0] }
            return SubwordEncoding(
                vocabulary, .ranks(try merges(model, vocabulary, name)), unknown: unknown,
                fusesUnknown: model["fuse_unk"]?.bool ?? false, ignoresMerges: model["ignore_merges"]?.bool ?? false,
                byteIDs: byteIDs)
        case "Unigram":
            let scores = (model["vocab"]?.members ?? []).map { Float($0.members.last?.number ?? 0) }
            return SubwordEncoding(vocabulary, .unigram(scores), unknown: model["unk_id"]?.int, byteIDs: byteIDs)
        default: throw wrong(name, "model", kind, "BPE, Unigram")
        }
    }

    /// Merges as texts or as pairs, the first of rank 0.
    private static func merges(
        _ model: OrderedJSON, _ vocabulary: SubwordVocabulary, _ name: String
    ) throws -> [SubwordEncoding.Pair: SubwordEncoding.Merge] {
        var table: [SubwordEncoding.Pair: SubwordEncoding.Merge] = [:]
        for (rank, entry) in (model["merges"]?.members ?? []).enumerated() {
            let parts: [[UInt8]]
            if let text = entry.bytes {
                parts = text.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false).map(Array.init)
            } else {
                parts = entry.members.compactMap(\.bytes)
            }
            guard parts.count == 2, let left = vocabulary[parts[0]], let right = vocabulary[parts[1]],
                let id = vocabulary[parts[0] + parts[1]]
            else {
                throw ModelsError.unreadable(file: name, why: "merge \(rank) is no pair of tokens that make a token")
            }
            // A pair that is listed twice has its last rank, as in the reference.
            table[.init(left: left, right: right)] = .init(rank: rank, id: id)
        }
        return table
    }

    private static func added(
        _ json: OrderedJSON, _ name: String
    ) throws -> (token: LanguageTokenizer.Added, isSpecial: Bool) {
        guard let content = json["content"]?.text, let id = json["id"]?.int else {
            throw ModelsError.unreadable(file: name, why: "an added token has no content or no id")
        }
        if json["single_word"]?.bool == true { throw wrong(name, "single_word", "true, of \(content)", "false") }
        let token = LanguageTokenizer.Added(
            content: content, id: id, isNormalised: json["normalized"]?.bool ?? false,
            stripsLeft: json["lstrip"]?.bool ?? false, stripsRight: json["rstrip"]?.bool ?? false)
        return (token, json["special"]?.bool ?? false)
    }

    /// What goes before and after a single text.
    private static func template(_ json: OrderedJSON?, _ name: String) throws -> (prefix: [Int], suffix: [Int]) {
        guard let json else { return ([], []) }
        let kind = json["type"]?.text ?? "of no type"
        switch kind {
        case "ByteLevel": return ([], [])
        case "Sequence":
            return try (json["processors"]?.members ?? []).reduce(([], [])) { all, step in
                let inner = try template(step, name)
                return (inner.prefix + all.0, all.1 + inner.suffix)
            }
        case "TemplateProcessing":
            var sides: [[Int]] = [[]]
            for step in json["single"]?.members ?? [] {
                if step["Sequence"] != nil {
                    sides.append([])
                } else if let token = step["SpecialToken"]?["id"]?.text,
                    let ids = json["special_tokens"]?[token]?["ids"]?.members.compactMap(\.int), !ids.isEmpty
                {
                    sides[sides.count - 1] += ids
                }
            }
            guard sides.count == 2 else {
                throw wrong(name, "post_processor", "a template without its one text", "one text among special tokens")
            }
            return (sides[0], sides[1])
        default: throw wrong(name, "post_processor", kind, "TemplateProcessing, ByteLevel, Sequence")
        }
    }
}
