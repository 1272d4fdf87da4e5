import Foundation

/// Reads SentencePiece's `tokenizer.model`: a protobuf `ModelProto` of pieces, how it was trained and how it normalises.
///
/// BPE and unigram models whose normalisation is the identity (LLaMA's, and every one trained like it). Field numbers
/// are those of sentencepiece_model.proto. Added tokens come from the JSON files beside it, as transformers has them.
enum SentencePieceFile {
    /// Kinds of pieces.
    private enum Kind: Int {
        case normal = 1
        case unknown, control, userDefined, unused, byte
    }

    static func read(_ url: URL, beside folder: URL) throws -> LanguageTokenizer.Parts {
        let name = url.path(percentEncoded: false)
        let model = try ProtobufMessage(Array(Data(contentsOf: url))[...], name: name)
        let (trainer, normaliser) = (try model.messages(2).last, try model.messages(3).last)
        func wrong(_ key: String, _ value: String, _ supported: String) -> ModelsError {
            .unsupported(file: name, key: key, value: value, supported: supported)
        }
        if let map = normaliser?.bytes(2), !map.isEmpty {
            let rule = normaliser?.bytes(1).map { String(decoding: $0, as: UTF8.self) } ?? "of its own"
            throw wrong("normalizer_spec", rule, "identity; use the folder's tokenizer.json")
        }
        if trainer?.bool(24) == true { throw wrong("treat_whitespace_as_suffix", "true", "false") }
        if normaliser?.bool(5) == false { throw wrong("escape_whitespaces", "false", "true") }

        var vocabulary = SubwordVocabulary()
        var (scores, kinds) = ([Float](), [Kind]())
        for (id, piece) in try model.messages(1).enumerated() {
            guard let text = piece.bytes(1), !text.isEmpty, let kind = Kind(rawValue: piece.int(3) ?? 1) else {
                throw ModelsError.unreadable(file: name, why: "piece \(id) has no text or is of an unknown kind")
            }
            if kind == .unused { throw wrong("pieces", "one that is unused, \(id)", "pieces in use") }
            if vocabulary[text] != nil {
                throw ModelsError.unreadable(file: name, why: "piece \(id) is there twice")
            }
            try vocabulary.add(text, id: id, name: name)
            scores.append(piece.float(2) ?? 0)
            kinds.append(kind)
        }
        func ids(_ kind: Kind) -> [Int] { kinds.indices.filter { kinds[$0] == kind } }
        guard let unknown = ids(.unknown).first else {
            throw ModelsError.unreadable(
                file: name, why: "no piece is the unknown one, so it is no SentencePiece model")
        }
        let method: SubwordEncoding.Method
        switch trainer?.int(3) ?? 1 {
        case 1: method = .unigram(scores)
        case 2: method = .scores(scores)
        case let other:
            throw wrong("model_type", other == 3 ? "WORD" : other == 4 ? "CHAR" : "\(other)", "UNIGRAM, BPE")
        }
        let byteIDs = trainer?.bool(35) == true ? vocabulary.byteIDs : nil
        var extra = try AddedFiles(folder)
        for (token, id) in extra.tokens { try vocabulary.add(Array(token.utf8), id: id, name: name) }
        for id in ids(.control) + ids(.unknown) where !extra.tokens.contains(where: { $0.id == id }) {
            extra.tokens.append((String(decoding: vocabulary.token(id) ?? [], as: UTF8.self), id))
        }
        // What users define is looked for in the normalised text, whose marks stay beside it.
        let defined = ids(.userDefined).map { id in
            LanguageTokenizer.Added(
                content: String(decoding: vocabulary.token(id) ?? [], as: UTF8.self), id: id, isNormalised: true,
                isVerbatim: true)
        }
        let (hasPrefix, collapses) = (normaliser?.bool(3) ?? true, normaliser?.bool(4) ?? true)
        // Where spaces are collapsed there can be none before a text.
        let stripped = collapses ? Int.max : hasPrefix ? 1 : 0
        func id(_ field: Int, standard: Int) -> [Int] {
            // Below 0 where there is none.
            [trainer?.int(field) ?? standard].filter { $0 >= 0 }
        }
        let special = Set(ids(.control) + ids(.unknown))
        return LanguageTokenizer.Parts(
            normalisation: .sequence(
                (collapses ? [.collapseSpaces] : []) + (hasPrefix ? [.prepend(["▁"])] : [])
                    + [.replace([" "], with: ["▁"])] + (collapses ? [.dropEnd("▁")] : [])),
            encoding: SubwordEncoding(
                vocabulary, method, unknown: unknown, byteIDs: byteIDs,
                hidden: special.union(ids(.byte)).union(ids(.userDefined))),
            decoding: .sequence(
                [.lenientByteFallback, .fuse, .replace(Array("▁".utf8), with: Array(" ".utf8))]
                    + [.strip(Array(" ".utf8), start: stripped, stop: 0)]),
            added: extra.tokens.map { .init(content: $0.content, id: $0.id) } + defined,
            special: special.union(extra.special),
            prefix: extra.addsStart ? id(41, standard: 1) : [], suffix: extra.addsEnd ? id(42, standard: 2) : [])
    }
}

/// `added_tokens.json` and `tokenizer_config.json` beside a SentencePiece model; either may be missing.
private struct AddedFiles {
    var tokens: [(content: String, id: Int)] = []
    var special: Set<Int> = []
    var addsStart = true
    var addsEnd = false

    init(_ folder: URL) throws {
        func read(_ name: String) throws -> OrderedJSON? {
            let url = folder.appending(path: name)
            let path = url.path(percentEncoded: false)
            guard FileManager.default.fileExists(atPath: path) else { return nil }
            return try OrderedJSON(Data(contentsOf: url), name: path)
        }
        if case .object(let entries)? = try read("added_tokens.json") {
            for entry in entries {
                if let id = entry.value.int { tokens.append((String(decoding: entry.key, as: UTF8.self), id)) }
            }
            special = Set(tokens.map(\.id))
        }
        guard let configuration = try read("tokenizer_config.json") else { return }
        addsStart = configuration["add_bos_token"]?.bool ?? true
        addsEnd = configuration["add_eos_token"]?.bool ?? false
        guard case .object(let entries)? = configuration["added_tokens_decoder"] else { return }
        for entry in entries {
            guard let id = Int(String(decoding: entry.key, as: UTF8.self)), let content = entry.value["content"]?.text
            else { continue }
            tokens.removeAll { $0.id == id }
            tokens.append((content, id))
            if entry.value["special"]?.bool == false { special.remove(id) } else { special.insert(id) }
        }
    }
}
